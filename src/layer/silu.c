#include "base/ctx.h"
#include "layer/layer.h"

static nd_status silu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_SILU, 0);
}

const nd_layer_class nd_layer_silu = {
    .name = "silu",
    .help = "x times its logistic function; also called swish",
    .formula = "y = x / (1 + exp(-x))",
    .source = "Elfwing, Uchibe & Doya 2018, eq. 5; Ramachandran et al. 2017",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_SILU,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = silu_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
