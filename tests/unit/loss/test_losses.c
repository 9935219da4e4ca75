/* Losses at hand-worked points and at logits of any size. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loss/loss.h"

static const double epsilon = sizeof(nd_real) == 8 ? 1e-14 : 1e-6;

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= epsilon * fmax(1, fabs(expected)))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static double value_of(const char *loss, size_t rows, size_t n, const nd_real *z, const nd_real *t,
                       nd_real *grad)
{
    nd_loss made;
    assert_int_equal(nd_loss_read(NULL, loss, &made), ND_OK);
    return made.class->value(&made, NULL, rows, n, z, t, 1, grad);
}

/* Probabilities 1/6, 2/6, 3/6 from logits log 1, log 2, log 3. */
static void cross_entropy_of_known_probabilities(void **state)
{
    (void)state;
    nd_real z[6] = {0, (nd_real)log(2), (nd_real)log(3), 0, (nd_real)log(2), (nd_real)log(3)};
    const nd_real t[2] = {2, 0};
    nd_real g[6];
    near(value_of("cross_entropy", 2, 3, z, t, g), log(2) + log(6));
    const double expected[6] = {1.0 / 6, 1.0 / 3, -0.5, -5.0 / 6, 1.0 / 3, 0.5};
    for (size_t i = 0; i < 6; i++) {
        near((double)g[i], expected[i]);
    }
}

/* s(log 3) = 3/4; two outputs: the loss of a row is their mean. */
static void binary_cross_entropy_of_known_probabilities(void **state)
{
    (void)state;
    const nd_real z[2] = {(nd_real)log(3), (nd_real)log(3)}, t[2] = {1, 0};
    nd_real g[2];
    near(value_of("binary_cross_entropy", 1, 2, z, t, g), (log(4.0 / 3) + log(4)) / 2);
    near((double)g[0], -0.25 / 2);
    near((double)g[1], 0.75 / 2);
}

/* ((1-3)^2 + (2-1)^2) / 2 */
static void mse_is_the_mean_over_outputs(void **state)
{
    (void)state;
    const nd_real z[2] = {1, 2}, t[2] = {3, 1};
    nd_real g[2];
    near(value_of("mse", 1, 2, z, t, g), 2.5);
    near((double)g[0], -2);
    near((double)g[1], 1);
}

/* Errors 2 and -1/2: huber with delta 1 is 1 (2 - 1/2) and 1/8; the quantile 0.9 costs
 * 0.1 * 2 and 0.9 * 1/2. */
static void losses_of_known_errors(void **state)
{
    (void)state;
    const nd_real z[2] = {3, (nd_real)0.5}, t[2] = {1, 1};
    nd_real g[2];
    near(value_of("mae", 1, 2, z, t, g), (2 + 0.5) / 2);
    near((double)g[0], 0.5);
    near((double)g[1], -0.5);
    near(value_of("huber", 1, 2, z, t, g), (1.5 + 0.125) / 2);
    near((double)g[0], 0.5);
    near((double)g[1], -0.25);
    near(value_of("log_cosh", 1, 2, z, t, g), (log(cosh(2)) + log(cosh(0.5))) / 2);
    near((double)g[0], tanh(2) / 2);
    near((double)g[1], tanh(-0.5) / 2);
    near(value_of("quantile, q=0.9", 1, 2, z, t, g), (0.2 + 0.45) / 2);
    near((double)g[0], 0.05);
    near((double)g[1], -0.45);
}

/* Huge errors: straight lines. */
static void straight_losses_survive_large_errors(void **state)
{
    (void)state;
    const nd_real z[1] = {(nd_real)1e30}, t[1] = {0};
    static const char *const name[] = {"mae", "huber", "log_cosh"};
    for (size_t i = 0; i < 3; i++) {
        nd_real g[1];
        near(value_of(name[i], 1, 1, z, t, g) / (double)z[0], 1);
        near((double)g[0], 1);
    }
}

