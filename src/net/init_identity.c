/* A multiple of the identity. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    size_t width = nd_init_width(spec);
    (void)ctx, (void)rng;
    nd_k_fill(0, spec->rows * spec->cols, w);
    for (size_t j = 0; j < spec->cols; j++) {
        if (j % width < spec->rows) {
            w[j % width * spec->cols + j] = (nd_real)spec->gain;
        }
    }
    return ND_OK;
}

const nd_init_class nd_init_identity_class = {
    .name = "identity",
    .formula = "w = gain on the diagonal, 0 elsewhere",
    .source = "Le, Jaitly & Hinton 2015",
    .fill = fill,
};
