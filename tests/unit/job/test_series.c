/* Time series from rows to forecasts, as a caller of nadir.h sees it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nadir.h"

enum { ROWS = 360, PERIOD = 12, WINDOW = 24, OUTPUTS = 2 };

static const double pi = 3.14159265358979323846;

/* A rising season with noise of deviation 1, and a column that says nothing. */
static void fill(nd_real *other, nd_real *series)
{
    nd_rng rng = {.seed = 4};
    for (size_t r = 0; r < ROWS; r++) {
        double season = 10 * sin(2 * pi * (double)r / PERIOD);
        other[r] = (nd_real)nd_rng_normal(&rng, ROWS + r);
        series[r] = (nd_real)(50 + 0.1 * (double)r + season + nd_rng_normal(&rng, r));
    }
}

typedef struct told {
    double rmse, naive;
    char plan[2048];
} told;

static int listen(void *user, const nd_event *event)
{
    told *t = user;
    if (event->kind == ND_EVENT_PLAN && event->text) {
        snprintf(t->plan, sizeof t->plan, "%s", event->text);
    }
    if (event->kind == ND_EVENT_TEST) {
        t->rmse = nd_metrics_get(event->metrics, "rmse");
        t->naive = nd_metrics_get(event->baseline, "rmse");
    }
    return 0;
}

static void set(nd_config *config, const char *key, const char *value)
{
    assert_int_equal(nd_config_set(config, key, value), ND_OK);
}

/* Train with windows of WINDOW rows, OUTPUTS ahead. */
static nd_model *train(nd_ctx *ctx, const nd_real *other, const nd_real *series,
                       const char *recurrent, const char *epochs, told *t)
{
    nd_config *config;
    nd_table *table;
    nd_model *model;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_table_from_arrays(ctx, other, ROWS, 1, series, 1, &table), ND_OK);
    set(config, "window", "24");
    set(config, "horizon", "2");
    set(config, "recurrent", recurrent);
    set(config, "epochs", epochs);
    set(config, "hidden", "16");
    set(config, "refit", "no");
    set(config, "period", "12");
    if (nd_train(ctx, config, table, listen, t, &model) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
    return model;
}

/* Forecasts of every row's window. */
static void predict(nd_model *model, nd_ctx *ctx, const nd_real *other, const nd_real *series,
                    nd_real *y)
{
    nd_table *table;
    assert_int_equal(nd_table_from_arrays(ctx, other, ROWS, 1, series, 1, &table), ND_OK);
    if (nd_model_predict_table(model, table, y) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    nd_table_destroy(table);
}

static nd_real other[ROWS], series[ROWS], forecast[ROWS * OUTPUTS], again[ROWS * OUTPUTS];

static void check_better(const char *recurrent, const char *epochs)
{
    nd_ctx *ctx;
    told t = {.rmse = NAN};
    fill(other, series);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_model *model = train(ctx, other, series, recurrent, epochs, &t);
    print_message("%s: %.3f, season before %.3f\n", recurrent, t.rmse, t.naive);
    /* Value and value before have a noise each: sqrt(2), and the rise of 12 rows. */
    assert_true(t.naive > 1.5 && t.naive < 2.3);
    assert_true(t.rmse < 0.85 * t.naive);
    nd_model_destroy(model);
    nd_ctx_destroy(ctx);
}

static void a_dense_network_beats_the_season_before(void **state)
{
    (void)state;
    check_better("none", "120");
}

static void an_lstm_beats_the_season_before(void **state)
{
    (void)state;
    check_better("lstm", "120");
}

static void forecasts_are_of_complete_windows_and_go_beyond_the_end(void **state)
{
    (void)state;
    nd_ctx *ctx;
    told t;
    fill(other, series);
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_model *model = train(ctx, other, series, "none", "100", &t);
    assert_int_equal(nd_model_outputs(model), OUTPUTS);
    assert_string_equal(nd_model_output_name(model, 1), "y[t+2]");
    predict(model, ctx, other, series, forecast);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(isnan(forecast[r * OUTPUTS]) == (r + 1 < WINDOW));
    }
    double next = 50 + 0.1 * ROWS + 10 * sin(2 * pi * ROWS / PERIOD);
    assert_true(fabs((double)forecast[(ROWS - 1) * OUTPUTS] - next) < 5);
    nd_model_destroy(model);
    nd_ctx_destroy(ctx);
}

