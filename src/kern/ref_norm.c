#include <math.h>

#include "kern/norm.h"

void nd_ref_norm_rows(const nd_norm *norm)
{
    size_t n = norm->n;
    for (size_t r = 0; r < norm->rows; r++) {
        const nd_real *x = norm->x + r * n;
        long double mean = 0, square = 0;
        for (size_t j = 0; j < n; j++) {
            mean += norm->center ? (long double)x[j] / (long double)n : 0;
        }
        for (size_t j = 0; j < n; j++) {
            square += ((long double)x[j] - mean) * ((long double)x[j] - mean) / (long double)n;
        }
        long double inverse = 1 / sqrtl(square + (long double)norm->eps);
        for (size_t j = 0; j < n; j++) {
            norm->y[r * n + j] =
                (nd_real)(((long double)x[j] - mean) * inverse * (long double)norm->scale[j] +
                          (long double)norm->offset[j]);
        }
        norm->mean[r] = (nd_real)mean;
        norm->inverse[r] = (nd_real)inverse;
    }
}

/* (x - mean) inverse of element j of row r; mean and inverse are those of unit s. */
static long double normal_of(const nd_norm *norm, size_t r, size_t j, size_t s)
{
    long double x = (long double)norm->x[r * norm->n + j];
    return (x - (long double)norm->mean[s]) * (long double)norm->inverse[s];
}

static void sums_of_column(const nd_norm *norm, size_t j, bool by_row)
{
    long double gscale = 0, goffset = 0;
    for (size_t r = 0; r < norm->rows; r++) {
        long double gy = (long double)norm->gy[r * norm->n + j];
        gscale += gy * normal_of(norm, r, j, by_row ? r : j);
        goffset += gy;
    }
    norm->gscale[j] = (nd_real)gscale;
    norm->goffset[j] = (nd_real)goffset;
}

void nd_ref_norm_rows_back(const nd_norm *norm)
{
    size_t n = norm->n;
    for (size_t j = 0; j < n; j++) {
        sums_of_column(norm, j, true);
    }
    for (size_t r = 0; norm->gx && r < norm->rows; r++) {
        long double plain = 0, normal = 0;
        for (size_t j = 0; j < n; j++) {
            long double g = (long double)norm->gy[r * n + j] * (long double)norm->scale[j];
            plain += norm->center ? g / (long double)n : 0;
            normal += g * normal_of(norm, r, j, r) / (long double)n;
        }
        for (size_t j = 0; j < n; j++) {
            long double g = (long double)norm->gy[r * n + j] * (long double)norm->scale[j];
            norm->gx[r * n + j] = (nd_real)((long double)norm->inverse[r] *
                                            (g - plain - normal_of(norm, r, j, r) * normal));
        }
    }
}

void nd_ref_norm_columns(const nd_norm *norm)
{
    for (size_t i = 0; i < norm->rows * norm->n; i++) {
        size_t j = i % norm->n;
        norm->y[i] = (nd_real)(normal_of(norm, i / norm->n, j, j) * (long double)norm->scale[j] +
                               (long double)norm->offset[j]);
    }
}

void nd_ref_norm_columns_back(const nd_norm *norm)
{
    long double m = (long double)norm->rows;
    for (size_t j = 0; j < norm->n; j++) {
        sums_of_column(norm, j, false);
        for (size_t r = 0; norm->gx && r < norm->rows; r++) {
            long double away = (long double)norm->goffset[j] / m +
                               normal_of(norm, r, j, j) * (long double)norm->stretch[j] *
                                   (long double)norm->gscale[j] / m;
            long double gy = (long double)norm->gy[r * norm->n + j];
            norm->gx[r * norm->n + j] = (nd_real)((long double)norm->scale[j] *
                                                  (long double)norm->inverse[j] * (gy - away));
        }
    }
}
