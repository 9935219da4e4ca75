#include "base/ctx.h"
#include "layer/layer.h"

static nd_status relu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->back_needs_y = true;
    return ND_OK;
}

static void relu_forward(const nd_layer_io *io)
{
    nd_k_act(io->pool, ND_ACT_RELU, 0, io->rows * io->shape->out, io->x[0], io->y);
}

static void relu_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_k_act_back(io->pool, ND_ACT_RELU, 0, io->rows * io->shape->out, io->y, io->gy,
                      io->gx[0]);
    }
}

const nd_layer_class nd_layer_relu = {
    .name = "relu",
    .help = "rectifier: negative values become 0",
    .formula = "y = max(0, x)",
    .source = "Nair & Hinton 2010, section 2",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_RELU,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = relu_shape,
    .forward = relu_forward,
    .backward = relu_backward,
};
