/* All 0. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx, (void)rng;
    nd_k_fill(0, spec->rows * spec->cols, w);
    return ND_OK;
}

const nd_init_class nd_init_zeros_class = {
    .name = "zeros",
    .formula = "w = 0",
    .source = "Rumelhart, Hinton & Williams 1986",
    .fill = fill,
};
