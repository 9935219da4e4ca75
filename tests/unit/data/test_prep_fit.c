#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/prep_suspect.h"
#include "unit/data/make_table.h"

static const nd_prep_column *column_of(const nd_prep *prep, const char *name)
{
    for (size_t i = 0; i < prep->columns; i++) {
        if (strcmp(prep->column[i].name, name) == 0) {
            return &prep->column[i];
        }
    }
    fail_msg("no column %s", name);
    return NULL;
}

/* A table of rows with an honest first input and a binary target to be added last. */
static nd_table *begin_table(size_t rows)
{
    nd_table *table = make_table(rows, true);
    add_ramp(table, "honest", 0.5, 1.25);
    return table;
}

static nd_prep *finish(nd_table *table, const nd_prep_params *params)
{
    add_cycle(table, "y", "class", 2);
    return fit_all(table, params);
}

static void done(nd_prep *prep, nd_table *table)
{
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void expect_kind(const nd_prep *prep, const char *name, nd_prep_kind kind,
                        const char *reason)
{
    const nd_prep_column *column = column_of(prep, name);
    if (column->kind != kind) {
        fail_msg("%s is %s", name, nd_prep_kind_name(column->kind));
    }
    if (reason) {
        assert_string_equal(column->reason, reason);
    }
}

static void standard_scaling_uses_mean_and_population_deviation(void **state)
{
    (void)state;
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9}; /* mean 5, deviation 2 */
    nd_table *table = make_table(8, true);
    add_numbers(table, "x", x);
    nd_prep *prep = finish(table, &plain);
    const nd_prep_column *column = column_of(prep, "x");
    assert_true(column->center == 5 && column->scale == 2 && column->fill == 5);
    assert_true(column->low == 5 - 10 * 2 && column->high == 5 + 10 * 2);
    assert_int_equal(prep->features, 1);
    assert_null(column->reason);
    done(prep, table);
}

static void huge_and_tiny_numbers_keep_their_deviation(void **state)
{
    (void)state;
    const double huge[] = {1e308, -1e308, 1e308, -1e308}, tiny[] = {1e-300, 3e-300, 1e-300, 3e-300};
    nd_table *table = make_table(4, true);
    add_numbers(table, "huge", huge);
    add_numbers(table, "tiny", tiny);
    nd_prep *prep = finish(table, &plain);
    assert_true(column_of(prep, "huge")->scale == 1e308 && column_of(prep, "huge")->center == 0);
    assert_true(fabs(column_of(prep, "tiny")->scale / 1e-300 - 1) < 1e-12);
    assert_true(column_of(prep, "huge")->high == ND_PREP_UNBOUNDED);
    done(prep, table);
}

static void a_small_deviation_beside_a_large_mean_is_exact(void **state)
{
    (void)state;
    const double x[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}; /* variance 22.5 */
    nd_table *table = make_table(4, true);
    add_numbers(table, "x", x);
    nd_prep *prep = finish(table, &plain);
    double deviation = column_of(prep, "x")->scale;
    assert_true(fabs(deviation * deviation - 22.5) < 1e-9);
    done(prep, table);
}

static void minmax_spans_the_training_range(void **state)
{
    (void)state;
    const double x[] = {3, 11, 5, 7};
    nd_prep_params params = plain;
    params.scaling = ND_SCALING_MINMAX;
    nd_table *table = make_table(4, true);
    add_numbers(table, "x", x);
    nd_prep *prep = finish(table, &params);
    assert_true(column_of(prep, "x")->center == 3 && column_of(prep, "x")->scale == 8);
    done(prep, table);
}

static void only_the_given_rows_are_looked_at(void **state)
{
    (void)state;
    const double x[] = {1, 1000, 3, -1000, NAN, 5};
    const char *y[] = {"a", "b", "b", "a", "a", "b"};
    const uint32_t rows[] = {0, 2, 5};
    nd_table *table = make_table(6, true);
    nd_prep *prep = NULL;
    add_numbers(table, "x", x);
    add_words(table, "y", y);
    assert_int_equal(nd_prep_begin(ctx, table, &plain, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, rows, 3, &plain), ND_OK);
    assert_true(prep->column[0].center == 3);
    assert_false(prep->column[0].missing_feature);
    assert_true(prep->class_count[0] == 1 && prep->class_count[1] == 2);
    done(prep, table);
}

