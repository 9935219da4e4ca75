/* Long short-term memory; the gates stand in the order i, f, g, o, as PyTorch has them. */
#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
#include "layer/recurrent.def"
    {.name = "forget_bias",
     .type = ND_OPT_REAL,
     .preset = "1",
     .min = -1000,
     .max = 1000,
     .metavar = "X",
     .help = "initial bias of the forget gate, so that the cell remembers at first",
     .source = "Gers, Schmidhuber & Cummins 2000; Jozefowicz et al. 2015"},
};

static void forward_row(size_t n, nd_real *gates, const nd_real *restrict cell_before,
                        nd_real *restrict cell_after, nd_real *restrict squashed,
                        nd_real *restrict after)
{
    const nd_real *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
    nd_k_act(NULL, ND_ACT_SIGMOID, 0, 2 * n, gates, gates);
    nd_k_act(NULL, ND_ACT_TANH, 0, n, g, gates + 2 * n);
    nd_k_act(NULL, ND_ACT_SIGMOID, 0, n, o, gates + 3 * n);
    for (size_t j = 0; j < n; j++) {
        cell_after[j] = f[j] * cell_before[j] + i[j] * g[j];
    }
    nd_k_act(NULL, ND_ACT_TANH, 0, n, cell_after, squashed);
    for (size_t j = 0; j < n; j++) {
        after[j] = o[j] * squashed[j];
    }
}

static void step_forward(const nd_cell_step *s)
{
    size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        forward_row(n, s->gates + r * 4 * n, s->cell_before + r * n, s->cell_after + r * n,
                    s->squashed + r * n, s->after + r * n);
    }
}

/* With c' the cell before, q = tanh(c) and gh, gc the gradients of h and c:
 *   go = gh q o (1 - o);  gc += gh o (1 - q^2);
 *   gi = gc g i (1 - i);  gf = gc c' f (1 - f);  gg = gc i (1 - g^2);  gc' = gc f */
static void backward_row(size_t n, nd_real *restrict gates, const nd_real *restrict before,
                         const nd_real *restrict squashed, const nd_real *restrict gh,
                         nd_real *restrict gcell)
{
    for (size_t j = 0; j < n; j++) {
        nd_real i = gates[j], f = gates[n + j], g = gates[2 * n + j], o = gates[3 * n + j];
        nd_real q = squashed[j], gc = gcell[j] + gh[j] * o * (1 - q * q);
        gates[j] = gc * g * i * (1 - i);
        gates[n + j] = gc * before[j] * f * (1 - f);
        gates[2 * n + j] = gc * i * (1 - g * g);
        gates[3 * n + j] = gh[j] * q * o * (1 - o);
        gcell[j] = gc * f;
    }
}

static void step_backward(const nd_cell_step *s)
{
    size_t n = s->units;
    for (size_t r = 0; r < s->rows; r++) {
        backward_row(n, s->gates + r * 4 * n, s->cell_before + r * n, s->squashed + r * n,
                     s->gafter + r * n, s->gcell + r * n);
    }
}

static const nd_cell cell = {
    .gates = 4,
    .lifted = 1,
    .cell_state = true,
    .forward = step_forward,
    .backward = step_backward,
};

static nd_status lstm_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    return nd_recurrent_shape(ctx, shape, &cell);
}

static void lstm_forward(const nd_layer_io *io)
{
    nd_recurrent_forward(io, &cell);
}

static void lstm_backward(const nd_layer_io *io)
{
    nd_recurrent_backward(io, &cell);
}

const nd_layer_class nd_layer_lstm = {
    .name = "lstm",
    .help = "long short-term memory: gates decide what a cell takes in, keeps and shows",
    .formula = "(i, f, g, o) = (s, s, tanh, s)(x_t W + h_(t-1) U + b); c_t = f c_(t-1) + i g; "
               "h_t = o tanh(c_t), s the sigmoid",
    .source = "Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .sequence = true,
    .shape = lstm_shape,
    .forward = lstm_forward,
    .backward = lstm_backward,
};
