/* Layers called by hand: what golden numbers do not cover. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "layer/layer.h"

enum { WIDTH = 3 };

typedef struct fixture {
    nd_ctx *ctx;
    nd_optset attr;
    nd_layer_shape shape;
    nd_layer_io io;
    nd_real work[64], buffer[2][WIDTH], scale[WIDTH], offset[WIDTH], grad[2][WIDTH];
} fixture;

/* A layer of WIDTH inputs with one attribute. */
static void prepare(fixture *f, const char *type, const char *attributes)
{
    const nd_layer_class *class = nd_layer_find(type);
    *f = (fixture){.shape = {.inputs = 1, .in = {WIDTH}}};
    assert_int_equal(nd_ctx_create(&f->ctx, 1), ND_OK);
    assert_int_equal(nd_optset_init(f->ctx, class->options, class->option_count, type, &f->attr),
                     ND_OK);
    assert_int_equal(nd_optset_parse(&f->attr, attributes, ND_FROM_CALL), ND_OK);
    f->shape.attr = &f->attr;
    assert_int_equal(class->shape(f->ctx, &f->shape), ND_OK);
    assert_int_equal(f->shape.out, WIDTH);
    f->io = (nd_layer_io){.shape = &f->shape,
                          .training = true,
                          .rng = {.seed = 9, .stream = ND_STREAM_LAYER},
                          .work = f->work,
                          .buffer = {f->buffer[0], f->buffer[1]},
                          .param = {f->scale, f->offset},
                          .grad = {f->grad[0], f->grad[1]}};
    for (size_t j = 0; j < WIDTH; j++) {
        f->scale[j] = f->buffer[1][j] = 1;
    }
}

static void release(fixture *f)
{
    nd_optset_free(&f->attr);
    nd_ctx_destroy(f->ctx);
}

static void run(fixture *f, const char *type, const nd_real *x, nd_real *y, size_t rows)
{
    f->io.x[0] = x;
    f->io.y = y;
    f->io.rows = rows;
    nd_layer_find(type)->forward(&f->io);
}

/* With rate p each value survives with probability 1 - p and is scaled by
 * 1/(1 - p): of n = 30000, the share dropped strays by sqrt(p(1-p)/n). */
static void dropout_silences_its_share_and_keeps_the_mean(void **state)
{
    (void)state;
    enum { N = 30000 };
    static nd_real x[N], y[N];
    fixture f;
    prepare(&f, "dropout", "rate=0.3");
    for (size_t i = 0; i < N; i++) {
        x[i] = 1;
    }
    run(&f, "dropout", x, y, N / WIDTH);
    double dropped = 0;
    for (size_t i = 0; i < N; i++) {
        dropped += y[i] == 0;
        assert_true(y[i] == 0 || fabs((double)y[i] - 1 / 0.7) < 1e-6);
    }
    assert_true(fabs(dropped / N - 0.3) < 5 * sqrt(0.3 * 0.7 / N));
    f.io.training = false;
    run(&f, "dropout", x, y, N / WIDTH);
    assert_memory_equal(x, y, sizeof x);
    release(&f);
}

static void dropout_of_rate_zero_is_nothing(void **state)
{
    (void)state;
    const nd_real x[WIDTH] = {1, -2, 3};
    nd_real y[WIDTH];
    fixture f;
    prepare(&f, "dropout", "rate=0");
    run(&f, "dropout", x, y, 1);
    assert_memory_equal(x, y, sizeof x);
    release(&f);
}

/* Columns 1 3; 10 10; 0 4: means 2 10 2, biased variances 1 0 4, unbiased 2 0 8. */
static void batchnorm_moves_its_statistics_by_the_unbiased_variance(void **state)
{
    (void)state;
    const nd_real x[2 * WIDTH] = {1, 10, 0, 3, 10, 4};
    const double mean[WIDTH] = {0.5, 2.5, 0.5}, variance[WIDTH] = {1.25, 0.75, 2.75};
    const double expected[2 * WIDTH] = {-1 / sqrt(1.5), 0, -2 / sqrt(4.5),
                                        1 / sqrt(1.5),  0, 2 / sqrt(4.5)};
    nd_real y[2 * WIDTH];
    fixture f;
    prepare(&f, "batchnorm", "momentum=0.25, eps=0.5");
    run(&f, "batchnorm", x, y, 2);
    for (size_t j = 0; j < WIDTH; j++) {
        assert_true(fabs((double)f.buffer[0][j] - mean[j]) < 1e-6);
        assert_true(fabs((double)f.buffer[1][j] - variance[j]) < 1e-6);
    }
    for (size_t i = 0; i < 2 * WIDTH; i++) {
        assert_true(fabs((double)y[i] - expected[i]) < 1e-6);
    }
    release(&f);
}

