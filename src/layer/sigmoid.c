#include "base/ctx.h"
#include "layer/layer.h"

static nd_status sigmoid_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->back_needs_y = true;
    return ND_OK;
}

static void sigmoid_forward(const nd_layer_io *io)
{
    nd_k_act(io->pool, ND_ACT_SIGMOID, 0, io->rows * io->shape->out, io->x[0], io->y);
}

static void sigmoid_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_k_act_back(io->pool, ND_ACT_SIGMOID, 0, io->rows * io->shape->out, io->y, io->gy,
                      io->gx[0]);
    }
}

const nd_layer_class nd_layer_sigmoid = {
    .name = "sigmoid",
    .help = "logistic function: values between 0 and 1",
    .formula = "y = 1 / (1 + exp(-x))",
    .source = "Rumelhart, Hinton & Williams 1986, eq. 2",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_SIGMOID,
    .in_place = true,
    .shape = sigmoid_shape,
    .forward = sigmoid_forward,
    .backward = sigmoid_backward,
};
