/* Normal numbers of a given deviation. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx;
    nd_init_normal(spec, rng, spec->value * spec->value, w);
    return ND_OK;
}

const nd_init_class nd_init_normal_class = {
    .name = "normal",
    .formula = "w = scale N, N normal with mean 0 and deviation 1",
    .source = "Krizhevsky et al. 2012, section 5",
    .fill = fill,
};
