#include "base/ctx.h"
#include "layer/layer.h"

static nd_status relu6_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_RELU6, 0);
}

const nd_layer_class nd_layer_relu6 = {
    .name = "relu6",
    .help = "rectifier that stops at 6",
    .formula = "y = min(max(0, x), 6)",
    .source = "Krizhevsky 2010, section 2.1",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_RELU6,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = relu6_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
