/* The simple recurrent layer. */
#include "base/ctx.h"
#include "layer/layer.h"

static const nd_option options[] = {
#include "layer/recurrent.def"
    {.name = "activation",
     .type = ND_OPT_CHOICE,
     .preset = "tanh",
     .choices = "tanh|relu",
     .metavar = "WORD",
     .help = "activation of the state"},
};

static void step_forward(const nd_cell_step *s)
{
    nd_k_act(NULL, s->act, 0, s->rows * s->units, s->gates, s->after);
}

static void step_backward(const nd_cell_step *s)
{
    nd_k_act_back(NULL, s->act, 0, s->rows * s->units, s->after, s->gafter, s->gates);
}

static const nd_cell cell = {
    .gates = 1,
    .lifted = 1,
    .chooses = true,
    .forward = step_forward,
    .backward = step_backward,
};

static nd_status rnn_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    return nd_recurrent_shape(ctx, shape, &cell);
}

static void rnn_forward(const nd_layer_io *io)
{
    nd_recurrent_forward(io, &cell);
}

static void rnn_backward(const nd_layer_io *io)
{
    nd_recurrent_backward(io, &cell);
}

const nd_layer_class nd_layer_rnn = {
    .name = "rnn",
    .help = "simple recurrent layer: each step sees its inputs and the state after the step before",
    .formula = "h_t = f(x_t W + h_(t-1) U + b), f is tanh or relu",
    .source = "Elman 1990",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .sequence = true,
    .shape = rnn_shape,
    .forward = rnn_forward,
    .backward = rnn_backward,
};
