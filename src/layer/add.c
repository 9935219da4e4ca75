/* Sum of several inputs: the joint of a residual connection. */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

static nd_status add_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    for (size_t i = 1; i < shape->inputs; i++) {
        if (shape->in[i] != shape->in[0]) {
            return nd_fail(ctx, ND_ERR_SHAPE, "layer add: inputs of %zu and %zu columns",
                           shape->in[0], shape->in[i]);
        }
    }
    shape->out = shape->in[0];
    return ND_OK;
}

static void add_forward(const nd_layer_io *io)
{
    size_t n = io->rows * io->shape->out;
    nd_k_add(io->pool, n, io->x[0], io->x[1], io->y);
    for (size_t i = 2; i < io->shape->inputs; i++) {
        nd_k_add(io->pool, n, io->y, io->x[i], io->y);
    }
}

static void add_backward(const nd_layer_io *io)
{
    for (size_t i = 0; i < io->shape->inputs; i++) {
        if (io->gx[i]) {
            memcpy(io->gx[i], io->gy, io->rows * io->shape->out * sizeof *io->gy);
        }
    }
}

const nd_layer_class nd_layer_add = {
    .name = "add",
    .help = "sum of 2 to 8 layers of equal width, named by from=",
    .formula = "y = x_1 + ... + x_k",
    .source = "He et al. 2016, eq. 1",
    .min_inputs = 2,
    .max_inputs = ND_LAYER_INPUTS,
    .column_wise = true,
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_backward,
};
