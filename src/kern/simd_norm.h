/* Normalization of rows and of columns (norm.h). Sums are in double. */
#ifndef ND_KERN_SIMD_NORM_H
#define ND_KERN_SIMD_NORM_H

#include "kern/norm.h"
#include "kern/simd_reduce.h"

static double squares_around(size_t n, double center, const nd_real *x)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double away = (double)x[i + j] - center;
            lane[j] += away * away;
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        double away = (double)x[i + j] - center;
        lane[j] += away * away;
    }
    return fold(lane);
}

static void scale_row(size_t n, nd_real mean, nd_real inverse, const nd_real *restrict x,
                      const nd_real *restrict scale, const nd_real *restrict offset,
                      nd_real *restrict y)
{
    for (size_t j = 0; j < n; j++) {
        y[j] = (x[j] - mean) * inverse * scale[j] + offset[j];
    }
}

static void norm_rows(const nd_norm *norm, size_t first, size_t count)
{
    size_t n = norm->n;
    for (size_t r = first; r < first + count; r++) {
        const nd_real *x = norm->x + r * n;
        double center = norm->center ? sum(n, x) / (double)n : 0;
        double square = squares_around(n, center, x) / (double)n;
        norm->mean[r] = (nd_real)center;
        norm->inverse[r] = (nd_real)(1 / sqrt(square + norm->eps));
        scale_row(n, norm->mean[r], norm->inverse[r], x, norm->scale, norm->offset,
                  norm->y + r * n);
    }
}

/* Sums over a row of g = gy scale, and of g xhat. */
typedef struct row_sums {
    double plain, normal;
} row_sums;

static row_sums sums_of_row(size_t n, nd_real mean, nd_real inverse, const nd_real *restrict x,
                            const nd_real *restrict scale, const nd_real *restrict gy)
{
    double plain[LANES] = {0}, normal[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double g = (double)(gy[i + j] * scale[i + j]);
            plain[j] += g;
            normal[j] += g * (double)((x[i + j] - mean) * inverse);
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        double g = (double)(gy[i + j] * scale[i + j]);
        plain[j] += g;
        normal[j] += g * (double)((x[i + j] - mean) * inverse);
    }
    return (row_sums){fold(plain), fold(normal)};
}

/* gx = inverse (g - mean of g - xhat mean of g xhat): Ba, Kiros & Hinton 2016, eq. 4,
 * differentiated; without the mean of g where rows are not centred. */
static void back_row(size_t n, nd_real mean, nd_real inverse, nd_real plain, nd_real normal,
                     const nd_real *restrict x, const nd_real *restrict scale,
                     const nd_real *restrict gy, nd_real *restrict gx)
{
    for (size_t j = 0; j < n; j++) {
        gx[j] = inverse * (gy[j] * scale[j] - plain - (x[j] - mean) * inverse * normal);
    }
}

static void norm_rows_back(const nd_norm *norm, size_t first, size_t count)
{
    size_t n = norm->n;
    for (size_t r = first; r < first + count; r++) {
        const nd_real *x = norm->x + r * n, *gy = norm->gy + r * n;
        nd_real mean = norm->mean[r], inverse = norm->inverse[r];
        row_sums s = sums_of_row(n, mean, inverse, x, norm->scale, gy);
        nd_real plain = norm->center ? (nd_real)(s.plain / (double)n) : 0;
        back_row(n, mean, inverse, plain, (nd_real)(s.normal / (double)n), x, norm->scale, gy,
                 norm->gx + r * n);
    }
}

/* One row's share of gscale and goffset in count <= COLUMNS columns, of which xhat is
 * (x - mean[j]) inverse[j], or with the first elements of mean and inverse for all. */
