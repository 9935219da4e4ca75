/* What the check of a table finds, and what it leaves alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/check.h"
#include "unit/data/make_table.h"

enum { ROWS = 400 };

static nd_findings found;

/* Numbers in (0, 1) that repeat for the same seed: fractions of multiples of the golden
 * ratio, squared so that columns are no straight lines of each other. */
static double spread(size_t row, unsigned seed)
{
    double x = fmod(0.6180339887498949 * (double)(row + 1) * (double)(2 * seed + 1), 1);
    return fmod(x * x * 977.0 + x, 1);
}

static void add_spread(nd_table *table, const char *name, unsigned seed, double scale)
{
    double value[ROWS + 200];
    for (size_t r = 0; r < table->rows; r++) {
        value[r] = floor(1e6 * spread(r, seed)) / 1e6 * scale;
    }
    add_numbers(table, name, value);
}

/* Class "a" or "b" that depends on two columns, none of which tells it alone. */
static void add_class(nd_table *table, const char *name)
{
    const char *word[ROWS + 200];
    for (size_t r = 0; r < table->rows; r++) {
        word[r] = spread(r, 1) + spread(r, 2) > 1 ? "a" : "b";
    }
    add_words(table, name, word);
}

/* Two inputs; the target must be added last. */
static nd_table *begin_table(size_t rows)
{
    nd_table *table = make_table(rows, true);
    add_spread(table, "width", 1, 30);
    add_spread(table, "height", 2, 5);
    return table;
}

static nd_check_params with(const nd_prep_params *prep)
{
    return (nd_check_params){.prep = prep};
}

