#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "slope",
     .type = ND_OPT_REAL,
     .preset = "0.01",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor on negative values",
     .source = "Maas et al. 2013, section 2"},
};

static nd_status leaky_relu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->slope = nd_opt_real(shape->attr, "slope");
    shape->back_needs_y = true;
    return ND_OK;
}

static void leaky_relu_forward(const nd_layer_io *io)
{
    nd_k_act(io->pool, ND_ACT_LEAKY_RELU, (nd_real)io->shape->slope, io->rows * io->shape->out,
             io->x[0], io->y);
}

static void leaky_relu_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_k_act_back(io->pool, ND_ACT_LEAKY_RELU, (nd_real)io->shape->slope,
                      io->rows * io->shape->out, io->y, io->gy, io->gx[0]);
    }
}

const nd_layer_class nd_layer_leaky_relu = {
    .name = "leaky_relu",
    .help = "rectifier that lets a small share of negative values through",
    .formula = "y = x if x > 0, else slope * x",
    .source = "Maas, Hannun & Ng 2013, section 2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .act = ND_ACT_LEAKY_RELU,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .in_place = true,
    .shape = leaky_relu_shape,
    .forward = leaky_relu_forward,
    .backward = leaky_relu_backward,
};
