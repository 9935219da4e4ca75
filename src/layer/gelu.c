#include "base/ctx.h"
#include "layer/layer.h"

static nd_status gelu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_GELU, 0);
}

const nd_layer_class nd_layer_gelu = {
    .name = "gelu",
    .help = "x times the probability that a standard normal number is below x",
    .formula = "y = x Phi(x) = x (1 + erf(x / sqrt(2))) / 2",
    .source = "Hendrycks & Gimpel 2016, section 2",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_GELU,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = gelu_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