static void check_with(const nd_table *table, const nd_check_params *params)
{
    nd_findings_free(&found);
    if (nd_check_table(table, NULL, NULL, 0, params, &found) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
}

static void check_plain(const nd_table *table)
{
    nd_check_params params = with(&plain);
    check_with(table, &params);
}

static void expect(const char *name, const char *column, bool error, size_t count)
{
    for (size_t i = 0; i < found.count; i++) {
        const nd_finding *f = &found.item[i];
        bool same = column ? f->column && strcmp(f->column, column) == 0 : !f->column;
        if (same && strcmp(f->name, name) == 0) {
            assert_int_equal(f->error, error);
            assert_int_equal(f->count, count);
            return;
        }
    }
    fail_msg("no finding %s of column %s", name, column ? column : "(table)");
}

static void expect_nothing(void)
{
    if (found.count > 0) {
        fail_msg("found %s: %s", found.item[0].name, found.item[0].text);
    }
}

static int end_check(void **state)
{
    nd_findings_free(&found);
    return stop_ctx(state);
}

static void an_honest_table_has_no_finding(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    add_class(table, "kind");
    check_plain(table);
    expect_nothing();
    nd_table_destroy(table);
}

/* 1 - (x - y) errors of 2 in 100 for classes; one value of the copy per class. */
static void a_copy_of_the_class_is_an_error_and_a_near_copy_a_warning(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double copy[ROWS];
    const char *near[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        bool a = spread(r, 1) + spread(r, 2) > 1;
        copy[r] = a ? 7 : -7;
        near[r] = a == (r % 100 != 0) ? "yes" : "no";
    }
    add_numbers(table, "code", copy);
    add_words(table, "near", near);
    add_class(table, "kind");
    check_plain(table);
    assert_int_equal(found.count, 2);
    expect("leak", "code", true, ROWS);
    expect("leak", "near", false, ROWS);
    assert_int_equal(found.errors, 1);
    nd_table_destroy(table);
}

static void a_strong_feature_is_no_leak(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double strong[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        bool a = spread(r, 1) + spread(r, 2) > 1;
        strong[r] = (a == (r % 12 != 0) ? 2 : 0) + 2 * spread(r, 5);
    }
    add_numbers(table, "strong", strong);
    add_class(table, "kind");
    check_plain(table);
    expect_nothing();
    nd_table_destroy(table);
}

/* The column tells the class in every third row, as many as are looked at, and nothing in the
 * others: in two of three rows it is wrong half of the time. */
static void what_repeats_as_often_as_rows_are_looked_at_is_no_leak(void **state)
{
    (void)state;
    enum { MANY = 150000 };
    double *hour = nd_alloc(MANY, sizeof *hour), *other = nd_alloc(MANY, sizeof *other);
    const char **class = nd_alloc(MANY, sizeof *class);
    for (size_t r = 0; r < MANY; r++) {
        bool yes = spread(r, 3) < 0.5;
        hour[r] = r % 3 == 0 ? yes : spread(r, 4) < 0.5;
        other[r] = spread(r, 5);
        class[r] = yes ? "yes" : "no";
    }
    nd_table *table = make_table(MANY, true);
    add_numbers(table, "hour", hour);
    add_numbers(table, "other", other);
    add_words(table, "y", class);
    nd_free(hour);
    nd_free(other);
    nd_free(class);
    check_plain(table);
    expect_nothing();
    nd_table_destroy(table);
}

static void a_quantity_in_other_units_is_a_leak(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double celsius[ROWS], fahrenheit[ROWS], curved[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        celsius[r] = 30 * spread(r, 1) + 5 * spread(r, 7);
        fahrenheit[r] = celsius[r] * 1.8 + 32;
        curved[r] = exp(celsius[r] / 3);
    }
    add_numbers(table, "fahrenheit", fahrenheit);
    add_numbers(table, "curved", curved);
    add_numbers(table, "celsius", celsius);
    check_plain(table);
    expect("leak", "fahrenheit", true, ROWS);
    expect("leak", "curved", false, ROWS);
    nd_table_destroy(table);
}

static void presence_that_tells_the_class_is_a_leak(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double days[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        days[r] = spread(r, 1) + spread(r, 2) > 1 ? floor(90 * spread(r, 4)) : NAN;
    }
    add_numbers(table, "days", days);
    add_class(table, "kind");
    check_plain(table);
    expect("leak", "days", false, ROWS);
    nd_table_destroy(table);
}

static void the_only_input_is_never_a_leak(void **state)
{
    (void)state;
    nd_table *table = make_table(ROWS, true);
    add_ramp(table, "x", 0.5, 0.25);
    add_ramp(table, "y", 10, 2.5);
    check_plain(table);
    expect_nothing();
    nd_table_destroy(table);
}

static void columns_that_name_rows_are_found(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double number[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        number[r] = (double)((r * 7 + 3) % ROWS);
    }
    add_numbers(table, "record", number);
    add_ramp(table, "order_id", 5000, 17);
    add_cycle(table, "key", "k", ROWS);
    add_cycle(table, "street", "s", ROWS * 3 / 4);
    add_class(table, "kind");
    check_plain(table);
    assert_int_equal(found.count, 4);
    expect("identifier", "record", false, ROWS);
    expect("identifier", "order_id", false, ROWS);
    expect("identifier", "key", false, ROWS);
    expect("many_words", "street", false, ROWS * 3 / 4);
    nd_table_destroy(table);
}

static void empty_constant_and_strange_columns_are_found(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    double gaps[ROWS], wild[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        gaps[r] = r % 5 == 0 ? spread(r, 9) : NAN;
        wild[r] = r == 17 || r == 90 ? 4000 : spread(r, 11);
    }
    add_ramp(table, "version", 3, 0);
    add_numbers(table, "gaps", gaps);
    add_numbers(table, "wild", wild);
    add_class(table, "kind");
    check_plain(table);
    assert_int_equal(found.count, 3);
    expect("constant", "version", false, ROWS);
    expect("mostly_missing", "gaps", false, ROWS * 4 / 5);
    expect("extreme", "wild", false, 2);
    nd_table_destroy(table);
}

static void sizes_matter_without_scaling_only(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    add_spread(table, "salary", 13, 1e6);
    add_class(table, "kind");
    check_plain(table);
    expect_nothing();
    nd_prep_params none = plain;
    none.scaling = ND_SCALING_NONE;
    nd_check_params params = with(&none);
    check_with(table, &params);
    assert_int_equal(found.count, 1);
    expect("unscaled", "salary", false, ROWS);
    nd_table_destroy(table);
}

/* Rows ROWS.. of a column are rows 0, 3, 6, ... once more. */
static void add_with_copies(nd_table *table, const char *name, unsigned seed)
{
    double value[ROWS + 200];
    for (size_t r = 0; r < table->rows; r++) {
        value[r] = spread(r < ROWS ? r : 3 * (r - ROWS), seed);
    }
    add_numbers(table, name, value);
}

static void add_class_with_copies(nd_table *table, bool other)
{
    const char *word[ROWS + 200];
    for (size_t r = 0; r < table->rows; r++) {
        size_t from = r < ROWS ? r : 3 * (r - ROWS);
        bool a = spread(from, 1) + spread(from, 2) > 1;
        word[r] = a != (other && r >= ROWS) ? "a" : "b";
    }
    add_words(table, "kind", word);
}

static void repeated_rows_are_counted(void **state)
{
    (void)state;
    nd_table *table = make_table(ROWS + 20, true);
    add_with_copies(table, "width", 1);
    add_with_copies(table, "height", 2);
    add_class_with_copies(table, false);
    check_plain(table);
    assert_int_equal(found.count, 1);
    expect("duplicates", NULL, false, 20);
    nd_table_destroy(table);
}

static void rows_that_few_values_must_repeat_are_no_finding(void **state)
{
    (void)state;
    nd_table *table = make_table(ROWS, true);
    double two[ROWS], three[ROWS];
    const char *word[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        two[r] = floor(2 * spread(r, 1));
        three[r] = floor(3 * spread(r, 2));
        word[r] = two[r] > 0 ? "a" : three[r] > 1 ? "b" : "c";
    }
    add_numbers(table, "two", two);
    add_numbers(table, "three", three);
    add_words(table, "kind", word);
    check_plain(table);
    expect_nothing();
    nd_table_destroy(table);
}

static void labels_that_disagree_are_counted(void **state)
{
    (void)state;
    nd_table *table = make_table(ROWS + 20, true);
    add_with_copies(table, "width", 1);
    add_with_copies(table, "height", 2);
    add_class_with_copies(table, true);
    check_plain(table);
    assert_int_equal(found.count, 1);
    expect("conflict", "kind", false, 20);
    nd_table_destroy(table);
}

static void test_rows_from_training_and_new_classes_are_counted(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS), *test = make_table(30, true);
    double width[30], height[30];
    const char *word[30];
    for (size_t r = 0; r < 30; r++) {
        size_t from = r < 6 ? 10 * r : 1000 + r;
        width[r] = floor(1e6 * spread(from, 1)) / 1e6 * 30;
        height[r] = floor(1e6 * spread(from, 2)) / 1e6 * 5;
        word[r] = r == 29 ? "c" : spread(from, 1) + spread(from, 2) > 1 ? "a" : "b";
    }
    add_class(table, "kind");
    add_words(test, "kind", word);
    add_numbers(test, "height", height);
    add_numbers(test, "width", width);
    nd_check_params params = with(&plain);
    nd_check_part part = {"test", test, NULL};
    assert_int_equal(nd_check_table(table, NULL, &part, 1, &params, &found), ND_OK);
    assert_int_equal(found.count, 2);
    expect("overlap", NULL, false, 6);
    expect("unseen_class", "kind", true, 1);
    nd_table_destroy(test);
    nd_table_destroy(table);
}

