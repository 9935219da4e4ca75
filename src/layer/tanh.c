#include "base/ctx.h"
#include "layer/layer.h"

static nd_status tanh_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->back_needs_y = true;
    return ND_OK;
}

static void tanh_forward(const nd_layer_io *io)
{
    nd_k_act(io->pool, ND_ACT_TANH, 0, io->rows * io->shape->out, io->x[0], io->y);
}

static void tanh_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_k_act_back(io->pool, ND_ACT_TANH, 0, io->rows * io->shape->out, io->y, io->gy,
                      io->gx[0]);
    }
}

const nd_layer_class nd_layer_tanh = {
    .name = "tanh",
    .help = "hyperbolic tangent: values between -1 and 1",
    .formula = "y = tanh(x)",
    .source = "LeCun et al. 1998, section 4.4",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_TANH,
    .gain = 5.0 / 3, /* LeCun et al. 1998, section 4.4: 1.7159 tanh(2/3 x) has slope near 1 */
    .in_place = true,
    .shape = tanh_shape,
    .forward = tanh_forward,
    .backward = tanh_backward,
};
