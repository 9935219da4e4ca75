/* Weights of rows in the preparation: a column, classes, and both. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/source.h"
#include "unit/data/make_table.h"

enum { ROWS = 8 };

static const char *const word[ROWS] = {"a", "b", "a", "a", "b", "a", "a", "a"};

static nd_table *with_weights(const double *weight)
{
    nd_table *table = make_table(ROWS, true);
    add_ramp(table, "x", 0.5, 1.25);
    add_numbers(table, "w", weight);
    add_words(table, "y", word);
    return table;
}

static nd_status fit(const nd_table *table, const nd_prep_params *params, nd_prep **prep)
{
    assert_int_equal(nd_prep_begin(ctx, table, params, prep), ND_OK);
    return nd_prep_fit(*prep, table, NULL, ROWS, params);
}

/* Label rows of a source over all rows of the table. */
static void gather(const nd_table *table, const nd_prep *prep, nd_real *y)
{
    nd_prep_map map;
    nd_source *source;
    nd_real x[ROWS * 4];
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_int_equal(nd_source_from_table(&map, NULL, ROWS, &source), ND_OK);
    assert_int_equal(source->label_width, nd_prep_row_width(prep));
    assert_true(source->features <= 4);
    source->gather(source, NULL, 0, ROWS, x, y);
    nd_source_destroy(source);
    nd_prep_map_free(&map);
}

static void refuse(const double *weight, nd_prep_params params, nd_status expected,
                   const char *message)
{
    nd_prep *prep;
    nd_table *table = with_weights(weight);
    assert_int_equal(fit(table, &params, &prep), expected);
    assert_has(nd_ctx_message(ctx), message);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

/* n / (k n_c): 8 / (2 * 6) for a, 8 / (2 * 2) for b. */
static void balanced_classes_count_the_same_in_sum(void **state)
{
    (void)state;
    const double weight[ROWS] = {1, 2, 0, 0.5, 3, 1, 1, 4};
    const char *const balanced[] = {"balanced"};
    nd_prep_params params = plain;
    nd_prep *prep;
    nd_real y[ROWS * 2];
    params.weight = "w";
    params.class_weight = balanced;
    params.class_weights = 1;
    nd_table *table = with_weights(weight);
    assert_int_equal(fit(table, &params, &prep), ND_OK);
    assert_true(nd_prep_weighted(prep));
    assert_int_equal(nd_prep_row_width(prep), 2);
    gather(table, prep, y);
    for (size_t r = 0; r < ROWS; r++) {
        bool b = word[r][0] == 'b';
        assert_true(y[2 * r] == (b ? 1 : 0));
        assert_true(fabs((double)y[2 * r + 1] - weight[r] * (b ? 2 : 2 / 3.0)) < 1e-6);
    }
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void the_weight_column_is_no_input(void **state)
{
    (void)state;
    const double weight[ROWS] = {1, 2, 0, 0.5, 3, 1, 1, 4};
    nd_prep_params params = plain;
    nd_prep *prep;
    params.weight = "w";
    nd_table *table = with_weights(weight);
    assert_int_equal(fit(table, &params, &prep), ND_OK);
    assert_int_equal(prep->features, 1);
    assert_int_equal(prep->column[1].kind, ND_PREP_DROPPED);
    assert_string_equal(prep->column[1].reason, "weight of the rows");
    assert_null(strstr(logged, "\"w\""));
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

/* A class that is not named counts 1. */
static void classes_can_be_given_weights_by_name(void **state)
{
    (void)state;
    const double weight[ROWS] = {1, 2, 3, 4, 5, 6, 7, 8};
    const char *const named[] = {"b=2.5"};
    nd_prep_params params = plain;
    nd_prep *prep;
    nd_real y[ROWS * 2];
    params.class_weight = named;
    params.class_weights = 1;
    nd_table *table = with_weights(weight);
    assert_int_equal(fit(table, &params, &prep), ND_OK);
    gather(table, prep, y);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(y[2 * r + 1] == (nd_real)(word[r][0] == 'b' ? 2.5 : 1));
    }
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void several_targets_keep_their_places_before_the_weight(void **state)
{
    (void)state;
    const double weight[ROWS] = {1, 2, 0, 0.5, 3, 1, 1, 4}, u[ROWS] = {1, 5, 2, 9, 3, 8, 4, 7};
    const char *const targets[] = {"u", "v"};
    nd_prep_params params = plain;
    nd_prep *prep;
    nd_real y[ROWS * 3];
    params.weight = "w";
    params.target = targets;
    params.target_count = 2;
    params.task = ND_TASK_REGRESSION;
    nd_table *table = with_weights(weight);
    add_numbers(table, "u", u);
    add_ramp(table, "v", 10, 3);
    assert_int_equal(fit(table, &params, &prep), ND_OK);
    gather(table, prep, y);
    for (size_t r = 0; r < ROWS; r++) {
        const nd_prep_target *t = prep->target;
        assert_true(fabs((double)y[3 * r] - (u[r] - t[0].center) / t[0].scale) < 1e-5);
        assert_true(fabs((double)y[3 * r + 1] - (10 + 3.0 * (double)r - t[1].center) / t[1].scale) <
                    1e-5);
        assert_true(y[3 * r + 2] == (nd_real)weight[r]);
    }
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void weights_that_cannot_be_are_named(void **state)
{
    (void)state;
    const double negative[ROWS] = {1, 2, -0.5, 1, 1, 1, 1, 1};
    const double missing[ROWS] = {1, 2, 1, NAN, 1, 1, 1, 1};
    const double infinite[ROWS] = {1, 2, 1, INFINITY, 1, 1, 1, 1}, none[ROWS] = {0};
    const char *const unknown[] = {"a=2", "bb=3"}, *const no_number[] = {"b=x"};
    nd_prep_params params = plain;
    params.weight = "w";
    refuse(negative, params, ND_ERR_DATA, "t.csv: row 3, column \"w\": \"-0.5\" is no weight");
    refuse(missing, params, ND_ERR_DATA, "t.csv: row 4, column \"w\": the weight is missing");
    refuse(infinite, params, ND_ERR_DATA, "t.csv: row 4, column \"w\"");
    refuse(none, params, ND_ERR_DATA, "the weights of all training rows are 0");
    params = plain;
    params.class_weight = unknown;
    params.class_weights = 2;
    refuse(none, params, ND_ERR_OPTION, "has no class \"bb\"");
    params.class_weight = no_number;
    params.class_weights = 1;
    refuse(none, params, ND_ERR_OPTION, "'b=x' is not a class");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(balanced_classes_count_the_same_in_sum, start_ctx,
                                        stop_ctx),
        cmocka_unit_test_setup_teardown(the_weight_column_is_no_input, start_ctx, stop_ctx),
        cmocka_unit_test_setup_teardown(classes_can_be_given_weights_by_name, start_ctx, stop_ctx),
        cmocka_unit_test_setup_teardown(several_targets_keep_their_places_before_the_weight,
                                        start_ctx, stop_ctx),
        cmocka_unit_test_setup_teardown(weights_that_cannot_be_are_named, start_ctx, stop_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
