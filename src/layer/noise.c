/* Gaussian noise added in training. Its numbers are a function of (seed, layer, step,
 * element). */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "deviation",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1000,
     .metavar = "X",
     .help = "standard deviation of what is added in each training step"},
};

static nd_status noise_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    return ND_OK;
}

static void noise_forward(const nd_layer_io *io)
{
    size_t n = io->rows * io->shape->out;
    double deviation = nd_opt_real(io->shape->attr, "deviation");
    if (io->training && deviation > 0) {
        nd_k_noise(io->pool, &io->rng, deviation, false, n, io->x[0], io->y);
    } else if (io->x[0] != io->y) {
        memcpy(io->y, io->x[0], n * sizeof *io->y);
    }
}

static void noise_backward(const nd_layer_io *io)
{
    if (io->gx[0] && io->gx[0] != io->gy) {
        memcpy(io->gx[0], io->gy, io->rows * io->shape->out * sizeof *io->gy);
    }
}

const nd_layer_class nd_layer_noise = {
    .name = "noise",
    .help = "adds Gaussian noise in training, so that the network learns to bear it",
    .formula = "y = x + deviation N, N normal with mean 0 and deviation 1",
    .source = "Bishop 1995, eq. 3",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .in_place = true,
    .shape = noise_shape,
    .forward = noise_forward,
    .backward = noise_backward,
};