/* p = 3/4 for the class: (1/4)^2 log(4/3). Without gamma it is cross-entropy. */
static void focal_of_known_probabilities(void **state)
{
    (void)state;
    const nd_real two[2] = {0, (nd_real)log(3)}, one[1] = {(nd_real)log(3)}, t[1] = {1};
    nd_real g[2], h[1];
    near(value_of("focal", 1, 2, two, t, g), log(4.0 / 3) / 16);
    near(value_of("focal", 1, 1, one, t, h), log(4.0 / 3) / 16);
    near((double)h[0], (double)g[1]);
    near(value_of("focal, gamma=0", 1, 1, one, t, h), log(4.0 / 3));
    near((double)h[0], -0.25);
    const nd_real sure[2] = {(nd_real)-1e30, (nd_real)1e30}, wrong[1] = {0};
    near(value_of("focal, gamma=0.5", 1, 2, sure, t, g), 0);
    near((double)g[0], 0);
    near(value_of("focal", 1, 2, sure, wrong, g) / 2e30, 1);
    near((double)g[0], -1);
}

/* p = 3/4 and 1/4: (1/4)^2 twice, over two outputs; dp/dz = p (1 - p). */
static void brier_of_known_probabilities(void **state)
{
    (void)state;
    const nd_real two[2] = {0, (nd_real)log(3)}, one[1] = {(nd_real)log(3)}, t[1] = {1};
    nd_real g[3], h[1];
    near(value_of("brier", 1, 2, two, t, g), 1.0 / 16);
    near((double)g[1], -2.0 / 4 * 3 / 16);
    near((double)g[0], -(double)g[1]);
    near(value_of("brier", 1, 1, one, t, h), 1.0 / 16);
    near((double)h[0], (double)g[1]);
    const nd_real three[3] = {5, 5, 5}, middle[1] = {1};
    near(value_of("brier", 1, 3, three, middle, g), (1 + 4 + 1) / 27.0);
    const nd_real wrong[1] = {0}, sure[2] = {(nd_real)-1e30, (nd_real)1e30};
    near(value_of("brier", 1, 2, sure, wrong, g), 1);
    near((double)g[0], 0);
    near(value_of("brier", 1, 1, sure, t, h), 1);
    near((double)h[0], 0);
}

static void hinge_of_known_decision_values(void **state)
{
    (void)state;
    const nd_real z[2] = {(nd_real)0.25, 2}, t[2] = {0, 1};
    nd_real g[3];
    near(value_of("hinge", 2, 1, z, t, g), 1.25);
    near((double)g[0], 1);
    near((double)g[1], 0);
    const nd_real many[3] = {1, (nd_real)0.5, -3}, first[1] = {0};
    near(value_of("hinge", 1, 3, many, first, g), 0.5 / 3);
    near((double)g[0], -1.0 / 3);
    near((double)g[1], 1.0 / 3);
    near((double)g[2], 0);
}

/* Half of the label spread over two classes: (3/4, 1/4). */
static void smoothed_labels_are_mixtures(void **state)
{
    (void)state;
    const nd_real z[2] = {0, (nd_real)log(3)}, one[1] = {(nd_real)log(3)}, t[1] = {1};
    nd_real g[2];
    double expected = 0.75 * log(4.0 / 3) + 0.25 * log(4);
    near(value_of("cross_entropy, label_smoothing=0.5", 1, 2, z, t, g), expected);
    near((double)g[0], 0);
    near((double)g[1], 0);
    near(value_of("binary_cross_entropy, label_smoothing=0.5", 1, 1, one, t, g), expected);
    near((double)g[0], 0);
}

static void a_loss_is_read_from_its_text_and_back(void **state)
{
    (void)state;
    nd_loss loss;
    nd_text text = {0};
    assert_int_equal(nd_loss_read(NULL, "huber, delta=1.5", &loss), ND_OK);
    nd_loss_write(&loss, &text);
    assert_string_equal(text.data, "huber, delta=1.5");
    nd_text_clear(&text);
    assert_int_equal(nd_loss_read(NULL, "mse", &loss), ND_OK);
    nd_loss_write(&loss, &text);
    assert_string_equal(text.data, "mse");
    nd_text_free(&text);
    static const char *const bad[] = {"huber, delta=0", "huber, delta=x", "huber, q=0.5",
                                      "mse, delta=1",   "hubert",         "quantile, q=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(nd_loss_read(NULL, bad[i], &loss), ND_ERR_OPTION);
    }
}

