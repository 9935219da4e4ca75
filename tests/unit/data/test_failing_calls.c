/* Inputs and the row cache's store when the system refuses or interrupts a call. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "data/csv.h"
#include "data/gzip.h"
#include "data/store.h"
#include "fail_calls.h"

/* As in test_gzip.c: gzip.compress(b"hello, ", mtime=0) and gzip.compress(b"world\n", mtime=0)
 * of Python. */
static const char two_members[] =
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xCB\x48\xCD\xC9\xC9\xD7\x51\x00\x00\x99\x56\xEA\x11\x07\x00\x00\x00"
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\x2B\xCF\x2F\xCA\x49\xE1\x02\x00\xA8\x61\x38\xDD\x06\x00\x00\x00";
enum { FIRST = 27, SIZE = sizeof two_members - 1 };

static nd_ctx *ctx;
static int end[2];
static char piped[32];

static int start(void **state)
{
    (void)state;
    if (nd_ctx_create(&ctx, 1) != ND_OK || pipe(end) != 0) {
        return 1;
    }
    snprintf(piped, sizeof piped, "/dev/fd/%d", end[0]);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    memset(failing, 0, sizeof failing);
    nd_ctx_destroy(ctx);
    close(end[0]);
    close(end[1]);
    return 0;
}

static void send_bytes(const char *bytes, size_t size)
{
    assert_int_equal(write(end[1], bytes, size), size);
}

static void assert_says(const char *text)
{
    if (strstr(nd_ctx_message(ctx), text) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", nd_ctx_message(ctx), text);
    }
}

/* The first byte of the second member comes with the first one, the others later. */
static void a_member_whose_magic_is_cut_between_reads_is_unpacked(void **state)
{
    (void)state;
    nd_input *input;
    char text[64];
    size_t got;
    send_bytes(two_members, FIRST + 1);
    assert_int_equal(nd_input_open(ctx, piped, &input), ND_OK);
    send_bytes(two_members + FIRST + 1, SIZE - FIRST - 1);
    close(end[1]);
    fail_calls(0, "read", EINTR, 2);
    assert_int_equal(nd_input_read(input, text, sizeof text, &got), ND_OK);
    assert_int_equal(failing[0].times, 0);
    assert_int_equal(got, 13);
    assert_memory_equal(text, "hello, world\n", 13);
    nd_input_close(input);
}

static void a_read_that_fails_is_told(void **state)
{
    (void)state;
    static char room[1 << 18];
    nd_input *input;
    size_t got;
    send_bytes("1,2\n3,4\n", 8);
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_input_open(ctx, piped, &input), ND_ERR_IO);
    assert_null(input);
    assert_says("Input/output error");
    assert_int_equal(nd_input_open(ctx, piped, &input), ND_OK);
    assert_int_equal(nd_input_read(input, room, 8, &got), ND_OK);
    assert_memory_equal(room, "1,2\n3,4\n", 8);
    /* Past the input's own buffer, and into it. */
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_input_read(input, room, sizeof room, &got), ND_ERR_IO);
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_input_read(input, room, 4, &got), ND_ERR_IO);
    nd_input_close(input);
}

static void a_packed_file_whose_reading_fails_midway_is_told(void **state)
{
    (void)state;
    nd_input *input;
    char text[64];
    size_t got;
    send_bytes(two_members, FIRST);
    assert_int_equal(nd_input_open(ctx, piped, &input), ND_OK);
    assert_int_equal(nd_input_read(input, text, 3, &got), ND_OK);
    assert_int_equal(got, 3);
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_input_read(input, text, sizeof text, &got), ND_ERR_IO);
    assert_int_equal(failing[0].times, 0);
    nd_input_close(input);
}

static void a_stream_of_rows_whose_reading_fails_stays_failed(void **state)
{
    (void)state;
    static const nd_csv_want want[] = {{.name = "a", .dtype = ND_DT_F64}};
    nd_csv_stream *stream;
    nd_table *table;
    send_bytes("a,b\n1,2\n", 8);
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_csv_open(ctx, piped, NULL, want, 1, &stream), ND_ERR_IO);
    assert_null(stream);
    close(end[1]);
    assert_int_equal(nd_csv_open(ctx, piped, NULL, want, 1, &stream), ND_OK);
    assert_int_equal(nd_csv_next(stream, 0, &table), ND_ERR_ARGUMENT);
    assert_null(table);
    assert_int_equal(nd_csv_next(stream, 1, &table), ND_OK);
    assert_int_equal(table->rows, 1);
    nd_table_destroy(table);
    nd_csv_close(stream);
}

static void a_store_makes_room_where_it_can_and_says_where_not(void **state)
{
    (void)state;
    nd_store *store;
    double *block;
    assert_int_equal(nd_store_create(ctx, "/tmp", &store), ND_OK);
    /* The C library then writes zeros instead. */
    fail_calls(0, "fallocate", EOPNOTSUPP, 1);
    assert_int_equal(nd_store_alloc(store, 1000, sizeof *block, (void **)&block), ND_OK);
    assert_int_equal(failing[0].times, 0);
    block[999] = 7;
    assert_true(block[0] == 0);
    void *other;
    fail_calls(0, "fallocate", ENOSPC, 1);
    assert_int_equal(nd_store_alloc(store, 1000, sizeof *block, &other), ND_ERR_IO);
    assert_null(other);
    assert_says("cannot make room in a temporary file in /tmp: No space left");
    assert_int_equal(nd_store_alloc(store, SIZE_MAX / 2, 8, &other), ND_ERR_MEMORY);
    assert_null(other);
    assert_true(block[999] == 7);
    nd_store_free(store, block);
    nd_store_destroy(store);
}

static void a_store_copies_a_pipe_unless_it_cannot_write(void **state)
{
    (void)state;
    nd_store *store;
    nd_bytes bytes;
    assert_int_equal(nd_store_create(ctx, "/tmp", &store), ND_OK);
    send_bytes(two_members, SIZE);
    close(end[1]);
    fail_calls(0, "pwrite", EINTR, 2);
    assert_int_equal(nd_store_text(store, piped, &bytes), ND_OK);
    assert_int_equal(failing[0].times, 0);
    assert_int_equal(bytes.size, 13);
    assert_memory_equal(bytes.data, "hello, world\n", 13);
    nd_bytes_free(&bytes);
    /* Nothing is left in the pipe. */
    assert_int_equal(nd_store_text(store, piped, &bytes), ND_OK);
    assert_int_equal(bytes.size, 0);
    nd_bytes_free(&bytes);
    assert_int_equal(pipe(end), 0);
    snprintf(piped, sizeof piped, "/dev/fd/%d", end[0]);
    send_bytes("a\n1\n", 4);
    close(end[1]);
    fail_calls(0, "pwrite", ENOSPC, 1);
    assert_int_equal(nd_store_text(store, piped, &bytes), ND_ERR_IO);
    assert_says("cannot write a temporary file in /tmp: No space left");
    assert_null(bytes.data);
    nd_store_destroy(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
#ifdef ND_NO_FAIL_CALLS
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        CASE(a_member_whose_magic_is_cut_between_reads_is_unpacked),
        CASE(a_read_that_fails_is_told),
        CASE(a_packed_file_whose_reading_fails_midway_is_told),
        CASE(a_stream_of_rows_whose_reading_fails_stays_failed),
        CASE(a_store_makes_room_where_it_can_and_says_where_not),
        CASE(a_store_copies_a_pipe_unless_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
