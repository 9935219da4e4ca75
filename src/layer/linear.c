/* No activation, for a list of layers or a flag that names one all the same. */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

static nd_status linear_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    return ND_OK;
}

static void copy(const nd_layer_io *io, const nd_real *from, nd_real *to)
{
    if (to && to != from) {
        memcpy(to, from, io->rows * io->shape->out * sizeof *to);
    }
}

static void linear_forward(const nd_layer_io *io)
{
    copy(io, io->x[0], io->y);
}

static void linear_backward(const nd_layer_io *io)
{
    copy(io, io->gy, io->gx[0]);
}

const nd_layer_class nd_layer_linear = {
    .name = "linear",
    .help = "no activation: values pass as they are",
    .formula = "y = x",
    .source = "Rosenblatt 1958; Widrow & Hoff 1960",
    .min_inputs = 1,
    .max_inputs = 1,
    .in_place = true,
    .column_wise = true,
    .shape = linear_shape,
    .forward = linear_forward,
    .backward = linear_backward,
};
