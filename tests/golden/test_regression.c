/* Linear and logistic regression are nets without hidden layer; their answers are
 * known in closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/net.h"
#include "optim/optim.h"

static const double tolerance = sizeof(nd_real) == 8 ? 1e-9 : 1e-5;

typedef struct fit {
    double weight, bias, loss;
    int steps;
} fit;

/* Whole-batch descent on h(x) = t0 + t1 x until the cost stops falling. */
static fit descend(const char *loss, const char *rule, const char *attributes, const nd_real *x,
                   const nd_real *y, size_t rows)
{
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer;
    fit f = {.loss = INFINITY};
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, init=zeros"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, loss, rows, 1, &net), ND_OK);
    assert_int_equal(nd_optimizer_create(net, rule, attributes, &optimizer), ND_OK);
    for (int still = 0; still < 200 && f.steps < 20000; f.steps++) {
        double value;
        assert_int_equal(nd_net_gradient(net, x, y, rows, &value), ND_OK);
        assert_int_equal(nd_optimizer_step(optimizer), ND_OK);
        still = value < f.loss ? 0 : still + 1;
        f.loss = value < f.loss ? value : f.loss;
    }
    size_t count;
    const nd_span *span = nd_net_spans(net, &count);
    assert_int_equal(count, 2);
    f.weight = (double)nd_net_parameters(net)[span[0].offset];
    f.bias = (double)nd_net_parameters(net)[span[1].offset];
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
    return f;
}

static void near(double value, double expected, double tolerated)
{
    if (!(fabs(value - expected) <= tolerated)) {
        fail_msg("%.12g is not %.12g", value, expected);
    }
}

/* m = 5, sum x = 15, sum y = 20, sum xx = 55, sum xy = 66. Normal equations:
 *   5 t0 + 15 t1 = 20
 *  15 t0 + 55 t1 = 66   ->  t1 = (5*66 - 15*20) / (5*55 - 15*15) = 30/50 = 0.6
 *                           t0 = (20 - 15*0.6) / 5 = 2.2
 * Residuals -0.8 0.6 1 -0.6 -0.2, their squares sum to 2.4: J = 2.4 / (2*5) = 0.24. */
static void linear_regression_meets_the_normal_equations(void **state)
{
    (void)state;
    static const nd_real x[] = {1, 2, 3, 4, 5}, y[] = {2, 4, 5, 4, 5};
    static const char *const rule[][2] = {
        {"sgd", "lr=0.05"}, {"momentum", "lr=0.01, momentum=0.9"}, {"adam", "lr=0.02"}};
    for (size_t i = 0; i < 3; i++) {
        fit f = descend("mse", rule[i][0], rule[i][1], x, y, 5);
        assert_true(f.steps < 20000);
        near(f.weight, 0.6, tolerance * 100);
        near(f.bias, 2.2, tolerance * 100);
        near(f.loss / 2, 0.24, tolerance);
    }
}

/* One yes-or-no input: the model can give each of the two groups its own share.
 * Of 4 rows with x = 0 one is positive, of 4 with x = 1 three are:
 *   t0 = log(1/3),  t0 + t1 = log(3/1)  ->  t1 = 2 log 3
 * and the loss is the entropy of (1/4, 3/4). */
static void logistic_regression_meets_the_log_odds(void **state)
{
    (void)state;
    static const nd_real x[] = {0, 0, 0, 0, 1, 1, 1, 1}, y[] = {1, 0, 0, 0, 1, 1, 0, 1};
    fit f = descend("binary_cross_entropy", "momentum", "lr=0.5, momentum=0.8", x, y, 8);
    near(f.weight, 2 * log(3), tolerance * 100);
    near(f.bias, -log(3), tolerance * 100);
    near(f.loss, 0.25 * log(4) + 0.75 * log(4.0 / 3), tolerance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_regression_meets_the_normal_equations),
        cmocka_unit_test(logistic_regression_meets_the_log_odds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
