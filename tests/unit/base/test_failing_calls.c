/* Files when the system refuses or interrupts a call: what is asked for is done another
 * way, or refused with the reason and without a trace. */
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

#include <dirent.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "fail_calls.h"

static nd_ctx *ctx;
static char folder[64];

static int start(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/nadir-test-XXXXXX");
    return !mkdtemp(folder) || chdir(folder) != 0 || nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    memset(failing, 0, sizeof failing);
    nd_ctx_destroy(ctx);
    unlink("a");
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static nd_status put(const char *text, bool force)
{
    nd_out *out = NULL;
    nd_status status = nd_out_open(ctx, "a", force, &out);
    assert_int_equal(out != NULL, status == ND_OK);
    if (status == ND_OK) {
        status = nd_out_write(out, text, strlen(text));
        if (status != ND_OK) {
            nd_out_abandon(out);
            return status;
        }
        status = nd_out_commit(out);
    }
    return status;
}

/* What the folder holds besides itself and its parent. */
static int count_entries(void)
{
    int count = 0;
    DIR *dir = opendir(".");
    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

static void assert_holds(const char *text)
{
    nd_bytes bytes;
    assert_int_equal(nd_file_read(ctx, "a", &bytes), ND_OK);
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
    nd_bytes_free(&bytes);
    assert_int_equal(count_entries(), 1);
}

static void assert_says(const char *text)
{
    if (strstr(nd_ctx_message(ctx), text) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", nd_ctx_message(ctx), text);
    }
}

static void interrupted_calls_are_made_again(void **state)
{
    (void)state;
    nd_bytes bytes;
    fail_calls(0, "write", EINTR, 2);
    fail_calls(1, "open", EINTR, 1);
    assert_int_equal(put("whole", false), ND_OK);
    fail_calls(1, "open", EINTR, 3);
    assert_holds("whole");
    int end[2];
    assert_int_equal(pipe(end), 0);
    assert_int_equal(syscall(SYS_write, end[1], "piped", 5), 5);
    assert_int_equal(syscall(SYS_close, end[1]), 0);
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", end[0]);
    fail_calls(0, "read", EINTR, 2);
    assert_int_equal(nd_file_read(ctx, name, &bytes), ND_OK);
    assert_int_equal(bytes.size, 5);
    assert_memory_equal(bytes.data, "piped", 5);
    nd_bytes_free(&bytes);
    syscall(SYS_close, end[0]);
    nd_out *out;
    fail_calls(0, "pwrite", EINTR, 2);
    assert_int_equal(nd_out_open(ctx, "a", true, &out), ND_OK);
    assert_int_equal(nd_out_write_at(out, 2, "cd", 2), ND_OK);
    assert_int_equal(nd_out_write_at(out, 0, "ab", 2), ND_OK);
    assert_int_equal(nd_out_commit(out), ND_OK);
    assert_holds("abcd");
    fail_calls(0, "open", EINTR, 1);
    assert_int_equal(nd_out_open(ctx, "/dev/null", true, &out), ND_OK);
    assert_int_equal(nd_out_commit(out), ND_OK);
}

static void a_failed_read_is_told_and_keeps_nothing(void **state)
{
    (void)state;
    nd_bytes bytes;
    fail_calls(0, "read", EIO, 1);
    assert_int_equal(nd_file_read(ctx, "/dev/null", &bytes), ND_ERR_IO);
    assert_says("cannot read /dev/null: Input/output error");
    assert_null(bytes.data);
    nd_alloc_fail_at(1, false);
    assert_int_equal(nd_file_read(ctx, "/dev/null", &bytes), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_null(bytes.data);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static const char *const calls[] = {"write", "fsync", "getrandom", "open"};
    assert_int_equal(put("old", true), ND_OK);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        fail_calls(0, calls[i], ENOSPC, 1);
        assert_int_equal(put("new", true), ND_ERR_IO);
        assert_says("No space left");
        assert_int_equal(failing[0].times, 0);
        assert_holds("old");
    }
    nd_out *out;
    assert_int_equal(nd_out_open(ctx, "a", true, &out), ND_OK);
    fail_calls(0, "pwrite", ENOSPC, 1);
    assert_int_equal(nd_out_write_at(out, 0, "new", 3), ND_ERR_IO);
    assert_says("cannot write a: No space left");
    nd_out_abandon(out);
    assert_holds("old");
}

/* Another process may hold the lock for a moment: it takes the file for one left over. */
static void a_name_that_a_sweep_takes_is_made_anew(void **state)
{
    (void)state;
    fail_calls(0, "flock", EWOULDBLOCK, 3);
    assert_int_equal(put("mine", false), ND_OK);
    assert_int_equal(failing[0].times, 0);
    nd_bytes bytes;
    assert_int_equal(nd_file_read(ctx, "a", &bytes), ND_OK);
    assert_memory_equal(bytes.data, "mine", 4);
    nd_bytes_free(&bytes);
    nd_file_sweep(".");
    assert_int_equal(count_entries(), 1);
    fail_calls(0, "flock", EWOULDBLOCK, 1000);
    assert_int_equal(put("never", true), ND_ERR_IO);
    assert_says("cannot write in the folder of a: File exists");
    fail_calls(0, "flock", 0, 0);
    nd_file_sweep(".");
    assert_holds("mine");
}

/* File systems without links, without the exclusive rename, and without both. */
static void a_new_file_takes_its_name_in_every_file_system(void **state)
{
    (void)state;
    static const int refusal[] = {EINVAL, ENOSYS};
    fail_calls(0, "link", EPERM, 1);
    assert_int_equal(put("renamed", false), ND_OK);
    assert_holds("renamed");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(unlink("a"), 0);
        fail_calls(0, "link", EPERM, 1);
        fail_calls(1, "renameat2", refusal[i], 1);
        assert_int_equal(put("checked", false), ND_OK);
        assert_holds("checked");
    }
}

/* The name is free when the file is begun, and taken when it is to appear. */
static void a_name_taken_meanwhile_is_left_in_every_file_system(void **state)
{
    (void)state;
    for (int refusal = 0; refusal < 2; refusal++) {
        nd_out *out;
        assert_int_equal(nd_out_open(ctx, "a", false, &out), ND_OK);
        assert_int_equal(nd_out_write(out, "late", 4), ND_OK);
        int fd = open("a", O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, "first", 5), 5);
        assert_int_equal(close(fd), 0);
        fail_calls(0, "link", EPERM, 1);
        fail_calls(1, "renameat2", EINVAL, refusal);
        assert_int_equal(nd_out_commit(out), ND_ERR_EXISTS);
        assert_holds("first");
        assert_int_equal(unlink("a"), 0);
    }
    fail_calls(0, "link", EPERM, 1);
    fail_calls(1, "renameat2", EIO, 1);
    assert_int_equal(put("x", false), ND_ERR_IO);
    assert_says("cannot write a: Input/output error");
    assert_int_equal(count_entries(), 0);
}

