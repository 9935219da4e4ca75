/* Windows of a series: who forecasts what, what goes in, what comes back. */
#include "data/window.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/prep_parts.h"
#include "data/source.h"
#include "unit/data/make_table.h"

enum { ROWS = 12 };

static const double sales[ROWS] = {10, 12, 11, 15, 14, 18, 17, 21, 20, 24, 23, 27};

static nd_table *series_table(void)
{
    nd_table *table = make_table(ROWS, true);
    add_numbers(table, "sales", sales);
    add_cycle(table, "day", "d", 3);
    return table;
}

static const char *const target[] = {"sales"};

static nd_prep *fit(const nd_table *table, bool relative)
{
    nd_prep_params params = plain;
    params.scaling = ND_SCALING_NONE;
    params.window = 3;
    params.horizon = 2;
    params.relative = relative;
    params.target = target;
    params.target_count = 1;
    return fit_all(table, &params);
}

/* 20 rows, windows of 4, 3 ahead: the windows that end in rows 3..16. Of these 14, a
 * quarter tests (4: 13..16) and a seventh validates (2); between the parts two are left out,
 * since they forecast rows of both. */
static void parts_follow_each_other_in_time(void **state)
{
    (void)state;
    nd_windows w = {.window = 4, .horizon = 3, .stride = 1};
    static const uint32_t expected[] = {3, 4, 5, 6, 9, 10, 13, 14, 15, 16};
    nd_split s;
    assert_int_equal(nd_windows_split(ctx, 20, &w, 1 / 7.0, 0.25, &s), ND_OK);
    assert_int_equal(s.train, 4);
    assert_int_equal(s.valid, 2);
    assert_int_equal(s.test, 4);
    assert_memory_equal(s.index, expected, sizeof expected);
    nd_split_free(&s);
}

static void no_row_is_forecast_in_two_parts(void **state)
{
    (void)state;
    for (size_t horizon = 1; horizon < 6; horizon++) {
        nd_windows w = {.window = 5, .horizon = horizon, .stride = 1};
        nd_split s;
        assert_int_equal(nd_windows_split(ctx, 100, &w, 0.2, 0.2, &s), ND_OK);
        uint32_t last_train = s.index[s.train - 1], first_valid = s.index[s.train];
        uint32_t last_valid = s.index[s.train + s.valid - 1];
        uint32_t first_test = s.index[s.train + s.valid];
        assert_true(last_train + horizon < first_valid + 1);
        assert_true(last_valid + horizon < first_test + 1);
        assert_int_equal(s.index[s.train + s.valid + s.test - 1] + horizon, 99);
        assert_int_equal(s.index[0], 4);
        nd_split_free(&s);
    }
}

/* 17 training windows, 2..18; every fifth from the latest: 3, 8, 13, 18. */
static void a_stride_keeps_the_latest_training_window(void **state)
{
    (void)state;
    nd_windows w = {.window = 3, .horizon = 1, .stride = 5};
    static const uint32_t expected[] = {3, 8, 13, 18};
    nd_split s;
    assert_int_equal(nd_windows_split(ctx, 20, &w, 0, 0, &s), ND_OK);
    assert_int_equal(s.train, 4);
    assert_int_equal(s.valid + s.test, 0);
    assert_memory_equal(s.index, expected, sizeof expected);
    nd_split_free(&s);
}

static void too_few_rows_are_refused(void **state)
{
    (void)state;
    nd_windows w = {.window = 8, .horizon = 2, .stride = 1};
    nd_split s;
    assert_int_equal(nd_windows_split(ctx, 9, &w, 0, 0, &s), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "9 rows: too few for windows of 8 rows, 2 ahead");
    assert_int_equal(nd_windows_split(ctx, 11, &w, 0.2, 0.2, &s), ND_ERR_DATA);
    assert_null(s.index);
    assert_int_equal(nd_windows_split(ctx, 10, &w, 0, 0, &s), ND_OK);
    assert_int_equal(s.train, 1);
    nd_split_free(&s);
    assert_int_equal(nd_windows_split(ctx, 100, &w, 0.5, 0.5, &s), ND_ERR_ARGUMENT);
}

