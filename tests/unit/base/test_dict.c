#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/dict.h"
#include "base/mem.h"

/* Aumasson and Bernstein 2012, appendix A: SipHash-2-4 of 00..0e, key 00..0f. */
static void siphash_gives_the_answer_of_the_paper(void **state)
{
    (void)state;
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    char text[15];
    for (int i = 0; i < 15; i++) {
        text[i] = (char)i;
    }
    assert_true(nd_siphash(2, 4, key, text, 15) == UINT64_C(0xa129ca6149be45e5));
}

/* CPython 3.11, PYTHONHASHSEED=0: hash(b"...") is SipHash-1-3 with a zero key. */
static void hash_is_siphash_1_3_with_a_zero_key(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } known[] = {
        {"abc", UINT64_C(0xc03bc3a0042630f2)},
        {"hello world", UINT64_C(0xb1b1f2e707e4ac8a)},
        {"abcdefgh", UINT64_C(0x3f7b849c0b8e35ea)},
        {"the quick brown fox", UINT64_C(0x5a17575ad3449cba)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true(nd_hash(known[i].text, strlen(known[i].text)) == known[i].want);
    }
}

static void words_are_numbered_in_order_and_found_again(void **state)
{
    (void)state;
    enum { N = 20000 };
    nd_dict *dict = nd_dict_create();
    assert_non_null(dict);
    char text[16];
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < N; i++) {
            size_t n = (size_t)snprintf(text, sizeof text, "word%u", i);
            assert_int_equal(nd_dict_add(dict, text, n), i);
        }
    }
    assert_int_equal(nd_dict_count(dict), N);
    assert_int_equal(nd_dict_find(dict, "word777", 7), 777);
    assert_int_equal(nd_dict_find(dict, "word77", 6), 77);
    assert_int_equal(nd_dict_find(dict, "none", 4), ND_DICT_NONE);
    size_t n;
    assert_string_equal(nd_dict_word(dict, 19999, &n), "word19999");
    assert_int_equal(n, 9);
    assert_null(nd_dict_word(dict, N, NULL));
    nd_dict_destroy(dict);
}

static void words_may_be_empty_or_hold_any_byte(void **state)
{
    (void)state;
    nd_dict *dict = nd_dict_create();
    assert_non_null(dict);
    assert_int_equal(nd_dict_find(dict, "", 0), ND_DICT_NONE);
    assert_int_equal(nd_dict_add(dict, "", 0), 0);
    assert_int_equal(nd_dict_add(dict, "a\0b", 3), 1);
    assert_int_equal(nd_dict_add(dict, "a\0c", 3), 2);
    assert_int_equal(nd_dict_add(dict, "a", 1), 3);
    assert_int_equal(nd_dict_add(dict, NULL, 0), 0);
    size_t n;
    assert_memory_equal(nd_dict_word(dict, 1, &n), "a\0b", 4);
    assert_int_equal(n, 3);
    nd_dict_destroy(dict);
    nd_dict_destroy(NULL);
}

static void failed_memory_leaves_the_dictionary_as_it_was(void **state)
{
    (void)state;
    nd_dict *dict = nd_dict_create();
    assert_non_null(dict);
    uint32_t added = 0;
    for (int i = 0; i < 500; i++) {
        char text[16];
        size_t n = (size_t)snprintf(text, sizeof text, "w%d", i);
        nd_alloc_fail_at(1, false);
        uint32_t number = nd_dict_add(dict, text, n);
        nd_alloc_fail_at(0, false);
        if (number == ND_DICT_NONE) {
            assert_int_equal(nd_dict_find(dict, text, n), ND_DICT_NONE);
            number = nd_dict_add(dict, text, n);
        }
        assert_int_equal(number, added++);
    }
    nd_dict_destroy(dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_answer_of_the_paper),
        cmocka_unit_test(hash_is_siphash_1_3_with_a_zero_key),
        cmocka_unit_test(words_are_numbered_in_order_and_found_again),
        cmocka_unit_test(words_may_be_empty_or_hold_any_byte),
        cmocka_unit_test(failed_memory_leaves_the_dictionary_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
