/* Dense layers of small networks on a few rows, on the calling thread. There is no
 * copying into panels and no cutting into tasks: where a whole layer takes less
 * than a microsecond, those cost more than the arithmetic. Results differ from
 * those of nd_gemm_* in the order of additions only. */
#ifndef ND_KERN_SMALL_H
#define ND_KERN_SMALL_H

#include "kern/kern.h"

struct nd_isa;

/* Bytes behind weight, bias, turned, x and gz that must be readable; their values do not
 * matter. */
enum { ND_SMALL_SLACK = 64, ND_SMALL_TURN_ROWS = 4 };

/* One layer: y = f(x W + b). Arrays are contiguous and do not overlap. */
typedef struct nd_small_dense {
    size_t in, out;
    const nd_real *weight, *bias; /* [in][out]; [out] or NULL */
    nd_real *turned;              /* [out][in], scratch: the weights transposed */
    nd_act act, x_act;            /* f, and the activation that made x (backward) */
    nd_real slope, x_slope;
} nd_small_dense;

/* The kernels of this processor, to be asked for once. */
const struct nd_isa *nd_small_kernels(void);

/* y [rows][out] from x [rows][in]. */
void nd_small_forward(const struct nd_isa *isa, const nd_small_dense *d, size_t rows,
                      const nd_real *x, nd_real *y);

/* Fill d->turned, which nd_small_gx reads for ND_SMALL_TURN_ROWS rows or more. */
void nd_small_turn(const struct nd_isa *isa, const nd_small_dense *d);

/* gw = x^T gz, gb = sum over rows of gz; with add they are added. gb may be NULL. */
void nd_small_gw(const struct nd_isa *isa, const nd_small_dense *d, size_t rows, const nd_real *x,
                 const nd_real *gz, nd_real *gw, nd_real *gb, bool add);

/* gx [rows][in] = (gz W^T) * x_act'(.), taken from x as in nd_k_act_back. */
void nd_small_gx(const struct nd_isa *isa, const nd_small_dense *d, size_t rows, const nd_real *x,
                 const nd_real *gz, nd_real *gx);

#endif