static void cross_entropy_survives_large_logits(void **state)
{
    (void)state;
    static const nd_real size[] = {(nd_real)1e4, (nd_real)1e30};
    const nd_real right[1] = {0}, wrong[1] = {1};
    for (size_t i = 0; i < 2; i++) {
        const nd_real z[3] = {size[i], -size[i], 0};
        nd_real g[3], p[3];
        near(value_of("cross_entropy", 1, 3, z, right, g), 0);
        near((double)g[0], 0);
        near(value_of("cross_entropy", 1, 3, z, wrong, g), 2 * (double)size[i]);
        near((double)g[0], 1);
        near((double)g[1], -1);
        near((double)g[2], 0);
        nd_loss_find("cross_entropy")->predict(NULL, 1, 3, z, p);
        near((double)p[0], 1);
        near((double)p[1], 0);
    }
}

static void binary_cross_entropy_survives_large_logits(void **state)
{
    (void)state;
    static const nd_real size[] = {(nd_real)1e4, (nd_real)1e30};
    const nd_real no[1] = {0}, yes[1] = {1};
    for (size_t i = 0; i < 2; i++) {
        const nd_real z[1] = {size[i]}, minus[1] = {-size[i]};
        nd_real g[1], p[1];
        near(value_of("binary_cross_entropy", 1, 1, z, yes, g), 0);
        near((double)g[0], 0);
        near(value_of("binary_cross_entropy", 1, 1, z, no, g), (double)size[i]);
        near((double)g[0], 1);
        near(value_of("binary_cross_entropy", 1, 1, minus, yes, g), (double)size[i]);
        near((double)g[0], -1);
        nd_loss_find("binary_cross_entropy")->predict(NULL, 1, 1, minus, p);
        near((double)p[0], 0);
    }
}

/* (1e30 - -1e30)^2 = 4e60 is beyond float, but the sum is a double. */
static void mse_survives_large_values(void **state)
{
    (void)state;
    const nd_real z[1] = {(nd_real)1e30}, t[1] = {(nd_real)-1e30};
    nd_real g[1];
    double value = value_of("mse", 1, 1, z, t, g);
    assert_true(fabs(value / 4e60 - 1) < 1e-6);
    assert_true(fabs((double)g[0] / 4e30 - 1) < 1e-6);
}

static void labels_that_cannot_be_are_found(void **state)
{
    (void)state;
    const nd_real classes[5] = {0, 2, 1, 3, 0}, half[2] = {1, (nd_real)0.5}, minus[1] = {-1};
    const nd_real yes_no[4] = {0, 1, 1, 2}, values[4] = {1, 2, (nd_real)INFINITY, 0};
    const nd_real nan[1] = {(nd_real)NAN};
    const nd_loss_class *ce = nd_loss_find("cross_entropy");
    assert_int_equal(ce->check(5, 3, classes), 3);
    assert_int_equal(ce->check(3, 3, classes), 3);
    assert_int_equal(ce->check(2, 3, half), 1);
    assert_int_equal(ce->check(1, 3, minus), 0);
    assert_int_equal(ce->check(1, 3, nan), 0);
    assert_int_equal(nd_loss_find("binary_cross_entropy")->check(2, 2, yes_no), 1);
    assert_int_equal(nd_loss_find("binary_cross_entropy")->check(1, 1, nan), 0);
    assert_int_equal(nd_loss_find("mse")->check(2, 2, values), 1);
    assert_int_equal(nd_loss_find("mse")->check(1, 2, values), 1);
    assert_int_equal(nd_loss_find("mse")->check(1, 1, nan), 0);
}

static void label_rows_have_the_width_of_the_loss(void **state)
{
    (void)state;
    assert_int_equal(nd_loss_find("cross_entropy")->label_width(7), 1);
    assert_int_equal(nd_loss_find("binary_cross_entropy")->label_width(7), 7);
    assert_int_equal(nd_loss_find("mse")->label_width(7), 7);
    assert_null(nd_loss_find("mean"));
}

/* Where the softplus of s is 1, (log 1 + 4 / 1) / 2; by m: -2, by s: (1 - 4) / 2 times the
 * sigmoid of log(e - 1), 1 - 1/e. The least variance moves it by 1e-6. */
