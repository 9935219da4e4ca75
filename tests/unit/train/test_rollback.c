/* Training that leaves the finite numbers: what is said, what is kept, and the way back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "train/fit.h"

enum { ROWS = 8 };

static nd_ctx *ctx;

/* States that a saver got. */
typedef struct kept {
    uint64_t every;
    int saves;
    nd_state state; /* the latest */
    unsigned char *bytes;
    bool finite;
} kept;

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

static bool is_due(void *user, uint64_t steps, double now)
{
    (void)now;
    const kept *k = user;
    return k->every > 0 && steps % k->every == 0;
}

static void keep(void *user, const nd_state *state, uint64_t steps, bool last)
{
    (void)steps, (void)last;
    kept *k = user;
    const nd_state_block *param = nd_state_find(state, "parameters");
    for (size_t i = 0; i < param->count; i++) {
        k->finite = k->finite && isfinite(((const nd_real *)param->data)[i]);
    }
    free(k->bytes);
    k->bytes = malloc(nd_state_bytes(state));
    assert_non_null(k->bytes);
    nd_state_copy(state, k->bytes);
    k->state = *state;
    unsigned char *at = k->bytes;
    for (size_t i = 0; i < state->count; i++) {
        k->state.block[i].data = at;
        at += nd_state_size(&state->block[i]);
    }
    k->saves++;
}

/* Two dense layers without activation: with a rate of 2 the weights grow by themselves. */
static nd_net *make_net(void)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=4, name=lower"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, name=upper"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 5, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static nd_fit_params wild(double lr, long rollbacks)
{
    return (nd_fit_params){
        .batch_size = 4,
        .epochs = 300,
        .lr = lr,
        .schedule = {.class = nd_schedule_find("constant")},
        .seed = 1,
        .rollbacks = rollbacks,
    };
}

static nd_status fit(nd_net *net, const nd_fit_params *params, nd_fit_result *result)
{
    static const nd_real x[ROWS] = {-4, -3, -2, -1, 1, 2, 3, 4};
    nd_source *train;
    nd_optimizer *optimizer;
    assert_int_equal(nd_source_from_arrays(ctx, x, x, ROWS, 1, 1, &train), ND_OK);
    assert_int_equal(nd_optimizer_create(net, "sgd", NULL, &optimizer), ND_OK);
    nd_status status = nd_fit(net, optimizer, train, NULL, params, result);
    nd_optimizer_destroy(optimizer);
    nd_source_destroy(train);
    return status;
}

static void a_run_that_diverges_names_the_layer_and_the_rate(void **state)
{
    (void)state;
    nd_fit_result result;
    nd_net *net = make_net();
    nd_fit_params params = wild(2, 0);
    assert_int_equal(fit(net, &params, &result), ND_ERR_DIVERGED);
    assert_string_equal(result.why, "diverged");
    assert_true(result.steps > 0 && result.steps < 50);
    assert_non_null(strstr(nd_ctx_message(ctx), "of layer \"upper\" is not finite"));
    assert_non_null(strstr(nd_ctx_message(ctx), "learning rate was 2)"));
    nd_net_destroy(net);
}

static void the_saver_gets_the_last_finite_state(void **state)
{
    (void)state;
    nd_fit_result result;
    kept k = {.finite = true};
    nd_fit_saver saver = {is_due, keep, &k};
    nd_net *net = make_net();
    nd_fit_params params = wild(2, 0);
    params.saver = &saver;
    assert_int_equal(fit(net, &params, &result), ND_ERR_DIVERGED);
    assert_int_equal(k.saves, 1);
    assert_true(k.finite);
    assert_true((uint64_t)((const int64_t *)nd_state_find(&k.state, "place")->data)[2] ==
                result.steps);
    free(k.bytes);
    nd_net_destroy(net);
}

static void going_back_at_a_lower_rate_reaches_the_end(void **state)
{
    (void)state;
    nd_fit_result result;
    nd_net *net = make_net();
    nd_fit_params params = wild(2, 4);
    assert_int_equal(fit(net, &params, &result), ND_OK);
    assert_true(result.rollbacks >= 1 && result.rollbacks <= 4);
    assert_int_equal(result.epochs, 300);
    assert_int_equal(result.steps, 600);
    assert_true(result.train_loss < 1e-6);
    nd_net_destroy(net);
}

