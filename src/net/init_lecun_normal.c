/* LeCun's rule with normal numbers. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx;
    nd_init_normal(spec, rng, 1 / (double)spec->fan_in, w);
    return ND_OK;
}

const nd_init_class nd_init_lecun_normal_class = {
    .name = "lecun_normal",
    .formula = "normal, mean 0, variance 1 / in",
    .source = "LeCun et al. 1998, section 4.6",
    .fill = fill,
};
