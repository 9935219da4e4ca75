/* The row cache: what is written is what is read, whole or not at all. */
#include "data/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/cache_format.h"

enum { FEATURES = 3, LABELS = 2, BLOCK_ROWS = 5, TRAIN = 12, VALID = 4, TEST = 5 };

static nd_ctx *ctx;
static char folder[] = "/tmp/nadir-test-cache-XXXXXX", path[64];

static int start(void **state)
{
    (void)state;
    bool made = mkdtemp(folder);
    snprintf(path, sizeof path, "%s/rows", folder);
    return !made || nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    unlink(path);
    return rmdir(folder);
}

static nd_real feature(int part, size_t row, size_t j)
{
    return (nd_real)(1000 * part + 10 * (int)row + (int)j);
}

static const nd_cache_head head = {.rows = {TRAIN, VALID, TEST},
                                   .features = FEATURES,
                                   .label_width = LABELS,
                                   .block_rows = BLOCK_ROWS,
                                   .source = 7,
                                   .settings = 8};

/* Rows first..first+count of a part. */
static nd_status add(nd_cache_writer *writer, int part, size_t first, size_t count)
{
    nd_real x[TRAIN * FEATURES], y[TRAIN * LABELS];
    for (size_t r = 0; r < count; r++) {
        for (size_t j = 0; j < FEATURES; j++) {
            x[r * FEATURES + j] = feature(part, first + r, j);
        }
        y[r * LABELS] = feature(part, first + r, 8);
        y[r * LABELS + 1] = feature(part, first + r, 9);
    }
    return nd_cache_add(writer, part, x, y, count);
}

static nd_cache *write_and_open(void)
{
    nd_cache_writer *writer;
    nd_cache *cache;
    assert_int_equal(nd_cache_create(ctx, path, true, &head, "a note", 6, &writer), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_TRAIN, 0, 7), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_TEST, 0, TEST), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_TRAIN, 7, TRAIN - 7), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_VALID, 0, VALID), ND_OK);
    assert_int_equal(nd_cache_commit(writer), ND_OK);
    assert_int_equal(nd_cache_open(ctx, path, &cache), ND_OK);
    return cache;
}

static void check_row(const nd_real *x, const nd_real *y, int part, size_t row)
{
    for (size_t j = 0; j < FEATURES; j++) {
        assert_true(x[j] == feature(part, row, j));
    }
    assert_true(y[0] == feature(part, row, 8) && y[1] == feature(part, row, 9));
}

static void rows_come_back_in_order_and_by_number(void **state)
{
    (void)state;
    nd_cache *cache = write_and_open();
    nd_source *source;
    nd_real x[(TRAIN + VALID) * FEATURES], y[(TRAIN + VALID) * LABELS];
    assert_int_equal(nd_cache_verify(cache), ND_OK);
    assert_int_equal(nd_source_from_cache(cache, ND_CACHE_TRAIN, ND_CACHE_VALID, 1, &source),
                     ND_OK);
    assert_int_equal(source->rows, TRAIN + VALID);
    nd_source_gather(source, NULL, NULL, 0, TRAIN + VALID, x, y);
    for (size_t r = 0; r < TRAIN + VALID; r++) {
        int part = r < TRAIN ? ND_CACHE_TRAIN : ND_CACHE_VALID;
        check_row(x + r * FEATURES, y + r * LABELS, part, r < TRAIN ? r : r - TRAIN);
    }
    /* Block 2 holds rows 10 and 11 of training, block 3 begins validation. */
    const uint32_t number[] = {3 * BLOCK_ROWS + 2, 2 * BLOCK_ROWS + 1, 0};
    source->gather(source, number, 0, 3, x, y);
    check_row(x, y, ND_CACHE_VALID, 2);
    check_row(x + FEATURES, y + LABELS, ND_CACHE_TRAIN, 11);
    check_row(x + 2 * FEATURES, y + 2 * LABELS, ND_CACHE_TRAIN, 0);
    assert_int_equal(source->blocks->count, 4);
    assert_int_equal(source->blocks->rows(source, 2), 2);
    assert_int_equal(source->blocks->rows(source, 3), VALID);
    nd_source_destroy(source);
    assert_int_equal(nd_source_from_cache(cache, ND_CACHE_TEST, ND_CACHE_TEST, 1, &source), ND_OK);
    nd_source_gather(source, NULL, NULL, 4, 1, x, y);
    check_row(x, y, ND_CACHE_TEST, 4);
    nd_source_destroy(source);
    nd_cache_close(cache);
}