static void the_rate_is_not_lowered_more_often_than_allowed(void **state)
{
    (void)state;
    nd_fit_result result;
    nd_net *net = make_net();
    nd_fit_params params = wild(1e5, 2);
    assert_int_equal(fit(net, &params, &result), ND_ERR_DIVERGED);
    assert_int_equal(result.rollbacks, 2);
    assert_non_null(strstr(nd_ctx_message(ctx), "learning rate was 1000)"));
    nd_net_destroy(net);
}

static void a_run_that_could_go_back_needs_its_memory(void **state)
{
    (void)state;
    unsigned long n = 1;
    nd_status status = ND_ERR_MEMORY;
    for (; status == ND_ERR_MEMORY; n++) {
        nd_fit_result result;
        nd_net *net = make_net();
        nd_fit_params params = wild(0.01, 4);
        params.epochs = 2;
        nd_source *train;
        nd_optimizer *optimizer;
        static const nd_real x[ROWS] = {-4, -3, -2, -1, 1, 2, 3, 4};
        assert_int_equal(nd_source_from_arrays(ctx, x, x, ROWS, 1, 1, &train), ND_OK);
        assert_int_equal(nd_optimizer_create(net, "sgd", NULL, &optimizer), ND_OK);
        nd_alloc_fail_at(n, false);
        status = nd_fit(net, optimizer, train, NULL, &params, &result);
        nd_alloc_fail_at(0, false);
        nd_optimizer_destroy(optimizer);
        nd_source_destroy(train);
        nd_net_destroy(net);
    }
    assert_int_equal(status, ND_OK);
    assert_in_range(n, 3, 100);
}

/* Saved before, between and after the ways back, and resumed from there. */
static void a_run_that_went_back_can_be_resumed(void **state)
{
    (void)state;
    nd_fit_result result;
    nd_net *whole = make_net();
    nd_fit_params params = wild(2, 4);
    assert_int_equal(fit(whole, &params, &result), ND_OK);
    for (uint64_t every = 1; every < 600; every = every * 3 + 1) {
        kept k = {.every = every, .finite = true};
        nd_fit_saver saver = {is_due, keep, &k};
        nd_net *first = make_net(), *second = make_net();
        params = wild(2, 4);
        params.saver = &saver;
        params.stop_after = 2 + (long)every / 2;
        assert_int_equal(fit(first, &params, &result), ND_OK);
        assert_true(k.saves > 0 && k.finite);
        params.saver = NULL;
        params.stop_after = 0;
        params.resume = &k.state;
        assert_int_equal(fit(second, &params, &result), ND_OK);
        assert_memory_equal(nd_net_parameters(whole), nd_net_parameters(second),
                            nd_net_size(whole) * sizeof(nd_real));
        free(k.bytes);
        nd_net_destroy(first);
        nd_net_destroy(second);
    }
    nd_net_destroy(whole);
}

static void a_state_of_another_network_is_refused(void **state)
{
    (void)state;
    nd_fit_result result;
    kept k = {.every = 1, .finite = true};
    nd_fit_saver saver = {is_due, keep, &k};
    nd_net *net = make_net();
    nd_fit_params params = wild(0.01, 0);
    params.epochs = 1;
    params.saver = &saver;
    assert_int_equal(fit(net, &params, &result), ND_OK);
    params.saver = NULL;
    params.resume = &k.state;
    k.state.block[2].count--;
    assert_int_equal(fit(net, &params, &result), ND_ERR_FORMAT);
    k.state.block[2].count++;
    ((int64_t *)k.state.block[0].data)[0] = 1000;
    assert_int_equal(fit(net, &params, &result), ND_ERR_FORMAT);
    ((int64_t *)k.state.block[0].data)[0] = 1;
    ((int64_t *)k.state.block[0].data)[1] = 1000;
    assert_int_equal(fit(net, &params, &result), ND_ERR_FORMAT);
    free(k.bytes);
    nd_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_diverges_names_the_layer_and_the_rate),
        cmocka_unit_test(the_saver_gets_the_last_finite_state),
        cmocka_unit_test(going_back_at_a_lower_rate_reaches_the_end),
        cmocka_unit_test(the_rate_is_not_lowered_more_often_than_allowed),
        cmocka_unit_test(a_run_that_could_go_back_needs_its_memory),
        cmocka_unit_test(a_run_that_went_back_can_be_resumed),
        cmocka_unit_test(a_state_of_another_network_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
