/* Softmax as a layer of its own; the cross-entropy loss has it built in. */
#include "base/ctx.h"
#include "layer/layer.h"

static nd_status softmax_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    shape->out = shape->in[0];
    shape->back_needs_y = true;
    return ND_OK;
}

static void softmax_forward(const nd_layer_io *io)
{
    nd_k_softmax(io->pool, io->rows, io->shape->out, io->x[0], io->y);
}

/* gx_j = y_j (gy_j - sum_k gy_k y_k) */
static void softmax_backward(const nd_layer_io *io)
{
    size_t n = io->shape->out;
    for (size_t r = 0; io->gx[0] && r < io->rows; r++) {
        const nd_real *y = io->y + r * n, *gy = io->gy + r * n;
        nd_real *gx = io->gx[0] + r * n;
        double dot = 0;
        for (size_t j = 0; j < n; j++) {
            dot += (double)gy[j] * (double)y[j];
        }
        for (size_t j = 0; j < n; j++) {
            gx[j] = y[j] * (gy[j] - (nd_real)dot);
        }
    }
}

const nd_layer_class nd_layer_softmax = {
    .name = "softmax",
    .help = "turns each row into positive numbers that sum to 1",
    .formula = "y_j = exp(x_j) / sum_k exp(x_k)",
    .source = "Bridle 1990",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = softmax_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
};
