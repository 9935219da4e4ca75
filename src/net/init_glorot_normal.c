/* Glorot's rule with normal numbers. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx;
    nd_init_normal(spec, rng, 2 / ((double)spec->fan_in + (double)spec->fan_out), w);
    return ND_OK;
}

const nd_init_class nd_init_glorot_normal_class = {
    .name = "glorot_normal",
    .formula = "normal, mean 0, variance 2 / (in + out)",
    .source = "Glorot & Bengio 2010, eq. 12, 16",
    .fill = fill,
};
