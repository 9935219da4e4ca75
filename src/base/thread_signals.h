/* The signals of nadir's own threads. */
#ifndef ND_BASE_THREAD_SIGNALS_H
#define ND_BASE_THREAD_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Before threads are started, which inherit it: signals stay with the program's threads,
 * but for those of faults; blocked, a thread's own fault would end the process whoever
 * handles it. old is what to set again. */
static inline void nd_thread_signals_off(sigset_t *old)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGILL);
    pthread_sigmask(SIG_SETMASK, &set, old);
}

static inline void nd_thread_signals_on(const sigset_t *old)
{
    pthread_sigmask(SIG_SETMASK, old, NULL);
}

#endif