static void batchnorm_of_one_row_gives_the_offset_and_learns_nothing(void **state)
{
    (void)state;
    const nd_real x[WIDTH] = {5, -7, 1000};
    nd_real y[WIDTH], gy[WIDTH] = {1, 2, 3}, gx[WIDTH];
    fixture f;
    prepare(&f, "batchnorm", "");
    f.offset[1] = 4;
    run(&f, "batchnorm", x, y, 1);
    f.io.gy = gy;
    f.io.gx[0] = gx;
    nd_layer_find("batchnorm")->backward(&f.io);
    for (size_t j = 0; j < WIDTH; j++) {
        assert_true(y[j] == f.offset[j]);
        assert_true(gx[j] == 0);
        assert_true(f.buffer[0][j] == 0 && f.buffer[1][j] == 1);
    }
    release(&f);
}

static void batchnorm_evaluates_with_its_statistics(void **state)
{
    (void)state;
    const nd_real x[WIDTH] = {3, 0, -1};
    nd_real y[WIDTH];
    fixture f;
    prepare(&f, "batchnorm", "eps=1e-12");
    f.io.training = false;
    for (size_t j = 0; j < WIDTH; j++) {
        f.buffer[0][j] = 1;
        f.buffer[1][j] = 4;
        f.scale[j] = 10;
    }
    run(&f, "batchnorm", x, y, 1);
    const double expected[WIDTH] = {10, -5, -10};
    for (size_t j = 0; j < WIDTH; j++) {
        assert_true(fabs((double)y[j] - expected[j]) < 1e-5);
        assert_true(f.buffer[0][j] == 1 && f.buffer[1][j] == 4);
    }
    release(&f);
}

/* eps joins the deviation: columns 1 3; 10 10; 0 4 with deviations 1 0 2 and eps 0.5. */
static void batchnorm_with_eps_outside_the_root_divides_by_the_deviation_and_eps(void **state)
{
    (void)state;
    const nd_real x[2 * WIDTH] = {1, 10, 0, 3, 10, 4};
    const double expected[2 * WIDTH] = {-1 / 1.5, 0, -2 / 2.5, 1 / 1.5, 0, 2 / 2.5};
    nd_real y[2 * WIDTH];
    fixture f;
    prepare(&f, "batchnorm", "root=outside, eps=0.5, scale=false, offset=false");
    assert_int_equal(f.shape.params, 0);
    run(&f, "batchnorm", x, y, 2);
    for (size_t i = 0; i < 2 * WIDTH; i++) {
        assert_true(fabs((double)y[i] - expected[i]) < 1e-6);
    }
    release(&f);
}

/* A number that is not learned is 1 or 0, whichever of the two is left out. */
static void a_normalization_learns_only_what_it_is_told_to(void **state)
{
    (void)state;
    static const char *const type[] = {"batchnorm", "layernorm", "rmsnorm"};
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        prepare(&f, type[i], "scale=false, offset=true");
        assert_int_equal(f.shape.params, 1);
        assert_string_equal(f.shape.param[0].name, "offset");
        release(&f);
        prepare(&f, type[i], "scale=true, offset=false");
        assert_int_equal(f.shape.params, 1);
        assert_string_equal(f.shape.param[0].name, "scale");
        release(&f);
    }
}

static void classic_dropout_scales_in_evaluation_alone(void **state)
{
    (void)state;
    enum { N = 300 };
    nd_real x[N], y[N];
    fixture f;
    prepare(&f, "dropout", "rate=0.25, form=classic");
    nd_k_fill(2, N, x);
    run(&f, "dropout", x, y, N / WIDTH);
    size_t dropped = 0;
    for (size_t i = 0; i < N; i++) {
        assert_true(y[i] == 0 || y[i] == 2);
        dropped += y[i] == 0;
    }
    assert_true(dropped > N / 8 && dropped < N / 2);
    f.io.training = false;
    run(&f, "dropout", x, y, N / WIDTH);
    for (size_t i = 0; i < N; i++) {
        assert_true(y[i] == (nd_real)1.5);
    }
    release(&f);
}

