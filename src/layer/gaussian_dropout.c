/* Dropout with Gaussian factors of the mean and the variance of inverted dropout's. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "rate",
     .type = ND_OPT_REAL,
     .preset = "0.5",
     .min = 0,
     .max = 0.99,
     .metavar = "RATE",
     .help = "rate of the dropout whose variance the factors have"},
};

static nd_status gaussian_dropout_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    return ND_OK;
}

static void multiply(const nd_layer_io *io, bool training, const nd_real *in, nd_real *out)
{
    size_t n = io->rows * io->shape->out;
    double rate = nd_opt_real(io->shape->attr, "rate");
    if (training && rate > 0) {
        nd_k_noise(io->pool, &io->rng, sqrt(rate / (1 - rate)), true, n, in, out);
    } else if (in != out) {
        memcpy(out, in, n * sizeof *out);
    }
}

static void gaussian_dropout_forward(const nd_layer_io *io)
{
    multiply(io, io->training, io->x[0], io->y);
}

/* The same factors on the gradient. */
static void gaussian_dropout_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        multiply(io, true, io->gy, io->gx[0]);
    }
}

const nd_layer_class nd_layer_gaussian_dropout = {
    .name = "gaussian_dropout",
    .help = "multiplies values by normal numbers around 1 in training, against overfitting",
    .formula = "y = x (1 + sqrt(rate / (1 - rate)) N), N normal with mean 0 and deviation 1",
    .source = "Srivastava et al. 2014, section 10",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .in_place = true,
    .shape = gaussian_dropout_shape,
    .forward = gaussian_dropout_forward,
    .backward = gaussian_dropout_backward,
};
