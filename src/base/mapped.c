#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include "base/mapped.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 64 };

typedef struct watch {
    atomic_uintptr_t start; /* 0: free */
    atomic_size_t size;
    atomic_bool cut;
} watch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static watch watches[MOST];
static int in_use;
static struct sigaction before; /* the handler under ours */
static atomic_bool installed;
static uintptr_t page;

static watch *find(uintptr_t at)
{
    for (int i = 0; i < MOST; i++) {
        uintptr_t start = atomic_load(&watches[i].start);
        if (start != 0 && at - start < atomic_load(&watches[i].size)) {
            return &watches[i];
        }
    }
    return NULL;
}

/* Zeros from the page of an address to the end. */
static bool fill(watch *w, uintptr_t at)
{
    uintptr_t from = at / page * page, end = atomic_load(&w->start) + atomic_load(&w->size);
    atomic_store(&w->cut, true);
    return mmap((void *)from, end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                0) != MAP_FAILED;
}

/* An address of ours is filled and read again. With any other the handler before this
 * one takes its place, and meets the same fault. */
static void handle(int number, siginfo_t *info, void *context)
{
    (void)context;
    int error = errno;
    bool sent = info->si_code <= 0; /* by kill: there is no address */
    watch *w = sent ? NULL : find((uintptr_t)info->si_addr);
    if (w == NULL || !fill(w, (uintptr_t)info->si_addr)) {
        struct sigaction none = {.sa_handler = SIG_DFL};
        sigaction(SIGBUS, atomic_exchange(&installed, false) ? &before : &none, NULL);
        if (sent) {
            raise(number);
        }
    }
    errno = error;
}

static void install(void)
{
    struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&ours.sa_mask);
    if (sigaction(SIGBUS, &ours, &before) == 0) {
        atomic_store(&installed, true);
    }
}

/* Unless somebody set another one since. */
static void uninstall(void)
{
    struct sigaction now;
    if (sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
        now.sa_sigaction == handle && atomic_exchange(&installed, false)) {
        sigaction(SIGBUS, &before, NULL);
    }
}

static int take(const void *data, size_t size)
{
    for (int i = 0; i < MOST; i++) {
        watch *w = &watches[i];
        if (atomic_load(&w->start) == 0) {
            atomic_store(&w->cut, false);
            atomic_store(&w->size, size);
            atomic_store(&w->start, (uintptr_t)data);
            return i + 1;
        }
    }
    return 0;
}

int nd_mapped_watch(const void *data, size_t size)
{
    pthread_mutex_lock(&lock);
    int watched = take(data, size);
    if (watched > 0 && in_use++ == 0) {
        install();
    }
    pthread_mutex_unlock(&lock);
    return watched;
}

bool nd_mapped_cut(int watched)
{
    return watched > 0 && atomic_load(&watches[watched - 1].cut);
}

void nd_mapped_end(int watched)
{
    if (watched <= 0) {
        return;
    }
    pthread_mutex_lock(&lock);
    atomic_store(&watches[watched - 1].start, 0);
    if (--in_use == 0) {
        uninstall();
    }
    pthread_mutex_unlock(&lock);
}
