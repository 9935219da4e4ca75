#include "data/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"

/* Made by Python: gzip.compress(b"hello, ", mtime=0), then gzip.compress(b"world\n", mtime=0). */
static const char two_members[] =
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xCB\x48\xCD\xC9\xC9\xD7\x51\x00\x00\x99\x56\xEA\x11\x07\x00\x00\x00"
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\x2B\xCF\x2F\xCA\x49\xE1\x02\x00\xA8\x61\x38\xDD\x06\x00\x00\x00";

enum { SIZE = sizeof two_members - 1 };

static char path[] = "/tmp/nadir-gzip-XXXXXX";
static nd_ctx *ctx;

static void put(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void all_members_are_unpacked(void **state)
{
    (void)state;
    nd_bytes bytes;
    put(two_members, SIZE);
    assert_int_equal(nd_gzip_read(ctx, path, &bytes), ND_OK);
    assert_int_equal(bytes.size, 13);
    assert_memory_equal(bytes.data, "hello, world\n", 13);
    nd_bytes_free(&bytes);
}

static void other_files_are_read_as_they_are(void **state)
{
    (void)state;
    nd_bytes bytes;
    put("plain", 5);
    assert_int_equal(nd_gzip_read(ctx, path, &bytes), ND_OK);
    assert_int_equal(bytes.size, 5);
    assert_memory_equal(bytes.data, "plain", 5);
    nd_bytes_free(&bytes);
    put("", 0);
    assert_int_equal(nd_gzip_read(ctx, path, &bytes), ND_OK);
    assert_int_equal(bytes.size, 0);
    nd_bytes_free(&bytes);
}

/* Larger than the input's own buffer, so that bytes go past it. */
static void loaded_bytes_are_those_of_the_file(void **state)
{
    (void)state;
    enum { LARGE = 400001 };
    char *text = test_malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++) {
        text[i] = (char)(i * 7 + i / 251);
    }
    static const size_t sizes[] = {0, 1, 131071, 131072, 131073, 262144, LARGE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        nd_bytes bytes;
        put(text, sizes[i]);
        assert_int_equal(nd_gzip_load(ctx, path, &bytes), ND_OK);
        assert_false(bytes.mapped);
        assert_int_equal(bytes.size, sizes[i]);
        assert_memory_equal(bytes.data, text, sizes[i]);
        nd_bytes_free(&bytes);
    }
    test_free(text);
}

static void loaded_members_are_unpacked(void **state)
{
    (void)state;
    nd_bytes bytes;
    put(two_members, SIZE);
    assert_int_equal(nd_gzip_load(ctx, path, &bytes), ND_OK);
    assert_int_equal(bytes.size, 13);
    assert_memory_equal(bytes.data, "hello, world\n", 13);
    nd_bytes_free(&bytes);
    put(two_members, SIZE - 1);
    assert_int_equal(nd_gzip_load(ctx, path, &bytes), ND_ERR_FORMAT);
    assert_null(bytes.data);
    assert_int_equal(nd_gzip_load(ctx, "/nowhere/at/all", &bytes), ND_ERR_IO);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    size_t first_member = 27;
    for (size_t size = 2; size < SIZE; size++) {
        nd_bytes bytes;
        put(two_members, size);
        nd_status wanted = size == first_member ? ND_OK : ND_ERR_FORMAT;
        assert_int_equal(nd_gzip_read(ctx, path, &bytes), wanted);
        nd_bytes_free(&bytes);
    }
}

static void damage_is_noticed(void **state)
{
    (void)state;
    char copy[SIZE];
    nd_bytes bytes;
    memcpy(copy, two_members, SIZE);
    copy[SIZE - 6] ^= 1; /* in the checksum */
    put(copy, SIZE);
    assert_int_equal(nd_gzip_read(ctx, path, &bytes), ND_ERR_FORMAT);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path),
                        ": the gzip data is damaged (incorrect data check)");
    assert_null(bytes.data);
}

static void bytes_behind_the_end_are_refused(void **state)
{
    (void)state;
    char copy[SIZE + 3] = {0};
    nd_bytes bytes;
    memcpy(copy, two_members, SIZE);
    memcpy(copy + SIZE, "abc", 3);
    put(copy, sizeof copy);
    assert_int_equal(nd_gzip_read(ctx, path, &bytes), ND_ERR_FORMAT);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path),
                        ": bytes follow the end of the gzip data");
}

static void input_is_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    put(two_members, SIZE);
    for (size_t room = 1; room < 16; room++) {
        nd_input *input = NULL;
        char text[32];
        size_t size = 0, got = room;
        assert_int_equal(nd_input_open(ctx, path, &input), ND_OK);
        while (got == room) {
            assert_int_equal(nd_input_read(input, text + size, room, &got), ND_OK);
            size += got;
        }
        assert_int_equal(size, 13);
        assert_memory_equal(text, "hello, world\n", 13);
        nd_input_close(input);
    }
}

/* Cut in pieces of 1 byte and of more than the input's own buffer. */
static void a_file_that_is_cut_while_it_is_read_is_no_end(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    char *bytes = calloc(LARGE, 1), *buffer = malloc(LARGE);
    assert_true(bytes && buffer);
    for (size_t room = 1; room <= LARGE; room *= LARGE / 2) {
        nd_input *input;
        size_t got;
        nd_status status = ND_OK;
        put(bytes, LARGE);
        assert_int_equal(nd_input_open(ctx, path, &input), ND_OK);
        assert_int_equal(truncate(path, LARGE / 2), 0);
        for (size_t done = 0; status == ND_OK && done < LARGE; done += got) {
            status = nd_input_read(input, buffer, room, &got);
            assert_true(status != ND_OK || got > 0);
        }
        assert_int_equal(status, ND_ERR_IO);
        assert_non_null(strstr(nd_ctx_message(ctx), "cut short"));
        nd_input_close(input);
    }
    free(bytes);
    free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_members_are_unpacked),
        cmocka_unit_test(other_files_are_read_as_they_are),
        cmocka_unit_test(loaded_bytes_are_those_of_the_file),
        cmocka_unit_test(loaded_members_are_unpacked),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(input_is_read_in_pieces_of_any_size),
        cmocka_unit_test(a_file_that_is_cut_while_it_is_read_is_no_end),
    };
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0 || nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    unlink(path);
    return failed;
}
