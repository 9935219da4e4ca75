/* Several targets of two values, shares of 1, and words that are numbered. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/data/make_table.h"

enum { ROWS = 6 };

static const double rain[ROWS] = {0, 1, 1, 0, 1, 0}, amount[ROWS] = {3, 7, 3, 3, 7, 7};
static const char *const wind[ROWS] = {"yes", "no", "no", "yes", "no", "no"};

static const char *const both[] = {"rain", "wind"}, *const numbers[] = {"rain", "amount"};

static nd_table *weather(void)
{
    nd_table *table = make_table(ROWS, true);
    add_ramp(table, "x", 0.5, 1.25);
    add_numbers(table, "rain", rain);
    add_words(table, "wind", wind);
    add_numbers(table, "amount", amount);
    return table;
}

static nd_prep *fit(const nd_table *table, const nd_prep_params *params)
{
    nd_prep *prep = NULL;
    if (nd_prep_begin(ctx, table, params, &prep) != ND_OK ||
        nd_prep_fit(prep, table, NULL, table->rows, params) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return prep;
}

static nd_prep_params asking(const char *const *target, size_t count, nd_task task)
{
    nd_prep_params params = plain;
    params.target = target;
    params.target_count = count;
    params.task = task;
    return params;
}

static void several_targets_of_two_values_are_labels(void **state)
{
    (void)state;
    nd_prep_params params = asking(both, 2, ND_TASK_AUTO);
    nd_table *table = weather();
    nd_prep *prep = fit(table, &params);
    assert_int_equal(prep->task, ND_TASK_MULTILABEL);
    assert_int_equal(nd_prep_outputs(prep), 2);
    assert_int_equal(nd_prep_label_width(prep), 2);
    assert_string_equal(nd_dict_word(prep->target[1].classes, 1, NULL), "yes");
    assert_true(prep->target[0].mean == 0.5);
    assert_true(fabs(prep->target[1].mean - 1.0 / 3) < 1e-15);
    nd_prep_map map;
    nd_real y[ROWS * 2];
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, ROWS, y), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true((double)y[2 * r] == rain[r]);
        assert_true((double)y[2 * r + 1] == (double)(wind[r][0] == 'y'));
    }
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void numbers_that_are_not_0_and_1_stay_quantities_unless_asked(void **state)
{
    (void)state;
    nd_prep_params params = asking(numbers, 2, ND_TASK_AUTO);
    nd_table *table = weather();
    nd_prep *prep = fit(table, &params);
    assert_int_equal(prep->task, ND_TASK_REGRESSION);
    nd_prep_destroy(prep);
    params.task = ND_TASK_MULTILABEL;
    prep = fit(table, &params);
    assert_int_equal(prep->task, ND_TASK_MULTILABEL);
    assert_string_equal(nd_dict_word(prep->target[1].classes, 0, NULL), "3");
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void refuse(const nd_table *table, const nd_prep_params *params, const char *message)
{
    nd_prep *prep = NULL;
    assert_int_equal(nd_prep_begin(ctx, table, params, &prep), ND_ERR_DATA);
    assert_null(prep);
    assert_has(nd_ctx_message(ctx), message);
}

static void a_target_of_three_values_is_no_label(void **state)
{
    (void)state;
    static const char *const three[] = {"rain", "x"}, *const one[] = {"rain", "same"};
    const double same[ROWS] = {1, 1, 1, 1, 1, 1};
    nd_table *table = weather();
    add_numbers(table, "same", same);
    nd_prep_params params = asking(three, 2, ND_TASK_MULTILABEL);
    refuse(table, &params, "target \"x\" has more than two different values");
    params.target = one;
    refuse(table, &params, "target \"same\" has one value only");
    nd_table_destroy(table);
}

static void a_label_of_another_word_is_named_with_its_row(void **state)
{
    (void)state;
    static const char *const odd[ROWS] = {"yes", "no", "maybe", "yes", "no", "no"};
    nd_prep_params params = asking(both, 2, ND_TASK_AUTO);
    nd_table *table = weather(), *other = make_table(ROWS, true);
    nd_prep *prep = fit(table, &params);
    add_ramp(other, "x", 0.5, 1.25);
    add_numbers(other, "rain", rain);
    add_words(other, "wind", odd);
    add_numbers(other, "amount", amount);
    nd_prep_map map;
    nd_real y[ROWS * 2];
    assert_int_equal(nd_prep_map_create(prep, other, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, ROWS, y), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "row 3, column \"wind\": \"maybe\" is neither \"no\" nor");
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(other);
    nd_table_destroy(table);
}

static nd_status labels_of_shares(double last, nd_real y[ROWS * 2])
{
    static const char *const target[] = {"p", "q"};
    const double p[ROWS] = {0, 0.5, 0.25, 1, 0.125, 0.33}, q[ROWS] = {1, 0.5, 0.75, 0, 0.875, last};
    nd_prep_params params = asking(target, 2, ND_TASK_AUTO);
    params.shares = true;
    nd_table *table = make_table(ROWS, true);
    add_ramp(table, "x", 0.5, 1.25);
    add_numbers(table, "p", p);
    add_numbers(table, "q", q);
    nd_prep *prep = fit(table, &params);
    assert_int_equal(prep->task, ND_TASK_REGRESSION);
    assert_true(prep->target[0].center == 0 && prep->target[0].scale == 1);
    assert_true(prep->target[0].share && fabs(prep->target[0].mean - 2.205 / 6) < 1e-15);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    nd_status status = nd_prep_labels(&map, NULL, 0, ROWS, y);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
    return status;
}

static void shares_stay_as_they_are_but_for_rounding(void **state)
{
    (void)state;
    nd_real y[ROWS * 2];
    assert_int_equal(labels_of_shares(0.66, y), ND_OK);
    assert_true(y[0] == 0 && y[1] == 1 && y[4] == (nd_real)0.25);
    assert_true(fabs((double)y[10] - 1.0 / 3) < 1e-7 && fabs((double)y[11] - 2.0 / 3) < 1e-7);
}

static void shares_that_do_not_sum_to_1_are_named(void **state)
{
    (void)state;
    nd_real y[ROWS * 2];
    assert_int_equal(labels_of_shares(0.7, y), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "row 6: the targets sum to 1.03");
    assert_int_equal(labels_of_shares(-0.7, y), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "row 6, column \"q\": the target is below 0");
}

/* Words a (3 rows), b (2), c (2), then others, then missing. */
static nd_prep *fit_index(const nd_table *table, bool embed)
{
    nd_prep_params params = plain;
    params.embed = embed;
    params.max_one_hot = 2;
    return fit(table, &params);
}

