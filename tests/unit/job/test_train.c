/* The main job as a caller of nadir.h sees it: what may touch a model and what may
 * not, what its events say, and what a lack of memory does. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/split.h"
#include "nadir.h"

enum { ROWS = 120, INPUTS = 3, PROBES = 20, OUTPUTS = 2 };

/* One row in four is of class 1 or, as a quantity, a smooth function of x. */
static void fill(nd_real *x, nd_real *class, nd_real *value)
{
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < INPUTS; j++) {
            x[r * INPUTS + j] = (nd_real)sin((double)(r * 7 + j * 13 + 1));
        }
        class[r] = x[r * INPUTS] > (nd_real)0.7;
        value[r] = 40 + 5 * x[r * INPUTS] - 2 * x[r * INPUTS + 1];
    }
}

/* What one training told. */
typedef struct told {
    double plan_valid, stop_valid, loss, rmse, baseline_loss, baseline_accuracy;
    int stops, tests;
} told;

static int listen(void *user, const nd_event *event)
{
    told *t = user;
    if (event->kind == ND_EVENT_PLAN) {
        t->plan_valid = event->valid_loss;
    } else if (event->kind == ND_EVENT_STOP) {
        t->stops++;
        t->stop_valid = event->valid_loss;
    } else if (event->kind == ND_EVENT_TEST) {
        t->tests++;
        t->loss = nd_metrics_get(event->metrics, "loss");
        t->rmse = nd_metrics_get(event->metrics, "rmse");
        t->baseline_loss = nd_metrics_get(event->baseline, "log_loss");
        t->baseline_accuracy = nd_metrics_get(event->baseline, "accuracy");
    }
    return 0;
}

static nd_status set_all(nd_config *config, const char *const *pair)
{
    nd_status status = ND_OK;
    for (; status == ND_OK && pair && *pair; pair += 2) {
        status = nd_config_set(config, pair[0], pair[1]);
    }
    return status;
}

/* Train on arrays and predict the first PROBES rows of probe into y. */
static nd_status train(int threads, const nd_real *x, const nd_real *target, const nd_real *probe,
                       const char *const *options, told *t, nd_real *y)
{
    nd_ctx *ctx = NULL;
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    nd_status status = nd_ctx_create(&ctx, threads);
    if (status == ND_OK) {
        status = nd_config_create(ctx, ND_VERB_TRAIN, &config);
    }
    if (status == ND_OK) {
        status = nd_config_set(config, "epochs", "3");
    }
    if (status == ND_OK) {
        status = set_all(config, options);
    }
    if (status == ND_OK) {
        status = nd_table_from_arrays(ctx, x, ROWS, INPUTS, target, 1, &table);
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, t ? listen : NULL, t, &model);
        assert_true((status == ND_OK) == (model != NULL));
    }
    if (status == ND_OK) {
        status = nd_model_predict(model, probe, PROBES, y);
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return status;
}

/* The split that nd_train makes with its default shares and seed. */
static void default_split(const nd_real *label, nd_split *split)
{
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_split_make(ctx, ROWS, label, label ? 2 : 0, 0.15, 0.2, 1, split), ND_OK);
    nd_ctx_destroy(ctx);
}

static void check_untouched_by_test_rows(const char *const *options)
{
    nd_real x[ROWS * INPUTS], other[ROWS * INPUTS], class[ROWS], value[ROWS];
    nd_real y[PROBES * OUTPUTS] = {0}, z[PROBES * OUTPUTS] = {0};
    nd_split split;
    fill(x, class, value);
    default_split(class, &split);
    memcpy(other, x, sizeof x);
    for (size_t i = split.train + split.valid; i < ROWS; i++) {
        for (size_t j = 0; j < INPUTS; j++) {
            other[split.index[i] * INPUTS + j] = (nd_real)(1000 + j);
        }
    }
    assert_int_equal(train(1, x, class, x, options, NULL, y), ND_OK);
    assert_int_equal(train(1, other, class, x, options, NULL, z), ND_OK);
    assert_memory_equal(y, z, sizeof y);
    other[split.index[0] * INPUTS] += 1;
    assert_int_equal(train(1, other, class, x, options, NULL, z), ND_OK);
    assert_memory_not_equal(y, z, sizeof y);
    nd_split_free(&split);
}

static void what_test_rows_hold_changes_nothing_in_the_model(void **state)
{
    (void)state;
    static const char *const quantile[] = {"scaling", "quantile", NULL};
    static const char *const minmax[] = {"scaling", "minmax", "refit", "no", NULL};
    check_untouched_by_test_rows(NULL);
    check_untouched_by_test_rows(quantile);
    check_untouched_by_test_rows(minmax);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    static const char *const options[] = {"hidden", "80,40",   "batchnorm", "true", "residual",
                                          "true",   "dropout", "0.2",       NULL};
    static const int threads[] = {2, 3, 8};
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS];
    nd_real y[PROBES * OUTPUTS], z[PROBES * OUTPUTS];
    fill(x, class, value);
    assert_int_equal(train(1, x, class, x, options, NULL, y), ND_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(train(threads[i], x, class, x, options, NULL, z), ND_OK);
        assert_memory_equal(y, z, sizeof y);
    }
}

