#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/data/make_table.h"

static const char *class_text(const nd_prep *prep, uint32_t k)
{
    return nd_dict_word(prep->classes, k, NULL);
}

static nd_table *with_target(size_t rows, const double *target)
{
    nd_table *table = make_table(rows, true);
    add_ramp(table, "x", 0.5, 1.25);
    add_numbers(table, "y", target);
    return table;
}

static nd_prep *begin(const nd_table *table, const nd_prep_params *params)
{
    nd_prep *prep = NULL;
    if (nd_prep_begin(ctx, table, params, &prep) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return prep;
}

static void refuse(nd_table *table, const nd_prep_params *params, const char *message)
{
    nd_prep *prep = NULL;
    assert_int_equal(nd_prep_begin(ctx, table, params, &prep), ND_ERR_DATA);
    assert_null(prep);
    assert_has(nd_ctx_message(ctx), message);
    nd_table_destroy(table);
}

static void text_target_means_classes_in_byte_order(void **state)
{
    (void)state;
    const char *word[] = {"b", "a", "c", "b", "a", "c"};
    nd_table *table = make_table(6, true);
    add_ramp(table, "x", 0, 1);
    add_words(table, "y", word);
    nd_prep *prep = begin(table, &plain);
    assert_int_equal(prep->task, ND_TASK_MULTICLASS);
    assert_int_equal(nd_prep_outputs(prep), 3);
    assert_int_equal(nd_prep_label_width(prep), 1);
    assert_string_equal(class_text(prep, 0), "a");
    assert_string_equal(class_text(prep, 2), "c");
    assert_true(prep->class_count[1] == 2);
    assert_int_equal(prep->column[0].kind, ND_PREP_DROPPED);
    assert_string_equal(prep->column[0].reason, "not fitted");
    assert_has(logged, "2 task: multiclass, 3 classes");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void number_classes_are_ordered_by_value(void **state)
{
    (void)state;
    const double y[] = {10, 9, -1, 10, 9, -1};
    nd_table *table = with_target(6, y);
    nd_prep *prep = begin(table, &plain);
    assert_int_equal(prep->task, ND_TASK_MULTICLASS);
    assert_string_equal(class_text(prep, 0), "-1");
    assert_string_equal(class_text(prep, 1), "9");
    assert_string_equal(class_text(prep, 2), "10");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void text_classes_that_are_all_numbers_are_ordered_by_value(void **state)
{
    (void)state;
    const char *word[] = {"10", "9", "10", "9"};
    nd_table *table = make_table(4, true);
    add_ramp(table, "x", 0, 1);
    add_words(table, "y", word);
    nd_prep *prep = begin(table, &plain);
    assert_int_equal(prep->task, ND_TASK_BINARY);
    assert_string_equal(class_text(prep, 0), "9");
    assert_string_equal(class_text(prep, 1), "10");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void exclusive_or_with_four_rows_is_binary(void **state)
{
    (void)state;
    const double y[] = {0, 1, 1, 0};
    nd_table *table = with_target(4, y);
    nd_prep *prep = begin(table, &plain);
    assert_int_equal(prep->task, ND_TASK_BINARY);
    assert_int_equal(nd_prep_outputs(prep), 2);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void expect_regression(nd_table *table, const nd_prep_params *params)
{
    nd_prep *prep = begin(table, params);
    assert_int_equal(prep->task, ND_TASK_REGRESSION);
    assert_null(prep->classes);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void fractions_and_unrepeated_numbers_are_regression(void **state)
{
    (void)state;
    const double fraction[] = {0.5, 1.5, 0.5, 1.5}, unrepeated[] = {1, 2, 3, 4};
    expect_regression(with_target(4, fraction), &plain);
    expect_regression(with_target(4, unrepeated), &plain);
}

static void twenty_whole_numbers_are_classes_and_twenty_one_are_not(void **state)
{
    (void)state;
    double y[63];
    for (size_t different = 20; different <= 21; different++) {
        for (size_t r = 0; r < 63; r++) {
            y[r] = (double)(r % different);
        }
        nd_table *table = with_target(63, y);
        nd_prep *prep = begin(table, &plain);
        assert_int_equal(prep->task, different == 20 ? ND_TASK_MULTICLASS : ND_TASK_REGRESSION);
        nd_prep_destroy(prep);
        nd_table_destroy(table);
    }
}

static void asking_for_a_task_overrides_the_guess(void **state)
{
    (void)state;
    const double y[] = {0, 1, 1, 0}, many[] = {0.5, 2, 0.5, 7};
    nd_prep_params params = plain;
    params.task = ND_TASK_REGRESSION;
    expect_regression(with_target(4, y), &params);
    params.task = ND_TASK_MULTICLASS;
    nd_table *table = with_target(4, many);
    nd_prep *prep = begin(table, &params);
    assert_int_equal(prep->task, ND_TASK_MULTICLASS);
    assert_string_equal(class_text(prep, 0), "0.5");
    assert_has(logged, "1 class \"2\" (and others) of target \"y\" has a single row");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void several_targets_are_regression_and_no_inputs(void **state)
{
    (void)state;
    const char *targets[] = {"y", "1"};
    const double y[] = {0, 1, 1, 0};
    nd_table *table = make_table(4, true);
    add_ramp(table, "a", 0, 1);
    add_ramp(table, "b", 0, 2);
    add_numbers(table, "y", y);
    nd_prep_params params = plain;
    params.target = targets;
    params.target_count = 2;
    nd_prep *prep = begin(table, &params);
    assert_int_equal(prep->task, ND_TASK_REGRESSION);
    assert_int_equal(nd_prep_outputs(prep), 2);
    assert_string_equal(prep->target[0].name, "y");
    assert_int_equal(prep->target[1].position, 0);
    assert_int_equal(prep->columns, 1);
    assert_string_equal(prep->column[0].name, "b");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void arrays_bring_their_own_targets(void **state)
{
    (void)state;
    const nd_real x[] = {1, 2, 3, 4, 5, 6}, y[] = {1, 5, 2, 6, 3, 8};
    nd_table *table = NULL;
    assert_int_equal(nd_table_from_arrays(ctx, x, 3, 2, y, 2, &table), ND_OK);
    nd_prep *prep = begin(table, &plain);
    assert_int_equal(prep->targets, 2);
    assert_string_equal(prep->target[0].name, "y0");
    assert_int_equal(prep->columns, 2);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void unusable_targets_are_refused_by_name(void **state)
{
    (void)state;
    const double constant[] = {3, 3, 3}, gap[] = {1, NAN, 2}, fractions[] = {.5, .5, .5};
    const double endless[] = {1, 2, INFINITY};
    refuse(with_target(3, constant), &plain, "one class only (\"3\")");
    refuse(with_target(3, fractions), &plain, "constant (0.5 in every row)");
    refuse(with_target(3, gap), &plain, "t.csv: row 2, column \"y\": the target is missing");
    refuse(with_target(3, endless), &plain, "row 3, column \"y\": the target is infinite");
}

static void misspelt_columns_are_refused_with_the_nearest(void **state)
{
    (void)state;
    const char *wrong[] = {"speceis"};
    for (int which = 0; which < 3; which++) {
        nd_table *table = make_table(3, true);
        add_ramp(table, "x", 0, 1);
        add_ramp(table, "species", 0, 1);
        nd_prep_params params = plain;
        if (which == 0) {
            params.target = wrong;
            params.target_count = 1;
        } else if (which == 1) {
            params.drop = wrong;
            params.drop_count = 1;
        } else {
            params.keep = wrong;
            params.keep_count = 1;
        }
        refuse(table, &params, "did you mean \"species\"");
    }
}

static void text_cannot_be_a_quantity(void **state)
{
    (void)state;
    const char *word[] = {"low", "high", "low"};
    nd_table *table = make_table(3, true);
    add_ramp(table, "x", 0, 1);
    add_words(table, "y", word);
    nd_prep_params params = plain;
    params.task = ND_TASK_REGRESSION;
    refuse(table, &params, "row 1, column \"y\": \"low\" is text");
}

static void three_classes_are_not_binary(void **state)
{
    (void)state;
    const double y[] = {0, 1, 2, 0, 1, 2};
    nd_prep_params params = plain;
    params.task = ND_TASK_BINARY;
    refuse(with_target(6, y), &params, "has 3 classes, but task binary takes 2");
}

static void a_text_target_that_never_repeats_is_refused(void **state)
{
    (void)state;
    nd_table *table = make_table(30, true);
    add_ramp(table, "x", 0, 1);
    add_cycle(table, "y", "w", 30);
    refuse(table, &plain, "30 different texts in 30 rows");
}

static void a_table_of_targets_alone_is_refused(void **state)
{
    (void)state;
    nd_table *table = make_table(3, true);
    add_ramp(table, "y", 0, 1);
    refuse(table, &plain, "no column is left beside the target");
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const char *word[] = {"b", "a", "c", "b", "a", "c"};
    nd_table *table = make_table(6, true);
    add_ramp(table, "x", 0, 1);
    add_words(table, "y", word);
    nd_prep *prep = NULL;
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status != ND_OK; n++) {
        assert_true(n < 100);
        nd_alloc_fail_at(n, false);
        status = nd_prep_begin(ctx, table, &plain, &prep);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || (status == ND_ERR_MEMORY && !prep));
    }
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(text_target_means_classes_in_byte_order),
        CASE(number_classes_are_ordered_by_value),
        CASE(text_classes_that_are_all_numbers_are_ordered_by_value),
        CASE(exclusive_or_with_four_rows_is_binary),
        CASE(fractions_and_unrepeated_numbers_are_regression),
        CASE(twenty_whole_numbers_are_classes_and_twenty_one_are_not),
        CASE(asking_for_a_task_overrides_the_guess),
        CASE(several_targets_are_regression_and_no_inputs),
        CASE(arrays_bring_their_own_targets),
        CASE(unusable_targets_are_refused_by_name),
        CASE(misspelt_columns_are_refused_with_the_nearest),
        CASE(text_cannot_be_a_quantity),
        CASE(three_classes_are_not_binary),
        CASE(a_text_target_that_never_repeats_is_refused),
        CASE(a_table_of_targets_alone_is_refused),
        CASE(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
