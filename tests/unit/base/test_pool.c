#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fpenv.h"
#include "base/pool.h"

enum { TASKS = 1000 };

static void count_task(void *user, size_t i)
{
    atomic_int *times = user;
    atomic_fetch_add(&times[i], 1);
}

static void check_runs(int threads, size_t tasks, int runs)
{
    atomic_int *times = calloc(TASKS, sizeof *times);
    nd_pool *pool = nd_pool_create(threads);
    assert_non_null(pool);
    for (int r = 0; r < runs; r++) {
        nd_pool_run(pool, tasks, count_task, times);
    }
    for (size_t i = 0; i < TASKS; i++) {
        assert_int_equal(times[i], i < tasks ? runs : 0);
    }
    nd_pool_destroy(pool);
    free(times);
}

static void every_task_runs_exactly_once(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    for (int t = 0; t < 4; t++) {
        check_runs(threads[t], 0, 3);
        check_runs(threads[t], 1, 3);
        check_runs(threads[t], 2, 2000);
        check_runs(threads[t], 7, 300);
        check_runs(threads[t], TASKS, 20);
    }
}

static void sleeping_workers_wake_up(void **state)
{
    (void)state;
    atomic_int times[TASKS] = {0};
    nd_pool *pool = nd_pool_create(3);
    assert_non_null(pool);
    for (int r = 0; r < 20; r++) {
        nd_pool_run(pool, 50, count_task, times);
        usleep(2000);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(times[i], 20);
    }
    nd_pool_destroy(pool);
}

static void a_missing_pool_runs_in_the_caller(void **state)
{
    (void)state;
    atomic_int times[TASKS] = {0};
    nd_pool_run(NULL, TASKS, count_task, times);
    assert_int_equal(times[0] + times[TASKS - 1], 2);
    assert_int_equal(nd_pool_threads(NULL), 1);
}

static void unused_and_missing_pools_can_be_destroyed(void **state)
{
    (void)state;
    nd_pool_destroy(NULL);
    nd_pool *pool = nd_pool_create(4);
    assert_non_null(pool);
    assert_int_equal(nd_pool_threads(pool), 4);
    nd_pool_destroy(pool);
    pool = nd_pool_create(0);
    assert_non_null(pool);
    assert_true(nd_pool_threads(pool) >= 1);
    nd_pool_destroy(pool);
}

static void halve_task(void *user, size_t i)
{
    volatile float tiny = 1.2e-38f;
    volatile float half = tiny * 0.5f;
    ((float *)user)[i] = half;
}

/* The result is below the normal range: zero in every task, and not so in the
 * caller before and after. */
static void tasks_flush_subnormals_and_the_caller_does_not(void **state)
{
    (void)state;
#if defined(__SSE2__) || defined(__aarch64__)
    float here = 0, there[64];
    halve_task(&here, 0);
    assert_true(here > 0);
    static const int threads[] = {1, 3};
    for (int t = 0; t < 2; t++) {
        nd_pool *pool = nd_pool_create(threads[t]);
        assert_non_null(pool);
        nd_pool_run(pool, 64, halve_task, there);
        for (int i = 0; i < 64; i++) {
            assert_true(there[i] == 0);
        }
        nd_pool_destroy(pool);
    }
    halve_task(&here, 0);
    assert_true(here > 0);
    nd_fp_state outer = nd_fp_enter(), inner = nd_fp_enter();
    nd_fp_leave(inner);
    halve_task(&here, 0);
    assert_true(here == 0);
    nd_fp_leave(outer);
    halve_task(&here, 0);
    assert_true(here > 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_exactly_once),
        cmocka_unit_test(sleeping_workers_wake_up),
        cmocka_unit_test(a_missing_pool_runs_in_the_caller),
        cmocka_unit_test(unused_and_missing_pools_can_be_destroyed),
        cmocka_unit_test(tasks_flush_subnormals_and_the_caller_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
