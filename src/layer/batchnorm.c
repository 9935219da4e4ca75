/* Batch normalization. Training normalizes with the biased variance of the batch
 * and moves the running variance by the unbiased one, as PyTorch does. */
#include <math.h>

#include "base/ctx.h"
#include "layer/layer.h"

enum { SCALE = 0, OFFSET = 1, RUNNING_MEAN = 0, RUNNING_VAR = 1, BLOCK = 16 };

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
};

static nd_tensor_spec row(const char *name, size_t width, nd_init init)
{
    return (nd_tensor_spec){.name = name, .rows = 1, .cols = width, .init = init};
}

static nd_status batchnorm_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    size_t width = shape->in[0];
    shape->out = width;
    shape->params = 2;
    shape->param[SCALE] = row("scale", width, ND_INIT_ONES);
    shape->param[OFFSET] = row("offset", width, ND_INIT_ZEROS);
    shape->buffers = 2;
    shape->buffer[RUNNING_MEAN] = row("running_mean", width, ND_INIT_ZEROS);
    shape->buffer[RUNNING_VAR] = row("running_var", width, ND_INIT_ONES);
    shape->work = 2 * width; /* mean, 1 / deviation */
    shape->back_needs_x = true;
    return ND_OK;
}

/* running = (1 - momentum) running + momentum * batch. One row has no variance:
 * it moves nothing. */
static void move_running(const nd_layer_io *io, const nd_real *mean, const nd_real *variance)
{
    double momentum = nd_opt_real(io->shape->attr, "momentum");
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

/* Columns of one task of BLOCK columns. */
static size_t block_end(size_t first, size_t width)
{
    return first + BLOCK < width ? first + BLOCK : width;
}

static void normalize_block(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t width = io->shape->out, first = task * BLOCK, end = block_end(first, width);
    const nd_real *mean = io->work, *inverse = io->work + width;
    for (size_t r = 0; r < io->rows; r++) {
        const nd_real *x = io->x[0] + r * width;
        nd_real *y = io->y + r * width;
        for (size_t j = first; j < end; j++) {
            y[j] = (x[j] - mean[j]) * inverse[j] * io->param[SCALE][j] + io->param[OFFSET][j];
        }
    }
}

/* y = scale * (x - mean) / sqrt(variance + eps) + offset */
static void batchnorm_forward(const nd_layer_io *io)
{
    size_t width = io->shape->out;
    nd_real *mean = io->work, *inverse = io->work + width;
    double eps = nd_opt_real(io->shape->attr, "eps");
    if (io->training) {
        nd_k_column_moments(io->pool, io->rows, width, io->x[0], mean, inverse);
        move_running(io, mean, inverse);
    }
    for (size_t j = 0; j < width; j++) {
        double variance = (double)(io->training ? inverse[j] : io->buffer[RUNNING_VAR][j]);
        mean[j] = io->training ? mean[j] : io->buffer[RUNNING_MEAN][j];
        inverse[j] = (nd_real)(1 / sqrt(variance + eps));
    }
    nd_pool_run(io->pool, (width + BLOCK - 1) / BLOCK, normalize_block, (void *)io);
}

/* goffset = sum gy;  gscale = sum gy xhat, over rows, in double. */
static void sum_block(const nd_layer_io *io, size_t first, size_t end)
{
    size_t width = io->shape->out;
    const nd_real *mean = io->work, *inverse = io->work + width;
    double gscale[BLOCK] = {0}, goffset[BLOCK] = {0};
    for (size_t r = 0; r < io->rows; r++) {
        const nd_real *x = io->x[0] + r * width, *gy = io->gy + r * width;
        for (size_t j = first; j < end; j++) {
            nd_real normal = (x[j] - mean[j]) * inverse[j];
            goffset[j - first] += (double)gy[j];
            gscale[j - first] += (double)gy[j] * (double)normal;
        }
    }
    for (size_t j = first; j < end; j++) {
        io->grad[SCALE][j] = (nd_real)gscale[j - first];
        io->grad[OFFSET][j] = (nd_real)goffset[j - first];
    }
}

/* gx = scale / deviation * (gy - goffset/m - xhat gscale/m): Ioffe & Szegedy 2015,
 * section 3, with the terms collected. */
static void back_block(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t width = io->shape->out, first = task * BLOCK, end = block_end(first, width);
    const nd_real *mean = io->work, *inverse = io->work + width;
    nd_real share = (nd_real)(1.0 / (double)io->rows);
    sum_block(io, first, end);
    for (size_t r = 0; io->gx[0] && r < io->rows; r++) {
        const nd_real *x = io->x[0] + r * width, *gy = io->gy + r * width;
        nd_real *gx = io->gx[0] + r * width;
        for (size_t j = first; j < end; j++) {
            nd_real normal = (x[j] - mean[j]) * inverse[j];
            nd_real centred = gy[j] - share * (io->grad[OFFSET][j] + normal * io->grad[SCALE][j]);
            gx[j] = io->param[SCALE][j] * inverse[j] * centred;
        }
    }
}

static void batchnorm_backward(const nd_layer_io *io)
{
    nd_pool_run(io->pool, (io->shape->out + BLOCK - 1) / BLOCK, back_block, (void *)io);
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