static void a_folder_that_cannot_be_synced_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(put("old", true), ND_OK);
    /* Calls in order: the temporary file's open, its fsync, the folder's open and fsync. */
    static const int harmless[] = {EINVAL, ENOTSUP};
    for (size_t i = 0; i < 2; i++) {
        nd_out *out;
        assert_int_equal(nd_out_open(ctx, "a", true, &out), ND_OK);
        assert_int_equal(nd_out_write(out, "new", 3), ND_OK);
        fail_calls(0, "open", EACCES, 1);
        assert_int_equal(nd_out_commit(out), ND_OK);
        assert_int_equal(failing[0].times, 0);
        fail_calls(0, "fsync", harmless[i], 1);
        assert_int_equal(nd_file_make_folder(ctx, "b/"), ND_OK);
        assert_int_equal(failing[0].times, 0);
        assert_int_equal(rmdir("b"), 0);
    }
    fail_calls(0, "fsync", EIO, 1);
    assert_int_equal(nd_file_make_folder(ctx, "b"), ND_ERR_IO);
    assert_says("cannot sync the folder .: Input/output error");
    assert_int_equal(rmdir("b"), 0);
    fail_calls(0, "open", EMFILE, 1);
    assert_int_equal(nd_file_make_folder(ctx, "b"), ND_ERR_IO);
    assert_int_equal(rmdir("b"), 0);
    nd_alloc_fail_at(1, true);
    assert_int_equal(nd_file_make_folder(ctx, "b"), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_int_equal(rmdir("b"), 0);
    assert_holds("new");
}

static void scratch_files_do_without_nameless_files(void **state)
{
    (void)state;
    int fd = -1;
    fail_calls(0, "open", EOPNOTSUPP, 1);
    assert_int_equal(nd_file_scratch(ctx, ".", &fd), ND_OK);
    assert_int_equal(count_entries(), 0);
    assert_int_equal(write(fd, "kept", 4), 4);
    assert_int_equal(close(fd), 0);
    fail_calls(0, "open", EROFS, 2);
    assert_int_equal(nd_file_scratch(ctx, ".", &fd), ND_ERR_IO);
    assert_says("Read-only file system");
    assert_int_equal(fd, -1);
    fail_calls(0, "open", EOPNOTSUPP, 1);
    nd_alloc_fail_at(1, false);
    assert_int_equal(nd_file_scratch(ctx, ".", &fd), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
    assert_int_equal(fd, -1);
    assert_int_equal(count_entries(), 0);
}

static void a_device_that_fails_when_closed_is_told(void **state)
{
    (void)state;
    nd_out *out;
    assert_int_equal(nd_out_open(ctx, "/dev/null", true, &out), ND_OK);
    fail_calls(0, "close", EIO, 1);
    assert_int_equal(nd_out_commit(out), ND_ERR_IO);
    assert_says("cannot write /dev/null: Input/output error");
}

static void files_without_memory_leave_nothing(void **state)
{
    (void)state;
    assert_int_equal(put("old", true), ND_OK);
    unsigned long n = 1;
    for (nd_status status = ND_ERR_MEMORY; status != ND_OK; n++) {
        nd_alloc_fail_at(n, false);
        status = put("new", true);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || status == ND_ERR_MEMORY);
        assert_holds(status == ND_OK ? "new" : "old");
    }
    assert_in_range(n, 4, 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
#ifdef ND_NO_FAIL_CALLS
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        CASE(interrupted_calls_are_made_again),
        CASE(a_failed_read_is_told_and_keeps_nothing),
        CASE(a_failed_write_leaves_the_old_file),
        CASE(a_name_that_a_sweep_takes_is_made_anew),
        CASE(a_new_file_takes_its_name_in_every_file_system),
        CASE(a_name_taken_meanwhile_is_left_in_every_file_system),
        CASE(a_folder_that_cannot_be_synced_is_told_apart),
        CASE(scratch_files_do_without_nameless_files),
        CASE(a_device_that_fails_when_closed_is_told),
        CASE(files_without_memory_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
