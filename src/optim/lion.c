#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "beta1",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.999999,
     .metavar = "X",
     .help = "share of the mean in the direction",
     .source = "Chen et al. 2023, algorithm 2"},
    {.name = "beta2",
     .type = ND_OPT_REAL,
     .preset = "0.99",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running mean of the gradient",
     .source = "Chen et al. 2023, algorithm 2"},
};

static void lion_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.beta1 = io->setting[0];
    update.beta2 = io->setting[1];
    nd_k_update(io->pool, ND_RULE_LION, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_lion = {
    .name = "lion",
    .help = "steps of one length in the direction of the sign of a mean of the gradient",
    .formula = "c = b1 m + (1-b1) g;  w = w - lr (sign(c) + weight_decay w);  m = b2 m + (1-b2) g",
    .source = "Chen et al. 2023, algorithm 2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.0001,
    .states = 1,
    .decoupled = true,
    .update = lion_update,
};