static void targets_that_cannot_be_learned_are_errors(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    const char *word[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        word[r] = r < 5 ? NULL : "same";
    }
    add_words(table, "kind", word);
    check_plain(table);
    assert_int_equal(found.count, 2);
    expect("target_missing", "kind", true, 5);
    expect("one_class", "kind", true, ROWS - 5);
    nd_table_destroy(table);
    table = begin_table(ROWS);
    add_ramp(table, "price", 2.5, 0);
    check_plain(table);
    assert_int_equal(found.count, 1);
    expect("constant_target", "price", true, ROWS);
    nd_table_destroy(table);
}

/* An even share of three classes is 133 rows; 6 are less than a twentieth of it. */
static void a_rare_class_is_found(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    const char *word[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        word[r] = r % 66 == 5 ? "rare" : spread(r, 1) + spread(r, 2) > 1 ? "a" : "b";
    }
    add_words(table, "kind", word);
    check_plain(table);
    assert_int_equal(found.count, 1);
    expect("imbalance", "kind", false, 6);
    assert_string_equal(found.item[0].remedy,
                        "train with --class-weights balanced, or --allow imbalance");
    nd_table_destroy(table);
}

static void what_is_allowed_is_not_reported(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    add_ramp(table, "one", 1, 0);
    add_ramp(table, "a,b", 2, 0);
    add_class(table, "kind");
    check_plain(table);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.item[0].remedy, "--ignore one, or --allow constant");
    assert_string_equal(found.item[1].remedy, "--ignore '\"a,b\"', or --allow constant");
    const char *const one[] = {"constant:one"}, *const all[] = {"constant"}, *const no[] = {"leek"};
    nd_check_params params = {.prep = &plain, .allow = one, .allow_count = 1};
    check_with(table, &params);
    assert_int_equal(found.count, 1);
    expect("constant", "a,b", false, ROWS);
    params.allow = all;
    check_with(table, &params);
    expect_nothing();
    params.allow = no;
    assert_int_equal(nd_check_table(table, NULL, NULL, 0, &params, &found), ND_ERR_OPTION);
    assert_string_equal(nd_ctx_message(ctx),
                        "allow: there is no finding 'leek'; did you mean 'leak'?");
    nd_table_destroy(table);
}

