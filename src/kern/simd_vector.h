/* Products of one row with a matrix: bound by the bandwidth of reading it once. */
#ifndef ND_KERN_SIMD_VECTOR_H
#define ND_KERN_SIMD_VECTOR_H

#include <string.h>

#include "kern/simd_tile.h"

/* y[n] (+)= sum over p of x[p] b[p][n], eight rows of B at a time: the sums stay in
 * the first cache and B is read in order. */
static void row_times_rows(size_t n, size_t k, const nd_real *restrict x, const nd_real *restrict b,
                           size_t ldb, nd_real *restrict y, bool add)
{
    enum { ROWS = 8 };
    if (!add) {
        memset(y, 0, n * sizeof *y);
    }
    size_t p = 0;
    for (; p + ROWS <= k; p += ROWS, x += ROWS, b += ROWS * ldb) {
        const nd_real *c = b + 4 * ldb;
        for (size_t j = 0; j < n; j++) {
            nd_real low =
                x[0] * b[j] + x[1] * b[ldb + j] + x[2] * b[2 * ldb + j] + x[3] * b[3 * ldb + j];
            nd_real high =
                x[4] * c[j] + x[5] * c[ldb + j] + x[6] * c[2 * ldb + j] + x[7] * c[3 * ldb + j];
            y[j] += low + high;
        }
    }
    for (; p < k; p++, x++, b += ldb) {
        for (size_t j = 0; j < n; j++) {
            y[j] += x[0] * b[j];
        }
    }
}

/* Sum of the elements of a vector, in order. */
static nd_real vector_sum(vec v)
{
    nd_real total = v[0];
    for (size_t i = 1; i < VL; i++) {
        total += v[i];
    }
    return total;
}

/* y[j] (+)= sum over p of x[p] b[j][p] for four rows of B. */
static void four_dots(size_t k, const nd_real *x, const nd_real *b, size_t ldb, nd_real *y,
                      bool add)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    size_t p = 0;
    for (; p + VL <= k; p += VL) {
        vec v = *(const vec *)(x + p);
        s0 += v * *(const vec *)(b + p);
        s1 += v * *(const vec *)(b + ldb + p);
        s2 += v * *(const vec *)(b + 2 * ldb + p);
        s3 += v * *(const vec *)(b + 3 * ldb + p);
    }
    nd_real total[4] = {vector_sum(s0), vector_sum(s1), vector_sum(s2), vector_sum(s3)};
    for (; p < k; p++) {
        for (size_t r = 0; r < 4; r++) {
            total[r] += x[p] * b[r * ldb + p];
        }
    }
    for (size_t r = 0; r < 4; r++) {
        y[r] = total[r] + (add ? y[r] : 0);
    }
}

static nd_real one_dot(size_t k, const nd_real *x, const nd_real *b)
{
    vec s = {0};
    size_t p = 0;
    for (; p + VL <= k; p += VL) {
        s += *(const vec *)(x + p) * *(const vec *)(b + p);
    }
    nd_real total = vector_sum(s);
    for (; p < k; p++) {
        total += x[p] * b[p];
    }
    return total;
}

/* y[n] (+)= x B^T for B [n][k]. */
static void row_times_columns(size_t n, size_t k, const nd_real *x, const nd_real *b, size_t ldb,
                              nd_real *y, bool add)
{
    size_t j = 0;
    for (; j + 4 <= n; j += 4) {
        four_dots(k, x, b + j * ldb, ldb, y + j, add);
    }
    for (; j < n; j++) {
        y[j] = one_dot(k, x, b + j * ldb) + (add ? y[j] : 0);
    }
}

/* C[m][n] (+)= a b^T, one row of a batch: bound by writing C. */
static void outer_product(size_t m, size_t n, const nd_real *a, size_t step,
                          const nd_real *restrict b, nd_real *restrict c, size_t ldc, bool add)
{
    for (size_t i = 0; i < m; i++, a += step, c += ldc) {
        nd_real f = *a;
        for (size_t j = 0; add && j < n; j++) {
            c[j] += f * b[j];
        }
        for (size_t j = 0; !add && j < n; j++) {
            c[j] = f * b[j];
        }
    }
}

#endif
