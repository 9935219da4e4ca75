#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/fpenv.h"
#include "base/mem.h"
#include "base/thread_signals.h"

typedef void (*task_fn)(void *user, size_t i);

/* One run is published as task, user and tasks, then a ticket: the number of the
 * run in the high half and the next unclaimed task in the low half. A worker
 * reads the ticket, then the run, and claims with compare-and-swap on that very
 * ticket. Before the fields change, the ticket is closed (low half all ones), so
 * a worker that saw a field of the next run cannot succeed with a ticket of the
 * last one. A run ends when its tasks are done; nobody waits for workers that
 * sleep through it. */
enum { TICKET_BITS = 32, STACK_BYTES = 4 << 20 };
#define TICKET_CLOSED UINT64_C(0xffffffff)

/* Where other programs hold the processors, a worker that was put aside in the middle
 * of a task keeps the caller waiting, and help costs more than it brings. The caller
 * compares each run with what it would have taken alone; once LOSS_NS more are lost
 * than gained, it works alone for a while, longer each time up to REST_MOST_NS. */
enum { LOSS_NS = 100000, REST_NS = 5000000, REST_MOST_NS = 160000000 };

struct nd_pool {
    int threads; /* with the caller */
    int workers; /* threads that were started */
    bool started;
    long spin_ns; /* how long an idle thread spins before it sleeps */
    pthread_t *thread;
    void *room; /* of nd_pool_room */
    size_t room_bytes;
    uint64_t run;
    int64_t loss_ns;      /* time lost by help, less time gained; at least 0 */
    int64_t rest_ns;      /* length of the next rest */
    int64_t rest_until;   /* the caller works alone until then; 0: with all */
    pthread_mutex_t lock; /* for sleeping and waking only */
    pthread_cond_t work, finished;

