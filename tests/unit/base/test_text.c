#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"

static void messages_are_kept_cut_and_made_printable(void **state)
{
    (void)state;
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_string_equal(nd_ctx_message(ctx), "");
    assert_int_equal(nd_fail(ctx, ND_ERR_DATA, "value '%s' in row %d", "a\x1b[2J\n", 7),
                     ND_ERR_DATA);
    assert_string_equal(nd_ctx_message(ctx), "value 'a?[2J?' in row 7");
    nd_fail(ctx, ND_ERR_IO, "again: %s", nd_ctx_message(ctx));
    assert_string_equal(nd_ctx_message(ctx), "again: value 'a?[2J?' in row 7");
    char *longer = malloc(5000);
    memset(longer, 'x', 4999);
    longer[4999] = '\0';
    memcpy(longer + ND_MESSAGE_SIZE - 2, "\xc3\xa4", 2); /* cut through the middle */
    nd_fail(ctx, ND_ERR_DATA, "%s", longer);
    assert_int_equal(strlen(nd_ctx_message(ctx)), ND_MESSAGE_SIZE - 2);
    assert_true(nd_utf8_valid(nd_ctx_message(ctx), strlen(nd_ctx_message(ctx))));
    free(longer);
    assert_int_equal(nd_fail(NULL, ND_ERR_SHAPE, "no context"), ND_ERR_SHAPE);
    nd_ctx_destroy(ctx);
}

static void contexts_check_their_arguments(void **state)
{
    (void)state;
    nd_ctx *ctx = (nd_ctx *)state;
    assert_int_equal(nd_ctx_create(&ctx, -1), ND_ERR_ARGUMENT);
    assert_null(ctx);
    assert_int_equal(nd_ctx_create(&ctx, 1025), ND_ERR_ARGUMENT);
    assert_int_equal(nd_ctx_create(NULL, 1), ND_ERR_ARGUMENT);
    for (unsigned long i = 1; i <= 3; i++) {
        nd_alloc_fail_at(i, false);
        assert_int_equal(nd_ctx_create(&ctx, 1), ND_ERR_MEMORY);
        assert_null(ctx);
    }
    nd_alloc_fail_at(0, false);
    nd_ctx_destroy(NULL);
    assert_int_equal(nd_ctx_create(&ctx, 3), ND_OK);
    assert_int_equal(nd_ctx_threads(ctx), 3);
    nd_ctx_destroy(ctx);
}

typedef struct lines {
    int level;
    char text[64];
} lines;

static void take_line(void *user, int level, const char *text)
{
    lines *out = user;
    out->level = level;
    strncpy(out->text, text, sizeof out->text - 1);
}

static void the_log_gets_whole_lines(void **state)
{
    (void)state;
    lines out = {0};
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_log(ctx, 1, "nobody listens");
    nd_ctx_set_log(ctx, take_line, &out);
    nd_log(ctx, 2, "column %s", "age");
    assert_int_equal(out.level, 2);
    assert_string_equal(out.text, "column age");
    nd_ctx_destroy(ctx);
}

static void every_status_has_its_text(void **state)
{
    (void)state;
    assert_string_equal(nd_status_text(ND_ERR_DATA), "data cannot be used");
    for (int i = 0; i <= ND_ERR_INTERRUPTED; i++) {
        assert_string_not_equal(nd_status_text((nd_status)i), "unknown status");
    }
    assert_string_equal(nd_status_text((nd_status)99), "unknown status");
    assert_string_equal(nd_version(), ND_VERSION);
}

static void text_grows_and_is_cleared(void **state)
{
    (void)state;
    nd_text text = {0};
    for (int i = 0; i < 1000; i++) {
        nd_text_printf(&text, "%d,", i % 10);
    }
    nd_text_puts(&text, "end");
    nd_text_add(&text, "\0x", 2);
    assert_int_equal(text.size, 2005);
    assert_memory_equal(text.data, "0,1,2,", 6);
    assert_memory_equal(text.data + 2000, "end\0x", 6);
    nd_text_clear(&text);
    assert_int_equal(text.size, 0);
    nd_text_free(&text);
    assert_null(text.data);
}

static int refuse(void *user, const char *data, size_t bytes)
{
    (void)user;
    (void)data;
    (void)bytes;
    return 1;
}

static int refuse_with_a_reason(void *user, const char *data, size_t bytes)
{
    (void)data;
    nd_fail(user, ND_ERR_IO, "no room for %zu bytes", bytes);
    return 1;
}

static int collect(void *user, const char *data, size_t bytes)
{
    nd_text_add(user, data, bytes);
    return 0;
}

