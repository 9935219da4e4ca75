#include "base/option.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"

static const nd_option rows[] = {
    {.name = "units", .type = ND_OPT_INT, .preset = "64", .min = 1, .max = 1000},
    {.name = "rate", .type = ND_OPT_REAL, .preset = "auto", .min = 0, .max = 0.5},
    {.name = "free", .type = ND_OPT_REAL, .preset = ""},
    {.name = "batch_norm", .type = ND_OPT_BOOL, .preset = "false"},
    {.name = "init",
     .type = ND_OPT_CHOICE,
     .preset = "he_normal",
     .choices = "he_normal|he_uniform|zeros"},
    {.name = "title", .type = ND_OPT_TEXT, .preset = "none"},
    {.name = "hidden", .type = ND_OPT_LIST, .preset = ""},
};

enum { COUNT = sizeof rows / sizeof rows[0] };

static nd_ctx *ctx;
static nd_optset set;

static int start(void **state)
{
    (void)state;
    ctx = nd_alloc(1, sizeof *ctx);
    return ctx ? (int)nd_optset_init(ctx, rows, COUNT, "option", &set) : 1;
}

static int stop(void **state)
{
    (void)state;
    nd_optset_free(&set);
    nd_free(ctx);
    return 0;
}

static nd_status give(const char *key, const char *text)
{
    return nd_optset_set(&set, key, text, ND_FROM_CALL);
}

static void refuse(const char *key, const char *text, const char *message)
{
    assert_int_equal(give(key, text), ND_ERR_OPTION);
    assert_string_equal(ctx->message, message);
}

static void presets_are_in_force_and_not_given(void **state)
{
    (void)state;
    assert_int_equal(nd_opt_int(&set, "units"), 64);
    assert_true(nd_opt_auto(&set, "rate"));
    assert_true(isnan(nd_opt_real(&set, "free")));
    assert_false(nd_opt_bool(&set, "batch_norm"));
    assert_int_equal(nd_opt_choice(&set, "init"), 0);
    assert_string_equal(nd_opt_text(&set, "title"), "none");
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 0);
    assert_false(nd_opt_given(&set, "units"));
}

static void values_of_each_type_are_taken(void **state)
{
    (void)state;
    assert_int_equal(give("units", "1e2"), ND_OK);
    assert_int_equal(give("rate", "0.25"), ND_OK);
    assert_int_equal(give("free", "-1e300"), ND_OK);
    assert_int_equal(give("init", "zeros"), ND_OK);
    assert_int_equal(give("title", ""), ND_OK);
    assert_int_equal(nd_opt_int(&set, "units"), 100);
    assert_true(nd_opt_real(&set, "rate") == 0.25);
    assert_false(nd_opt_auto(&set, "rate"));
    assert_true(nd_opt_real(&set, "free") == -1e300);
    assert_int_equal(nd_opt_choice(&set, "init"), 2);
    assert_string_equal(nd_opt_text(&set, "title"), "");
    assert_true(nd_opt_given(&set, "title"));
}

static void auto_can_be_given_back_where_it_is_the_preset(void **state)
{
    (void)state;
    assert_int_equal(give("rate", "0.25"), ND_OK);
    assert_int_equal(give("rate", "auto"), ND_OK);
    assert_true(nd_opt_auto(&set, "rate"));
    refuse("units", "auto", "option units: 'auto' is not a whole number");
}

static void words_for_a_boolean_are_understood(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "YES", "on", "1", ""};
    static const char *const no[] = {"False", "no", "off", "0"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(give("batch_norm", "false"), ND_OK);
        assert_int_equal(give("batch_norm", yes[i]), ND_OK);
        assert_true(nd_opt_bool(&set, "batch_norm"));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(give("batch_norm", "true"), ND_OK);
        assert_int_equal(give("batch_norm", no[i]), ND_OK);
        assert_false(nd_opt_bool(&set, "batch_norm"));
    }
    refuse("batch_norm", "maybe", "option batch_norm: 'maybe' is neither true nor false");
}

