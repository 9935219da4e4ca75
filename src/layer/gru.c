/* The gated recurrent unit; the gates stand in the order r, z, n, as PyTorch has them, and
 * the reset gate acts after the product with the state. */
#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
#include "layer/recurrent.def"
};

/* The last block of the product keeps h U + bias, which the reset gate multiplies. */
static void forward_row(size_t n, const nd_real *bias, nd_real *gates, nd_real *product,
                        const nd_real *restrict before, nd_real *restrict after)
{
    const nd_real *r = gates, *z = gates + n;
    nd_real *new = gates + 2 * n, *inner = product + 2 * n;
    for (size_t j = 0; j < 2 * n; j++) {
        gates[j] += product[j];
    }
    nd_k_act(NULL, ND_ACT_SIGMOID, 0, 2 * n, gates, gates);
    for (size_t j = 0; bias && j < n; j++) {
        inner[j] += bias[j];
    }
    for (size_t j = 0; j < n; j++) {
        new[j] += r[j] * inner[j];
    }
    nd_k_act(NULL, ND_ACT_TANH, 0, n, new, new);
    for (size_t j = 0; j < n; j++) {
        after[j] = (1 - z[j]) * new[j] + z[j] * before[j];
    }
}

static void step_forward(const nd_cell_step *s)
{
    size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        forward_row(n, s->bias, s->gates + r * 3 * n, s->product + r * 3 * n, s->before + r * n,
                    s->after + r * n);
    }
}

/* With h' the state before and gh the gradient of h:
 *   gn = gh (1 - z) (1 - n^2);  gz = gh (h' - n) z (1 - z);  gr = gn inner r (1 - r);
 * the product's gradients are gr, gz and gn r, and gh z reaches h' directly. */
static void backward_row(size_t n, nd_real *restrict gates, nd_real *restrict product,
                         const nd_real *restrict before, nd_real *restrict gh)
{
    for (size_t j = 0; j < n; j++) {
        nd_real r = gates[j], z = gates[n + j], new = gates[2 * n + j];
        nd_real gn = gh[j] * (1 - z) * (1 - new *new);
        nd_real gz = gh[j] * (before[j] - new) * z * (1 - z);
        nd_real gr = gn * product[2 * n + j] * r * (1 - r);
        gates[j] = product[j] = gr;
        gates[n + j] = product[n + j] = gz;
        gates[2 * n + j] = gn;
        product[2 * n + j] = gn * r;
        gh[j] *= z;
    }
}

static void step_backward(const nd_cell_step *s)
{
    size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        backward_row(n, s->gates + r * 3 * n, s->product + r * 3 * n, s->before + r * n,
                     s->gafter + r * n);
    }
}

static const nd_cell cell = {
    .gates = 3,
    .lifted = 3,
    .apart = true,
    .carries = true,
    .forward = step_forward,
    .backward = step_backward,
};

static nd_status gru_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    return nd_recurrent_shape(ctx, shape, &cell);
}

static void gru_forward(const nd_layer_io *io)
{
    nd_recurrent_forward(io, &cell);
}

static void gru_backward(const nd_layer_io *io)
{
    nd_recurrent_backward(io, &cell);
}

const nd_layer_class nd_layer_gru = {
    .name = "gru",
    .help = "gated recurrent unit: gates decide how much of the state is replaced, and by what",
    .formula = "(r, z) = s(x_t W + h_(t-1) U + b); n = tanh(x_t W + b + r (h_(t-1) U + b')); "
               "h_t = (1 - z) n + z h_(t-1), s the sigmoid",
    .source = "Cho et al. 2014; the reset gate as in PyTorch and cuDNN",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .sequence = true,
    .shape = gru_shape,
    .forward = gru_forward,
    .backward = gru_backward,
};
