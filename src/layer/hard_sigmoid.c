#include "base/ctx.h"
#include "layer/layer.h"

static nd_status hard_sigmoid_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_HARD_SIGMOID, 0);
}

const nd_layer_class nd_layer_hard_sigmoid = {
    .name = "hard_sigmoid",
    .help = "straight lines in the place of the logistic function: values between 0 and 1",
    .formula = "y = min(max(x + 3, 0), 6) / 6",
    .source = "Howard et al. 2019, section 5.2 (MobileNetV3)",
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_HARD_SIGMOID,
    .in_place = true,
    .shape = hard_sigmoid_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
