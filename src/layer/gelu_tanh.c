#include "base/ctx.h"
#include "layer/layer.h"

static nd_status gelu_tanh_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_GELU_TANH, 0);
}

const nd_layer_class nd_layer_gelu_tanh = {
    .name = "gelu_tanh",
    .help = "gelu in the form with tanh, within 0.0005 of it",
    .formula = "y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2",
    .source = "Hendrycks & Gimpel 2016, section 2",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_GELU_TANH,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = gelu_tanh_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