static void flush_reports_memory_and_refusal(void **state)
{
    (void)state;
    nd_text text = {0}, out = {0};
    nd_sink good = {collect, &out}, bad = {refuse, NULL};
    nd_text_puts(&text, "abc");
    assert_int_equal(nd_text_flush(NULL, &text, &good), ND_OK);
    assert_string_equal(out.data, "abc");
    nd_text_puts(&text, "abc");
    assert_int_equal(nd_text_flush(NULL, &text, &bad), ND_ERR_IO);
    nd_text_puts(&text, "abc");
    assert_int_equal(nd_text_flush(NULL, &text, &(nd_sink){NULL, NULL}), ND_ERR_ARGUMENT);
    nd_text_free(&text);
    nd_alloc_fail_at(1, false);
    nd_text_printf(&text, "%d", 5);
    nd_alloc_fail_at(0, false);
    assert_true(text.failed);
    assert_int_equal(nd_text_flush(NULL, &text, &good), ND_ERR_MEMORY);
    nd_text_free(&text);
    nd_text_free(&out);
}

static void a_sink_that_says_why_is_not_talked_over(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_text text = {0};
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_text_puts(&text, "abc");
    assert_int_equal(nd_text_flush(ctx, &text, &(nd_sink){refuse, NULL}), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "writing the output failed");
    nd_text_puts(&text, "abc");
    assert_int_equal(nd_text_flush(ctx, &text, &(nd_sink){refuse_with_a_reason, ctx}), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "no room for 3 bytes");
    nd_text_free(&text);
    nd_ctx_destroy(ctx);
}

static void nearest_finds_slips_and_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"batch_size", "epochs", "lr", "hidden", "momentum"};
    assert_string_equal(nd_nearest("bach-size", names, 5), "batch_size");
    assert_string_equal(nd_nearest("epcohs", names, 5), "epochs");
    assert_string_equal(nd_nearest("momentun", names, 5), "momentum");
    assert_string_equal(nd_nearest("rl", names, 5), "lr");
    assert_null(nd_nearest("colour", names, 5));
    assert_null(nd_nearest("", names, 5));
    char word[200];
    memset(word, 'a', 199);
    word[199] = '\0';
    assert_null(nd_nearest(word, names, 5));
}

/* Well-formed and ill-formed sequences of Unicode 15, table 3-7. */
static void utf8_is_checked_by_the_table(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain text of some length",
                                       "\xc3\xa4",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\xed\x9f\xbf",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xe2\x82",     "12345678\xff",     "\xe2\x28\xa1",     "\xc3"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(nd_utf8_valid(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(nd_utf8_valid(bad[i], strlen(bad[i])));
    }
}

static void allocations_check_products_and_count(void **state)
{
    (void)state;
    unsigned long before = nd_alloc_calls();
    assert_null(nd_alloc(SIZE_MAX / 2, 3));
    assert_null(nd_alloc_aligned(SIZE_MAX, 1));
    char *empty = nd_alloc(0, 8);
    assert_non_null(empty);
    double *aligned = nd_alloc_aligned(3, sizeof *aligned);
    assert_non_null(aligned);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    assert_true(aligned[0] == 0 && aligned[2] == 0);
    assert_int_equal(nd_alloc_calls() - before, 4);
    nd_free(empty);
    nd_free(aligned);
    void *list = NULL;
    size_t room = 0;
    for (size_t i = 0; i < 100; i++) {
        assert_true(nd_grow(&list, &room, i, sizeof(int)));
        ((int *)list)[i] = (int)i;
    }
    assert_int_equal(((int *)list)[99], 99);
    room = SIZE_MAX;
    assert_false(nd_grow(&list, &room, SIZE_MAX, sizeof(int)));
    nd_free(list);
    nd_alloc_fail_at(2, true);
    char *first = nd_strdup("a");
    assert_non_null(first);
    assert_null(nd_strdup("b"));
    assert_null(nd_strdup("c"));
    nd_alloc_fail_at(0, false);
    nd_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_kept_cut_and_made_printable),
        cmocka_unit_test(contexts_check_their_arguments),
        cmocka_unit_test(the_log_gets_whole_lines),
        cmocka_unit_test(every_status_has_its_text),
        cmocka_unit_test(text_grows_and_is_cleared),
        cmocka_unit_test(flush_reports_memory_and_refusal),
        cmocka_unit_test(a_sink_that_says_why_is_not_talked_over),
        cmocka_unit_test(nearest_finds_slips_and_nothing_else),
        cmocka_unit_test(utf8_is_checked_by_the_table),
        cmocka_unit_test(allocations_check_products_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
