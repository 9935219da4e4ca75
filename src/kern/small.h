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

/* A layer of a chain, and where the plan keeps what belongs to it. */
typedef struct nd_small_link {
    nd_small_dense dense;
    const nd_real *x;          /* [rows][in] of all rows; not read for the first link */
    nd_real *y, *gy, *gx;      /* [rows][out], [rows][out], [rows][in] or NULL */
    size_t weight_at, bias_at; /* elements from the start of the gradient block */
} nd_small_link;

/* Rows first .. first + rows - 1 of a batch, forward and backward. */
typedef struct nd_small_pass {
    const nd_small_link *link;
    size_t links, first, rows;
    const nd_real *x, *target; /* of row first: [rows][in]; labels as the loss has them */
    nd_loss_kernel loss;       /* not OTHER */
    nd_real share;             /* of an element of the loss in what is differentiated */
    nd_real *grad;             /* block of gradients, of which every link's are written */
    bool add;                  /* ... or added to */
} nd_small_pass;

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

/* All links forward, the loss, all links backward: the same bits as one call for each.
 * Returns the sum of the loss's elements. The weights were turned before where rows
 * calls for it. */
double nd_small_chain(const struct nd_isa *isa, const nd_small_pass *pass);

#endif
