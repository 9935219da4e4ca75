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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 64, HANDLERS = 8 };

typedef struct watch {
    atomic_uintptr_t start; /* 0: free */
    atomic_size_t size;
    atomic_bool cut;
    int fd;
    struct timespec written; /* when it was mapped */
} watch;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static watch watches[MOST];
static uintptr_t page;

/* Where the program sets a handler of its own over ours, the next mapping puts another of
 * ours over that. Each has one under it that never changes, so that handlers that call
 * the one before them, as ours do, make no circle. */
static struct sigaction before[HANDLERS];
static int handlers;

/* Straight to the system, as in a signal's handler nothing may come between. */
static bool zeros(uintptr_t from, size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
#ifdef SYS_mmap
    return syscall(SYS_mmap, from, size, PROT_READ, flags, -1, 0) != -1;
#else
    return mmap((void *)from, size, PROT_READ, flags, -1, 0) != MAP_FAILED;
#endif
}

/* Zeros from the page of an address to the end of the mapping that it lies in; false if
 * there is none. */
static bool fill(uintptr_t at)
{
    for (int i = 0; i < MOST; i++) {
        watch *w = &watches[i];
        uintptr_t start = atomic_load(&w->start), from = at / page * page;
        size_t size = atomic_load(&w->size);
        /* Not of a slot that changes hands meanwhile. */
        if (start != 0 && at - start < size && atomic_load(&w->start) == start) {
            atomic_store(&w->cut, true);
            return zeros(from, size - (from - start));
        }
    }
    return false;
}

/* What would have happened without our handler. */
static void pass_on(const struct sigaction *to, int number, siginfo_t *info, void *context)
{
    bool sent = info->si_code <= 0; /* by a process, not by a fault */
    if (to->sa_flags & SA_SIGINFO) {
        to->sa_sigaction(number, info, context);
    } else if (to->sa_handler != SIG_DFL && to->sa_handler != SIG_IGN) {
        to->sa_handler(number);
    } else if (!sent || to->sa_handler == SIG_DFL) {
        struct sigaction none = {.sa_handler = SIG_DFL};
        sigaction(number, &none, NULL);
        if (sent) {
            raise(number);
        }
    }
}

static void handle(int i, int number, siginfo_t *info, void *context)
{
    int error = errno;
    if (info->si_code <= 0 || !fill((uintptr_t)info->si_addr)) {
        pass_on(&before[i], number, info, context);
    }
    errno = error;
}

#define ND_HANDLER(i)                                                  \
    static void handle_##i(int number, siginfo_t *info, void *context) \
    {                                                                  \
        handle(i, number, info, context);                              \
    }
ND_HANDLER(0)
ND_HANDLER(1)
ND_HANDLER(2)
ND_HANDLER(3)
ND_HANDLER(4)
ND_HANDLER(5)
ND_HANDLER(6)
ND_HANDLER(7)

static void (*const ours[HANDLERS])(int, siginfo_t *, void *) = {
    handle_0, handle_1, handle_2, handle_3, handle_4, handle_5, handle_6, handle_7};

static bool same(const struct sigaction *a, const struct sigaction *b)
{
    bool info = a->sa_flags & SA_SIGINFO;
    return a->sa_flags == b->sa_flags &&
           (info ? a->sa_sigaction == b->sa_sigaction : a->sa_handler == b->sa_handler);
}

/* Have one of ours in force; the caller holds the lock. */
static void install(void)
{
    struct sigaction now, own = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    int i = 0;
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &now) != 0) {
        return;
    }
    for (int k = 0; k < handlers && (now.sa_flags & SA_SIGINFO); k++) {
        if (now.sa_sigaction == ours[k]) {
            return;
        }
    }
    while (i < handlers && !same(&before[i], &now)) {
        i++;
    }
    if (i == HANDLERS) {
        return;
    }
    if (i == handlers) {
        before[handlers++] = now;
    }
    sigemptyset(&own.sa_mask);
    own.sa_sigaction = ours[i];
    sigaction(SIGBUS, &own, NULL);
}

int nd_mapped_watch(const void *data, size_t size, int fd)
{
    struct stat info;
    int taken = 0;
    if (fstat(fd, &info) != 0) {
        return 0;
    }
    pthread_mutex_lock(&lock);
    install();
    for (int i = 0; i < MOST && taken == 0; i++) {
        watch *w = &watches[i];
        if (atomic_load(&w->start) == 0) {
            w->fd = fd;
            w->written = info.st_mtim;
            atomic_store(&w->cut, false);
            atomic_store(&w->size, size);
            atomic_store(&w->start, (uintptr_t)data);
            taken = i + 1;
        }
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

nd_mapped_state nd_mapped_look(int watched)
{
    struct stat info;
    if (watched <= 0) {
        return ND_MAPPED_WHOLE;
    }
    watch *w = &watches[watched - 1];
    if (atomic_load(&w->cut) || fstat(w->fd, &info) != 0) {
        return ND_MAPPED_CUT;
    }
    size_t size = atomic_load(&w->size);
    bool same =
        info.st_mtim.tv_sec == w->written.tv_sec && info.st_mtim.tv_nsec == w->written.tv_nsec;
    if ((uintmax_t)info.st_size > size) {
        return ND_MAPPED_GROWN;
    }
    return (uintmax_t)info.st_size < size ? ND_MAPPED_CUT
           : same                         ? ND_MAPPED_WHOLE
                                          : ND_MAPPED_WRITTEN;
}

void nd_mapped_end(int watched)
{
    if (watched > 0) {
        pthread_mutex_lock(&lock);
        close(watches[watched - 1].fd);
        atomic_store(&watches[watched - 1].start, 0);
        pthread_mutex_unlock(&lock);
    }
}
