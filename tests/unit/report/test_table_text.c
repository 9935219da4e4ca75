#include "report/table_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"
#include "unit/data/make_table.h"

static int take(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static int refuse(void *user, const char *text, size_t bytes)
{
    (void)user;
    (void)text;
    (void)bytes;
    return 1;
}

static char *describe(const nd_table *table, int json)
{
    nd_text text = {0};
    const nd_sink sink = {take, &text};
    if (nd_report_table(table, &plain, json, &sink) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return text.data;
}

/* Of a table with a problem: written all the same, the status says so. */
static char *describe_problem(const nd_table *table, int json)
{
    nd_text text = {0};
    const nd_sink sink = {take, &text};
    assert_int_equal(nd_report_table(table, &plain, json, &sink), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "one class only");
    return text.data;
}

static nd_table *small_table(void)
{
    const double size[] = {1, 2.5, NAN, 4, 2.5}, same[] = {7, 7, 7, 7, 7};
    const char *colour[] = {"red", "blue", NULL, "red", "blue"};
    const char *kind[] = {"no", "yes", "no", "yes", "no"};
    nd_table *table = make_table(5, true);
    add_numbers(table, "size", size);
    add_words(table, "colour", colour);
    add_numbers(table, "same", same);
    add_words(table, "kind", kind);
    table->column[0].missing = table->column[1].missing = 1;
    return table;
}

static void text_shows_columns_classes_and_warnings(void **state)
{
    (void)state;
    const char *want =
        "t.csv: 5 rows, 4 columns\n"
        "\n"
        "column  type     missing  different  inputs                    values\n"
        "size    number         1          3  2 x standard + missing    1 .. 4, mean 2.5, "
        "deviation 1.06066\n"
        "colour  text           1          2  3 x one_hot               red 2, blue 2\n"
        "same    number         0          1  not used: constant        7 .. 7, mean 7, "
        "deviation 0\n"
        "kind    text           0          2  target                    no 3, yes 2\n"
        "\n"
        "task: binary, target kind, 2 classes\n"
        "  no          3 rows   60.0%\n"
        "  yes         2 rows   40.0%\n"
        "inputs of the network: 5\n"
        "warning: column \"same\" is not used: constant in the training rows\n";
    nd_table *table = small_table();
    char *text = describe(table, 0);
    assert_string_equal(text, want);
    assert_string_equal(logged, "");
    nd_free(text);
    nd_table_destroy(table);
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void json_says_the_same(void **state)
{
    (void)state;
    nd_table *table = small_table();
    char *text = describe(table, 1);
    json_t *made = json_loads(text, 0, NULL);
    assert_non_null(made);
    json_t *columns = json_object_get(made, "columns"), *size = json_array_get(columns, 0);
    json_t *colour = json_array_get(columns, 1), *same = json_array_get(columns, 2);
    assert_int_equal(json_integer_value(json_object_get(made, "rows")), 5);
    assert_int_equal(json_array_size(columns), 4);
    assert_string_equal(text_at(size, "type"), "number");
    assert_int_equal(json_integer_value(json_object_get(size, "missing")), 1);
    assert_true(json_real_value(json_object_get(size, "mean")) == 2.5);
    json_t *words = json_object_get(colour, "most_frequent");
    assert_string_equal(text_at(json_array_get(words, 0), "text"), "red");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(words, 0), "rows")), 2);
    assert_string_equal(text_at(json_object_get(same, "preparation"), "reason"), "constant");
    assert_string_equal(text_at(made, "task"), "binary");
    json_t *class = json_array_get(json_object_get(made, "classes"), 1);
    assert_string_equal(text_at(class, "name"), "yes");
    assert_int_equal(json_integer_value(json_object_get(class, "rows")), 2);
    assert_int_equal(json_integer_value(json_object_get(made, "inputs")), 5);
    assert_true(json_is_null(json_object_get(made, "problem")));
    assert_int_equal(json_array_size(json_object_get(made, "warnings")), 1);
    json_decref(made);
    nd_free(text);
    nd_table_destroy(table);
}

static void the_most_frequent_words_come_first(void **state)
{
    (void)state;
    const char *word[] = {"a", "b", "b", "c", "d", "d", "d", "e", "f", "f"};
    nd_table *table = make_table(10, true);
    add_words(table, "w", word);
    add_cycle(table, "y", "class", 2);
    char *text = describe(table, 0);
    assert_has(text, "d 3, b 2, f 2, a 1, c 1, ..\n");
    nd_free(text);
    nd_table_destroy(table);
}

static void an_unusable_target_is_part_of_the_description(void **state)
{
    (void)state;
    const double same[] = {7, 7, 7};
    nd_table *table = make_table(3, true);
    add_ramp(table, "x", 0, 1.5);
    add_numbers(table, "y", same);
    char *text = describe_problem(table, 0), *json = describe_problem(table, 1);
    assert_has(text, "x       number         0          3  -");
    assert_has(text, "problem: t.csv: target \"y\" has one class only");
    json_t *made = json_loads(json, 0, NULL);
    assert_has(text_at(made, "problem"), "one class only");
    assert_true(json_is_null(json_object_get(made, "task")));
    json_decref(made);
    nd_free(text);
    nd_free(json);
    nd_table_destroy(table);
}

static void control_bytes_and_long_names_do_not_reach_the_terminal(void **state)
{
    (void)state;
    const char *word[] = {"\x1b[31m", "b", "\x1b[31m", "b"};
    nd_table *table = make_table(4, true);
    add_words(table, "a\nname that is far too long for a column", word);
    add_words(table, "\xc3\xa4\xc3\xb6", word);
    add_cycle(table, "y", "class", 2);
    char *text = describe(table, 0);
    assert_null(strchr(text, 0x1b));
    assert_has(text, "\na?name that is far too lon..  text ");
    assert_has(text, "\n\xc3\xa4\xc3\xb6                            text ");
    nd_free(text);
    nd_table_destroy(table);
}

static void the_log_is_given_back(void **state)
{
    (void)state;
    nd_table *table = small_table();
    nd_free(describe(table, 0));
    nd_log(ctx, 1, "after");
    assert_string_equal(logged, "1 after\n");
    nd_table_destroy(table);
}

static void a_refusing_sink_is_reported(void **state)
{
    (void)state;
    const nd_sink sink = {refuse, NULL};
    nd_table *table = small_table();
    assert_int_equal(nd_report_table(table, &plain, 0, &sink), ND_ERR_IO);
    nd_table_destroy(table);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    nd_table *table = small_table();
    for (int json = 0; json < 2; json++) {
        nd_status status = ND_ERR_MEMORY;
        for (unsigned long n = 1; status != ND_OK; n++) {
            nd_text text = {0};
            const nd_sink sink = {take, &text};
            assert_true(n < 300);
            nd_alloc_fail_at(n, true);
            status = nd_report_table(table, &plain, json, &sink);
            nd_alloc_fail_at(0, false);
            if (status == ND_OK && text.failed) {
                status = ND_ERR_MEMORY; /* the sink's own text */
            }
            assert_true(status == ND_OK || status == ND_ERR_MEMORY);
            nd_text_free(&text);
        }
    }
    nd_table_destroy(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(text_shows_columns_classes_and_warnings),
        CASE(json_says_the_same),
        CASE(the_most_frequent_words_come_first),
        CASE(an_unusable_target_is_part_of_the_description),
        CASE(control_bytes_and_long_names_do_not_reach_the_terminal),
        CASE(the_log_is_given_back),
        CASE(a_refusing_sink_is_reported),
        CASE(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
