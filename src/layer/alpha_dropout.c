/* Dropout that keeps mean 0 and variance 1, which selu brings activations to. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

/* What selu tends to for large negative inputs: -lambda alpha, Klambauer et al. 2017, eq. 2. */
#define SELU_FLOOR (-1.7580993408473766)

static const nd_option options[] = {
    {.name = "rate",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 0.99,
     .metavar = "RATE",
     .help = "share of values set to selu's lowest in each training step"},
};

static nd_status alpha_dropout_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    return ND_OK;
}

/* a = 1 / sqrt(q (1 + (1 - q) floor^2)), b = -a (1 - q) floor, q = 1 - rate: Klambauer et
 * al. 2017, section "New dropout technique". */
static nd_mask mask_of(double rate)
{
    double keep = 1 - rate;
    double a = 1 / sqrt(keep * (1 + rate * SELU_FLOOR * SELU_FLOOR));
    double b = -a * rate * SELU_FLOOR;
    return (nd_mask){.rate = rate,
                     .kept = (nd_real)a,
                     .offset = (nd_real)b,
                     .dropped = (nd_real)(a * SELU_FLOOR + b)};
}

static void alpha_dropout_forward(const nd_layer_io *io)
{
    size_t n = io->rows * io->shape->out;
    nd_mask mask = mask_of(nd_opt_real(io->shape->attr, "rate"));
    if (io->training && mask.rate > 0) {
        nd_k_mask(io->pool, &io->rng, &mask, n, io->x[0], io->y);
    } else if (io->x[0] != io->y) {
        memcpy(io->y, io->x[0], n * sizeof *io->y);
    }
}

/* gx = a gy where the value was kept, else 0. */
static void alpha_dropout_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_mask mask = mask_of(nd_opt_real(io->shape->attr, "rate"));
        mask.offset = mask.dropped = 0;
        nd_k_mask(io->pool, &io->rng, &mask, io->rows * io->shape->out, io->gy, io->gx[0]);
    }
}

const nd_layer_class nd_layer_alpha_dropout = {
    .name = "alpha_dropout",
    .help = "sets a random share of the values to selu's lowest in training, keeping mean and "
            "variance",
    .formula = "y = a (m x + (1 - m) x_low) + b, m = 1 with probability 1 - rate, else 0",
    .source = "Klambauer et al. 2017, section 2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .in_place = true,
    .shape = alpha_dropout_shape,
    .forward = alpha_dropout_forward,
    .backward = alpha_dropout_backward,
};