static void many_words_become_numbers_with_one_for_others_and_one_for_missing(void **state)
{
    (void)state;
    static const char *const word[10] = {"b", "a", "c", NULL, "a", "rare", "b", "a", "c", NULL};
    static const char *const seen[3] = {"c", "new", NULL};
    nd_table *table = make_table(10, true), *other = make_table(3, true);
    add_words(table, "w", word);
    add_ramp(table, "y", 0.5, 1.25);
    add_words(other, "w", seen);
    nd_prep *prep = fit_index(table, true);
    assert_int_equal(prep->column[0].kind, ND_PREP_INDEX);
    assert_int_equal(prep->features, 1);
    assert_int_equal(nd_prep_index_rows(&prep->column[0]), 5);
    const double expected[10] = {1, 0, 2, 4, 0, 3, 1, 0, 2, 4};
    nd_prep_map map;
    nd_real x[10];
    assert_int_equal(nd_prep_map_create(prep, table, false, &map), ND_OK);
    nd_prep_features(&map, NULL, 0, 10, x);
    for (size_t r = 0; r < 10; r++) {
        assert_true((double)x[r] == expected[r]);
    }
    nd_prep_map_free(&map);
    assert_int_equal(nd_prep_map_create(prep, other, false, &map), ND_OK);
    nd_prep_features(&map, NULL, 0, 3, x);
    assert_true(x[0] == 2 && x[1] == 3 && x[2] == 4);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    prep = fit_index(table, false);
    assert_int_equal(prep->column[0].kind, ND_PREP_HASHED);
    nd_prep_destroy(prep);
    nd_table_destroy(other);
    nd_table_destroy(table);
}

static void words_that_training_had_no_place_for_are_minus_one(void **state)
{
    (void)state;
    static const char *const word[6] = {"b", "a", "c", "a", "b", "c"};
    static const char *const seen[2] = {"new", NULL};
    nd_table *table = make_table(6, true), *other = make_table(2, true);
    add_words(table, "w", word);
    add_ramp(table, "y", 0.5, 1.25);
    add_words(other, "w", seen);
    nd_prep *prep = fit_index(table, true);
    assert_int_equal(nd_prep_index_rows(&prep->column[0]), 3);
    nd_prep_map map;
    nd_real x[2];
    assert_int_equal(nd_prep_map_create(prep, other, false, &map), ND_OK);
    nd_prep_features(&map, NULL, 0, 2, x);
    assert_true(x[0] == -1 && x[1] == -1);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(other);
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_targets_of_two_values_are_labels),
        cmocka_unit_test(numbers_that_are_not_0_and_1_stay_quantities_unless_asked),
        cmocka_unit_test(a_target_of_three_values_is_no_label),
        cmocka_unit_test(a_label_of_another_word_is_named_with_its_row),
        cmocka_unit_test(shares_stay_as_they_are_but_for_rounding),
        cmocka_unit_test(shares_that_do_not_sum_to_1_are_named),
        cmocka_unit_test(many_words_become_numbers_with_one_for_others_and_one_for_missing),
        cmocka_unit_test(words_that_training_had_no_place_for_are_minus_one),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
