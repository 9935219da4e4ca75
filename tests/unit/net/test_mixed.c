/* Two labels a row: what they mean, checked against the same rows with one label. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "net/net.h"

enum { ROWS = 130, INPUTS = 5, SIZE = 512 };

#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 2e-5;
#endif

static nd_net *make_net(nd_ctx *ctx, const char *loss, int outputs)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=8"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "tanh", ""), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", outputs == 1 ? "units=1" : "units=3"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, loss, ROWS, 1, &net), ND_OK);
    assert_true(nd_net_size(net) <= SIZE);
    nd_desc_destroy(desc);
    return net;
}

static void same(double a, double b)
{
    if (!(fabs(a - b) <= tolerance)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

/* With the shares 0.3 and 0.7 in every row, loss and gradient are those mixtures of what one
 * label gives and the other. */
static void check_mixture(const char *loss, int outputs)
{
    static nd_real x[ROWS * INPUTS], y[2][ROWS], both[ROWS * 4], expected[SIZE];
    const double share[2] = {0.3, 0.7};
    size_t classes = outputs == 1 ? 2 : 3;
    double value, wanted = 0, alone;
    nd_rng rng = {.seed = 7, .stream = 1};
    nd_ctx *ctx;
    for (size_t i = 0; i < (size_t)ROWS * INPUTS; i++) {
        x[i] = (nd_real)(nd_rng_uniform(&rng, i) - 0.5);
    }
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t k = 0; k < 2; k++) {
            y[k][r] = (nd_real)((r * (k + 3) + k) % classes);
            both[4 * r + 2 * k] = y[k][r];
            both[4 * r + 2 * k + 1] = (nd_real)share[k];
        }
    }
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_net *net = make_net(ctx, loss, outputs);
    memset(expected, 0, sizeof expected);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(nd_net_gradient(net, x, y[k], ROWS, &value), ND_OK);
        wanted += share[k] * value;
        for (size_t i = 0; i < nd_net_size(net); i++) {
            expected[i] += (nd_real)(share[k] * (double)nd_net_gradients(net)[i]);
        }
    }
    assert_int_equal(nd_net_loss(net, x, y[0], ROWS, &alone), ND_OK);
    assert_int_equal(nd_net_set_mixed(net, 1), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, both, ROWS, &value), ND_OK);
    same(value, wanted);
    for (size_t i = 0; i < nd_net_size(net); i++) {
        same((double)nd_net_gradients(net)[i], (double)expected[i]);
    }
    same(nd_net_train_weight(net, both, ROWS), ROWS);
    assert_int_equal(nd_net_loss(net, x, y[0], ROWS, &value), ND_OK);
    same(value, alone);
    assert_int_equal(nd_net_set_mixed(net, 0), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y[0], ROWS, &value), ND_OK);
    same(value, alone);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void two_labels_give_the_mixture_of_both_losses(void **state)
{
    (void)state;
    check_mixture("cross_entropy", 3);
    check_mixture("binary_cross_entropy", 1);
    check_mixture("focal", 3);
    check_mixture("brier", 3);
    check_mixture("hinge", 1);
}

static void a_second_label_that_cannot_be_is_refused(void **state)
{
    (void)state;
    nd_real x[2 * INPUTS] = {0}, y[8] = {0, 1, 1, 0, 2, 1, 3, 0};
    double loss;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 3);
    assert_int_equal(nd_net_set_mixed(NULL, 1), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_set_mixed(net, 1), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, 2, &loss), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "row 1 of the batch"));
    y[6] = 1;
    y[7] = (nd_real)-0.5;
    assert_int_equal(nd_net_gradient(net, x, y, 2, &loss), ND_ERR_DATA);
    y[7] = (nd_real)0.5;
    assert_int_equal(nd_net_gradient(net, x, y, 2, &loss), ND_OK);
    assert_int_equal(nd_net_replan(net, ROWS + 5), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, 2, &loss), ND_OK);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_labels_give_the_mixture_of_both_losses),
        cmocka_unit_test(a_second_label_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
