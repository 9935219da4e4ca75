/* Inputs side by side: the joint of dense and skip connections. */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

static nd_status concat_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    shape->out = 0;
    for (size_t i = 0; i < shape->inputs; i++) {
        if (__builtin_add_overflow(shape->out, shape->in[i], &shape->out)) {
            return nd_fail(ctx, ND_ERR_SHAPE, "layer concat: too many columns");
        }
    }
    return ND_OK;
}

static void concat_forward(const nd_layer_io *io)
{
    for (size_t r = 0; r < io->rows; r++) {
        nd_real *y = io->y + r * io->shape->out;
        for (size_t i = 0; i < io->shape->inputs; i++) {
            size_t width = io->shape->in[i];
            memcpy(y, io->x[i] + r * width, width * sizeof *y);
            y += width;
        }
    }
}

static void concat_backward(const nd_layer_io *io)
{
    size_t first = 0;
    for (size_t i = 0; i < io->shape->inputs; i++) {
        size_t width = io->shape->in[i];
        for (size_t r = 0; io->gx[i] && r < io->rows; r++) {
            memcpy(io->gx[i] + r * width, io->gy + r * io->shape->out + first,
                   width * sizeof *io->gy);
        }
        first += width;
    }
}

const nd_layer_class nd_layer_concat = {
    .name = "concat",
    .help = "2 to 8 layers side by side, named by from=",
    .formula = "y = [x_1, ..., x_k]",
    .source = "Huang et al. 2017, eq. 2",
    .min_inputs = 2,
    .max_inputs = ND_LAYER_INPUTS,
    .shape = concat_shape,
    .forward = concat_forward,
    .backward = concat_backward,
};
