/* Reductions with double accumulators: eight lanes, element i in lane i % 8, then
 * a fixed tree; the order is the same in every instruction set. */
#ifndef ND_KERN_SIMD_REDUCE_H
#define ND_KERN_SIMD_REDUCE_H

#include "kern/simd_math.h"

enum { LANES = 8 };

static double fold(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static double sum(size_t n, const nd_real *x)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lane[j] += (double)x[i + j];
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        lane[j] += (double)x[i + j];
    }
    return fold(lane);
}

static double dot(size_t n, const nd_real *x, const nd_real *y)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lane[j] += (double)x[i + j] * (double)y[i + j];
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        lane[j] += (double)x[i + j] * (double)y[i + j];
    }
    return fold(lane);
}

/* The bits of |x| as a whole number are in the order of |x|, infinity above all
 * numbers and NaN above that. */
#ifdef ND_REAL_DOUBLE
typedef int64_t real_bits;
#else
typedef int32_t real_bits;
#endif
typedef real_bits bits_vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

static inline bits_vec larger(bits_vec a, bits_vec b)
{
    bits_vec over = (bits_vec)(a > b);
    return (over & a) | (~over & b);
}

static nd_real max_abs(size_t n, const nd_real *x)
{
    enum { WAYS = 4, WIDTH = ND_VECTOR_BYTES / sizeof(nd_real) };
    const real_bits number = (real_bits)(((uint64_t)1 << (8 * sizeof(nd_real) - 1)) - 1);
    bits_vec most[WAYS] = {{0}};
    real_bits lane[WIDTH], top = 0;
    size_t i = 0;
    for (; i + WAYS * WIDTH <= n; i += WAYS * WIDTH) {
        for (size_t j = 0; j < WAYS; j++) {
            most[j] = larger(*(const bits_vec *)(x + i + j * WIDTH) & number, most[j]);
        }
    }
    for (; i + WIDTH <= n; i += WIDTH) {
        most[0] = larger(*(const bits_vec *)(x + i) & number, most[0]);
    }
    most[0] = larger(larger(most[0], most[1]), larger(most[2], most[3]));
    memcpy(lane, &most[0], sizeof lane);
    for (; i < n; i++) {
        real_bits size;
        memcpy(&size, &x[i], sizeof size);
        top = (size & number) > top ? size & number : top;
    }
    for (size_t j = 0; j < WIDTH; j++) {
        top = lane[j] > top ? lane[j] : top;
    }
    nd_real result;
    memcpy(&result, &top, sizeof result);
    return result;
}

typedef nd_real finite_vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

/* Zero times a number is zero, times infinity or NaN it is NaN, which sums keep. The last
 * vector covers elements again. */
static bool all_finite(size_t n, const nd_real *x)
{
    enum { WAYS = 4, WIDTH = ND_VECTOR_BYTES / sizeof(nd_real) };
    finite_vec sum[WAYS] = {{0}};
    nd_real rest = 0;
    size_t i = 0;
    for (; i + WAYS * WIDTH <= n; i += WAYS * WIDTH) {
        for (size_t j = 0; j < WAYS; j++) {
            sum[j] += *(const finite_vec *)(x + i + j * WIDTH) * 0;
        }
    }
    for (; i + WIDTH <= n; i += WIDTH) {
        sum[0] += *(const finite_vec *)(x + i) * 0;
    }
    if (i < n && n >= WIDTH) {
        sum[1] += *(const finite_vec *)(x + n - WIDTH) * 0;
        i = n;
    }
    for (; i < n; i++) {
        rest += x[i] * 0;
    }
    sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    uint64_t word[ND_VECTOR_BYTES / sizeof(uint64_t)], any = 0;
    memcpy(word, &sum[0], sizeof word);
    for (size_t j = 0; j < sizeof word / sizeof word[0]; j++) {
        any |= word[j];
    }
    return any == 0 && rest == 0;
}

enum { COLUMNS = 32 };

static void column_sums(size_t rows, size_t n, size_t width, const nd_real *g, nd_real *out,
                        bool add)
{
    for (size_t at = 0; at < width; at += COLUMNS) {
        double total[COLUMNS] = {0};
        size_t count = width - at < COLUMNS ? width - at : COLUMNS;
        for (size_t r = 0; r < rows; r++) {
            const nd_real *row = g + r * n + at;
            if (count == COLUMNS) {
                for (size_t j = 0; j < COLUMNS; j++) {
                    total[j] += (double)row[j];
                }
            } else {
                for (size_t j = 0; j < count; j++) {
                    total[j] += (double)row[j];
                }
            }
        }
        for (size_t j = 0; j < count; j++) {
            out[at + j] = (nd_real)(add ? (double)out[at + j] + total[j] : total[j]);
        }
    }
}

/* Moments of count <= COLUMNS columns of rows that are n apart. */
static inline void moments_of_columns(size_t rows, size_t n, size_t count, const nd_real *x,
                                      nd_real *mean, nd_real *variance)
{
    double total[COLUMNS] = {0}, center[COLUMNS], square[COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < count; j++) {
            total[j] += (double)x[r * n + j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        center[j] = total[j] / (double)rows;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < count; j++) {
            double away = (double)x[r * n + j] - center[j];
            square[j] += away * away;
        }
    }
    for (size_t j = 0; j < count; j++) {
        mean[j] = (nd_real)center[j];
        variance[j] = (nd_real)(square[j] / (double)rows);
    }
}

static void column_moments(size_t rows, size_t n, size_t width, const nd_real *x, nd_real *mean,
                           nd_real *variance)
{
    size_t at = 0;
    for (; at + COLUMNS <= width; at += COLUMNS) {
        moments_of_columns(rows, n, COLUMNS, x + at, mean + at, variance + at);
    }
    if (at < width) {
        moments_of_columns(rows, n, width - at, x + at, mean + at, variance + at);
    }
}

#endif
