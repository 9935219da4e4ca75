/* Rules for initial values, one class each, listed in inits.def. Every number is a
 * function of (seed, tensor, element). */
#ifndef ND_NET_INIT_H
#define ND_NET_INIT_H

#include "layer/layer.h"

typedef struct nd_init_class {
    const char *name; /* as the attribute init says it */
    const char *formula, *source;
    /* Fill w [rows][cols]. spec->init is resolved, spec->gain above 0. ND_ERR_MEMORY. */
    nd_status (*fill)(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w);
} nd_init_class;

/* Class of a rule; NULL for ND_INIT_AUTO, which is none. */
const nd_init_class *nd_init_find(nd_init init);
const nd_init_class *const *nd_init_table(size_t *count);

/* Independent numbers of mean 0 and a variance: normal, or uniform within
 * sqrt(3 variance) of 0. */
void nd_init_normal(const nd_tensor_spec *spec, const nd_rng *rng, double variance, nd_real *w);
void nd_init_uniform(const nd_tensor_spec *spec, const nd_rng *rng, double variance, nd_real *w);

/* Columns of one of the spec's blocks. */
size_t nd_init_width(const nd_tensor_spec *spec);

/* Rows or columns of each block, whichever are fewer, orthogonal with norm spec->gain. ND_ERR_MEMORY. */
nd_status nd_init_orthonormal(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng,
                              nd_real *w);

#endif
