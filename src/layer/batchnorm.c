/* Batch normalization. Training normalizes with the biased variance of the batch
 * and moves the running variance by the unbiased one, as PyTorch does. */
#include <math.h>

#include "base/ctx.h"
#include "kern/norm.h"
#include "layer/layer.h"

enum { RUNNING_MEAN = 0, RUNNING_VAR = 1 };

/* Rows of the work space: statistics, and what stands for what is not learned. */
enum { MEAN, INVERSE, STRETCH, ONES, ZEROS, GSCALE, GOFFSET, WORK };

enum { INSIDE, OUTSIDE };

static const nd_option options[] = {
    {.name = "momentum",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "share of the batch in the running mean and variance"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-5",
     .min = 1e-12,
     .max = 1,
     .metavar = "X",
     .help = "added to the variance before the square root"},
    {.name = "root",
     .type = ND_OPT_CHOICE,
     .preset = "inside",
     .choices = "inside|outside",
     .metavar = "WORD",
     .help = "where eps is added: sqrt(var + eps), or sqrt(var) + eps"},
    {.name = "scale",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "a learned factor per column"},
    {.name = "offset",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "a learned number added to each column"},
};

static nd_tensor_spec row(const char *name, size_t width, nd_init init)
{
    return (nd_tensor_spec){.name = name, .rows = 1, .cols = width, .init = init};
}

static bool has(const nd_layer_shape *shape, const char *key)
{
    return nd_opt_bool(shape->attr, key);
}

static nd_status batchnorm_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    size_t width = shape->in[0];
    shape->out = width;
    shape->params = 0;
    if (has(shape, "scale")) {
        shape->param[shape->params++] = row("scale", width, ND_INIT_ONES);
    }
    if (has(shape, "offset")) {
        shape->param[shape->params++] = row("offset", width, ND_INIT_ZEROS);
    }
    shape->buffers = 2;
    shape->buffer[RUNNING_MEAN] = row("running_mean", width, ND_INIT_ZEROS);
    shape->buffer[RUNNING_VAR] = row("running_var", width, ND_INIT_ONES);
    shape->back_needs_x = true;
    if (__builtin_mul_overflow(width, (size_t)WORK, &shape->work)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "layer batchnorm: %zu columns are too many", width);
    }
    return ND_OK;
}

/* running = (1 - momentum) running + momentum * batch; a momentum of 1/n at batch n makes
 * the mean over all of them. One row has no variance: it moves nothing. */
static void move_running(const nd_layer_io *io, const nd_real *mean, const nd_real *variance)
{
    double momentum =
        io->collect ? 1.0 / (double)io->collect : nd_opt_real(io->shape->attr, "momentum");
    if (io->rows < 2) {
        return;
    }
    double unbiased = (double)io->rows / (double)(io->rows - 1);
    for (size_t j = 0; j < io->shape->out; j++) {
        nd_real *m = &io->buffer[RUNNING_MEAN][j], *v = &io->buffer[RUNNING_VAR][j];
        *m = (nd_real)((1 - momentum) * (double)*m + momentum * (double)mean[j]);
        *v = (nd_real)((1 - momentum) * (double)*v + momentum * unbiased * (double)variance[j]);
    }
}

/* The arrays of a call; what is not learned is 1 and 0, its gradient goes to the work space. */
static nd_norm arrays_of(const nd_layer_io *io)
{
    size_t n = io->shape->out, offset = has(io->shape, "scale");
    bool lifted = has(io->shape, "offset");
    nd_real *work = io->work;
    return (nd_norm){.rows = io->rows,
                     .n = n,
                     .x = io->x[0],
                     .mean = work + MEAN * n,
                     .inverse = work + INVERSE * n,
                     .stretch = work + STRETCH * n,
                     .scale = offset ? io->param[0] : work + ONES * n,
                     .offset = lifted ? io->param[offset] : work + ZEROS * n,
                     .y = io->y,
                     .gy = io->gy,
                     .gx = io->gx[0],
                     .gscale = offset ? io->grad[0] : work + GSCALE * n,
                     .goffset = lifted ? io->grad[offset] : work + GOFFSET * n};
}

/* 1 / sqrt(variance + eps), or 1 / (deviation + eps), whose derivative with respect to the
 * deviation is larger than that of the other form by stretch = 1 + eps / deviation. */
static nd_real inverse_of(const nd_layer_io *io, double variance, nd_real *stretch)
{
    double eps = nd_opt_real(io->shape->attr, "eps"), deviation = sqrt(variance);
    bool outside = nd_opt_choice(io->shape->attr, "root") == OUTSIDE;
    *stretch = outside && deviation > 0 ? (nd_real)(1 + eps / deviation) : 1;
    return (nd_real)(outside ? 1 / (deviation + eps) : 1 / sqrt(variance + eps));
}

static void batchnorm_forward(const nd_layer_io *io)
{
    size_t width = io->shape->out;
    nd_norm norm = arrays_of(io);
    nd_real *stretch = io->work + STRETCH * width;
    if (io->training) {
        nd_k_column_moments(io->pool, io->rows, width, io->x[0], norm.mean, norm.inverse);
        move_running(io, norm.mean, norm.inverse);
    }
    for (size_t j = 0; j < width; j++) {
        double variance = (double)(io->training ? norm.inverse[j] : io->buffer[RUNNING_VAR][j]);
        norm.mean[j] = io->training ? norm.mean[j] : io->buffer[RUNNING_MEAN][j];
        norm.inverse[j] = inverse_of(io, variance, &stretch[j]);
    }
    nd_k_fill(1, width, io->work + ONES * width);
    nd_k_fill(0, width, io->work + ZEROS * width);
    nd_norm_columns(io->pool, &norm);
}

/* Statistics that do not follow the batch are constants: gx = gy * scale * inverse. */
static void constant_backward(const nd_norm *norm)
{
    for (size_t r = 0; norm->gx && r < norm->rows; r++) {
        for (size_t j = 0; j < norm->n; j++) {
            size_t i = r * norm->n + j;
            norm->gx[i] = norm->gy[i] * norm->scale[j] * norm->inverse[j];
        }
    }
}

static void batchnorm_backward(const nd_layer_io *io)
{
    nd_norm norm = arrays_of(io);
    if (io->frozen) {
        constant_backward(&norm);
        return;
    }
    nd_norm_columns_back(io->pool, &norm);
}

const nd_layer_class nd_layer_batchnorm = {
    .name = "batchnorm",
    .help = "centres and scales each column over the batch, then by trained numbers",
    .formula = "y = scale (x - mean) / sqrt(var + eps) + offset",
    .source = "Ioffe & Szegedy 2015, algorithm 1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .needs_batch = true,
    .shape = batchnorm_shape,
    .forward = batchnorm_forward,
    .backward = batchnorm_backward,
};
