/* Loss and metric of a network on a source, against sums by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/fit.h"

enum { ROWS = 5, PLANNED = 2 };

static nd_ctx *ctx;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

/* Score y = x W on rows of inputs with the labels, in batches of PLANNED rows. */
static void score(const char *loss_name, size_t inputs, size_t outputs, const nd_real *weight,
                  const nd_real *x, const nd_real *y, size_t label_width, double *loss,
                  double *metric)
{
    nd_desc *desc;
    nd_net *net;
    nd_source *source;
    nd_real scratch_x[PLANNED * 3], scratch_y[PLANNED * 4];
    assert_int_equal(nd_desc_create(ctx, inputs, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense",
                                 outputs == 1   ? "units=1, bias=false"
                                 : outputs == 2 ? "units=2, bias=false"
                                                : "units=3, bias=false"),
                     ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, loss_name, PLANNED, 1, &net), ND_OK);
    if (label_width > nd_net_label_width(net)) {
        assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
    }
    for (size_t i = 0; i < inputs * outputs; i++) {
        nd_net_parameters(net)[i] = weight[i];
    }
    assert_int_equal(nd_source_from_arrays(ctx, x, y, ROWS, inputs, label_width, &source), ND_OK);
    assert_int_equal(nd_fit_score(net, source, scratch_x, scratch_y, loss, metric), ND_OK);
    nd_source_destroy(source);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-6)) {
        fail_msg("%.9g is not %.9g", value, expected);
    }
}

/* Errors 0, 1, 0, -2, 0: loss 5/5; targets 1, 1, 3, 6, 5 have mean 16/5 and
 * spread 72 - 256/5 = 20.8, so R2 = 1 - 5/20.8. */
static void values_have_mean_squared_error_and_r2(void **state)
{
    (void)state;
    const nd_real x[ROWS] = {1, 2, 3, 4, 5}, y[ROWS] = {1, 1, 3, 6, 5}, weight[] = {1};
    double loss, metric;
    score("mse", 1, 1, weight, x, y, 1, &loss, &metric);
    near(loss, 1);
    near(metric, 1 - 5 / 20.8);
}

/* The same rows with weights 1, 3, 0, 1, 0: loss (3 * 1 + 4) / 5, R2 as before. */
static void weights_are_in_the_loss_and_not_in_the_metric(void **state)
{
    (void)state;
    const nd_real x[ROWS] = {1, 2, 3, 4, 5}, weight[] = {1};
    const nd_real y[ROWS * 2] = {1, 1, 1, 3, 3, 0, 6, 1, 5, 0};
    double loss, metric;
    score("mse", 1, 1, weight, x, y, 2, &loss, &metric);
    near(loss, 7.0 / 5);
    near(metric, 1 - 5 / 20.8);
}

/* Logits x; loss -log s(z) or -log(1 - s(z)); rows 1, 2, 4 are right. */
static void one_logit_decides_at_zero(void **state)
{
    (void)state;
    const nd_real x[ROWS] = {2, -1, 1, -3, -1}, y[ROWS] = {1, 0, 0, 0, 1}, weight[] = {1};
    double loss, metric;
    score("binary_cross_entropy", 1, 1, weight, x, y, 1, &loss, &metric);
    near(metric, 3.0 / 5);
    double sum = log1p(exp(-2)) + log1p(exp(-1)) + log1p(exp(1)) + log1p(exp(-3)) + log1p(exp(1));
    near(loss, sum / 5);
}

/* Logits are the inputs; the largest wins, here in rows 1, 3 and 4. */
static void the_largest_logit_is_the_class(void **state)
{
    (void)state;
    const nd_real identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, y[ROWS] = {0, 0, 2, 1, 2};
    const nd_real x[ROWS * 3] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0};
    double loss, metric;
    score("cross_entropy", 3, 3, identity, x, y, 1, &loss, &metric);
    near(metric, 3.0 / 5);
    near(loss, log(exp(1) + 2) - 3.0 / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_mean_squared_error_and_r2),
        cmocka_unit_test(weights_are_in_the_loss_and_not_in_the_metric),
        cmocka_unit_test(one_logit_decides_at_zero),
        cmocka_unit_test(the_largest_logit_is_the_class),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
