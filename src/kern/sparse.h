/* Products of a first layer with inputs that mostly have one value, the base: 0 in one-hot
 * columns and ink on paper, another where those were standardized. Results differ from those of
 * nd_gemm_* in the order of additions, and where a weight is not finite: zero times it is left
 * out. */
#ifndef ND_KERN_SPARSE_H
#define ND_KERN_SPARSE_H

#include "kern/small.h"

/* Inputs of one task of the weight gradient. */
enum { ND_SPARSE_COLUMNS = 64 };

/* Most outputs with a base that is not 0, and fewest rows: the weights are summed up for it. */
enum { ND_SPARSE_OUTPUTS = 4096, ND_SPARSE_BASE_ROWS = 16 };

/* Whether the sparse products pay for x [rows][n] with base 0 and so many outputs, judged by a
 * few rows: a function of the data alone. */
bool nd_sparse_pays(size_t rows, size_t n, size_t outputs, const nd_real *x);

/* The same with any base, which *base gets. */
bool nd_sparse_base(size_t rows, size_t n, size_t outputs, const nd_real *x, nd_real *base);

/* y [rows][out] = f(x W + b); of d, in, out, weight, bias, act and slope are read. */
void nd_sparse_forward(nd_pool *pool, const nd_small_dense *d, nd_real base, size_t rows,
                       const nd_real *x, nd_real *y);

/* gw [in][out] = x^T gz; with add it is added, which needs base 0.
 *   sums  [out] column sums of gz; NULL with base 0 */
void nd_sparse_gw(nd_pool *pool, const nd_small_dense *d, nd_real base, const nd_real *sums,
                  size_t rows, const nd_real *x, const nd_real *gz, nd_real *gw, bool add);

#endif
