/* Objects that are not there: told by a status or a count of 0, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/net.h"
#include "optim/optim.h"

static void counts_of_no_network_are_0(void **state)
{
    (void)state;
    size_t spans = 1;
    assert_int_equal(nd_net_inputs(NULL), 0);
    assert_int_equal(nd_net_outputs(NULL), 0);
    assert_int_equal(nd_net_size(NULL), 0);
    assert_null(nd_net_parameters(NULL));
    assert_null(nd_net_gradients(NULL));
    assert_null(nd_net_spans(NULL, &spans));
    assert_int_equal(spans, 0);
    assert_null(nd_net_spans(NULL, NULL));
}

static void calls_on_nothing_are_refused(void **state)
{
    (void)state;
    nd_real x[2] = {0};
    double loss;
    nd_net *net;
    assert_int_equal(nd_net_create(NULL, NULL, "mse", 1, 1, &net), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(NULL, x, 1, x), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_gradient(NULL, x, x, 1, &loss), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_loss(NULL, x, x, 1, &loss), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_train(NULL, NULL, x, x, 1, &loss), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_look_ahead(NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_step(NULL), ND_ERR_ARGUMENT);
    nd_net_destroy(NULL);
    nd_optimizer_destroy(NULL);
    nd_ctx_destroy(NULL);
}

/* A network, and calls that lack something else. */
static void calls_that_lack_something_are_refused(void **state)
{
    (void)state;
    nd_real x[4] = {0}, y[2] = {0};
    double loss;
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 2, &desc), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 2, 1, &net), ND_ERR_ARGUMENT);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 0, 1, &net), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_create(ctx, desc, NULL, 2, 1, &net), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 2, 1, &net), ND_OK);
    assert_int_equal(nd_net_train(net, NULL, x, y, 2, &loss), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, 0, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, NULL, 2, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, 3, y), ND_ERR_SHAPE);
    assert_int_equal(nd_net_gradient(net, x, y, 2, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_loss(net, x, y, 2, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_replan(net, 0), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_create(net, NULL, NULL, &optimizer), ND_ERR_ARGUMENT);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_no_network_are_0),
        cmocka_unit_test(calls_on_nothing_are_refused),
        cmocka_unit_test(calls_that_lack_something_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