static void the_note_and_the_hashes_come_back(void **state)
{
    (void)state;
    size_t size;
    nd_cache *cache = write_and_open();
    const char *note = nd_cache_note(cache, &size);
    assert_int_equal(size, 6);
    assert_memory_equal(note, "a note", 6);
    assert_memory_equal(nd_cache_get_head(cache), &head, sizeof head);
    assert_true(nd_cache_detect(path));
    nd_cache_close(cache);
}

/* The bytes of a good cache, to be spoiled. */
static char *read_cache(size_t *size)
{
    nd_bytes bytes;
    nd_cache_close(write_and_open());
    assert_int_equal(nd_file_read(ctx, path, &bytes), ND_OK);
    char *copy = nd_alloc_aligned(bytes.size + 1, 1);
    memcpy(copy, bytes.data, bytes.size);
    *size = bytes.size;
    nd_bytes_free(&bytes);
    return copy;
}

/* True if the bytes pass for a whole cache. */
static bool passes(const char *bytes, size_t size)
{
    nd_cache *cache;
    nd_status status = nd_cache_parse(ctx, "spoiled", bytes, size, &cache);
    if (status != ND_OK) {
        assert_int_equal(status, ND_ERR_FORMAT);
        assert_null(cache);
        return false;
    }
    status = nd_cache_verify(cache);
    nd_cache_close(cache);
    return status == ND_OK;
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    size_t size;
    char *bytes = read_cache(&size);
    assert_true(passes(bytes, size));
    for (size_t i = 0; i < size; i += i < 8192 ? 1 : 37) {
        char good = bytes[i];
        bytes[i] = (char)(good ^ (1 << (i % 8)));
        assert_false(passes(bytes, size));
        bytes[i] = good;
    }
    nd_free(bytes);
}

static void every_cut_and_every_longer_file_is_found(void **state)
{
    (void)state;
    size_t size;
    char *bytes = read_cache(&size);
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : 509) {
        assert_false(passes(bytes, cut));
    }
    assert_false(passes(bytes, size + 1));
    nd_free(bytes);
}

/* A header whose checksum agrees, but whose sizes lie. */
static void sizes_are_checked_against_the_file(void **state)
{
    (void)state;
    size_t size;
    char *bytes = read_cache(&size);
    const uint64_t lies[] = {0, 1, 6, 13, UINT32_MAX, UINT64_MAX, UINT64_MAX / 8, 1u << 31};
    enum { FIELDS = 9, FIRST = 16 };
    for (size_t f = 0; f < FIELDS; f++) {
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            nd_cache_header header;
            memcpy(&header, bytes, sizeof header);
            memcpy((char *)&header + FIRST + 8 * f, &lies[i], 8);
            header.header_sum = nd_hash((char *)&header, offsetof(nd_cache_header, header_sum));
            char *lying = nd_alloc_aligned(size, 1);
            memcpy(lying, bytes, size);
            memcpy(lying, &header, sizeof header);
            nd_cache *cache;
            if (nd_cache_parse(ctx, "lying", lying, size, &cache) == ND_OK) {
                /* Harmless lies: the rows of the last block, and the two hashes. */
                assert_true(nd_cache_bytes(cache) == size);
                nd_source *source;
                assert_int_equal(nd_source_from_cache(cache, 0, 2, 1, &source), ND_OK);
                nd_real x[6 * BLOCK_ROWS * 256], y[6 * BLOCK_ROWS * 256];
                assert_true(nd_cache_get_head(cache)->features <= 256);
                assert_true(nd_cache_get_head(cache)->label_width <= 256);
                size_t rows = source ? source->rows : 0;
                assert_true(rows <= 6 * BLOCK_ROWS);
                nd_source_gather(source, NULL, NULL, 0, rows, x, y);
                nd_source_destroy(source);
                nd_cache_close(cache);
            }
            nd_free(lying);
        }
    }
    nd_free(bytes);
}

static void rows_too_many_or_too_few_leave_no_file(void **state)
{
    (void)state;
    struct stat info;
    nd_cache_writer *writer;
    unlink(path);
    assert_int_equal(nd_cache_create(ctx, path, false, &head, "", 0, &writer), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_VALID, 0, VALID), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_VALID, 0, 1), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cache_commit(writer), ND_ERR_ARGUMENT);
    assert_int_not_equal(stat(path, &info), 0);
}