typedef struct work {
    const nd_real *x, *target;
    nd_real y[PROBES * OUTPUTS];
    nd_status status;
} work;

static void *run_work(void *user)
{
    work *w = user;
    for (int i = 0; i < 5 && w->status == ND_OK; i++) {
        w->status = train(2, w->x, w->target, w->x, NULL, NULL, w->y);
    }
    return NULL;
}

static void two_trainings_at_once_do_not_disturb_each_other(void **state)
{
    (void)state;
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS], alone[PROBES * OUTPUTS] = {0};
    fill(x, class, value);
    work a = {.x = x, .target = class}, b = {.x = x, .target = value};
    pthread_t first, second;
    assert_int_equal(pthread_create(&first, NULL, run_work, &a), 0);
    assert_int_equal(pthread_create(&second, NULL, run_work, &b), 0);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    assert_int_equal(a.status, ND_OK);
    assert_int_equal(b.status, ND_OK);
    assert_int_equal(train(1, x, class, x, NULL, NULL, alone), ND_OK);
    assert_memory_equal(alone, a.y, sizeof alone);
    memset(alone, 0, sizeof alone);
    assert_int_equal(train(1, x, value, x, NULL, NULL, alone), ND_OK);
    assert_memory_equal(alone, b.y, PROBES * sizeof *alone);
}

static size_t ones(const nd_split *split, size_t from, size_t count, const nd_real *class)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += class[split->index[from + i]] > 0;
    }
    return n;
}

/* It answers the shares of the training rows: mean -log of them over the test rows. */
static void the_trivial_model_knows_the_training_rows_only(void **state)
{
    (void)state;
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS], y[PROBES * OUTPUTS];
    nd_split split;
    told t = {0};
    fill(x, class, value);
    default_split(class, &split);
    assert_int_equal(train(1, x, class, x, NULL, &t, y), ND_OK);
    double share = (double)ones(&split, 0, split.train, class) / (double)split.train;
    double here =
        (double)ones(&split, split.train + split.valid, split.test, class) / (double)split.test;
    assert_true(share > 0.05 && share < 0.45);
    assert_true(fabs(t.baseline_loss + here * log(share) + (1 - here) * log(1 - share)) < 1e-6);
    assert_true(fabs(t.baseline_accuracy - (1 - here)) < 1e-12);
    assert_int_equal(t.tests, 1);
    nd_split_free(&split);
}

/* Squares of errors in deviations of the training target. */
static void the_loss_of_values_is_in_deviations_of_the_target(void **state)
{
    (void)state;
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS], y[PROBES * OUTPUTS];
    double mean = 0, squares = 0;
    nd_split split;
    told t = {0};
    fill(x, class, value);
    default_split(NULL, &split);
    for (size_t i = 0; i < split.train; i++) {
        mean += (double)value[split.index[i]] / (double)split.train;
    }
    for (size_t i = 0; i < split.train; i++) {
        squares += pow((double)value[split.index[i]] - mean, 2);
    }
    assert_int_equal(train(1, x, value, x, NULL, &t, y), ND_OK);
    assert_true(t.rmse > 0 && t.rmse < 20);
    double loss = t.rmse * t.rmse * (double)split.train / squares;
    assert_true(fabs(t.loss / loss - 1) < 1e-9);
    nd_split_free(&split);
}

static void numbers_that_do_not_apply_are_nan(void **state)
{
    (void)state;
    static const char *const none[] = {"valid", "0", "test", "0", NULL};
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS], y[PROBES * OUTPUTS];
    told t = {0}, u = {0};
    fill(x, class, value);
    assert_int_equal(train(1, x, class, x, none, &t, y), ND_OK);
    assert_true(isnan(t.plan_valid) && isnan(t.stop_valid));
    assert_true(t.stops == 1 && t.tests == 0);
    assert_int_equal(train(1, x, class, x, NULL, &u, y), ND_OK);
    assert_true(isnan(u.plan_valid) && u.stop_valid > 0);
    assert_true(u.stops == 1 && u.tests == 1);
}

/* Each allocation fails once, and with all that follow: never a crash, never a model
 * that lacks something. The sanitizer build sees what is left behind. */
static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS], y[PROBES * OUTPUTS];
    fill(x, class, value);
    unsigned long calls = nd_alloc_calls();
    assert_int_equal(train(1, x, class, x, NULL, NULL, y), ND_OK);
    calls = nd_alloc_calls() - calls;
    assert_true(calls > 100);
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, n % 2 == 0);
        nd_status status = train(1, x, class, x, NULL, NULL, y);
        nd_alloc_fail_at(0, false);
        if (status != ND_ERR_MEMORY) {
            fail_msg("allocation %lu of %lu: %s", n, calls, nd_status_text(status));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_test_rows_hold_changes_nothing_in_the_model),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(two_trainings_at_once_do_not_disturb_each_other),
        cmocka_unit_test(the_trivial_model_knows_the_training_rows_only),
        cmocka_unit_test(the_loss_of_values_is_in_deviations_of_the_target),
        cmocka_unit_test(numbers_that_do_not_apply_are_nan),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