static inline void add_share(size_t count, bool by_row, const nd_real *restrict x,
                             const nd_real *restrict gy, const nd_real *restrict mean,
                             const nd_real *restrict inverse, double *restrict gscale,
                             double *restrict goffset)
{
    for (size_t j = 0; j < count; j++) {
        nd_real normal = (x[j] - mean[by_row ? 0 : j]) * inverse[by_row ? 0 : j];
        goffset[j] += (double)gy[j];
        gscale[j] += (double)gy[j] * (double)normal;
    }
}

/* gscale and goffset of count <= COLUMNS columns from at on. */
static inline void sums_of_columns(const nd_norm *norm, size_t at, size_t count, bool by_row)
{
    double gscale[COLUMNS] = {0}, goffset[COLUMNS] = {0};
    for (size_t r = 0; r < norm->rows; r++) {
        const nd_real *x = norm->x + r * norm->n + at, *gy = norm->gy + r * norm->n + at;
        const nd_real *mean = norm->mean + (by_row ? r : at);
        const nd_real *inverse = norm->inverse + (by_row ? r : at);
        if (count == COLUMNS) {
            add_share(COLUMNS, by_row, x, gy, mean, inverse, gscale, goffset);
        } else {
            add_share(count, by_row, x, gy, mean, inverse, gscale, goffset);
        }
    }
    for (size_t j = 0; j < count; j++) {
        norm->gscale[at + j] = (nd_real)gscale[j];
        norm->goffset[at + j] = (nd_real)goffset[j];
    }
}

static size_t columns_at(size_t at, size_t end)
{
    return end - at < COLUMNS ? end - at : COLUMNS;
}

static void norm_rows_sums(const nd_norm *norm, size_t first, size_t count)
{
    for (size_t at = first; at < first + count; at += COLUMNS) {
        sums_of_columns(norm, at, columns_at(at, first + count), true);
    }
}

static void scale_columns(size_t n, const nd_real *restrict mean, const nd_real *restrict inverse,
                          const nd_real *restrict x, const nd_real *restrict scale,
                          const nd_real *restrict offset, nd_real *restrict y)
{
    for (size_t j = 0; j < n; j++) {
        y[j] = (x[j] - mean[j]) * inverse[j] * scale[j] + offset[j];
    }
}

static void norm_columns(const nd_norm *norm, size_t first, size_t count)
{
    for (size_t r = 0; r < norm->rows; r++) {
        size_t at = r * norm->n + first;
        scale_columns(count, norm->mean + first, norm->inverse + first, norm->x + at,
                      norm->scale + first, norm->offset + first, norm->y + at);
    }
}

static void back_columns(size_t count, const nd_real *restrict mean,
                         const nd_real *restrict inverse, const nd_real *restrict factor,
                         const nd_real *restrict plain, const nd_real *restrict normal,
                         const nd_real *restrict x, const nd_real *restrict gy,
                         nd_real *restrict gx)
{
    for (size_t j = 0; j < count; j++) {
        gx[j] = factor[j] * (gy[j] - plain[j] - (x[j] - mean[j]) * inverse[j] * normal[j]);
    }
}

/* Ioffe & Szegedy 2015, section 3, with the terms collected. */
static void norm_columns_back(const nd_norm *norm, size_t first, size_t count)
{
    double share = 1.0 / (double)norm->rows;
    for (size_t at = first; at < first + count; at += COLUMNS) {
        nd_real factor[COLUMNS], plain[COLUMNS], normal[COLUMNS];
        size_t width = columns_at(at, first + count);
        sums_of_columns(norm, at, width, false);
        for (size_t j = 0; j < width; j++) {
            factor[j] = norm->scale[at + j] * norm->inverse[at + j];
            plain[j] = (nd_real)(share * (double)norm->goffset[at + j]);
            normal[j] = (nd_real)(share * (double)norm->gscale[at + j]) * norm->stretch[at + j];
        }
        for (size_t r = 0; norm->gx && r < norm->rows; r++) {
            size_t i = r * norm->n + at;
            back_columns(width, norm->mean + at, norm->inverse + at, factor, plain, normal,
                         norm->x + i, norm->gy + i, norm->gx + i);
        }
    }
}

#endif
