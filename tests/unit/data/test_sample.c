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

static nd_table *take(const nd_sampler *sampler, const nd_table *table)
{
    nd_table *sample;
    assert_int_equal(nd_sampler_take(sampler, table, &sample), ND_OK);
    return sample;
}

/* A sample of one table. */
static nd_table *take_alone(const nd_table *table, const char *const *key, size_t keys,
                            double share)
{
    nd_sampler sampler;
    assert_int_equal(nd_sampler_init(table->ctx, key, keys, share, &sampler), ND_OK);
    assert_int_equal(nd_sampler_count(&sampler, table), ND_OK);
    nd_table *sample = take(&sampler, table);
    nd_sampler_free(&sampler);
    return sample;
}

static void rows_come_with_their_cells_and_numbers(void **state)
{
    (void)state;
    static const char *const key[] = {"kind", "absent", "color"};
    nd_table *table = make_rows(ROWS), *sample = take_alone(table, key, 3, 0.1);
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
    nd_table *table = make_rows(ROWS), *other = make_rows(KINDS);
    nd_sampler sampler;
    assert_int_equal(nd_sampler_init(table->ctx, key, 2, 0.03, &sampler), ND_OK);
    assert_int_equal(nd_sampler_count(&sampler, table), ND_OK);
    assert_int_equal(nd_sampler_count(&sampler, other), ND_OK);
    nd_table *sample = take(&sampler, table), *half = take(&sampler, other);
    nd_sampler_free(&sampler);
    assert_in_range(half->rows, KINDS / 50, KINDS / 25);
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
    nd_table *table = make_rows(1000), *sample = take_alone(table, key, 1, 1);
    assert_int_equal(sample->rows, 1000);
    nd_table_destroy(sample);
    nd_table_destroy(table);
}

/* Colors alone, four groups of a quarter of the rows each, or no key at all. */
static void few_kinds_of_rows_are_all_in_the_sample(void **state)
{
    (void)state;
    static const char *const key[] = {"color"};
    nd_table *table = make_rows(ROWS);
    for (size_t keys = 0; keys < 2; keys++) {
        nd_table *sample = take_alone(table, key, keys, 0.02);
        size_t rows[4] = {0};
        for (size_t i = 0; i < sample->rows; i++) {
            rows[(nd_table_row(sample, i) - 1) % 4]++;
        }
        for (int k = 0; k < 4; k++) {
            assert_in_range(rows[k], ROWS / 4 * 0.015, ROWS / 4 * 0.025);
        }
        nd_table_destroy(sample);
    }
    nd_table_destroy(table);
}

/* The first kind is half of the table, the others twice in it, in one row behind the other. */
static void a_common_kind_takes_no_room_from_the_rest(void **state)
{
    (void)state;
    static const char *const key[] = {"kind"};
    nd_table *table = make_table(ROWS, true);
    double *kind = nd_alloc(ROWS, sizeof *kind);
    for (size_t r = 0; r < ROWS; r++) {
        kind[r] = r < ROWS / 2 ? 0 : (double)(r / 2);
    }
    add_numbers(table, "kind", kind);
    nd_free(kind);
    nd_table *sample = take_alone(table, key, 1, 0.05);
    size_t common = 0, pairs = 0;
    for (size_t i = 0; i < sample->rows; i++) {
        size_t r = nd_table_row(sample, i) - 1;
        common += r < ROWS / 2;
        pairs += i > 0 && r > ROWS / 2 && r % 2 == 1 && nd_table_row(sample, i - 1) == r;
    }
    assert_in_range(common, ROWS * 0.02, ROWS * 0.03);
    assert_in_range(sample->rows - common, ROWS * 0.02, ROWS * 0.03);
    assert_int_equal(sample->rows - common, 2 * pairs);
    nd_table_destroy(sample);
    nd_table_destroy(table);
}

static size_t list(const nd_table *table, const nd_prep_params *params, size_t most,
                   const char *first, const char *last)
{
    size_t keys;
    const char **key;
    assert_int_equal(nd_sample_key(table, params, most, &key, &keys), ND_OK);
    assert_string_equal(key[0], first);
    assert_string_equal(key[keys - 1], last);
    nd_free(key);
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
    nd_prep_params params = plain;
    assert_int_equal(list(table, &params, 8, "a", "c"), 3);
    assert_int_equal(list(table, &params, 2, "a", "b"), 2);
    params.drop = drop;
    params.drop_count = 1;
    assert_int_equal(list(table, &params, 8, "a", "c"), 2);
    params.target = target;
    params.target_count = 1;
    assert_int_equal(list(table, &params, 8, "c", "y"), 2);
    assert_int_equal(list(table, &params, 1, "c", "c"), 1);
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_their_cells_and_numbers),
        cmocka_unit_test(rows_that_repeat_each_other_are_taken_together),
        cmocka_unit_test(a_share_of_one_is_the_whole),
        cmocka_unit_test(few_kinds_of_rows_are_all_in_the_sample),
        cmocka_unit_test(a_common_kind_takes_no_room_from_the_rest),
        cmocka_unit_test(targets_identifiers_and_dropped_columns_are_no_key),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