static void quantiles_and_target_scale_come_from_the_given_rows(void **state)
{
    (void)state;
    const double x[] = {1, 1000, 3, -1000, 700, 5}, y[] = {2.5, 900, 4.5, -900, 77, 6.5};
    const uint32_t rows[] = {0, 2, 5};
    nd_prep_params params = plain;
    params.scaling = ND_SCALING_QUANTILE;
    params.task = ND_TASK_REGRESSION;
    nd_table *table = make_table(6, true);
    nd_prep *prep = NULL;
    add_numbers(table, "x", x);
    add_numbers(table, "y", y);
    assert_int_equal(nd_prep_begin(ctx, table, &params, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, rows, 3, &params), ND_OK);
    const nd_prep_column *column = &prep->column[0];
    assert_true(column->knots[0] == 1 && column->knots[column->knot_count - 1] == 5);
    assert_true(column->fill == 3);
    assert_true(prep->target[0].center == 4.5);
    assert_true(fabs(prep->target[0].scale * prep->target[0].scale - 8.0 / 3) < 1e-14);
    done(prep, table);
}

static void a_class_outside_of_the_training_rows_is_warned_about(void **state)
{
    (void)state;
    const char *y[] = {"a", "a", "b", "b"};
    const uint32_t rows[] = {0, 1};
    nd_table *table = make_table(4, true);
    nd_prep *prep = NULL;
    add_ramp(table, "x", 0, 1.5);
    add_words(table, "y", y);
    assert_int_equal(nd_prep_begin(ctx, table, &plain, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, rows, 2, &plain), ND_OK);
    assert_has(logged, "1 class \"b\" of target \"y\" is not in the training rows");
    done(prep, table);
}

static void constant_and_empty_columns_are_dropped_with_a_warning(void **state)
{
    (void)state;
    const double same[] = {7, 7, 7, 7}, none[] = {NAN, NAN, NAN, NAN}, gap[] = {7, NAN, 7, 7};
    const char *word[] = {"w", "w", "w", "w"};
    nd_table *table = begin_table(4);
    add_numbers(table, "same", same);
    add_numbers(table, "none", none);
    add_words(table, "word", word);
    add_numbers(table, "gap", gap);
    nd_prep *prep = finish(table, &plain);
    expect_kind(prep, "same", ND_PREP_DROPPED, "constant");
    expect_kind(prep, "none", ND_PREP_DROPPED, "no values");
    expect_kind(prep, "word", ND_PREP_DROPPED, "constant");
    expect_kind(prep, "gap", ND_PREP_NUMBER, NULL);
    assert_int_equal(prep->features, 1 + 2);
    assert_true(column_of(prep, "gap")->scale == 1);
    assert_has(logged, "1 column \"same\" is not used: constant in the training rows");
    assert_has(logged, "1 column \"none\" is not used: no values in the training rows");
    done(prep, table);
}

static void columns_that_number_the_rows_are_dropped(void **state)
{
    (void)state;
    nd_table *table = make_table(60, true);
    add_ramp(table, "n", 60, -1);
    add_ramp(table, "user_id", 5000, 17);
    add_ramp(table, "CustomerId", 9000, 3);
    add_ramp(table, "paid", 5000, 17);
    add_ramp(table, "year", 60, 1);
    add_cycle(table, "name", "n", 40);
    add_cycle(table, "town", "t", 30);
    nd_prep *prep = finish(table, &plain);
    expect_kind(prep, "n", ND_PREP_DROPPED, "identifier");
    expect_kind(prep, "user_id", ND_PREP_DROPPED, "identifier");
    expect_kind(prep, "CustomerId", ND_PREP_DROPPED, "identifier");
    expect_kind(prep, "name", ND_PREP_DROPPED, "identifier");
    expect_kind(prep, "paid", ND_PREP_NUMBER, NULL);
    expect_kind(prep, "year", ND_PREP_NUMBER, NULL);
    expect_kind(prep, "town", ND_PREP_ONE_HOT, NULL);
    assert_has(logged, "1 column \"user_id\" looks like an identifier");
    assert_has(logged, "--keep user_id uses it");
    done(prep, table);
}

static void kept_identifiers_are_used(void **state)
{
    (void)state;
    const char *keep[] = {"user_id", "2"};
    nd_prep_params params = plain;
    params.keep = keep;
    params.keep_count = 2;
    nd_table *table = make_table(60, true);
    add_ramp(table, "user_id", 5000, 17);
    add_cycle(table, "name", "n", 60);
    nd_prep *prep = finish(table, &params);
    expect_kind(prep, "user_id", ND_PREP_NUMBER, NULL);
    expect_kind(prep, "name", ND_PREP_HASHED, NULL);
    assert_int_equal(prep->features, 1 + 16);
    done(prep, table);
}

static void a_lone_number_that_counts_the_rows_is_used(void **state)
{
    (void)state;
    nd_table *table = make_table(100, true);
    add_ramp(table, "x", 0, 1);
    nd_prep *prep = finish(table, &plain);
    expect_kind(prep, "x", ND_PREP_NUMBER, NULL);
    assert_has(logged, "is the only input: it is used");
    done(prep, table);
}