    _Alignas(64) _Atomic uint64_t ticket;
    _Atomic(task_fn) task;
    _Atomic(void *) user;
    atomic_size_t tasks;
    atomic_int sleepers;
    atomic_bool stop, caller_sleeps;
    _Alignas(64) atomic_size_t done;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int allowed_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

nd_pool *nd_pool_create(int threads)
{
    int cpus = allowed_cpus();
    nd_pool *pool = nd_alloc_aligned(1, sizeof *pool);
    if (!pool) {
        return NULL;
    }
    pool->threads = threads > 0 ? threads : cpus;
    pool->thread = nd_alloc((size_t)pool->threads, sizeof *pool->thread);
    if (!pool->thread) {
        nd_free(pool);
        return NULL;
    }
    /* With more threads than processors, one that spins keeps another from work. */
    pool->spin_ns = pool->threads <= cpus ? 150000 : 0;
    pool->rest_ns = REST_NS;
    atomic_init(&pool->ticket, TICKET_CLOSED);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    return pool;
}

void *nd_pool_room(nd_pool *pool, size_t bytes)
{
    if (pool && pool->room_bytes < bytes) {
        nd_free(pool->room);
        pool->room = nd_alloc_aligned(bytes, 1);
        pool->room_bytes = pool->room ? bytes : 0;
    }
    return pool ? pool->room : NULL;
}

/* Claim and run tasks of the published run until none is left; returns how many. */
static size_t work_on(nd_pool *pool)
{
    for (size_t own = 0;;) {
        uint64_t ticket = atomic_load(&pool->ticket);
        size_t i = (size_t)(ticket & TICKET_CLOSED);
        size_t tasks = atomic_load(&pool->tasks);
        task_fn task = atomic_load(&pool->task);
        void *user = atomic_load(&pool->user);
        if (i >= tasks || i == TICKET_CLOSED) {
            return own;
        }
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) {
            continue;
        }
        task(user, i);
        own++;
        if (atomic_fetch_add(&pool->done, 1) + 1 == tasks && atomic_load(&pool->caller_sleeps)) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->finished);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static bool has_work(nd_pool *pool)
{
    uint64_t ticket = atomic_load(&pool->ticket) & TICKET_CLOSED;
    return atomic_load(&pool->stop) ||
           (ticket != TICKET_CLOSED && ticket < atomic_load(&pool->tasks));
}

static bool is_done(nd_pool *pool)
{
    return atomic_load(&pool->done) == atomic_load(&pool->tasks);
}

/* Spin until ready, false after the time is over. A yield that takes long means
 * that others want the processor: then spinning ends at once. */
static bool spin(nd_pool *pool, bool (*ready)(nd_pool *))
{
    if (pool->spin_ns == 0) {
        return ready(pool);
    }
    int64_t start = clock_ns(), now = start;
    for (int round = 1; now - start < pool->spin_ns; round++) {
        for (int i = 0; i < 32; i++) {
            if (ready(pool)) {
                return true;
            }
            relax();
        }
        if (round % 16 == 0) {
            int64_t before = clock_ns();
            sched_yield();
            if (clock_ns() - before > 20000) {
                return ready(pool);
            }
        }
        now = clock_ns();
    }
    return false;
}

static void sleep_until_work(nd_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_work(pool)) {
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *argument)
{
    nd_pool *pool = argument;
    nd_fp_enter();
    while (!atomic_load(&pool->stop)) {
        if (!spin(pool, has_work)) {
            sleep_until_work(pool);
        }
        (void)work_on(pool);
    }
    return NULL;
}

/* Fewer threads than asked for are no failure: results do not depend on it.
 * Signals stay with the program's own threads. */
static void start_workers(nd_pool *pool)
{
    sigset_t old;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    nd_thread_signals_off(&old);
    for (int i = 0; i < pool->threads - 1; i++) {
        if (pthread_create(&pool->thread[i], &attributes, worker_main, pool) != 0) {
            break;
        }
        pool->workers++;
    }
    nd_thread_signals_on(&old);
    pthread_attr_destroy(&attributes);
    pool->started = true;
}

static void wake_sleepers(nd_pool *pool)
{
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void wait_until_done(nd_pool *pool)
{
    if (spin(pool, is_done)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_sleeps, true);
    while (!is_done(pool)) {
        pthread_cond_wait(&pool->finished, &pool->lock);
    }
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

static void publish(nd_pool *pool, size_t tasks, task_fn task, void *user)
{
    uint64_t run = ++pool->run << TICKET_BITS;
    atomic_store(&pool->ticket, run | TICKET_CLOSED);
    atomic_store_explicit(&pool->done, 0, memory_order_release);
    atomic_store_explicit(&pool->tasks, tasks, memory_order_release);
    atomic_store_explicit(&pool->task, task, memory_order_release);
    atomic_store_explicit(&pool->user, user, memory_order_release);
    atomic_store(&pool->ticket, run);
    wake_sleepers(pool);
}

static bool is_resting(nd_pool *pool)
{
    if (pool->rest_until == 0) {
        return false;
    }
    if (clock_ns() < pool->rest_until) {
        return true;
    }
    pool->rest_until = 0;
    pool->loss_ns = LOSS_NS / 2; /* a worker that is still away is noticed sooner */
    return false;
}

/* A run of tasks took until end; the caller did own of them until done. */
static void account(nd_pool *pool, size_t tasks, size_t own, int64_t start, int64_t done,
                    int64_t end)
{
    if (own == 0) {
        return;
    }
    double alone = (double)(done - start) * (double)tasks / (double)own;
    pool->loss_ns += end - start - (int64_t)alone;
    if (pool->loss_ns <= 0) {
        pool->loss_ns = 0;
        pool->rest_ns = REST_NS;
    } else if (pool->loss_ns > LOSS_NS) {
        pool->rest_until = end + pool->rest_ns;
        pool->rest_ns = pool->rest_ns < REST_MOST_NS ? 2 * pool->rest_ns : pool->rest_ns;
    }
}

static void run_together(nd_pool *pool, size_t tasks, task_fn task, void *user)
{
    if (!pool->started) {
        start_workers(pool);
    }
    int64_t start = clock_ns();
    publish(pool, tasks, task, user);
    size_t own = work_on(pool);
    int64_t done = clock_ns();
    wait_until_done(pool);
    account(pool, tasks, own, start, done, clock_ns());
}

void nd_pool_run(nd_pool *pool, size_t tasks, void (*task)(void *user, size_t i), void *user)
{
    nd_fp_state old = nd_fp_enter();
    bool alone = tasks <= 1 || tasks >= TICKET_CLOSED || !pool || pool->threads == 1;
    if (alone || is_resting(pool)) {
        for (size_t i = 0; i < tasks; i++) {
            task(user, i);
        }
    } else {
        run_together(pool, tasks, task, user);
    }
    nd_fp_leave(old);
}

int nd_pool_threads(const nd_pool *pool)
{
    return pool ? pool->threads : 1;
}

void nd_pool_destroy(nd_pool *pool)
{
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->workers; i++) {
        pthread_join(pool->thread[i], NULL);
    }
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    nd_free(pool->room);
    nd_free(pool->thread);
    nd_free(pool);
}
