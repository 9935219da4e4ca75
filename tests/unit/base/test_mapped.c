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
    assert_int_equal(nd_bytes_end(ctx, path, &other, ND_ERR_FORMAT), ND_ERR_FORMAT);
    assert_true(bytes.mapped);
    assert_int_equal(truncate(path, (off_t)(2 * page)), 0);
    assert_int_equal(at(&bytes, page), 7);
    assert_int_equal(at(&bytes, 3 * page + 5), 0);
    assert_int_equal(at(&bytes, PAGES * page - 1), 0);
    assert_int_equal(nd_bytes_whole(ctx, path, &bytes), ND_ERR_IO);
    assert_non_null(strstr(nd_ctx_message(ctx), path));
    /* The page between was not asked for; it is told by reading it. */
    assert_int_equal(at(&bytes, 2 * page), 0);
    assert_int_equal(nd_bytes_end(ctx, path, &bytes, ND_ERR_FORMAT), ND_ERR_IO);
    assert_null(bytes.data);
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

/* The first test: children inherit no handler of nadir's. */
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
    int status = end_of(send_signal, SIG_IGN, true);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    status = end_of(touch_foreign, SIG_IGN, true);
    assert_true(WIFSIGNALED(status));
}

static _Thread_local sigjmp_buf back;

static void jump_back(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    siglongjmp(back, 1);
}

static void *fault_and_recover(void *user)
{
    const volatile char *foreign = user;
    for (volatile int i = 0; i < 200; i++) {
        if (sigsetjmp(back, 1) == 0) {
            (void)foreign[page];
            _exit(1);
        }
    }
    return NULL;
}

/* Faults of the program's own in several threads, while a file of nadir's is cut. */
static void live_with_faults(void)
{
    nd_bytes bytes;
    pthread_t thread[4];
    struct sigaction own = {.sa_sigaction = jump_back, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &own, NULL);
    int fd = open(path, O_RDONLY);
    void *foreign = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, fd, 0);
    if (nd_file_read(NULL, path, &bytes) != ND_OK || truncate(path, (off_t)page) != 0) {
        _exit(2);
    }
    for (int t = 0; t < 4; t++) {
        pthread_create(&thread[t], NULL, fault_and_recover, foreign);
    }
    bool zero = at(&bytes, 2 * page) == 0;
    for (int t = 0; t < 4; t++) {
        pthread_join(thread[t], NULL);
    }
    zero = zero && at(&bytes, 3 * page) == 0;
    _exit(zero && nd_bytes_end(NULL, path, &bytes, ND_OK) == ND_ERR_IO ? HANDLED : 3);
}

static void both_handlers_live_together(void **state)
{
    (void)state;
    int status = 0;
    write_file();
    pid_t child = fork();
    if (child == 0) {
        live_with_faults();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), HANDLED);
}

static void (*under)(int, siginfo_t *, void *);

/* A handler that calls the one before it where that was set. */
static void call_under(int number, siginfo_t *info, void *context)
{
    under(number, info, context);
}

/* The program puts its handler over nadir's, and nadir another one over that. */
static void handlers_in_turn(void)
{
    for (int i = 0; i < 20; i++) {
        nd_bytes bytes;
        struct sigaction own = {.sa_sigaction = call_under, .sa_flags = SA_SIGINFO}, old;
        write_file();
        if (nd_file_read(NULL, path, &bytes) != ND_OK || sigaction(SIGBUS, &own, &old) != 0) {
            _exit(2);
        }
        under = i == 0 ? old.sa_sigaction : under;
        nd_bytes_free(&bytes);
        if (nd_file_read(NULL, path, &bytes) != ND_OK || truncate(path, 0) != 0 ||
            at(&bytes, page) != 0) {
            _exit(3);
        }
        nd_bytes_free(&bytes);
    }
    touch_foreign();
    _exit(4);
}

static void handlers_that_call_each_other_make_no_circle(void **state)
{
    (void)state;
    int status = 0;
    write_file();
    pid_t child = fork();
    if (child == 0) {
        signal(SIGBUS, leave);
        handlers_in_turn();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), HANDLED);
}

static void write_at(const char *bytes, off_t place)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), place), strlen(bytes));
    close(fd);
}

static void regrow(void)
{
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(path, (off_t)(PAGES * page)), 0);
}

static void overwrite(void)
{
    write_at("other", 10);
}

static void grow(void)
{
    write_at("more", (off_t)(PAGES * page));
}

static void count_warnings(void *user, int level, const char *line)
{
    if (level == 1 && strstr(line, path)) {
        ++*(int *)user;
    }
}

/* What no signal tells: files that are as long as they were, or longer. */
static void other_changes_are_warned_of(void **state)
{
    (void)state;
    void (*const changes[])(void) = {regrow, overwrite, grow};
    nd_ctx *ctx;
    int warnings = 0;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_ctx_set_log(ctx, count_warnings, &warnings);
    for (int i = 0; i < 3; i++) {
        nd_bytes bytes;
        write_file();
        usleep(20000); /* times of files are coarse */
        assert_int_equal(nd_file_read(ctx, path, &bytes), ND_OK);
        changes[i]();
        assert_int_equal(nd_bytes_whole(ctx, path, &bytes), ND_OK);
        assert_int_equal(nd_bytes_end(ctx, path, &bytes, ND_OK), ND_OK);
        assert_int_equal(warnings, i + 1);
    }
    nd_ctx_destroy(ctx);
}

static void a_cut_within_a_page_is_told(void **state)
{
    (void)state;
    nd_bytes bytes;
    write_file();
    assert_int_equal(nd_file_read(NULL, path, &bytes), ND_OK);
    assert_int_equal(truncate(path, (off_t)(PAGES * page - 100)), 0);
    assert_int_equal(at(&bytes, PAGES * page - 1), 0);
    assert_int_equal(nd_bytes_whole(NULL, path, &bytes), ND_ERR_IO);
    assert_int_equal(nd_bytes_end(NULL, path, &bytes, ND_OK), ND_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_faults_go_where_they_went_before),
        cmocka_unit_test(both_handlers_live_together),
        cmocka_unit_test(handlers_that_call_each_other_make_no_circle),
        cmocka_unit_test(what_was_cut_reads_as_zeros_and_is_told),
        cmocka_unit_test(other_changes_are_warned_of),
        cmocka_unit_test(a_cut_within_a_page_is_told),
        cmocka_unit_test(threads_may_meet_at_the_cut),
        cmocka_unit_test(workers_may_meet_at_the_cut),
        cmocka_unit_test(there_may_be_many),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
