/* Floating-point environment of the arithmetic: round to nearest, no traps, and
 * subnormal numbers read and written as zero. Subnormals cost about a hundred
 * cycles each on common processors, and dead units make optimizer state decay
 * into them; with them gone, training cannot slow down that way. Every worker
 * and every nd_pool_run computes in this environment, so that a result does not
 * depend on the thread; a public call that computes outside a pool brackets
 * itself with nd_fp_enter and nd_fp_leave. */
#ifndef ND_BASE_FPENV_H
#define ND_BASE_FPENV_H

#include <stdint.h>

#if defined(__SSE2__)
#include <xmmintrin.h>
/* All exceptions masked, nearest, flush-to-zero, denormals-are-zero. */
enum { ND_FP_CONTROL = 0x1f80 | 0x8000 | 0x0040 };
#endif

typedef uint64_t nd_fp_state;

/* Switch the calling thread to the environment above; returns what to give back
 * to nd_fp_leave. Calls may nest. */
static inline nd_fp_state nd_fp_enter(void)
{
#if defined(__SSE2__)
    unsigned old = _mm_getcsr();
    if ((old & 0xffc0u) != ND_FP_CONTROL) {
        _mm_setcsr(ND_FP_CONTROL);
    }
    return old;
#elif defined(__aarch64__)
    uint64_t old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    uint64_t flush = UINT64_C(1) << 24;
    if (old != flush) {
        __asm__ volatile("msr fpcr, %0" : : "r"(flush));
    }
    return old;
#else
    return 0;
#endif
}

static inline void nd_fp_leave(nd_fp_state old)
{
#if defined(__SSE2__)
    if (((unsigned)old & 0xffc0u) != ND_FP_CONTROL) {
        _mm_setcsr((unsigned)old);
    }
#elif defined(__aarch64__)
    if (old != UINT64_C(1) << 24) {
        __asm__ volatile("msr fpcr, %0" : : "r"(old));
    }
#else
    (void)old;
#endif
}

#endif
