/* When training stops by itself: Prechelt's criteria on hand-worked losses, and the best
 * weights, kept or not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "train/early.h"
#include "train/fit.h"

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

static nd_net *make_net(void)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, init=zeros"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 6, 1, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

/* First epoch after which these losses end a training; 0: none. */
static long end_of(const nd_early_params *params, const double *valid, const double *train,
                   long epochs)
{
    nd_net *net = make_net();
    nd_early early;
    long end = 0;
    assert_int_equal(nd_early_init(&early, net, params, true), ND_OK);
    for (long t = 1; t <= epochs && end == 0; t++) {
        nd_early_see(&early, t, valid[t - 1], train[t - 1], 0);
        end = nd_early_reason(&early, t, true) != NULL ? t : 0;
    }
    nd_early_free(&early);
    nd_net_destroy(net);
    return end;
}

static const double flat[8] = {1, 1, 1, 1, 1, 1, 1, 1};

/* GL = 100 (E / 0.5 - 1): 10, 4, 12 after the lowest loss of 0.5. */
static void gl_stops_where_the_loss_is_so_far_above_its_lowest(void **state)
{
    (void)state;
    static const double valid[] = {0.9, 0.5, 0.55, 0.52, 0.56};
    assert_int_equal(end_of(&(nd_early_params){.gl = 9.9}, valid, flat, 5), 3);
    assert_int_equal(end_of(&(nd_early_params){.gl = 10.1}, valid, flat, 5), 5);
    assert_int_equal(end_of(&(nd_early_params){.gl = 12.1}, valid, flat, 5), 0);
}

/* Strips of 2 with training losses (4, 2), (2, 1.6), (1.6, 1.5): progress 1000 (3/2 - 1) =
 * 500, 125 and 33.3; GL 0, 10, 20: the quotients are 0, 0.08, 0.6. */
static void pq_weighs_the_loss_against_the_progress_of_a_strip(void **state)
{
    (void)state;
    static const double valid[] = {1, 0.5, 0.7, 0.55, 0.9, 0.6};
    static const double train[] = {4, 2, 2, 1.6, 1.6, 1.5};
    assert_int_equal(end_of(&(nd_early_params){.pq = 0.079, .strip = 2}, valid, train, 6), 4);
    assert_int_equal(end_of(&(nd_early_params){.pq = 0.081, .strip = 2}, valid, train, 6), 6);
    assert_int_equal(end_of(&(nd_early_params){.pq = 0.61, .strip = 2}, valid, train, 6), 0);
}

static void progress_and_generalization_loss_are_those_of_the_paper(void **state)
{
    (void)state;
    nd_net *net = make_net();
    nd_early early;
    assert_int_equal(nd_early_init(&early, net, &(nd_early_params){.strip = 3}, false), ND_OK);
    static const double train[] = {9, 5, 4, 3}, valid[] = {0.8, 0.4, 0.3, 0.36};
    for (long t = 1; t <= 4; t++) {
        nd_early_see(&early, t, valid[t - 1], train[t - 1], 0);
    }
    /* 100 (0.36 / 0.3 - 1) and 1000 (12 / (3 * 3) - 1) */
    assert_true(fabs(nd_early_gl(&early) - 20) < 1e-12);
    assert_true(fabs(nd_early_progress(&early) - 1000.0 / 3) < 1e-10);
    nd_early_free(&early);
    nd_net_destroy(net);
}

/* No progress at all and a loss above the lowest: nothing to wait for. */
static void pq_stops_where_training_stands_still(void **state)
{
    (void)state;
    static const double valid[] = {0.5, 0.5, 0.5, 0.51};
    assert_int_equal(end_of(&(nd_early_params){.pq = 1e6, .strip = 2}, valid, flat, 4), 4);
    assert_int_equal(end_of(&(nd_early_params){.pq = 1e6, .strip = 2}, flat, flat, 8), 0);
}

/* A validation loss of 0, and rising from it. */
static void a_loss_above_zero_is_infinitely_worse_than_zero(void **state)
{
    (void)state;
    static const double valid[] = {1, 0, 0, 1e-9};
    assert_int_equal(end_of(&(nd_early_params){.gl = 1e9}, valid, flat, 4), 4);
}

static void min_delta_does_not_count_for_the_lowest_loss_of_gl(void **state)
{
    (void)state;
    static const double valid[] = {1, 0.95, 0.9, 1};
    assert_int_equal(end_of(&(nd_early_params){.gl = 11, .min_delta = 0.5}, valid, flat, 4), 4);
}

/* y = x is learned while validation rows say y = -x. */
static void fit_stops_by_gl_and_restores_the_best_weights_or_not(void **state)
{
    (void)state;
    static const nd_real ramp[6] = {-3, -2, -1, 1, 2, 3}, fall[6] = {3, 2, 1, -1, -2, -3};
    for (int keep = 0; keep < 2; keep++) {
        nd_net *net = make_net();
        nd_optimizer *optimizer;
        nd_source *train, *valid;
        nd_fit_result result;
        assert_int_equal(nd_optimizer_create(net, "sgd", NULL, &optimizer), ND_OK);
        assert_int_equal(nd_source_from_arrays(ctx, ramp, ramp, 6, 1, 1, &train), ND_OK);
        assert_int_equal(nd_source_from_arrays(ctx, ramp, fall, 6, 1, 1, &valid), ND_OK);
        nd_fit_params params = {.epochs = 50, .lr = 0.01, .stop_gl = 20, .keep_best = keep};
        assert_int_equal(nd_fit(net, optimizer, train, valid, &params, &result), ND_OK);
        assert_string_equal(result.why, "the generalization loss passed its bound");
        assert_true(result.epochs > 1 && result.epochs < 50);
        /* The error of weight w is 28/6 (1 + w)^2, with w = 1 - 0.90667^t. */
        double w1 = 1 - (1 - 0.01 * 56 / 6), wt = 1 - pow(1 - 0.01 * 56 / 6, (double)result.epochs);
        double expected = keep ? w1 : wt;
        assert_int_equal(result.best_epoch, keep ? 1 : result.epochs);
        assert_true(fabs((double)nd_net_parameters(net)[0] - expected) < 1e-5);
        assert_true(pow((1 + wt) / (1 + w1), 2) > 1.2);
        nd_source_destroy(train);
        nd_source_destroy(valid);
        nd_optimizer_destroy(optimizer);
        nd_net_destroy(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gl_stops_where_the_loss_is_so_far_above_its_lowest),
        cmocka_unit_test(pq_weighs_the_loss_against_the_progress_of_a_strip),
        cmocka_unit_test(progress_and_generalization_loss_are_those_of_the_paper),
        cmocka_unit_test(pq_stops_where_training_stands_still),
        cmocka_unit_test(a_loss_above_zero_is_infinitely_worse_than_zero),
        cmocka_unit_test(min_delta_does_not_count_for_the_lowest_loss_of_gl),
        cmocka_unit_test(fit_stops_by_gl_and_restores_the_best_weights_or_not),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