static void the_target_is_an_input_as_well(void **state)
{
    (void)state;
    nd_table *table = series_table();
    nd_prep *prep = fit(table, false);
    assert_int_equal(prep->columns, 2);
    assert_int_equal(prep->features, 1 + 3);
    assert_int_equal(nd_prep_inputs(prep), 3 * 4);
    assert_int_equal(prep->targets, 2);
    assert_string_equal(prep->target[0].name, "sales[t+1]");
    assert_string_equal(prep->target[1].name, "sales[t+2]");
    assert_int_equal(prep->task, ND_TASK_REGRESSION);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

/* Row 4: rows 2, 3, 4 go in, each with its number and its day of three; rows 5 and 6 come
 * out. */
static void a_window_is_its_rows_one_after_the_other(void **state)
{
    (void)state;
    const uint32_t row = 4;
    static const double expected[] = {11, 0, 0, 1, 15, 1, 0, 0, 14, 0, 1, 0};
    nd_table *table = series_table();
    nd_prep *prep = fit(table, false);
    nd_prep_map map;
    nd_source *source;
    nd_real x[12], y[2], from_source[12], label[2];
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    nd_prep_features(&map, &row, 0, 1, x);
    assert_int_equal(nd_prep_labels(&map, &row, 0, 1, y), ND_OK);
    for (size_t i = 0; i < 12; i++) {
        assert_true(x[i] == (nd_real)expected[i]);
    }
    assert_true(nd_prep_value_at(&map, 4, 0) == 18 && nd_prep_value_at(&map, 4, 1) == 17);
    for (size_t k = 0; k < 2; k++) {
        double scaled = (sales[5 + k] - prep->target[k].center) / prep->target[k].scale;
        assert_true(fabs((double)y[k] - scaled) < 1e-6);
    }
    assert_int_equal(nd_source_from_table(&map, &row, 1, &source), ND_OK);
    nd_source_gather(source, NULL, NULL, 0, 1, from_source, label);
    assert_memory_equal(from_source, x, sizeof x);
    assert_memory_equal(label, y, sizeof y);
    nd_source_destroy(source);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

/* The same window counted from its last value, 14; the days stay. */
static void a_relative_window_counts_from_its_last_value(void **state)
{
    (void)state;
    const uint32_t row = 4;
    static const double expected[] = {-3, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0};
    nd_table *table = series_table();
    nd_prep *prep = fit(table, true);
    nd_prep_map map;
    nd_source *source;
    nd_real x[12], y[2], from_source[12], label[2];
    nd_windows_moves(prep, table, ROWS);
    /* Steps of the series: 2 -1 4 -1 4 -1 4 -1 4 -1 4, mean 17/11. */
    assert_true(fabs(prep->target[0].center - 17.0 / 11) < 1e-12);
    assert_true(fabs(prep->target[0].scale - sqrt(89.0 / 11 - 289.0 / 121)) < 1e-12);
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_true(nd_prep_level(&map, 4) == 14);
    nd_prep_features(&map, &row, 0, 1, x);
    assert_int_equal(nd_prep_labels(&map, &row, 0, 1, y), ND_OK);
    for (size_t i = 0; i < 12; i++) {
        assert_true(x[i] == (nd_real)expected[i]);
    }
    double scaled = (18 - 14 - prep->target[0].center) / prep->target[0].scale;
    assert_true(fabs((double)y[0] - scaled) < 1e-6);
    assert_int_equal(nd_source_from_table(&map, &row, 1, &source), ND_OK);
    nd_source_gather(source, NULL, NULL, 0, 1, from_source, label);
    assert_memory_equal(from_source, x, sizeof x);
    assert_memory_equal(label, y, sizeof y);
    nd_source_destroy(source);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void beyond_the_end_there_is_no_label(void **state)
{
    (void)state;
    const uint32_t row = ROWS - 2;
    nd_table *table = series_table();
    nd_prep *prep = fit(table, false);
    nd_prep_map map;
    nd_real y[2];
    uint32_t *index;
    size_t count;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_true(isnan(nd_prep_value_at(&map, row, 1)));
    assert_int_equal(nd_prep_labels(&map, &row, 0, 1, y), ND_ERR_DATA);
    assert_int_equal(nd_windows_all(prep, table, &index, &count), ND_OK);
    assert_int_equal(count, ROWS - 3 - 2 + 1);
    assert_int_equal(index[0], 2);
    assert_int_equal(index[count - 1], ROWS - 3);
    nd_free(index);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

/* Rows 9 and 10 with a period of 3: what was 3 rows before each. */
static void the_naive_forecast_repeats_a_period(void **state)
{
    (void)state;
    nd_table *table = series_table();
    nd_prep *prep = fit(table, false);
    nd_prep_map map;
    double value[2];
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    prep->period = 1;
    nd_windows_naive(&map, 8, value);
    assert_true(value[0] == 20 && value[1] == 20);
    prep->period = 3;
    nd_windows_naive(&map, 8, value);
    assert_true(value[0] == 17 && value[1] == 21);
    prep->period = 50; /* the table does not reach back so far: the last value */
    nd_windows_naive(&map, 8, value);
    assert_true(value[0] == 20 && value[1] == 20);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void the_period_of_a_season_is_found(void **state)
{
    (void)state;
    enum { LONG = 210 };
    double value[LONG];
    for (size_t r = 0; r < LONG; r++) {
        value[r] = (double)(r * r % 7 * 5) + 0.01 * sin((double)r * 1.7);
    }
    nd_table *table = make_table(LONG, true);
    add_numbers(table, "sales", value);
    nd_prep *prep = fit(table, false);
    assert_int_equal(nd_windows_period(prep, table, LONG), ND_OK);
    assert_int_equal(prep->period % 7, 0);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
    /* A walk that only goes on has none. */
    for (size_t r = 0; r < LONG; r++) {
        value[r] = (double)r + 0.3 * sin((double)(r * r));
    }
    table = make_table(LONG, true);
    add_numbers(table, "sales", value);
    prep = fit(table, false);
    assert_int_equal(nd_windows_period(prep, table, LONG), ND_OK);
    assert_int_equal(prep->period, 1);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void what_cannot_be_forecast_is_refused(void **state)
{
    (void)state;
    nd_prep *prep;
    static const char *const both[] = {"sales", "day"};
    nd_table *table = series_table();
    nd_prep_params params = plain;
    params.window = 3;
    params.horizon = 1;
    params.target = both;
    params.target_count = 2;
    assert_int_equal(nd_prep_begin(ctx, table, &params, &prep), ND_ERR_OPTION);
    assert_has(nd_ctx_message(ctx), "one target is forecast");
    params.target = both + 1;
    params.target_count = 1;
    assert_int_equal(nd_prep_begin(ctx, table, &params, &prep), ND_ERR_DATA);
    params.target = both;
    params.task = ND_TASK_MULTICLASS;
    assert_int_equal(nd_prep_begin(ctx, table, &params, &prep), ND_ERR_OPTION);
    assert_has(nd_ctx_message(ctx), "not classes");
    nd_table_destroy(table);
}

/* As a model file might claim it. */
static void a_series_from_outside_is_checked(void **state)
{
    (void)state;
    nd_table *table = series_table();
    nd_prep *prep = fit(table, true);
    prep->period = 1;
    assert_null(nd_windows_check(prep));
    prep->period = 0;
    assert_non_null(nd_windows_check(prep));
    prep->period = 1;
    prep->window = SIZE_MAX / 2;
    assert_non_null(nd_windows_check(prep));
    prep->window = 0;
    assert_non_null(nd_windows_check(prep));
    prep->relative = false;
    assert_null(nd_windows_check(prep));
    prep->window = 3;
    prep->target[1].position = 1; /* another column, of words */
    assert_non_null(nd_windows_check(prep));
    prep->target[0].position = 1;
    assert_non_null(nd_windows_check(prep));
    prep->target[0].position = prep->target[1].position = 2;
    assert_non_null(nd_windows_check(prep));
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_follow_each_other_in_time),
        TEST(no_row_is_forecast_in_two_parts),
        TEST(a_stride_keeps_the_latest_training_window),
        TEST(too_few_rows_are_refused),
        TEST(the_target_is_an_input_as_well),
        TEST(a_window_is_its_rows_one_after_the_other),
        TEST(a_relative_window_counts_from_its_last_value),
        TEST(beyond_the_end_there_is_no_label),
        TEST(the_naive_forecast_repeats_a_period),
        TEST(the_period_of_a_season_is_found),
        TEST(what_cannot_be_forecast_is_refused),
        TEST(a_series_from_outside_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
