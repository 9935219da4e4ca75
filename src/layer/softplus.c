#include "base/ctx.h"
#include "layer/layer.h"

static nd_status softplus_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_SOFTPLUS, 0);
}

const nd_layer_class nd_layer_softplus = {
    .name = "softplus",
    .help = "smooth rectifier, positive everywhere",
    .formula = "y = log(1 + exp(x))",
    .source = "Dugas et al. 2001, eq. 6",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_SOFTPLUS,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = softplus_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
