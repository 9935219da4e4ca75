/* A sample of rows: which, what of them, and what is left out of the key. */
#include "data/sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "make_table.h"

enum { ROWS = 200000, KINDS = 40000 };

/* Row r says kind r % KINDS in two columns, one of words with gaps, and its own number. */
static nd_table *make_rows(size_t rows)
{
    nd_table *table = make_table(rows, true);
    double *kind = nd_alloc(rows, sizeof *kind);
    const char **word = nd_alloc(rows, sizeof *word);
    static const char *const color[] = {"red", "green", NULL, "blue"};
    for (size_t r = 0; r < rows; r++) {
        kind[r] = (double)(r % KINDS) / 7;
        word[r] = color[r % KINDS % 4];
    }
    add_ramp(table, "number", 1, 1);
    add_numbers(table, "kind", kind);
    add_words(table, "color", word);
    nd_free(kind);
    nd_free(word);
    return table;
}

static void rows_come_with_their_cells_and_numbers(void **state)
{
    (void)state;
    static const char *const key[] = {"kind", "absent", "color"};
    nd_table *table = make_rows(ROWS), *sample;
    assert_int_equal(nd_table_sample(table, key, 3, 0.1, &sample), ND_OK);
    assert_in_range(sample->rows, ROWS / 12, ROWS / 8);
    assert_int_equal(sample->columns, 3);
    const nd_column *kind = &sample->column[1], *color = &sample->column[2];
    size_t missing = 0;
    for (size_t i = 0; i < sample->rows; i++) {
        size_t r = nd_table_row(sample, i) - 1;
        uint32_t was = nd_column_word(&table->column[2], r), is = nd_column_word(color, i);
        assert_true(i == 0 || r >= nd_table_row(sample, i - 1));
        assert_true(nd_column_number(&sample->column[0], i, 0) == (double)(r + 1));
        assert_true(nd_column_number(kind, i, 0) == nd_column_number(&table->column[1], r, 0));
        assert_int_equal(was == ND_DICT_NONE, is == ND_DICT_NONE);
        missing += is == ND_DICT_NONE;
        if (was != ND_DICT_NONE) {
            assert_string_equal(nd_dict_word(table->column[2].dict, was, NULL),
                                nd_dict_word(color->dict, is, NULL));
        }
    }
    assert_int_equal(color->missing, missing);
    assert_int_equal(nd_dict_count(color->dict), 3);
    nd_table_destroy(sample);
    nd_table_destroy(table);
}

/* Each kind is there as often as in the table, or not at all; in another table as well. */
static void rows_that_repeat_each_other_are_taken_together(void **state)
{
    (void)state;
    static const char *const key[] = {"kind", "color"};
    nd_table *table = make_rows(ROWS), *other = make_rows(KINDS), *sample, *half;
    assert_int_equal(nd_table_sample(table, key, 2, 0.03, &sample), ND_OK);
    assert_int_equal(nd_table_sample(other, key, 2, 0.03, &half), ND_OK);
    assert_int_equal(sample->rows, half->rows * (ROWS / KINDS));
    for (size_t i = 0; i < sample->rows; i++) {
        size_t kind = (nd_table_row(sample, i) - 1) % KINDS;
        assert_int_equal(kind, nd_table_row(half, i % half->rows) - 1);
    }
    nd_table_destroy(half);
    nd_table_destroy(sample);
    nd_table_destroy(other);
    nd_table_destroy(table);
}

static void a_share_of_one_is_the_whole(void **state)
{
    (void)state;
    static const char *const key[] = {"kind"};
    nd_table *table = make_rows(1000), *sample;
    assert_int_equal(nd_table_sample(table, key, 1, 1, &sample), ND_OK);
    assert_int_equal(sample->rows, 1000);
    nd_table_destroy(sample);
    nd_table_destroy(table);
}

static size_t list(const nd_table *table, const nd_prep_params *params, const char **key,
                   size_t most)
{
    size_t keys;
    assert_int_equal(nd_sample_key(table, params, key, most, &keys), ND_OK);
    return keys;
}

static void targets_identifiers_and_dropped_columns_are_no_key(void **state)
{
    (void)state;
    nd_table *table = make_table(500, true);
    add_ramp(table, "number", 1, 1);
    add_cycle(table, "name", "n", 400);
    add_cycle(table, "a", "a", 9);
    add_cycle(table, "b", "b", 9);
    add_cycle(table, "c", "c", 9);
    add_cycle(table, "y", "y", 2);
    static const char *const drop[] = {"b"}, *const target[] = {"a"};
    const char *key[8];
    nd_prep_params params = plain;
    assert_int_equal(list(table, &params, key, 8), 3);
    params.drop = drop;
    params.drop_count = 1;
    assert_int_equal(list(table, &params, key, 8), 2);
    assert_string_equal(key[0], "a");
    assert_string_equal(key[1], "c");
    params.target = target;
    params.target_count = 1;
    assert_int_equal(list(table, &params, key, 8), 2);
    assert_string_equal(key[0], "c");
    assert_string_equal(key[1], "y");
    assert_int_equal(list(table, &params, key, 1), 1);
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_their_cells_and_numbers),
        cmocka_unit_test(rows_that_repeat_each_other_are_taken_together),
        cmocka_unit_test(a_share_of_one_is_the_whole),
        cmocka_unit_test(targets_identifiers_and_dropped_columns_are_no_key),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
