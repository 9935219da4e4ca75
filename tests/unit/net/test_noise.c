/* Noise on weights, gradients and labels: size, repeatability, and what it leaves alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/noise.h"
#include "net/plan.h"

enum { ROWS = 64, IN = 40, UNITS = 50 };

static nd_ctx *ctx;
static nd_real x[ROWS * IN], class[ROWS], value[ROWS * UNITS];

static int start(void **state)
{
    (void)state;
    nd_rng rng = {.seed = 5};
    for (size_t i = 0; i < ROWS * IN; i++) {
        x[i] = (nd_real)nd_rng_normal(&rng, i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        class[i] = (nd_real)(i % UNITS);
    }
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

static nd_net *make(const char *loss, const char *noise)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, IN, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=50"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, loss, ROWS, 7, &net), ND_OK);
    nd_desc_destroy(desc);
    assert_int_equal(nd_net_set_noise(net, noise), ND_OK);
    return net;
}

static double loss_at(nd_net *net, const nd_real *y, uint64_t step)
{
    double loss;
    nd_net_set_step(net, step);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
    return loss;
}

/* Mean and deviation of the differences of two blocks over one span. */
static void differences(const nd_real *a, const nd_real *b, size_t n, double *mean, double *sigma)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d;
        squares += d * d;
    }
    *mean = sum / (double)n;
    *sigma = sqrt(squares / (double)n - *mean * *mean);
}

/* Neelakantan et al. 2015: at t = 3 and eta = 0.3 the variance is 0.3 / 4^0.55, here on 2000
 * weights and 50 biases. */
static void gradients_get_noise_that_fades(void **state)
{
    (void)state;
    nd_net *quiet = make("mse", NULL), *noisy = make("mse", "gradient=0.3");
    double mean, sigma, expected = sqrt(0.3 / pow(4, 0.55));
    assert_true(fabs(loss_at(quiet, value, 3) - loss_at(noisy, value, 3)) <= 0);
    size_t spans;
    const nd_span *span = nd_net_spans(noisy, &spans);
    assert_int_equal(spans, 2);
    for (size_t i = 0; i < spans; i++) {
        size_t n = span[i].rows * span[i].cols, at = span[i].offset;
        differences(nd_net_gradients(noisy) + at, nd_net_gradients(quiet) + at, n, &mean, &sigma);
        assert_true(fabs(mean) < 4 * expected / sqrt((double)n));
        assert_true(fabs(sigma / expected - 1) < 4 / sqrt(2 * (double)n));
    }
    nd_net_destroy(quiet);
    nd_net_destroy(noisy);
}

static void no_fading_means_the_same_noise_throughout(void **state)
{
    (void)state;
    nd_net *quiet = make("mse", NULL), *noisy = make("mse", "gradient=0.25, gradient_decay=0");
    double mean, sigma;
    loss_at(quiet, value, 9999);
    loss_at(noisy, value, 9999);
    differences(nd_net_gradients(noisy), nd_net_gradients(quiet), IN * UNITS, &mean, &sigma);
    assert_true(fabs(sigma / 0.5 - 1) < 4 / sqrt(2.0 * IN * UNITS));
    nd_net_destroy(quiet);
    nd_net_destroy(noisy);
}

/* One dense layer under mse: the mean gradient of bias j is (2 / UNITS) mean of z_j, and a
 * noise of deviation s on the weights gives z_j a deviation of s |x|. */
static void weights_are_noisy_only_while_a_gradient_is_taken(void **state)
{
    (void)state;
    nd_net *quiet = make("mse", NULL), *noisy = make("mse", "weight=0.1");
    static nd_real before[IN * UNITS + 64];
    size_t size = nd_net_size(noisy);
    assert_true(size <= sizeof before / sizeof before[0]);
    memcpy(before, nd_net_parameters(noisy), size * sizeof before[0]);
    double a = loss_at(quiet, value, 0), b = loss_at(noisy, value, 0);
    double added = 0;
    for (size_t i = 0; i < ROWS * IN; i++) {
        added += 0.01 * (double)x[i] * (double)x[i] / ROWS;
    }
    assert_true(fabs((b - a) / added - 1) < 0.2);
    assert_memory_equal(before, nd_net_parameters(noisy), size * sizeof before[0]);
    double c, d;
    assert_int_equal(nd_net_loss(quiet, x, value, ROWS, &c), ND_OK);
    assert_int_equal(nd_net_loss(noisy, x, value, ROWS, &d), ND_OK);
    assert_true(c <= d && c >= d);
    nd_net_destroy(quiet);
    nd_net_destroy(noisy);
}

