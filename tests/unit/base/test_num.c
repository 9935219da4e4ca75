#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/num_scale.h"
#include "base/rng.h"

static double parsed(const char *text)
{
    double value = -12345;
    if (nd_num_parse(text, strlen(text), &value) != ND_NUM_OK) {
        fail_msg("'%s' is a number", text);
    }
    return value;
}

/* glibc's strtod, correctly rounded, is the oracle. */
static void assert_parses_like_libc(const char *text)
{
    double want = strtod(text, NULL), got = parsed(text);
    if (memcmp(&want, &got, sizeof got) != 0) {
        fail_msg("'%s': got %.17g, want %.17g", text, got, want);
    }
}

static void plain_numbers_are_read(void **state)
{
    (void)state;
    static const char *const text[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "-.5e1",
        "00012.50",
        "1e5",
        "1E+5",
        "1e-5",
        "123456789012",
        "3.14159265358979323846",
        "9007199254740993",
        "1e22",
        "1e23",
        "8.5e-23",
        "1e-400",
        "0e999999999999",
        "0.000000000000000000000000000000000000000001",
        "1e308",
        "1.7976931348623157e308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "179769313486231570e291",
        "0.1000000000000000055511151231257827021181583404541015625",
        "9007199254740992.999999999999999999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        assert_parses_like_libc(text[i]);
    }
}

static void other_text_is_no_number(void **state)
{
    (void)state;
    static const char *const text[] = {"",    "+",     "-",   ".",       "e5",       "1e",
                                       "1e+", "1 ",    " 1",  "1,5",     "0x10",     "1.2.3",
                                       "--1", "1e5.0", "abc", "infinit", "na",       "nan(1)",
                                       "1f",  "1_000", "++1", "1e1e1",   "12345678x"};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        double value = 7;
        assert_int_equal(nd_num_parse(text[i], strlen(text[i]), &value), ND_NUM_NONE);
        assert_true(value == 7);
    }
}

static void words_for_infinity_and_nan_are_read(void **state)
{
    (void)state;
    assert_true(parsed("inf") == INFINITY && parsed("-Infinity") == -INFINITY);
    assert_true(parsed("+INF") == INFINITY && isnan(parsed("NaN")));
}

static void what_no_double_holds_is_an_overflow(void **state)
{
    (void)state;
    static const char *const text[] = {"1e400", "-1e309", "1.7976931348623159e308",
                                       "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        double value;
        assert_int_equal(nd_num_parse(text[i], strlen(text[i]), &value), ND_NUM_OVERFLOW);
    }
}

static void only_the_given_bytes_are_read(void **state)
{
    (void)state;
    double value;
    char *exact = malloc(3); /* a sanitizer sees a read beyond it */
    memcpy(exact, "125", 3);
    assert_int_equal(nd_num_parse(exact, 3, &value), ND_NUM_OK);
    assert_true(value == 125);
    free(exact);
    assert_int_equal(nd_num_parse("1.5e3", 3, &value), ND_NUM_OK);
    assert_true(value == 1.5);
}

/* The digit behind 800 others decides: 2^53 + 1 lies halfway between doubles. */
static void digits_far_behind_decide_the_rounding(void **state)
{
    (void)state;
    char text[900];
    strcpy(text, "9007199254740993.");
    memset(text + 17, '0', 800);
    strcpy(text + 817, "1");
    assert_true(parsed(text) == 9007199254740994.0);
    text[817] = '0';
    assert_true(parsed(text) == 9007199254740992.0);
}

static double random_double(uint64_t i)
{
    const nd_rng rng = {.seed = 6, .stream = 1};
    uint64_t bits = (uint64_t)nd_rng_bits(&rng, 2 * i) << 32 | nd_rng_bits(&rng, 2 * i + 1);
    double value;
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? value : 0;
}

static void random_doubles_are_read_like_libc_does(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300000; i++) {
        char text[64];
        int digits = i % 3 == 0 ? 17 : (int)(i % 21) + 1;
        snprintf(text, sizeof text, i % 2 ? "%.*g" : "%.*e", digits, random_double(i));
        if (isfinite(strtod(text, NULL))) {
            assert_parses_like_libc(text);
        }
    }
}

static void random_decimals_are_read_like_libc_does(void **state)
{
    (void)state;
    const nd_rng rng = {.seed = 6, .stream = 2};
    for (uint64_t i = 0; i < 300000; i++) {
        char text[64];
        uint32_t whole = nd_rng_bits(&rng, 3 * i) >> (i % 32);
        uint32_t part = nd_rng_bits(&rng, 3 * i + 1);
        int exponent = (int)(nd_rng_bits(&rng, 3 * i + 2) % 80) - 40;
        snprintf(text, sizeof text, i % 2 ? "%u.%u" : "-%u.%ue%d", whole, part, exponent);
        assert_parses_like_libc(text);
    }
}

