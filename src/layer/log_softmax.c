/* Logarithm of softmax; the cross-entropy loss has it built in. */
#include <math.h>

#include "base/ctx.h"
#include "layer/layer.h"

enum { ROWS = 16 };

static nd_status log_softmax_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->back_needs_y = true;
    return ND_OK;
}

static size_t last_row(const nd_layer_io *io, size_t task)
{
    return (task + 1) * ROWS < io->rows ? (task + 1) * ROWS : io->rows;
}

static void forward_rows(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t n = io->shape->out;
    for (size_t r = task * ROWS; r < last_row(io, task); r++) {
        const nd_real *x = io->x[0] + r * n;
        double top = (double)x[0], sum = 0;
        for (size_t j = 1; j < n; j++) {
            top = (double)x[j] > top ? (double)x[j] : top;
        }
        for (size_t j = 0; j < n; j++) {
            sum += exp((double)x[j] - top);
        }
        double whole = top + log(sum);
        for (size_t j = 0; j < n; j++) {
            io->y[r * n + j] = (nd_real)((double)x[j] - whole);
        }
    }
}

static void log_softmax_forward(const nd_layer_io *io)
{
    nd_pool_run(io->pool, (io->rows + ROWS - 1) / ROWS, forward_rows, (void *)io);
}

/* gx_j = gy_j - exp(y_j) sum_k gy_k */
static void backward_rows(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t n = io->shape->out;
    for (size_t r = task * ROWS; r < last_row(io, task); r++) {
        const nd_real *y = io->y + r * n, *gy = io->gy + r * n;
        nd_real *gx = io->gx[0] + r * n;
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            sum += (double)gy[j];
        }
        for (size_t j = 0; j < n; j++) {
            gx[j] = (nd_real)((double)gy[j] - exp((double)y[j]) * sum);
        }
    }
}

static void log_softmax_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_pool_run(io->pool, (io->rows + ROWS - 1) / ROWS, backward_rows, (void *)io);
    }
}

const nd_layer_class nd_layer_log_softmax = {
    .name = "log_softmax",
    .help = "turns each row into logarithms of probabilities that sum to 1",
    .formula = "y_j = x_j - log sum_k exp(x_k)",
    .source = "Bridle 1990, in logarithms",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = log_softmax_shape,
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
};