static void gaussian_at_variance_one(void **state)
{
    (void)state;
    const double e = 2.718281828459045;
    const nd_real z[2] = {1, (nd_real)log(e - 1)}, t[1] = {3};
    nd_real g[2];
    assert_true(fabs(value_of("gaussian", 1, 2, z, t, g) - 2) < 4e-6);
    assert_true(fabs((double)g[0] + 2) < 4e-6);
    assert_true(fabs((double)g[1] + 1.5 * (1 - 1 / e)) < 4e-6);
}

static void gaussian_is_finite_for_certain_and_vague_nets(void **state)
{
    (void)state;
    const nd_real z[4] = {1, -2000, 1, 2000}, t[2] = {1.5, 1.5};
    nd_real g[4];
    near(value_of("gaussian", 1, 2, z, t, g), (log(1e-6) + 0.25e6) / 2);
    near(value_of("gaussian", 1, 2, z + 2, t, g + 2), (log(2000 + 1e-6) + 0.25 / 2000) / 2);
    for (size_t i = 0; i < 4; i++) {
        assert_true(isfinite(g[i]));
    }
}

/* Means stay, deviations are roots: softplus(0) = log 2. */
static void gaussian_predicts_means_and_deviations(void **state)
{
    (void)state;
    const nd_real z[4] = {-3, 5, 0, 0};
    nd_real p[4];
    nd_loss_find("gaussian")->predict(NULL, 1, 4, z, p);
    near((double)p[0], -3);
    near((double)p[1], 5);
    near((double)p[2], sqrt(log(2) + 1e-6));
}

/* 1/2 log(1/2 / 1/6) + 1/2 log(1/2 / 3/6), from probabilities 1/6, 2/6, 3/6. */
static void kl_divergence_of_known_probabilities(void **state)
{
    (void)state;
    const nd_real z[3] = {0, (nd_real)log(2), (nd_real)log(3)}, t[3] = {0.5, 0, 0.5};
    nd_real g[3];
    near(value_of("kl_divergence", 1, 3, z, t, g), log(3) / 2);
    near((double)g[0], 1.0 / 6 - 0.5);
    near((double)g[1], 1.0 / 3);
    const nd_real far[3] = {0, -5000, 0};
    near(value_of("kl_divergence", 1, 3, far, t, g), 0);
}

static void kl_divergence_takes_shares_alone(void **state)
{
    (void)state;
    const nd_loss_class *kl = nd_loss_find("kl_divergence");
    const nd_real good[4] = {0.25, 0.75, 1, 0}, sum[2] = {0.5, 0.6}, below[2] = {1.5, -0.5};
    const nd_real none[2] = {(nd_real)NAN, 1};
    assert_int_equal(kl->check(2, 2, good), 2);
    assert_int_equal(kl->check(1, 2, sum), 0);
    assert_int_equal(kl->check(1, 2, below), 0);
    assert_int_equal(kl->check(1, 2, none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_of_known_probabilities),
        cmocka_unit_test(binary_cross_entropy_of_known_probabilities),
        cmocka_unit_test(mse_is_the_mean_over_outputs),
        cmocka_unit_test(losses_of_known_errors),
        cmocka_unit_test(straight_losses_survive_large_errors),
        cmocka_unit_test(focal_of_known_probabilities),
        cmocka_unit_test(brier_of_known_probabilities),
        cmocka_unit_test(hinge_of_known_decision_values),
        cmocka_unit_test(smoothed_labels_are_mixtures),
        cmocka_unit_test(a_loss_is_read_from_its_text_and_back),
        cmocka_unit_test(cross_entropy_survives_large_logits),
        cmocka_unit_test(binary_cross_entropy_survives_large_logits),
        cmocka_unit_test(mse_survives_large_values),
        cmocka_unit_test(labels_that_cannot_be_are_found),
        cmocka_unit_test(label_rows_have_the_width_of_the_loss),
        cmocka_unit_test(gaussian_at_variance_one),
        cmocka_unit_test(gaussian_is_finite_for_certain_and_vague_nets),
        cmocka_unit_test(gaussian_predicts_means_and_deviations),
        cmocka_unit_test(kl_divergence_of_known_probabilities),
        cmocka_unit_test(kl_divergence_takes_shares_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
