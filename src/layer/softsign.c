#include "base/ctx.h"
#include "layer/layer.h"

static nd_status softsign_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_SOFTSIGN, 0);
}

const nd_layer_class nd_layer_softsign = {
    .name = "softsign",
    .help = "like tanh with tails that flatten slowly: values between -1 and 1",
    .formula = "y = x / (1 + |x|)",
    .source = "Turian, Bergstra & Bengio 2009, section 3",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_SOFTSIGN,
    .in_place = true,
    .shape = softsign_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
