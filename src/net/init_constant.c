/* All the same given number. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx, (void)rng;
    nd_k_fill((nd_real)spec->value, spec->rows * spec->cols, w);
    return ND_OK;
}

const nd_init_class nd_init_constant_class = {
    .name = "constant",
    .formula = "w = scale",
    .source = "Rumelhart, Hinton & Williams 1986",
    .fill = fill,
};