static void names_the_table_lacks_are_a_mistake_of_the_caller(void **state)
{
    (void)state;
    nd_table *table = begin_table(ROWS);
    add_class(table, "kind");
    const char *const name[] = {"colour"};
    nd_prep_params prep = plain;
    prep.drop = name;
    prep.drop_count = 1;
    nd_check_params params = with(&prep);
    assert_int_equal(nd_check_table(table, NULL, NULL, 0, &params, &found), ND_ERR_DATA);
    assert_int_equal(found.count, 0);
    nd_table_destroy(table);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    nd_table *table = make_table(ROWS + 20, true);
    add_with_copies(table, "width", 1);
    add_with_copies(table, "height", 2);
    add_cycle(table, "key", "k", ROWS + 20);
    add_class_with_copies(table, false);
    nd_check_params params = with(&plain);
    nd_status status = ND_ERR_MEMORY;
    nd_ctx_set_threads(ctx, 1);
    for (unsigned long n = 1; status == ND_ERR_MEMORY && n < 1000; n++) {
        nd_alloc_fail_at(n, false);
        status = nd_check_table(table, NULL, NULL, 0, &params, &found);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || found.count == 0);
    }
    assert_int_equal(status, ND_OK);
    expect("duplicates", NULL, false, 20);
    nd_table_destroy(table);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start_ctx, end_check)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_honest_table_has_no_finding),
        CASE(a_copy_of_the_class_is_an_error_and_a_near_copy_a_warning),
        CASE(a_strong_feature_is_no_leak),
        CASE(what_repeats_as_often_as_rows_are_looked_at_is_no_leak),
        CASE(a_quantity_in_other_units_is_a_leak),
        CASE(presence_that_tells_the_class_is_a_leak),
        CASE(the_only_input_is_never_a_leak),
        CASE(columns_that_name_rows_are_found),
        CASE(empty_constant_and_strange_columns_are_found),
        CASE(sizes_matter_without_scaling_only),
        CASE(repeated_rows_are_counted),
        CASE(rows_that_few_values_must_repeat_are_no_finding),
        CASE(labels_that_disagree_are_counted),
        CASE(test_rows_from_training_and_new_classes_are_counted),
        CASE(targets_that_cannot_be_learned_are_errors),
        CASE(a_rare_class_is_found),
        CASE(what_is_allowed_is_not_reported),
        CASE(names_the_table_lacks_are_a_mistake_of_the_caller),
        CASE(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