/* Far decimals beside the reader's fast path: told like strtod, or left to others. */
static void scaled_digits_round_like_strtod(void **state)
{
    (void)state;
    const nd_rng rng = {.seed = 1};
    size_t told = 0, asked = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t digits = (uint64_t)nd_rng_bits(&rng, 4 * i) << 32 | nd_rng_bits(&rng, 4 * i + 1);
        digits >>= nd_rng_bits(&rng, 4 * i + 2) % 64;
        int range = i % 2 ? 80 : 560;
        int q = (int)(nd_rng_bits(&rng, 4 * i + 3) % (unsigned)range) - range / 2;
        char text[64];
        double value = 0;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, q);
        asked++;
        if (nd_num_scale(digits, q, &value)) {
            double wanted = strtod(text, NULL);
            assert_memory_equal(&value, &wanted, sizeof value);
            told++;
        }
    }
    assert_true(told > asked - asked / 50);
}

static void ties_and_ranges_are_left_to_others(void **state)
{
    (void)state;
    double value = 0;
    assert_false(nd_num_scale(9007199254740993u, 0, &value));
    assert_false(nd_num_scale(9007199254740995u, 0, &value));
    assert_true(nd_num_scale(9007199254740994u, 0, &value));
    assert_true(value == 9007199254740994.0);
    assert_false(nd_num_scale(1, 309, &value));
    assert_false(nd_num_scale(1, -308, &value)); /* not a normal number */
    assert_false(nd_num_scale(1, ND_NUM_FIVE_LAST + 1, &value));
    assert_true(nd_num_scale(0, 999, &value));
    assert_true(value == 0);
}

/* Values of many kinds: any bits, floats, whole numbers, short binary fractions (whose
 * decimals tie), powers of two down to the smallest. */
static double assorted(uint64_t i)
{
    const nd_rng rng = {.seed = 6, .stream = 4};
    uint32_t low = nd_rng_bits(&rng, 2 * i), high = nd_rng_bits(&rng, 2 * i + 1);
    double sign = i & 8 ? -1 : 1;
    switch (i % 6) {
    case 0:
        return sign * (double)((float)high / 4294967296.0f);
    case 1:
        return sign * (double)(high >> low % 32);
    case 2:
        return sign * (double)(high >> 12) / (double)(1u << low % 20);
    case 3:
        return sign * ldexp(1, (int)(high % 2098) - 1074);
    case 4:
        return sign * ldexp((double)high, (int)(low % 200) - 1074);
    default:
        return random_double(i);
    }
}

static void general_form_is_that_of_printf(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400000; i++) {
        char text[ND_NUM_TEXT], want[400];
        int digits = (int)(i % 17) + 1;
        double value = assorted(i);
        size_t n = nd_num_print_general(text, value, digits);
        snprintf(want, sizeof want, "%.*g", digits, value);
        assert_string_equal(text, want);
        assert_int_equal(n, strlen(want));
    }
}

/* Digits between the first and the last that is not 0. */
static int significant(const char *text)
{
    int count = 0, zeros = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p >= '1' && *p <= '9') {
            count += zeros + 1;
            zeros = 0;
        } else if (*p == '0' && count > 0) {
            zeros++;
        }
    }
    return count;
}

static void printed_doubles_are_shortest_and_read_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double value = i % 7 ? assorted(i) : (double)(int64_t)(i * i) / 1000;
        char text[ND_NUM_TEXT], shorter[400];
        size_t n = nd_num_print(text, value);
        assert_int_equal(n, strlen(text));
        assert_true(strtod(text, NULL) == value);
        int digits = significant(text);
        if (digits > 1) {
            snprintf(shorter, sizeof shorter, "%.*g", digits - 1, value);
            if (strtod(shorter, NULL) == value) {
                fail_msg("'%s' is shorter than '%s'", shorter, text);
            }
        }
    }
}

static void printed_floats_are_shortest_and_read_back(void **state)
{
    (void)state;
    const nd_rng rng = {.seed = 6, .stream = 3};
    for (uint64_t i = 0; i < 200000; i++) {
        uint32_t bits = nd_rng_bits(&rng, i);
        bits &= i % 5 ? 0xffffffffu : i % 2 ? 0xff800000u : 0x800fffffu;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char text[ND_NUM_TEXT], shorter[400];
        nd_num_print_float(text, value);
        assert_true(strtof(text, NULL) == value);
        int digits = significant(text);
        if (digits > 1) {
            snprintf(shorter, sizeof shorter, "%.*g", digits - 1, (double)value);
            assert_true(strtof(shorter, NULL) != value);
        }
    }
    char text[ND_NUM_TEXT];
    nd_num_print_float(text, 0.1f);
    assert_string_equal(text, "0.1");
    nd_num_print_float(text, 16777216.0f);
    assert_string_equal(text, "16777216");
    nd_num_print_float(text, 1e-45f);
    assert_string_equal(text, "1e-45");
}

