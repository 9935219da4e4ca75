/* Rules and schedules in the loop, and the search for a rate, on y = x: the mean square
 * has the curvature 2 * 28/6 in the weight, so that descent diverges from 0.214 on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "train/fit.h"
#include "train/lr_range.h"

enum { ROWS = 6, EPOCHS = 40 };

static const nd_real ramp[ROWS] = {-3, -2, -1, 1, 2, 3}, fall[ROWS] = {3, 2, 1, -1, -2, -3};
static nd_ctx *ctx;

/* A network with one weight from 0, a rule for it, and its rows. */
typedef struct fixture {
    nd_net *net;
    nd_optimizer *optimizer;
    nd_source *train, *valid;
    nd_fit_result result;
    double lr[EPOCHS];
} fixture;

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

static void make(fixture *f, const char *rule, const char *attributes)
{
    nd_desc *desc;
    *f = (fixture){0};
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, init=zeros"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 1, &f->net), ND_OK);
    nd_desc_destroy(desc);
    assert_int_equal(nd_optimizer_create(f->net, rule, attributes, &f->optimizer), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, ramp, ramp, ROWS, 1, 1, &f->train), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, ramp, fall, ROWS, 1, 1, &f->valid), ND_OK);
}

static void clear(fixture *f)
{
    nd_optimizer_destroy(f->optimizer);
    nd_source_destroy(f->train);
    nd_source_destroy(f->valid);
    nd_net_destroy(f->net);
}

static int watch(void *user, const nd_event *event)
{
    fixture *f = user;
    if (event->kind == ND_EVENT_EPOCH) {
        f->lr[event->epoch - 1] = event->lr;
    }
    return 0;
}

static nd_fit_params params_for(fixture *f, long epochs)
{
    return (nd_fit_params){.epochs = epochs, .lr = 0.01, .seed = 1, .observe = watch, .user = f};
}

static void lbfgs_solves_a_line_in_a_few_epochs(void **state)
{
    (void)state;
    fixture f;
    make(&f, "lbfgs", NULL);
    nd_fit_params params = params_for(&f, 6);
    params.lr = 1;
    assert_int_equal(nd_fit(f.net, f.optimizer, f.train, NULL, &params, &f.result), ND_OK);
    assert_true(fabs((double)nd_net_parameters(f.net)[0] - 1) < 1e-4);
    clear(&f);
}

static void lbfgs_refuses_mini_batches(void **state)
{
    (void)state;
    fixture f;
    make(&f, "lbfgs", NULL);
    nd_fit_params params = params_for(&f, 6);
    params.batch_size = 2;
    assert_int_equal(nd_fit(f.net, f.optimizer, f.train, NULL, &params, &f.result), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "not 2 of 6"));
    clear(&f);
}

/* The validation loss only grows: the first epoch is the best, and every second epoch
 * without a better one halves the rate of those after it. */
static void a_plateau_of_the_validation_loss_lowers_the_rate(void **state)
{
    (void)state;
    static const double expected[] = {1, 1, 1, 0.5, 0.5, 0.25, 0.25};
    fixture f;
    make(&f, "sgd", NULL);
    nd_fit_params params = params_for(&f, 7);
    assert_int_equal(nd_schedule_make(ctx, "plateau", "factor=0.5, patience=1", &params.schedule),
                     ND_OK);
    assert_int_equal(nd_fit(f.net, f.optimizer, f.train, f.valid, &params, &f.result), ND_OK);
    for (int i = 0; i < 7; i++) {
        assert_true(fabs(f.lr[i] - 0.01 * expected[i]) < 1e-15);
    }
    clear(&f);
}

static void ascent_keeps_the_largest_loss(void **state)
{
    (void)state;
    fixture f;
    make(&f, "sgd", "maximize=true");
    nd_net_parameters(f.net)[0] = (nd_real)0.5;
    nd_fit_params params = params_for(&f, 5);
    params.maximize = true;
    params.keep_best = true;
    assert_int_equal(nd_fit(f.net, f.optimizer, f.train, NULL, &params, &f.result), ND_OK);
    assert_int_equal(f.result.best_epoch, 5);
    assert_true(f.result.best_loss == f.result.last_loss && f.result.best_loss > 28.0 / 6 / 4);
    clear(&f);
}