/* What comes after the training rows has no part in the model but through when to stop. */
static void the_future_does_not_leak_into_training(void **state)
{
    (void)state;
    enum { KNOWN = 241 };
    nd_ctx *ctx;
    told t;
    fill(other, series);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_model *model = train(ctx, other, series, "none", "1", &t);
    assert_non_null(strstr(t.plan, "(by time)"));
    predict(model, ctx, other, series, forecast);
    nd_model_destroy(model);
    /* 335 windows: 67 test, 50 validate, two are left out; the last training window ends with
     * row 238 and forecasts rows 239 and 240. */
    assert_non_null(strstr(t.plan, "216 training, 50 validation, 67 test windows"));
    nd_real changed[ROWS];
    memcpy(changed, series, sizeof changed);
    for (size_t r = KNOWN; r < ROWS; r++) {
        changed[r] = (nd_real)(1000 - 3 * (double)series[r]);
    }
    model = train(ctx, other, changed, "none", "1", &t);
    predict(model, ctx, other, series, again);
    assert_memory_equal(forecast + WINDOW * OUTPUTS, again + WINDOW * OUTPUTS,
                        (ROWS - WINDOW) * OUTPUTS * sizeof *again);
    nd_model_destroy(model);
    changed[KNOWN - 1] += 1;
    model = train(ctx, other, changed, "none", "1", &t);
    predict(model, ctx, other, series, again);
    assert_memory_not_equal(forecast + WINDOW * OUTPUTS, again + WINDOW * OUTPUTS,
                            (ROWS - WINDOW) * OUTPUTS * sizeof *again);
    nd_model_destroy(model);
    nd_ctx_destroy(ctx);
}

static void a_saved_model_forecasts_the_same(void **state)
{
    (void)state;
    nd_ctx *ctx;
    told t;
    nd_table *table;
    nd_metrics *before, *after;
    char path[64];
    fill(other, series);
    snprintf(path, sizeof path, "/tmp/nadir-series-%ld.safetensors", (long)getpid());
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_model *model = train(ctx, other, series, "gru", "2", &t), *loaded;
    assert_int_equal(nd_model_save(model, path, 1), ND_OK);
    if (nd_model_load(ctx, path, &loaded) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    remove(path);
    predict(model, ctx, other, series, forecast);
    predict(loaded, ctx, other, series, again);
    assert_memory_equal(forecast + WINDOW * OUTPUTS, again + WINDOW * OUTPUTS,
                        (ROWS - WINDOW) * OUTPUTS * sizeof *again);
    assert_int_equal(nd_table_from_arrays(ctx, other, ROWS, 1, series, 1, &table), ND_OK);
    assert_int_equal(nd_model_evaluate(model, table, &before), ND_OK);
    assert_int_equal(nd_model_evaluate(loaded, table, &after), ND_OK);
    assert_true(nd_metrics_get(before, "rows") == ROWS - WINDOW - OUTPUTS + 1);
    assert_true(nd_metrics_get(before, "rmse") == nd_metrics_get(after, "rmse"));
    nd_metrics_destroy(before);
    nd_metrics_destroy(after);
    nd_table_destroy(table);
    nd_model_destroy(model);
    nd_model_destroy(loaded);
    nd_ctx_destroy(ctx);
}

/* Means and deviations of two networks, relative to the last value. */
static void the_spread_of_an_ensemble_is_that_of_complete_windows(void **state)
{
    (void)state;
    static const char *const given[] = {
        "window", "5",      "relative", "yes",    "loss", "gaussian", "ensemble",
        "2",      "epochs", "2",        "hidden", "4",    "refit",    "no",
    };
    enum { SHORT = 80, SKIPPED = 4, BOTH = 2 };
    nd_ctx *ctx;
    nd_config *config;
    nd_table *table;
    nd_model *model;
    nd_real y[SHORT * BOTH], spread[SHORT * BOTH];
    fill(other, series);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i += 2) {
        set(config, given[i], given[i + 1]);
    }
    assert_int_equal(nd_table_from_arrays(ctx, other, SHORT, 1, series, 1, &table), ND_OK);
    if (nd_train(ctx, config, table, NULL, NULL, &model) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    assert_int_equal(nd_model_outputs(model), BOTH);
    assert_int_equal(nd_model_predict_spread(model, table, y, spread), ND_OK);
    assert_int_equal(nd_model_predict_table(model, table, forecast), ND_OK);
    for (size_t i = 0; i < SHORT * BOTH; i++) {
        int skipped = i < SKIPPED * BOTH;
        assert_int_equal(isnan(y[i]) != 0, skipped);
        assert_int_equal(isnan(spread[i]) != 0, skipped);
        assert_true(skipped || (y[i] == forecast[i] && spread[i] >= 0));
    }
    /* A forecast counts from the last value, its deviation from 0. */
    assert_true(fabs((double)(y[2 * SKIPPED] - series[SKIPPED])) < 30);
    assert_true(y[2 * SKIPPED + 1] > 0 && y[2 * SKIPPED + 1] < 30);
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_network_beats_the_season_before),
        cmocka_unit_test(an_lstm_beats_the_season_before),
        cmocka_unit_test(forecasts_are_of_complete_windows_and_go_beyond_the_end),
        cmocka_unit_test(the_future_does_not_leak_into_training),
        cmocka_unit_test(a_saved_model_forecasts_the_same),
        cmocka_unit_test(the_spread_of_an_ensemble_is_that_of_complete_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
