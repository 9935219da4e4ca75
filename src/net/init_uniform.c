/* Uniform numbers within a given bound. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx;
    nd_init_uniform(spec, rng, spec->value * spec->value / 3, w);
    return ND_OK;
}

const nd_init_class nd_init_uniform_class = {
    .name = "uniform",
    .formula = "w within -scale .. scale",
    .source = "Rumelhart, Hinton & Williams 1986",
    .fill = fill,
};
