/* A number in one block of columns: the bias of one gate. */
#include "net/init.h"

static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    size_t width = nd_init_width(spec), first = spec->block * width;
    (void)ctx, (void)rng;
    for (size_t i = 0; i < spec->rows * spec->cols; i++) {
        size_t j = i % spec->cols;
        w[i] = j >= first && j - first < width ? (nd_real)spec->value : 0;
    }
    return ND_OK;
}

const nd_init_class nd_init_block_class = {
    .name = "block",
    .formula = "w = scale in one block of columns, 0 in the others",
    .source = "Jozefowicz, Zaremba & Sutskever 2015",
    .fill = fill,
};
