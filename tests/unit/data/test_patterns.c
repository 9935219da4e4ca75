#include "data/patterns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static nd_ctx *ctx;

static nd_table *parse(const char *text, bool values)
{
    nd_table *table;
    nd_status status = nd_patterns_parse(ctx, "t", text, strlen(text), values, &table);
    if (status != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return table;
}

static void refuse(const char *text, nd_status status, const char *message)
{
    nd_table *table;
    assert_int_equal(nd_patterns_parse(ctx, "t", text, strlen(text), false, &table), status);
    assert_null(table);
    assert_string_equal(nd_ctx_message(ctx), message);
}

static void check_cell(const nd_table *table, size_t column, const char *name, size_t row, double v)
{
    assert_string_equal(table->column[column].name, name);
    assert_true(nd_column_number(&table->column[column], row, 0) == v);
}

static const char fann[] = "2 3 2\n1 -2.5 3e2 \n0.25 0\n\n4\t5 6\r\n-1 7\r\n";

static const char proben1[] = "bool_in=1\nreal_in=1\nbool_out=3\nreal_out=0\n"
                              "training_examples=2\nvalidation_examples=1\ntest_examples=1\n"
                              "1 0.5 0 1 0\n0 0.25 1 0 0\n1 1 0 0 1\n0 0 0 1 0\n";

static void rows_of_fann_become_columns_x_and_y(void **state)
{
    (void)state;
    nd_table *table = parse(fann, false);
    assert_int_equal(table->rows, 2);
    assert_int_equal(table->columns, 5);
    assert_int_equal(table->targets, 2);
    assert_int_equal(table->part[0] + table->part[1] + table->part[2], 0);
    check_cell(table, 0, "x1", 0, 1);
    check_cell(table, 1, "x2", 0, -2.5);
    check_cell(table, 2, "x3", 1, 6);
    check_cell(table, 3, "y1", 0, 0.25);
    check_cell(table, 4, "y2", 1, 7);
    nd_table_destroy(table);
}

static void outputs_that_are_one_hot_become_classes(void **state)
{
    (void)state;
    nd_table *table = parse(proben1, false);
    const nd_column *y = &table->column[2];
    assert_int_equal(table->columns, 3);
    assert_int_equal(table->targets, 1);
    assert_string_equal(y->name, "y");
    const char *const want[] = {"y2", "y1", "y3", "y2"};
    for (size_t r = 0; r < 4; r++) {
        assert_string_equal(nd_dict_word(y->dict, nd_column_word(y, r), NULL), want[r]);
    }
    nd_table_destroy(table);
    table = parse("2 1 2\n0\n1 -1\n1\n-1 1\n", false);
    assert_int_equal(table->column[1].dtype, ND_DT_WORD);
    nd_table_destroy(table);
}

static void outputs_stay_numbers_where_they_are_wanted_or_real(void **state)
{
    (void)state;
    nd_table *table = parse(proben1, true);
    assert_int_equal(table->targets, 3);
    check_cell(table, 3, "y2", 0, 1);
    nd_table_destroy(table);
    table = parse("bool_in=0\nreal_in=1\nbool_out=0\nreal_out=2\ntraining_examples=1\n"
                  "validation_examples=0\ntest_examples=0\n3 0 1\n",
                  false);
    assert_int_equal(table->targets, 2);
    nd_table_destroy(table);
    table = parse("2 1 2\n0\n1 0\n1\n1 1\n", false);
    assert_int_equal(table->targets, 2);
    nd_table_destroy(table);
    table = parse("2 1 2\n0\n1 0\n1\n0 -1\n", false);
    assert_int_equal(table->targets, 2);
    nd_table_destroy(table);
}

static void parts_of_proben1_are_kept(void **state)
{
    (void)state;
    nd_table *table = parse(proben1, false);
    assert_int_equal(table->part[0], 2);
    assert_int_equal(table->part[1], 1);
    assert_int_equal(table->part[2], 1);
    nd_table_destroy(table);
}

static bool detects(const char *text)
{
    size_t size = strlen(text);
    bool found = nd_patterns_detect(text, size);
    assert_true(!found || nd_patterns_possible(text, size));
    return found;
}

static void tables_of_numbers_are_no_patterns(void **state)
{
    (void)state;
    assert_true(detects(fann));
    assert_true(detects(proben1));
    assert_true(detects("1 1 1\n5\n6\n"));
    assert_true(detects("2 3 3\n1 2 3\n4 5 6\n7 8 9\n1 2 3\n"));
    assert_false(detects("2 3 3\n1 2 3\n4 5 6\n7 8 9\n"));
    assert_false(detects("3 3 3\n1 2 3\n4 5 6\n7 8 9\n1 2 3\n"));
    assert_false(detects("1 2 3\n4 5 6\n7 8 9\n"));
    assert_false(detects("0 1 1\n5\n6\n"));
    assert_false(detects("1,1,1\n5,6,7\n"));
    assert_false(detects("2020 1 1\na,b\n1,2\n"));
    assert_false(detects("bool_in real_in\n1 2\n"));
    assert_false(detects(""));
}

static void what_does_not_follow_the_format_is_told_with_its_line(void **state)
{
    (void)state;
    refuse("", ND_ERR_FORMAT, "t: the file is empty");
    refuse(" \n\t\r\n", ND_ERR_FORMAT, "t: the file is empty");
    refuse("a,b\n1,2\n", ND_ERR_FORMAT,
           "t: line 1: neither FANN's numbers of rows, inputs and outputs nor PROBEN1's "
           "bool_in=...");
    refuse("1 2 0\n5 6\n", ND_ERR_FORMAT,
           "t: line 1: neither FANN's numbers of rows, inputs and outputs nor PROBEN1's "
           "bool_in=...");
    refuse("  \t1 2 1\n 5 6\n 7\n 8 9\n", ND_ERR_FORMAT,
           "t: line 4: there are more rows than the header announces");
    refuse("1 2 1\n5 six\n7\n", ND_ERR_FORMAT,
           "t: line 2: row 1, column \"x2\": \"six\" is not a number");
    refuse("1 2 1\n5 6\n1e999\n", ND_ERR_DATA,
           "t: line 3: row 1, column \"y1\": \"1e999\" is not a finite number");
    refuse("1 2 1\n5 6\nnan\n", ND_ERR_DATA,
           "t: line 3: row 1, column \"y1\": \"nan\" is not a finite number");
    refuse("2 2 1\n5 6\n7\n\n8\n9\n", ND_ERR_FORMAT, "t: line 5: row 2 has 1 inputs instead of 2");
    refuse("2 1 1\n5\n7 8\n8\n9\n", ND_ERR_FORMAT, "t: line 3: row 1 has 2 outputs instead of 1");
    refuse("2 1 1\n55555\n7\n", ND_ERR_FORMAT,
           "t: the file ends in row 2; its header announces 2 rows");
    refuse("1 1 1\n5\n7\n8\n", ND_ERR_FORMAT,
           "t: line 4: there are more rows than the header announces");
    refuse("bool_in=0\nreal_in=1\nreal_in=1\n", ND_ERR_FORMAT,
           "t: line 3: the same key a second time");
    refuse("bool_in=0\nreal_in=-1\n", ND_ERR_FORMAT, "t: line 2: not a whole number of 0 or more");
    refuse("bool_in=0\n1 2 3\n", ND_ERR_FORMAT,
           "t: line 2: not one of the seven lines KEY=COUNT at the head");
    refuse("bool_in=0\nreal_in=1\nbool_out=0\nreal_out=0\ntraining_examples=1\n"
           "validation_examples=0\ntest_examples=0\n3\n",
           ND_ERR_FORMAT, "t: line 7: there must be an input and an output");
    refuse("bool_in=0\nreal_in=1\nbool_out=1\nreal_out=0\ntraining_examples=0\n"
           "validation_examples=1\ntest_examples=0\n3 1\n",
           ND_ERR_FORMAT, "t: line 7: there are no training examples");
}

static void sizes_that_the_text_cannot_hold_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    unsigned long before = nd_alloc_calls();
    refuse("4000000000 4000000000 1\n5\n6\n", ND_ERR_FORMAT,
           "t: the header announces 4000000000 rows of 4000000000 inputs and 1 outputs, more than "
           "the 4 bytes behind it can hold");
    refuse("9223372036854775807 9223372036854775807 9223372036854775807\n5\n6\n", ND_ERR_FORMAT,
           "t: the header announces 9223372036854775807 rows of 9223372036854775807 inputs and "
           "9223372036854775807 outputs, more than the 4 bytes behind it can hold");
    refuse("3 1 1\n5\n6\n", ND_ERR_FORMAT,
           "t: the header announces 3 rows of 1 inputs and 1 outputs, more than the 4 bytes behind "
           "it can hold");
    refuse("bool_in=9223372036854775807\nreal_in=9223372036854775807\nbool_out=1\nreal_out=0\n"
           "training_examples=9223372036854775807\nvalidation_examples=9223372036854775807\n"
           "test_examples=9223372036854775807\n3 1\n",
           ND_ERR_FORMAT, "t: line 7: impossible counts");
    assert_int_equal(nd_alloc_calls(), before);
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status == ND_ERR_MEMORY; n++) {
        nd_table *table;
        assert_true(n < 100);
        nd_alloc_fail_at(n, false);
        status = nd_patterns_parse(ctx, "t", proben1, strlen(proben1), false, &table);
        nd_alloc_fail_at(0, false);
        assert_true((status == ND_OK) == (table != NULL));
        nd_table_destroy(table);
    }
    assert_int_equal(status, ND_OK);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_fann_become_columns_x_and_y),
        cmocka_unit_test(outputs_that_are_one_hot_become_classes),
        cmocka_unit_test(outputs_stay_numbers_where_they_are_wanted_or_real),
        cmocka_unit_test(parts_of_proben1_are_kept),
        cmocka_unit_test(tables_of_numbers_are_no_patterns),
        cmocka_unit_test(what_does_not_follow_the_format_is_told_with_its_line),
        cmocka_unit_test(sizes_that_the_text_cannot_hold_are_refused_before_memory_is_taken),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