static void dropped_columns_need_no_warning(void **state)
{
    (void)state;
    const char *drop[] = {"b"};
    nd_prep_params params = plain;
    params.drop = drop;
    params.drop_count = 1;
    nd_table *table = begin_table(4);
    add_ramp(table, "b", 1, 2.5);
    nd_prep *prep = finish(table, &params);
    expect_kind(prep, "b", ND_PREP_DROPPED, "by request");
    assert_null(strstr(logged, "\"b\""));
    done(prep, table);
}

static void no_input_left_is_an_error(void **state)
{
    (void)state;
    const double same[] = {7, 7, 7, 7};
    nd_table *table = make_table(4, true);
    nd_prep *prep = NULL;
    add_numbers(table, "x", same);
    add_cycle(table, "y", "class", 2);
    assert_int_equal(nd_prep_begin(ctx, table, &plain, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, NULL, 4, &plain), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "no input is left: column \"x\" is not used (constant)");
    done(prep, table);
}

static void infinite_inputs_are_refused_with_their_row(void **state)
{
    (void)state;
    const double x[] = {1, 2, INFINITY, 4};
    nd_table *table = make_table(4, true);
    nd_prep *prep = NULL;
    add_numbers(table, "x", x);
    add_cycle(table, "y", "class", 2);
    assert_int_equal(nd_prep_begin(ctx, table, &plain, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, NULL, 4, &plain), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "row 3, column \"x\": the value is infinite");
    done(prep, table);
}

static void many_words_are_hashed_and_few_are_not(void **state)
{
    (void)state;
    nd_prep_params params = plain;
    params.max_one_hot = 10;
    nd_table *table = begin_table(60);
    add_cycle(table, "few", "w", 10);
    add_cycle(table, "many", "w", 11);
    nd_prep *prep = finish(table, &params);
    expect_kind(prep, "few", ND_PREP_ONE_HOT, NULL);
    expect_kind(prep, "many", ND_PREP_HASHED, NULL);
    assert_int_equal(prep->features, 1 + 10 + 16);
    assert_int_equal(column_of(prep, "many")->first, 11);
    done(prep, table);
}

static void regression_targets_are_standardized(void **state)
{
    (void)state;
    const double y[] = {2.5, 4, 4, 4, 5, 5, 7, 8.5}; /* mean 5, variance 25.5 / 8 */
    nd_table *table = begin_table(8);
    add_numbers(table, "y", y);
    nd_prep *prep = fit_all(table, &plain);
    assert_true(fabs(prep->target[0].center - 5) < 1e-15);
    assert_true(fabs(prep->target[0].scale * prep->target[0].scale - 25.5 / 8) < 1e-14);
    done(prep, table);
}

static void identifier_names_are_known(void **state)
{
    (void)state;
    const char *yes[] = {"id",         "ID",    "Id",   "row_id",       "user-id",  "PassengerId",
                         "customerID", "index", "uuid", "session_uuid", "id_number"};
    const char *no[] = {"paid", "acid", "valid", "grid", "fnlwgt", "idea", "rapid", "bmi", "i"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_true(nd_suspect_name(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (nd_suspect_name(no[i])) {
            fail_msg("%s", no[i]);
        }
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    nd_prep_params params = plain;
    params.scaling = ND_SCALING_QUANTILE;
    nd_table *table = begin_table(60);
    add_cycle(table, "few", "w", 10);
    add_ramp(table, "index", 0, 1);
    add_cycle(table, "y", "class", 2);
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status != ND_OK; n++) {
        nd_prep *prep = NULL;
        assert_true(n < 200);
        assert_int_equal(nd_prep_begin(ctx, table, &params, &prep), ND_OK);
        nd_alloc_fail_at(n, false);
        status = nd_prep_fit(prep, table, NULL, 60, &params);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || status == ND_ERR_MEMORY);
        nd_prep_destroy(prep);
    }
    nd_table_destroy(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(standard_scaling_uses_mean_and_population_deviation),
        CASE(huge_and_tiny_numbers_keep_their_deviation),
        CASE(a_small_deviation_beside_a_large_mean_is_exact),
        CASE(minmax_spans_the_training_range),
        CASE(only_the_given_rows_are_looked_at),
        CASE(quantiles_and_target_scale_come_from_the_given_rows),
        CASE(a_class_outside_of_the_training_rows_is_warned_about),
        CASE(constant_and_empty_columns_are_dropped_with_a_warning),
        CASE(columns_that_number_the_rows_are_dropped),
        CASE(kept_identifiers_are_used),
        CASE(a_lone_number_that_counts_the_rows_is_used),
        CASE(dropped_columns_need_no_warning),
        CASE(no_input_left_is_an_error),
        CASE(infinite_inputs_are_refused_with_their_row),
        CASE(many_words_are_hashed_and_few_are_not),
        CASE(regression_targets_are_standardized),
        CASE(identifier_names_are_known),
        CASE(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
