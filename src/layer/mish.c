#include "base/ctx.h"
#include "layer/layer.h"

static nd_status mish_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_MISH, 0);
}

const nd_layer_class nd_layer_mish = {
    .name = "mish",
    .help = "x times the tanh of its softplus",
    .formula = "y = x tanh(log(1 + exp(x)))",
    .source = "Misra 2019, eq. 1",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_MISH,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = mish_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