static void smallest_and_largest_doubles_are_short(void **state)
{
    (void)state;
    char text[ND_NUM_TEXT];
    nd_num_print(text, 4.9406564584124654e-324);
    assert_string_equal(text, "5e-324");
    nd_num_print(text, -DBL_MAX);
    assert_string_equal(text, "-1.7976931348623157e+308");
    nd_num_print(text, DBL_MIN);
    assert_string_equal(text, "2.2250738585072014e-308");
    nd_num_print(text, -0.0);
    assert_string_equal(text, "-0");
    nd_num_print(text, 1e23);
    assert_string_equal(text, "1e+23");
    nd_num_print(text, 9007199254740993.0);
    assert_string_equal(text, "9007199254740992");
}

static void whole_numbers_are_printed(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 9, 10, 99, 100, 4294967295u, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[ND_NUM_TEXT], want[ND_NUM_TEXT];
        int n = snprintf(want, sizeof want, "%llu", (unsigned long long)values[i]);
        assert_int_equal(nd_num_print_whole(text, values[i]), n);
        assert_string_equal(text, want);
    }
}

static void printed_forms_are_those_of_printf(void **state)
{
    (void)state;
    char text[ND_NUM_TEXT];
    nd_num_print_fixed(text, -2.0 / 3, 4);
    assert_string_equal(text, "-0.6667");
    nd_num_print_general(text, 1234567.0, 3);
    assert_string_equal(text, "1.23e+06");
    nd_num_print(text, 0.1);
    assert_string_equal(text, "0.1");
    nd_num_print(text, NAN);
    assert_string_equal(text, "nan");
    nd_num_print(text, -INFINITY);
    assert_string_equal(text, "-inf");
    assert_int_equal(nd_num_print_fixed(text, -INFINITY, 3), 4);
    assert_string_equal(text, "-inf");
    assert_true(nd_num_print_fixed(text, DBL_MAX, 3) < ND_NUM_TEXT);
    assert_true(strtod(text, NULL) == DBL_MAX);
}

static void numbers_do_not_follow_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    char text[ND_NUM_TEXT];
    for (size_t i = 0; i < 4 && !setlocale(LC_ALL, names[i]); i++) {
    }
    nd_num_print(text, 0.5);
    assert_string_equal(text, "0.5");
    assert_true(parsed("3.14159265358979323846264338") == 3.141592653589793);
    setlocale(LC_ALL, "C");
}

static void whole_numbers_are_read_to_their_limits(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(nd_num_parse_int("9223372036854775807", 19, &value) && value == INT64_MAX);
    assert_true(nd_num_parse_int("-9223372036854775808", 20, &value) && value == INT64_MIN);
    assert_true(nd_num_parse_int("+42", 3, &value) && value == 42);
    assert_false(nd_num_parse_int("9223372036854775808", 19, &value));
    assert_false(nd_num_parse_int("-9223372036854775809", 20, &value));
    assert_false(nd_num_parse_int("", 0, &value));
    assert_false(nd_num_parse_int("-", 1, &value));
    assert_false(nd_num_parse_int("4.0", 3, &value));
    assert_int_equal(value, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_numbers_are_read),
        cmocka_unit_test(other_text_is_no_number),
        cmocka_unit_test(words_for_infinity_and_nan_are_read),
        cmocka_unit_test(what_no_double_holds_is_an_overflow),
        cmocka_unit_test(only_the_given_bytes_are_read),
        cmocka_unit_test(digits_far_behind_decide_the_rounding),
        cmocka_unit_test(random_doubles_are_read_like_libc_does),
        cmocka_unit_test(random_decimals_are_read_like_libc_does),
        cmocka_unit_test(scaled_digits_round_like_strtod),
        cmocka_unit_test(ties_and_ranges_are_left_to_others),
        cmocka_unit_test(general_form_is_that_of_printf),
        cmocka_unit_test(printed_doubles_are_shortest_and_read_back),
        cmocka_unit_test(printed_floats_are_shortest_and_read_back),
        cmocka_unit_test(smallest_and_largest_doubles_are_short),
        cmocka_unit_test(whole_numbers_are_printed),
        cmocka_unit_test(printed_forms_are_those_of_printf),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
        cmocka_unit_test(whole_numbers_are_read_to_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
