/* What the tests of this floor share: random arrays, comparison, thread counts. */
#ifndef ND_TEST_KERN_H
#define ND_TEST_KERN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kern/isa.h"
#include "kern/kern.h"
#include "kern/ref.h"

#ifdef ND_REAL_DOUBLE
#define ND_TEST_EPS 2.3e-16
#else
#define ND_TEST_EPS 1.2e-7
#endif

/* Uniform in -range..range from a fixed seed. */
static inline nd_real *random_array(size_t n, uint32_t stream, double range)
{
    nd_real *x = nd_alloc_aligned(n, sizeof *x);
    assert_non_null(x);
    nd_rng rng = {.seed = 20, .stream = stream};
    for (size_t i = 0; i < n; i++) {
        x[i] = (nd_real)((2 * nd_rng_uniform(&rng, i) - 1) * range);
    }
    return x;
}

static inline nd_real *copy_array(const nd_real *x, size_t n)
{
    nd_real *copy = nd_alloc_aligned(n, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

/* |got - want| <= relative * |want| + absolute for every element, with sign. */
static inline void assert_close(const nd_real *got, const nd_real *want, size_t n, double relative,
                                double absolute)
{
    for (size_t i = 0; i < n; i++) {
        double away = fabs((double)got[i] - (double)want[i]);
        if (!(away <= relative * fabs((double)want[i]) + absolute)) {
            fail_msg("element %zu of %zu: got %.9g, want %.9g", i, n, (double)got[i],
                     (double)want[i]);
        }
    }
}

static inline void assert_near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want) + 1e-300)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

/* Sizes around the edges of vectors, panels and pieces. */
static const size_t odd_sizes[] = {1,  2,  3,  7,  8,   9,    15,    16,    17,    31,
                                   33, 63, 64, 65, 100, 1000, 16383, 16384, 16385, 50000};
enum { ODD_SIZES = sizeof odd_sizes / sizeof odd_sizes[0] };

static const int thread_counts[] = {1, 2, 3, 8};
enum { THREAD_COUNTS = 4 };

#endif
