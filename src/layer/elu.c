#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "alpha",
     .type = ND_OPT_REAL,
     .preset = "1",
     .min = 1e-6,
     .max = 1000,
     .metavar = "X",
     .help = "minus the value that large negative inputs go to"},
};

static nd_status elu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    return nd_layer_act_shape(shape, ND_ACT_ELU, nd_opt_real(shape->attr, "alpha"));
}

const nd_layer_class nd_layer_elu = {
    .name = "elu",
    .help = "rectifier whose negative side bends towards -alpha",
    .formula = "y = x if x > 0, else alpha (exp(x) - 1)",
    .source = "Clevert, Unterthiner & Hochreiter 2016, eq. 15",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_ELU,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = elu_shape,
    .forward = nd_layer_act_forward,
    .backward = nd_layer_act_backward,
};
