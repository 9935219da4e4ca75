/* Normalization of rows (layer normalization, RMS normalization) and of columns over
 * the rows of a batch (batch normalization). The bits do not depend on the threads. */
#ifndef ND_KERN_NORM_H
#define ND_KERN_NORM_H

#include "kern/kern.h"

/* Arrays of one call. s is rows where rows are normalized, n where columns are. */
typedef struct nd_norm {
    size_t rows, n;
    bool center;                   /* of rows: bring the mean to 0; without, mean[] is 0 */
    double eps;                    /* of rows: added to the mean square before the root */
    const nd_real *x;              /* [rows][n] */
    nd_real *mean, *inverse;       /* [s]: written by nd_norm_rows, read by the others */
    const nd_real *scale, *offset; /* [n] */
    const nd_real *stretch;        /* [n], columns: factor on the part through the deviation */
    nd_real *y;                    /* [rows][n] */
    const nd_real *gy;             /* [rows][n] */
    nd_real *gx;                   /* [rows][n], NULL if not wanted; not gy */
    nd_real *gscale, *goffset;     /* [n] */
} nd_norm;

/* y = scale (x - mean) inverse + offset, with mean and inverse = 1 / sqrt(mean square +
 * eps) of each row. */
void nd_norm_rows(nd_pool *pool, const nd_norm *norm);

/* gx, gscale = sum gy (x - mean) inverse and goffset = sum gy over the rows. */
void nd_norm_rows_back(nd_pool *pool, const nd_norm *norm);

/* y = scale (x - mean) inverse + offset with mean and inverse of each column. */
void nd_norm_columns(nd_pool *pool, const nd_norm *norm);

/* gscale, goffset and, with xhat = (x - mean) inverse and m rows,
 * gx = scale inverse (gy - goffset/m - xhat stretch gscale/m). */
void nd_norm_columns_back(nd_pool *pool, const nd_norm *norm);

/* The same in long double, for tests. */
void nd_ref_norm_rows(const nd_norm *norm);
void nd_ref_norm_rows_back(const nd_norm *norm);
void nd_ref_norm_columns(const nd_norm *norm);
void nd_ref_norm_columns_back(const nd_norm *norm);

#endif
