/* Dropout: inverted, which scales survivors up in training, and classic, which scales
 * everything down in evaluation. The mask is a function of (seed, layer, step, element). */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

enum { INVERTED, CLASSIC };

static const nd_option options[] = {
    {.name = "rate",
     .type = ND_OPT_REAL,
     .preset = "0.5",
     .min = 0,
     .max = 0.99,
     .metavar = "RATE",
     .help = "share of values set to 0 in each training step",
     .source = "Srivastava et al. 2014"},
    {.name = "form",
     .type = ND_OPT_CHOICE,
     .preset = "inverted",
     .choices = "inverted|classic",
     .metavar = "WORD",
     .help = "survivors scaled up in training, or all values scaled down in evaluation"},
};

static nd_status dropout_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    return ND_OK;
}

static void mask(const nd_layer_io *io, bool training, const nd_real *in, nd_real *out)
{
    size_t n = io->rows * io->shape->out;
    bool classic = nd_opt_choice(io->shape->attr, "form") == CLASSIC;
    double rate = nd_opt_real(io->shape->attr, "rate");
    if (training && rate > 0) {
        nd_mask m = {.rate = rate, .kept = classic ? 1 : (nd_real)(1 / (1 - rate))};
        nd_k_mask(io->pool, &io->rng, &m, n, in, out);
        return;
    }
    if (in != out) {
        memcpy(out, in, n * sizeof *out);
    }
    if (classic && rate > 0) {
        nd_k_scale(io->pool, n, (nd_real)(1 - rate), out);
    }
}

static void dropout_forward(const nd_layer_io *io)
{
    mask(io, io->training, io->x[0], io->y);
}

/* The same mask on the gradient. */
static void dropout_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        mask(io, true, io->gy, io->gx[0]);
    }
}

const nd_layer_class nd_layer_dropout = {
    .name = "dropout",
    .help = "sets a random share of the values to 0 in training, against overfitting",
    .formula = "y = m x / (1 - rate), m = 1 with probability 1 - rate, else 0",
    .source = "Srivastava et al. 2014, section 4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .in_place = true,
    .shape = dropout_shape,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
