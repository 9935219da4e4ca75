#include "base/ctx.h"
#include "layer/layer.h"

static nd_status selu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_SELU, 0);
}

const nd_layer_class nd_layer_selu = {
    .name = "selu",
    .help = "elu scaled so that deep nets keep mean 0 and variance 1 by themselves",
    .formula =
        "y = l x if x > 0, else l a (exp(x) - 1); l = 1.0507009873554805, a = 1.6732632423543772",
    .source = "Klambauer et al. 2017, eq. 2",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_SELU,
    .suits = ND_INIT_LECUN_NORMAL,
    .in_place = true,
    .shape = selu_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
