/* Norms of columns, and their scaling. Sums of more than a few rows are in double. */
#ifndef ND_KERN_SIMD_COLUMNS_H
#define ND_KERN_SIMD_COLUMNS_H

#include "kern/isa.h"

/* Rows whose squares are summed in nd_real before they go into a double. */
enum { SQUARE_ROWS = 8 };

/* out[j] = sum over rows of x[r][j]^2, columns 0 .. width - 1 of rows that are n apart. */
static void column_squares(size_t rows, size_t n, size_t width, const nd_real *restrict x,
                           double *restrict out)
{
    size_t r = 0;
    for (size_t j = 0; j < width; j++) {
        out[j] = 0;
    }
    for (; r + SQUARE_ROWS <= rows; r += SQUARE_ROWS) {
        const nd_real *a = x + r * n, *b = a + 4 * n;
        for (size_t j = 0; j < width; j++) {
            nd_real even = a[j] * a[j] + b[j] * b[j] + a[2 * n + j] * a[2 * n + j] +
                           b[2 * n + j] * b[2 * n + j];
            nd_real odd = a[n + j] * a[n + j] + b[n + j] * b[n + j] + a[3 * n + j] * a[3 * n + j] +
                          b[3 * n + j] * b[3 * n + j];
            out[j] += (double)(even + odd);
        }
    }
    for (; r < rows; r++) {
        for (size_t j = 0; j < width; j++) {
            out[j] += (double)x[r * n + j] * (double)x[r * n + j];
        }
    }
}

static void shrink_columns(size_t rows, size_t n, size_t width, const nd_real *restrict factor,
                           nd_real *restrict x)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < width; j++) {
            x[r * n + j] *= factor[j];
        }
    }
}

#endif