static void another_file_is_not_replaced(void **state)
{
    (void)state;
    nd_cache_writer *writer;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("precious", file);
    fclose(file);
    assert_false(nd_cache_detect(path));
    assert_int_equal(nd_cache_create(ctx, path, false, &head, "", 0, &writer), ND_ERR_EXISTS);
    assert_null(writer);
}

static void only_files_that_begin_like_a_cache_are_taken_for_one(void **state)
{
    (void)state;
    nd_cache_close(write_and_open());
    assert_true(nd_cache_detect(path));
    assert_false(nd_cache_detect(folder));
    assert_false(nd_cache_detect("/nonexistent/cache"));
    assert_int_equal(truncate(path, 7), 0);
    assert_false(nd_cache_detect(path));
}

static void another_version_or_size_of_numbers_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = read_cache(&size);
    for (int field = 0; field < 2; field++) {
        nd_cache *cache;
        nd_cache_header header;
        memcpy(&header, bytes, sizeof header);
        header.version += field == 0 ? 1 : 0;
        header.number_bytes ^= field == 1 ? 12 : 0; /* 4 for 8, and 8 for 4 */
        header.header_sum = nd_hash((char *)&header, offsetof(nd_cache_header, header_sum));
        char *other = nd_alloc_aligned(size, 1);
        memcpy(other, bytes, size);
        memcpy(other, &header, sizeof header);
        assert_int_equal(nd_cache_parse(ctx, "other", other, size, &cache), ND_ERR_FORMAT);
        assert_null(cache);
        assert_string_equal(nd_ctx_message(ctx),
                            "other: the row cache was written by another version of nadir");
        nd_free(other);
    }
    nd_free(bytes);
}

static void rows_beyond_their_numbers_are_refused(void **state)
{
    (void)state;
    static const uint64_t rows[] = {0, UINT64_C(1) << 33, UINT64_MAX};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        nd_cache_writer *writer;
        nd_cache_head large = head;
        large.rows[ND_CACHE_TRAIN] = rows[i];
        large.rows[ND_CACHE_VALID] = large.rows[ND_CACHE_TEST] = 0;
        unlink(path);
        assert_int_equal(nd_cache_create(ctx, path, true, &large, "", 0, &writer), ND_ERR_DATA);
        assert_null(writer);
        assert_non_null(strstr(nd_ctx_message(ctx), "too many rows for a row cache"));
        assert_false(nd_file_exists(path));
    }
}

static void parts_without_rows_have_no_source(void **state)
{
    (void)state;
    nd_cache_writer *writer;
    nd_cache *cache;
    nd_source *source;
    nd_cache_head some = head;
    some.rows[ND_CACHE_VALID] = 0;
    assert_int_equal(nd_cache_create(ctx, path, true, &some, "", 0, &writer), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_TRAIN, 0, TRAIN), ND_OK);
    assert_int_equal(add(writer, ND_CACHE_TEST, 0, TEST), ND_OK);
    assert_int_equal(nd_cache_commit(writer), ND_OK);
    assert_int_equal(nd_cache_open(ctx, path, &cache), ND_OK);
    assert_int_equal(nd_source_from_cache(cache, ND_CACHE_VALID, ND_CACHE_VALID, 1, &source),
                     ND_OK);
    assert_null(source);
    nd_cache_close(cache);
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    nd_cache_close(write_and_open());
    for (unsigned long n = 1; n < 20; n++) {
        nd_cache_writer *writer;
        nd_cache *cache = NULL;
        nd_alloc_fail_at(n, true);
        nd_status status = nd_cache_create(ctx, path, true, &head, "", 0, &writer);
        nd_status opened = nd_cache_open(ctx, path, &cache);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || status == ND_ERR_MEMORY);
        assert_true((status == ND_OK) == (writer != NULL));
        assert_true(opened == ND_OK || opened == ND_ERR_MEMORY);
        nd_cache_abandon(writer);
        nd_cache_close(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_in_order_and_by_number),
        cmocka_unit_test(the_note_and_the_hashes_come_back),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_cut_and_every_longer_file_is_found),
        cmocka_unit_test(sizes_are_checked_against_the_file),
        cmocka_unit_test(rows_too_many_or_too_few_leave_no_file),
        cmocka_unit_test(another_file_is_not_replaced),
        cmocka_unit_test(only_files_that_begin_like_a_cache_are_taken_for_one),
        cmocka_unit_test(another_version_or_size_of_numbers_is_refused),
        cmocka_unit_test(rows_beyond_their_numbers_are_refused),
        cmocka_unit_test(parts_without_rows_have_no_source),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
