/* Gradients against central differences, compared by norm so that a wrong sign is
 * an error of 2. */
#ifndef ND_TESTS_GRADCHECK_H
#define ND_TESTS_GRADCHECK_H

#include <math.h>
#include <stddef.h>

#include "base/rng.h"
#include "nadir.h"

/* |a - b| / max(|a|, |b|) over n elements; 0 if both are zero. */
static inline double gradcheck_error(const nd_real *a, const double *b, size_t n)
{
    double difference = 0, norm_a = 0, norm_b = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)a[i];
        difference += (x - b[i]) * (x - b[i]);
        norm_a += x * x;
        norm_b += b[i] * b[i];
    }
    double norm = norm_a > norm_b ? norm_a : norm_b;
    return norm > 0 ? sqrt(difference / norm) : 0;
}

static inline double gradcheck_norm(const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += b[i] * b[i];
    }
    return sqrt(sum);
}

/* numeric[i] = (f(w_i + h) - f(w_i - h)) / 2h */
static inline void gradcheck_numeric_by(double h, double (*f)(void *user), void *user, nd_real *w,
                                        size_t n, double *numeric)
{
    for (size_t i = 0; i < n; i++) {
        nd_real old = w[i];
        w[i] = (nd_real)((double)old + h);
        double above = f(user);
        w[i] = (nd_real)((double)old - h);
        double below = f(user);
        w[i] = old;
        numeric[i] = (above - below) / (2 * h);
    }
}

static inline void gradcheck_numeric(double (*f)(void *user), void *user, nd_real *w, size_t n,
                                     double *numeric)
{
    gradcheck_numeric_by(1e-6, f, user, w, n, numeric);
}

static inline void gradcheck_random(uint64_t seed, double scale, nd_real *x, size_t n)
{
    nd_rng rng = {.seed = seed, .stream = ND_STREAM_NOISE};
    for (size_t i = 0; i < n; i++) {
        x[i] = (nd_real)(scale * nd_rng_normal(&rng, i));
    }
}

#endif
