/* Why training left the finite numbers, in words. */
#ifndef ND_TRAIN_DIVERGE_H
#define ND_TRAIN_DIVERGE_H

#include "net/net.h"

/* What was going on when a loss, a gradient or a parameter was not finite. */
typedef struct nd_diverge {
    long epoch;
    uint64_t steps; /* finished ones */
    double lr;
    bool clipped;     /* the gradient, in some form */
    const nd_real *x; /* the batch, [values]; NULL: noticed between steps */
    size_t values;
} nd_diverge;

/* Look where the first number that is not finite stands: parameters, batch, or the
 * layer whose gradient backward meets first. Returns ND_ERR_DIVERGED with a message
 * that names the layer and the likely cause. */
nd_status nd_diverge_fail(nd_net *net, const nd_diverge *at);

#endif