/* Mean and variance of n values in *mean and the result. */
static double variance_of(const nd_real *y, size_t n, double *mean)
{
    double square = 0;
    *mean = 0;
    for (size_t i = 0; i < n; i++) {
        *mean += (double)y[i] / (double)n;
        square += (double)y[i] * (double)y[i] / (double)n;
    }
    return square - *mean * *mean;
}

static void alpha_dropout_keeps_mean_0_and_variance_1(void **state)
{
    (void)state;
    enum { N = 90000 };
    static nd_real x[N], y[N];
    double mean;
    fixture f;
    prepare(&f, "alpha_dropout", "rate=0.2");
    nd_k_noise(NULL, &(nd_rng){.seed = 3}, 1, false, N, x, x);
    run(&f, "alpha_dropout", x, y, N / WIDTH);
    double variance = variance_of(y, N, &mean);
    assert_true(fabs(mean) < 5 / sqrt(N) && fabs(variance - 1) < 5 * sqrt(3.0 / N));
    f.io.training = false;
    run(&f, "alpha_dropout", x, y, N / WIDTH);
    assert_memory_equal(x, y, sizeof x);
    release(&f);
}

/* Inverted dropout of rate p has factors of mean 1 and variance p / (1 - p); 0.2: 0.25. */
static void gaussian_dropout_has_the_moments_of_dropout(void **state)
{
    (void)state;
    enum { N = 90000 };
    static nd_real x[N], y[N];
    double mean;
    fixture f;
    prepare(&f, "gaussian_dropout", "rate=0.2");
    nd_k_fill(1, N, x);
    run(&f, "gaussian_dropout", x, y, N / WIDTH);
    double variance = variance_of(y, N, &mean);
    assert_true(fabs(mean - 1) < 5 * 0.5 / sqrt(N));
    assert_true(fabs(variance - 0.25) < 5 * 0.25 * sqrt(2.0 / N));
    f.io.training = false;
    run(&f, "gaussian_dropout", x, y, N / WIDTH);
    assert_memory_equal(x, y, sizeof x);
    release(&f);
}

static void noise_is_for_training_alone_and_differs_from_step_to_step(void **state)
{
    (void)state;
    enum { N = 90000 };
    static nd_real x[N], y[N], z[N];
    double mean;
    fixture f;
    prepare(&f, "noise", "deviation=0.5");
    nd_k_fill(3, N, x);
    run(&f, "noise", x, y, N / WIDTH);
    double variance = variance_of(y, N, &mean);
    assert_true(fabs(mean - 3) < 5 * 0.5 / sqrt(N));
    assert_true(fabs(variance - 0.25) < 5 * 0.25 * sqrt(2.0 / N));
    f.io.rng.step++;
    run(&f, "noise", x, z, N / WIDTH);
    assert_memory_not_equal(y, z, sizeof y);
    f.io.training = false;
    run(&f, "noise", x, y, N / WIDTH);
    assert_memory_equal(x, y, sizeof x);
    release(&f);
}

static void layernorm_does_not_look_at_other_rows(void **state)
{
    (void)state;
    const nd_real x[2 * WIDTH] = {1, 2, 3, -5, 40, 7};
    nd_real both[2 * WIDTH], alone[WIDTH];
    fixture f;
    prepare(&f, "layernorm", "");
    run(&f, "layernorm", x, both, 2);
    run(&f, "layernorm", x + WIDTH, alone, 1);
    assert_memory_equal(both + WIDTH, alone, sizeof alone);
    assert_true(fabs((double)both[2] - 1 / sqrt(2.0 / 3 + 1e-5)) < 1e-6);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_silences_its_share_and_keeps_the_mean),
        cmocka_unit_test(dropout_of_rate_zero_is_nothing),
        cmocka_unit_test(batchnorm_moves_its_statistics_by_the_unbiased_variance),
        cmocka_unit_test(batchnorm_of_one_row_gives_the_offset_and_learns_nothing),
        cmocka_unit_test(batchnorm_evaluates_with_its_statistics),
        cmocka_unit_test(batchnorm_with_eps_outside_the_root_divides_by_the_deviation_and_eps),
        cmocka_unit_test(a_normalization_learns_only_what_it_is_told_to),
        cmocka_unit_test(classic_dropout_scales_in_evaluation_alone),
        cmocka_unit_test(alpha_dropout_keeps_mean_0_and_variance_1),
        cmocka_unit_test(gaussian_dropout_has_the_moments_of_dropout),
        cmocka_unit_test(noise_is_for_training_alone_and_differs_from_step_to_step),
        cmocka_unit_test(layernorm_does_not_look_at_other_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
