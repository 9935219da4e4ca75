/* Products of a first layer with inputs that are mostly zeros: one-hot columns, ink
 * on paper. Results differ from those of nd_gemm_* in the order of additions, and
 * where a weight is not finite: zero times it is left out. */
#ifndef ND_KERN_SPARSE_H
#define ND_KERN_SPARSE_H

#include "kern/small.h"

/* Inputs of one task of the weight gradient. */
enum { ND_SPARSE_COLUMNS = 64 };

/* Whether the sparse products pay for x [rows][n] and so many outputs, judged by a few
 * rows: a function of the data alone. */
bool nd_sparse_pays(size_t rows, size_t n, size_t outputs, const nd_real *x);

/* y [rows][out] = f(x W + b); of d, in, out, weight, bias, act and slope are read. */
void nd_sparse_forward(nd_pool *pool, const nd_small_dense *d, size_t rows, const nd_real *x,
                       nd_real *y);

/* gw [in][out] = x^T gz; with add it is added. */
void nd_sparse_gw(nd_pool *pool, const nd_small_dense *d, size_t rows, const nd_real *x,
                  const nd_real *gz, nd_real *gw, bool add);

#endif