static void classes_are_swapped_for_others_at_the_rate_asked_for(void **state)
{
    (void)state;
    nd_net *net = make("cross_entropy", "label=0.25");
    size_t swapped = 0, seen[UNITS] = {0};
    for (uint64_t step = 0; step < 200; step++) {
        nd_net_set_step(net, step);
        const nd_real *y = nd_noise_labels(net, class, ROWS);
        for (size_t r = 0; r < ROWS; r++) {
            assert_true(y[r] >= 0 && y[r] < UNITS);
            swapped += y[r] < class[r] || y[r] > class[r];
            seen[(size_t)y[r]]++;
        }
    }
    double rows = 200.0 * ROWS;
    assert_true(fabs((double)swapped / rows - 0.25) < 4 * sqrt(0.25 * 0.75 / rows));
    for (size_t k = 0; k < UNITS; k++) {
        assert_true(seen[k] > 0);
    }
    nd_net_destroy(net);
}

static void every_class_is_swapped_at_rate_one(void **state)
{
    (void)state;
    nd_net *net = make("cross_entropy", "label=1");
    const nd_real *y = nd_noise_labels(net, class, ROWS);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(y[r] < class[r] || y[r] > class[r]);
    }
    nd_net_destroy(net);
}

static void values_get_gaussian_noise_and_weights_of_rows_stay(void **state)
{
    (void)state;
    static nd_real y[ROWS * (UNITS + 1)];
    nd_net *net = make("mse", "label=0.5");
    assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        y[r * (UNITS + 1) + UNITS] = 3;
    }
    const nd_real *noisy = nd_noise_labels(net, y, ROWS);
    double squares = 0;
    for (size_t i = 0; i < ROWS * (UNITS + 1); i++) {
        bool weight = i % (UNITS + 1) == UNITS;
        assert_true(!weight || (noisy[i] <= 3 && noisy[i] >= 3));
        squares += weight ? 0 : (double)noisy[i] * (double)noisy[i];
    }
    double n = ROWS * UNITS;
    assert_true(fabs(sqrt(squares / n) / 0.5 - 1) < 4 / sqrt(2 * n));
    nd_net_destroy(net);
}

static void noise_goes_by_seed_and_step_alone(void **state)
{
    (void)state;
    const char *all = "weight=0.1, gradient=0.1, label=0.2";
    nd_net *a = make("cross_entropy", all), *b = make("cross_entropy", all);
    loss_at(a, class, 0);
    loss_at(a, class, 5);
    loss_at(b, class, 5);
    size_t bytes = nd_net_size(a) * sizeof(nd_real);
    assert_memory_equal(nd_net_gradients(a), nd_net_gradients(b), bytes);
    loss_at(b, class, 6);
    assert_memory_not_equal(nd_net_gradients(a), nd_net_gradients(b), bytes);
    nd_net_destroy(a);
    nd_net_destroy(b);
}

static void noise_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    nd_net *classes = make("cross_entropy", NULL), *counts = make("poisson", NULL);
    assert_int_equal(nd_net_set_noise(classes, "label=1.5"), ND_ERR_OPTION);
    assert_int_equal(nd_net_set_noise(classes, "wieght=1"), ND_ERR_OPTION);
    assert_int_equal(nd_net_set_noise(counts, "label=0.1"), ND_ERR_OPTION);
    assert_int_equal(nd_net_set_noise(NULL, NULL), ND_ERR_ARGUMENT);
    assert_false(nd_net_noisy(classes));
    nd_net_destroy(classes);
    nd_net_destroy(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_get_noise_that_fades),
        cmocka_unit_test(no_fading_means_the_same_noise_throughout),
        cmocka_unit_test(weights_are_noisy_only_while_a_gradient_is_taken),
        cmocka_unit_test(classes_are_swapped_for_others_at_the_rate_asked_for),
        cmocka_unit_test(every_class_is_swapped_at_rate_one),
        cmocka_unit_test(values_get_gaussian_noise_and_weights_of_rows_stay),
        cmocka_unit_test(noise_goes_by_seed_and_step_alone),
        cmocka_unit_test(noise_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
