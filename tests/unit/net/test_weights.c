/* Weights of rows: what they mean, checked against the same rows without weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "net/net.h"

enum { ROWS = 300, INPUTS = 5, SIZE = 512 };

#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 2e-5;
#endif

/* The path of small networks ("tanh") and the one of all others ("batchnorm"). */
static nd_net *make_net(nd_ctx *ctx, const char *middle)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=8"), ND_OK);
    assert_int_equal(nd_desc_add(desc, middle, ""), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=3"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "cross_entropy", ROWS, 1, &net), ND_OK);
    assert_true(nd_net_size(net) <= SIZE);
    nd_desc_destroy(desc);
    return net;
}

static void fill_inputs(nd_real *x)
{
    nd_rng rng = {.seed = 7, .stream = 1};
    for (size_t i = 0; i < (size_t)ROWS * INPUTS; i++) {
        x[i] = (nd_real)(nd_rng_uniform(&rng, i) - 0.5);
    }
}

static void same(double a, double b, double scale)
{
    if (!(fabs(a - b) <= tolerance * scale)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

/* Row r of 100 stands there r % 3 times, or once with that weight. */
static void a_weight_counts_like_repeated_rows(void **state)
{
    (void)state;
    static nd_real x[ROWS * INPUTS], y[ROWS * 2], again[ROWS * INPUTS], label[ROWS];
    static nd_real expected[SIZE];
    const size_t rows = 100;
    size_t repeated = 0;
    double once, weighted;
    nd_ctx *ctx;
    fill_inputs(x);
    for (size_t r = 0; r < rows; r++) {
        y[2 * r] = (nd_real)(r % 7 % 3);
        y[2 * r + 1] = (nd_real)(r % 3);
        for (size_t k = 0; k < r % 3; k++, repeated++) {
            memcpy(again + repeated * INPUTS, x + r * INPUTS, INPUTS * sizeof *x);
            label[repeated] = y[2 * r];
        }
    }
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_net *net = make_net(ctx, "tanh");
    assert_int_equal(nd_net_gradient(net, again, label, repeated, &once), ND_OK);
    memcpy(expected, nd_net_gradients(net), nd_net_size(net) * sizeof *expected);
    assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, rows, &weighted), ND_OK);
    same(weighted, once, 1);
    for (size_t i = 0; i < nd_net_size(net); i++) {
        same((double)nd_net_gradients(net)[i], (double)expected[i], 1);
    }
    assert_int_equal(nd_net_loss(net, x, y, rows, &weighted), ND_OK);
    same(weighted, once, 1);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void rows_without_weight_do_not_matter(void **state)
{
    (void)state;
    static nd_real x[ROWS * INPUTS], y[ROWS * 2];
    static const char *const middle[] = {"tanh", "batchnorm"};
    nd_ctx *ctx;
    double loss;
    fill_inputs(x);
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    for (size_t k = 0; k < 2; k++) {
        nd_net *net = make_net(ctx, middle[k]);
        assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
        assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
        assert_true(loss == 0);
        for (size_t i = 0; i < nd_net_size(net); i++) {
            assert_true(nd_net_gradients(net)[i] == 0);
        }
        assert_int_equal(nd_net_loss(net, x, y, ROWS, &loss), ND_OK);
        assert_true(loss == 0);
        nd_net_destroy(net);
    }
    nd_ctx_destroy(ctx);
}

static void weights_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static nd_real x[ROWS * INPUTS];
    const nd_real bad[] = {-1, (nd_real)INFINITY, (nd_real)NAN};
    nd_ctx *ctx;
    double loss;
    fill_inputs(x);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "tanh");
    assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
    for (size_t k = 0; k < 3; k++) {
        const nd_real y[] = {0, 1, 2, bad[k]};
        assert_int_equal(nd_net_gradient(net, x, y, 2, &loss), ND_ERR_DATA);
        assert_non_null(strstr(nd_ctx_message(ctx), "row 1 of the batch"));
        assert_non_null(strstr(nd_ctx_message(ctx), "weight"));
    }
    const nd_real no_class[] = {3, 1};
    assert_int_equal(nd_net_loss(net, x, no_class, 1, &loss), ND_ERR_DATA);
    assert_int_equal(nd_net_set_weighted(NULL, 1), ND_ERR_ARGUMENT);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void threads_do_not_change_a_bit_of_a_weighted_gradient(void **state)
{
    (void)state;
    static nd_real x[ROWS * INPUTS], y[ROWS * 2], one[SIZE];
    static const char *const middle[] = {"tanh", "batchnorm"};
    double first = 0, loss;
    fill_inputs(x);
    for (size_t r = 0; r < ROWS; r++) {
        y[2 * r] = (nd_real)(r % 3);
        y[2 * r + 1] = (nd_real)(r % 5) / 3;
    }
    for (size_t k = 0; k < 2; k++) {
        for (int threads = 1; threads <= 3; threads++) {
            nd_ctx *ctx;
            assert_int_equal(nd_ctx_create(&ctx, threads), ND_OK);
            nd_net *net = make_net(ctx, middle[k]);
            assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
            assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
            if (threads == 1) {
                first = loss;
                memcpy(one, nd_net_gradients(net), nd_net_size(net) * sizeof *one);
            }
            assert_true(loss == first);
            assert_memory_equal(one, nd_net_gradients(net), nd_net_size(net) * sizeof *one);
            nd_net_destroy(net);
            nd_ctx_destroy(ctx);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weight_counts_like_repeated_rows),
        cmocka_unit_test(rows_without_weight_do_not_matter),
        cmocka_unit_test(weights_that_cannot_be_are_refused),
        cmocka_unit_test(threads_do_not_change_a_bit_of_a_weighted_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