static void hyphen_and_underscore_are_the_same_in_keys_and_words(void **state)
{
    (void)state;
    assert_int_equal(give("batch-norm", "true"), ND_OK);
    assert_true(nd_opt_bool(&set, "batch_norm"));
    assert_int_equal(give("init", "he-uniform"), ND_OK);
    assert_int_equal(nd_opt_choice(&set, "init"), 1);
    assert_string_equal(nd_opt_text(&set, "init"), "he_uniform");
}

static void bad_values_are_refused_with_the_reason(void **state)
{
    (void)state;
    refuse("units", "12.5", "option units: '12.5' is not a whole number");
    refuse("units", "0", "option units: 0 is outside 1 to 1000");
    refuse("units", "1001", "option units: 1001 is outside 1 to 1000");
    refuse("units", "1e400", "option units: 1e400 is outside 1 to 1000");
    refuse("units", "", "option units: '' is not a whole number");
    refuse("units", NULL, "option units needs a value");
    refuse("rate", "much", "option rate: 'much' is not a number");
    refuse("rate", "nan", "option rate: 'nan' is not a number");
    refuse("rate", "0.6", "option rate: 0.6 is outside 0 to 0.5");
    refuse("free", "inf", "option free: inf is outside -inf to inf");
    refuse("init", "zero",
           "option init: 'zero' is none of he_normal, he_uniform, zeros; did you mean 'zeros'?");
    refuse("init", "", "option init: '' is none of he_normal, he_uniform, zeros");
    assert_int_equal(nd_opt_int(&set, "units"), 64);
    assert_false(nd_opt_given(&set, "units"));
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    refuse("unit", "3", "unknown option 'unit'; did you mean 'units'?");
    refuse("quetzalcoatl", "3", "unknown option 'quetzalcoatl'");
    refuse("units_", "3", "unknown option 'units_'; did you mean 'units'?");
    assert_int_equal(nd_optset_find(&set, "unit"), -1);
}

static void a_later_file_does_not_override_a_call(void **state)
{
    (void)state;
    assert_int_equal(give("units", "7"), ND_OK);
    assert_int_equal(nd_optset_set(&set, "units", "8", ND_FROM_FILE), ND_OK);
    assert_int_equal(nd_opt_int(&set, "units"), 7);
    assert_int_equal(nd_optset_set(&set, "units", "x", ND_FROM_FILE), ND_ERR_OPTION);
    assert_int_equal(nd_optset_set(&set, "rate", "0.1", ND_FROM_FILE), ND_OK);
    assert_int_equal(give("rate", "0.2"), ND_OK);
    assert_true(nd_opt_real(&set, "rate") == 0.2);
}

static void attributes_are_pairs_with_commas(void **state)
{
    (void)state;
    assert_int_equal(nd_optset_parse(&set, " units = 9 ,batch-norm,  hidden=a|b,", ND_FROM_CALL),
                     ND_OK);
    assert_int_equal(nd_opt_int(&set, "units"), 9);
    assert_true(nd_opt_bool(&set, "batch_norm"));
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 2);
    assert_int_equal(nd_optset_parse(&set, NULL, ND_FROM_CALL), ND_OK);
    assert_int_equal(nd_optset_parse(&set, "", ND_FROM_CALL), ND_OK);
    assert_int_equal(nd_optset_parse(&set, "units", ND_FROM_CALL), ND_ERR_OPTION);
    assert_string_equal(ctx->message, "option units needs a value");
    assert_int_equal(nd_optset_parse(&set, "units=3, =4", ND_FROM_CALL), ND_ERR_OPTION);
    assert_string_equal(ctx->message, "unknown option ''");
}

static void list_items_come_without_blanks(void **state)
{
    (void)state;
    size_t n = 0;
    assert_int_equal(give("hidden", " 128, sepal length |64"), ND_OK);
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 3);
    const char *item = nd_opt_list_item(&set, "hidden", 1, &n);
    assert_int_equal(n, 12);
    assert_memory_equal(item, "sepal length", 12);
    item = nd_opt_list_item(&set, "hidden", 2, &n);
    assert_int_equal(n, 2);
    assert_memory_equal(item, "64", 2);
    assert_int_equal(give("hidden", "  "), ND_OK);
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 0);
}

