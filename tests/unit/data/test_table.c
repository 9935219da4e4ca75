#include "data/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static nd_ctx *ctx;

static void arrays_become_named_columns(void **state)
{
    (void)state;
    const nd_real x[] = {1, 2, (nd_real)NAN, 4, 5, 6}, y[] = {0, 1};
    nd_table *table = NULL;
    assert_int_equal(nd_table_from_arrays(ctx, x, 2, 3, y, 1, &table), ND_OK);
    assert_int_equal(nd_table_rows(table), 2);
    assert_int_equal(nd_table_columns(table), 4);
    assert_string_equal(nd_table_column_name(table, 0), "x0");
    assert_string_equal(nd_table_column_name(table, 3), "y");
    assert_null(nd_table_column_name(table, 4));
    assert_true(nd_column_number(&table->column[1], 1, 0) == 5);
    assert_true(isnan(nd_column_number(&table->column[2], 0, 0)));
    assert_int_equal(table->column[2].missing, 1);
    assert_int_equal(table->column[0].missing, 0);
    nd_table_destroy(table);
}

static void several_targets_are_numbered(void **state)
{
    (void)state;
    const nd_real x[] = {1}, y[] = {2, 3};
    nd_table *table = NULL;
    assert_int_equal(nd_table_from_arrays(ctx, x, 1, 1, y, 2, &table), ND_OK);
    assert_string_equal(nd_table_column_name(table, 2), "y1");
    assert_true(nd_column_number(&table->column[2], 0, 0) == 3);
    nd_table_destroy(table);
}

static void empty_arrays_are_refused(void **state)
{
    (void)state;
    const nd_real x[] = {1};
    nd_table *table = NULL;
    assert_int_equal(nd_table_from_arrays(ctx, x, 0, 1, NULL, 0, &table), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_from_arrays(ctx, x, 1, 0, NULL, 0, &table), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_from_arrays(ctx, x, 1, 1, NULL, 1, &table), ND_ERR_ARGUMENT);
    assert_null(table);
}

static void columns_are_found_by_name_before_number(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_table_create(ctx, "t", &table), ND_OK);
    const char *const names[] = {"a", "1", "b"};
    for (size_t i = 0; i < 3; i++) {
        nd_column column = {.name = nd_strdup(names[i]), .dtype = ND_DT_F64, .width = 1};
        assert_int_equal(nd_table_add(table, &column), ND_OK);
    }
    assert_int_equal(nd_table_find(table, "b"), 2);
    assert_int_equal(nd_table_find(table, "1"), 1);
    assert_int_equal(nd_table_find(table, "3"), 2);
    assert_int_equal(nd_table_find(table, "4"), -1);
    assert_int_equal(nd_table_find(table, "0"), -1);
    assert_int_equal(nd_table_find(table, "c"), -1);
    nd_table_destroy(table);
}

static void kept_rows_move_up_and_know_where_they_were(void **state)
{
    (void)state;
    nd_table *table = NULL;
    const double number[] = {1, 2, (double)NAN, 4, 5};
    assert_int_equal(nd_table_create(ctx, "t", &table), ND_OK);
    table->rows = 5;
    double *numbers = nd_alloc(5, sizeof *numbers);
    uint32_t *words = nd_alloc(5, sizeof *words);
    memcpy(numbers, number, sizeof number);
    memcpy(words, (uint32_t[]){0, ND_DICT_NONE, 1, 0, ND_DICT_NONE}, 5 * sizeof *words);
    assert_int_equal(nd_table_own(table, numbers) | nd_table_own(table, words), ND_OK);
    nd_column a = {nd_strdup("a"), ND_DT_F64, numbers, 1, 1, .missing = 1};
    nd_column b = {nd_strdup("b"), ND_DT_WORD, words, 1, 1, .dict = nd_dict_create(), .missing = 2};
    assert_int_equal(nd_table_add(table, &a) | nd_table_add(table, &b), ND_OK);
    assert_int_equal(nd_table_row(table, 4), 5);
    nd_alloc_fail_at(1, true);
    assert_int_equal(nd_table_keep(table, (uint32_t[]){0}, 1), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_int_equal(table->rows, 5);
    assert_int_equal(nd_table_keep(table, (uint32_t[]){0, 2, 3, 4}, 4), ND_OK);
    assert_int_equal(nd_table_keep(table, (uint32_t[]){1, 3}, 2), ND_OK);
    assert_int_equal(table->rows, 2);
    assert_int_equal(nd_table_row(table, 0), 3);
    assert_int_equal(nd_table_row(table, 1), 5);
    assert_true(isnan(nd_column_number(&table->column[0], 0, 0)));
    assert_true(nd_column_number(&table->column[0], 1, 0) == 5);
    assert_int_equal(nd_column_word(&table->column[1], 0), 1);
    assert_int_equal(nd_column_word(&table->column[1], 1), ND_DICT_NONE);
    assert_int_equal(table->column[0].missing, 1);
    assert_int_equal(table->column[1].missing, 1);
    nd_table_destroy(table);
}

static void failed_allocations_free_what_was_given(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_table_create(ctx, "t", &table), ND_OK);
    nd_column column = {.name = nd_strdup("a"), .dtype = ND_DT_WORD, .dict = nd_dict_create()};
    void *block = nd_alloc(1, 1);
    nd_alloc_fail_at(1, true);
    assert_int_equal(nd_table_add(table, &column), ND_ERR_MEMORY);
    assert_int_equal(nd_table_own(table, block), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_int_equal(table->columns, 0);
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_become_named_columns),
        cmocka_unit_test(several_targets_are_numbered),
        cmocka_unit_test(empty_arrays_are_refused),
        cmocka_unit_test(columns_are_found_by_name_before_number),
        cmocka_unit_test(kept_rows_move_up_and_know_where_they_were),
        cmocka_unit_test(failed_allocations_free_what_was_given),
    };
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    return failed;
}
