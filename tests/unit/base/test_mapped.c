/* Files that are cut short while they are mapped. */
#include "base/mapped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"

enum { PAGES = 5, MANY = 100, HANDLED = 7 };

static char path[] = "/tmp/nadir-test-mapped-XXXXXX";
static size_t page;

/* The file, full of sevens again. */
static void write_file(void)
{
    char *sevens = malloc(page);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_non_null(sevens);
    assert_true(fd >= 0);
    memset(sevens, 7, page);
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(write(fd, sevens, page), page);
    }
    close(fd);
    free(sevens);
}

static int start(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    page = (size_t)sysconf(_SC_PAGESIZE);
    return fd < 0 || close(fd) != 0;
}

static int stop(void **state)
{
    (void)state;
    return unlink(path);
}

static int at(const nd_bytes *bytes, size_t place)
{
    return ((const volatile char *)bytes->data)[place];
}

static void what_was_cut_reads_as_zeros_and_is_told(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_bytes bytes, other;
    write_file();
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_file_read(ctx, path, &bytes), ND_OK);
    assert_int_equal(nd_file_read(ctx, path, &other), ND_OK);
    assert_true(bytes.mapped && other.mapped);
    assert_int_equal(truncate(path, (off_t)(2 * page)), 0);
    assert_int_equal(at(&bytes, page), 7);
    assert_int_equal(nd_bytes_whole(ctx, path, &bytes), ND_OK);
    assert_int_equal(at(&bytes, 3 * page + 5), 0);
    assert_int_equal(at(&bytes, PAGES * page - 1), 0);
    assert_int_equal(nd_bytes_whole(ctx, path, &bytes), ND_ERR_IO);
    assert_non_null(strstr(nd_ctx_message(ctx), path));
    /* The page between was not asked for; it is told by reading it. */
    assert_int_equal(at(&bytes, 2 * page), 0);
    assert_int_equal(nd_bytes_end(ctx, path, &bytes, ND_ERR_FORMAT), ND_ERR_IO);
    assert_null(bytes.data);
    assert_int_equal(nd_bytes_end(ctx, path, &other, ND_ERR_FORMAT), ND_ERR_FORMAT);
    nd_ctx_destroy(ctx);
}

static void *read_end(void *user)
{
    const nd_bytes *bytes = user;
    for (size_t i = 1; i < PAGES; i++) {
        if (at(bytes, i * page) != 0) {
            return NULL;
        }
    }
    return user;
}

static void threads_may_meet_at_the_cut(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        nd_bytes bytes;
        pthread_t thread[4];
        write_file();
        assert_int_equal(nd_file_read(NULL, path, &bytes), ND_OK);
        assert_int_equal(truncate(path, (off_t)page), 0);
        for (int t = 0; t < 4; t++) {
            assert_int_equal(pthread_create(&thread[t], NULL, read_end, &bytes), 0);
        }
        for (int t = 0; t < 4; t++) {
            void *result;
            assert_int_equal(pthread_join(thread[t], &result), 0);
            assert_ptr_equal(result, &bytes);
        }
        assert_int_equal(nd_bytes_end(NULL, path, &bytes, ND_OK), ND_ERR_IO);
    }
}

static void read_page(void *user, size_t i)
{
    const nd_bytes *bytes = user;
    assert_int_equal(at(bytes, (1 + i % (PAGES - 1)) * page), 0);
}

static void workers_may_meet_at_the_cut(void **state)
{
    (void)state;
    nd_pool *pool = nd_pool_create(4);
    assert_non_null(pool);
    for (int i = 0; i < 20; i++) {
        nd_bytes bytes;
        write_file();
        assert_int_equal(nd_file_read(NULL, path, &bytes), ND_OK);
        assert_int_equal(truncate(path, (off_t)page), 0);
        nd_pool_run(pool, 1000, read_page, &bytes);
        assert_int_equal(nd_bytes_end(NULL, path, &bytes, ND_OK), ND_ERR_IO);
    }
    nd_pool_destroy(pool);
}

/* Too many to watch: the rest is read into memory, and safe there. */
static void there_may_be_many(void **state)
{
    (void)state;
    nd_bytes bytes[MANY];
    int mapped = 0;
    write_file();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(nd_file_read(NULL, path, &bytes[i]), ND_OK);
        mapped += bytes[i].mapped ? 1 : 0;
    }
    assert_in_range(mapped, 1, MANY - 1);
    assert_int_equal(truncate(path, 0), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(at(&bytes[i], page), bytes[i].mapped ? 0 : 7);
        assert_int_equal(nd_bytes_end(NULL, path, &bytes[i], ND_OK),
                         i < mapped ? ND_ERR_IO : ND_OK);
    }
}

static void leave(int number)
{
    (void)number;
    _exit(HANDLED);
}

/* A page that is not nadir's. */
static void touch_foreign(void)
{
    int fd = open(path, O_RDONLY);
    const volatile char *data = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, fd, 0);
    if (truncate(path, 0) == 0) {
        (void)data[page];
    }
}

static void send_signal(void)
{
    raise(SIGBUS);
}

/* How a process ends that does something while a file is watched, or was. */
static int end_of(void (*act)(void), void (*handler)(int), bool watched)
{
    write_file();
    pid_t child = fork();
    if (child == 0) {
        nd_bytes bytes;
        signal(SIGBUS, handler);
        if (nd_file_read(NULL, path, &bytes) != ND_OK) {
            _exit(1);
        }
        if (!watched) {
            nd_bytes_free(&bytes);
        }
        act();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void other_faults_go_where_they_went_before(void **state)
{
    (void)state;
    void (*const acts[])(void) = {touch_foreign, send_signal};
    for (size_t i = 0; i < 4; i++) {
        int status = end_of(acts[i / 2], leave, i % 2);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), HANDLED);
        status = end_of(acts[i / 2], SIG_DFL, i % 2);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGBUS);
    }
}

static void the_handler_goes_with_the_last_file(void **state)
{
    (void)state;
    struct sigaction before, after;
    nd_bytes a, b;
    write_file();
    assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
    assert_int_equal(nd_file_read(NULL, path, &a), ND_OK);
    assert_int_equal(nd_file_read(NULL, path, &b), ND_OK);
    nd_bytes_free(&a);
    assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
    assert_ptr_not_equal(before.sa_handler, after.sa_handler);
    nd_bytes_free(&b);
    assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    /* A handler that came later stays. */
    assert_int_equal(nd_file_read(NULL, path, &a), ND_OK);
    signal(SIGBUS, leave);
    nd_bytes_free(&a);
    assert_int_equal(sigaction(SIGBUS, &before, &after), 0);
    assert_ptr_equal(after.sa_handler, leave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_cut_reads_as_zeros_and_is_told),
        cmocka_unit_test(threads_may_meet_at_the_cut),
        cmocka_unit_test(workers_may_meet_at_the_cut),
        cmocka_unit_test(there_may_be_many),
        cmocka_unit_test(other_faults_go_where_they_went_before),
        cmocka_unit_test(the_handler_goes_with_the_last_file),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