static void quoted(const char *list, size_t i, const char *item)
{
    assert_int_equal(give("hidden", list), ND_OK);
    assert_true(i < nd_opt_list_count(&set, "hidden"));
    char *text = nd_opt_list_text(&set, "hidden", i);
    assert_string_equal(text, item);
    nd_free(text);
}

static void items_in_double_quotes_hold_separators(void **state)
{
    (void)state;
    quoted("a, \"b,c\" ,d", 1, "b,c");
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 3);
    quoted("\"b|c\"", 0, "b|c");
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 1);
    quoted("\"say \"\"x\"\", y\",z", 0, "say \"x\", y");
    quoted("\" d\"|e", 0, " d");
    quoted("\"\",e", 0, "");
}

static void a_quoted_name_has_its_value_behind(void **state)
{
    (void)state;
    quoted("\"a, \"\"b\"\"\" = 2,c=3", 0, "a, \"b\"= 2");
    assert_int_equal(nd_opt_list_count(&set, "hidden"), 2);
    quoted("x=1|\"b|c\"=2", 1, "b|c=2");
}

static void argued(const char *item, const char *argument)
{
    char *text = nd_opt_argument(item);
    assert_string_equal(text, argument);
    nd_free(text);
}

static void items_become_arguments_of_a_shell(void **state)
{
    (void)state;
    argued("sepal_length-2.b", "sepal_length-2.b");
    argued("size in cm", "'size in cm'");
    argued("size, total", "'\"size, total\"'");
    argued("it's \"x\"", "'\"it'\\''s \"\"x\"\"\"'");
    argued("", "''");
    argued("$HOME", "'$HOME'");
}

static void arguments_without_memory_are_null(void **state)
{
    (void)state;
    for (unsigned long i = 1; i <= 2; i++) {
        nd_alloc_fail_at(i, false);
        assert_null(nd_opt_argument("size, total"));
    }
    nd_alloc_fail_at(0, false);
}

/* What is no quoted item is taken letter by letter, as before. */
static void other_quotes_stay(void **state)
{
    (void)state;
    quoted("5\" disk,b", 0, "5\" disk");
    quoted("\"open,b", 0, "\"open");
    quoted("\"a\" b,c", 0, "\"a\" b");
    quoted("\"a,b\" c,d", 0, "\"a");
}

static void a_copy_is_independent(void **state)
{
    (void)state;
    nd_optset copy;
    assert_int_equal(give("title", "first"), ND_OK);
    assert_int_equal(nd_optset_copy(&set, &copy), ND_OK);
    assert_int_equal(give("title", "second"), ND_OK);
    assert_string_equal(nd_opt_text(&copy, "title"), "first");
    nd_optset_free(&copy);
}

static void failed_allocations_leave_the_set_as_it_was(void **state)
{
    (void)state;
    nd_optset copy;
    assert_int_equal(give("title", "first"), ND_OK);
    for (unsigned long n = 1; n <= 2; n++) {
        nd_alloc_fail_at(n, false);
        assert_int_equal(nd_optset_copy(&set, &copy), ND_ERR_MEMORY);
        nd_alloc_fail_at(0, false);
    }
    nd_alloc_fail_at(1, false);
    assert_int_equal(give("title", "second"), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_string_equal(nd_opt_text(&set, "title"), "first");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(presets_are_in_force_and_not_given),
        CASE(values_of_each_type_are_taken),
        CASE(auto_can_be_given_back_where_it_is_the_preset),
        CASE(words_for_a_boolean_are_understood),
        CASE(hyphen_and_underscore_are_the_same_in_keys_and_words),
        CASE(bad_values_are_refused_with_the_reason),
        CASE(unknown_keys_name_the_nearest),
        CASE(a_later_file_does_not_override_a_call),
        CASE(attributes_are_pairs_with_commas),
        CASE(list_items_come_without_blanks),
        CASE(items_in_double_quotes_hold_separators),
        CASE(a_quoted_name_has_its_value_behind),
        CASE(items_become_arguments_of_a_shell),
        CASE(arguments_without_memory_are_null),
        CASE(other_quotes_stay),
        CASE(a_copy_is_independent),
        CASE(failed_allocations_leave_the_set_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