static void a_layer_without_rate_does_not_learn(void **state)
{
    (void)state;
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer;
    double loss;
    size_t count;
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=2, name=still, lr=0"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, lr=0.5"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 1, &net), ND_OK);
    const nd_span *span = nd_net_spans(net, &count);
    assert_true(span[0].lr == 0 && span[count - 1].lr == 0.5);
    assert_int_equal(nd_optimizer_create(net, "adam", NULL, &optimizer), ND_OK);
    nd_real *w = nd_net_parameters(net), before = w[0], other = w[span[2].offset];
    assert_int_equal(nd_net_train(net, optimizer, ramp, ramp, ROWS, &loss), ND_OK);
    assert_true(w[0] == before && w[span[2].offset] != other);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
}

/* Points beside the line: a loss of exactly 0 would have no gradient to diverge by. A
 * batch of two costs 0.5^2 to 2.5^2 at the start. */
static const nd_real beside[ROWS] = {(nd_real)-2.5, (nd_real)-2.5, (nd_real)-0.5,
                                     (nd_real)0.5,  (nd_real)2.5,  (nd_real)2.5};

static void a_range_test_finds_where_descent_diverges(void **state)
{
    (void)state;
    enum { STEPS = 120 };
    fixture f;
    nd_lr_point point[STEPS];
    nd_lr_range range;
    size_t count;
    nd_lr_params params = {
        .lowest = 1e-5, .highest = 10, .steps = STEPS, .batch_size = 2, .seed = 1};
    make(&f, "sgd", NULL);
    nd_source_destroy(f.train);
    assert_int_equal(nd_source_from_arrays(ctx, ramp, beside, ROWS, 1, 1, &f.train), ND_OK);
    assert_int_equal(nd_lr_range_test(f.net, f.optimizer, f.train, &params, point, &count), ND_OK);
    assert_true(count > 80 && count < STEPS);
    assert_true(point[0].loss > 0.2 && point[0].loss < 6.3);
    assert_true(fabs(point[1].lr / point[0].lr - pow(1e6, 1.0 / (STEPS - 1))) < 1e-9);
    assert_int_equal(nd_lr_range_judge(ctx, point, count, &params, &range), ND_OK);
    assert_true(range.suggested > 0.005 && range.suggested < 0.05);
    assert_true(range.steepest < range.lowest && range.lowest < range.diverged);
    assert_true(range.diverged > 0.214);
    assert_true(range.start > 0.2 && range.start < 6.3 && range.least < range.start);
    clear(&f);
}

static void a_loss_that_never_falls_gives_no_rate(void **state)
{
    (void)state;
    nd_lr_point point[20];
    nd_lr_range range;
    nd_lr_params params = {.lowest = 1e-3, .highest = 1, .steps = 20};
    for (int i = 0; i < 20; i++) {
        point[i] = (nd_lr_point){1e-3 * pow(1000, i / 19.0), 1 + i, 1 + i};
    }
    assert_int_equal(nd_lr_range_judge(ctx, point, 20, &params, &range), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "did not fall"));
}

static void a_rule_without_rate_is_not_searched(void **state)
{
    (void)state;
    fixture f;
    nd_lr_point point[10];
    size_t count;
    nd_lr_params params = {.lowest = 1e-3, .highest = 1, .steps = 10};
    make(&f, "rprop", NULL);
    assert_int_equal(nd_lr_range_test(f.net, f.optimizer, f.train, &params, point, &count),
                     ND_ERR_OPTION);
    assert_int_equal(count, 0);
    clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lbfgs_solves_a_line_in_a_few_epochs),
        cmocka_unit_test(lbfgs_refuses_mini_batches),
        cmocka_unit_test(a_plateau_of_the_validation_loss_lowers_the_rate),
        cmocka_unit_test(ascent_keeps_the_largest_loss),
        cmocka_unit_test(a_layer_without_rate_does_not_learn),
        cmocka_unit_test(a_range_test_finds_where_descent_diverges),
        cmocka_unit_test(a_loss_that_never_falls_gives_no_rate),
        cmocka_unit_test(a_rule_without_rate_is_not_searched),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
