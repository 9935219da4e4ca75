#include "optim/optim.h"

/* The order that nd_optim_risen reads. */
static const nd_option options[] = {
    {.name = "momentum",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.9999,
     .metavar = "X",
     .help = "share of the last update kept (gamma)",
     .source = "Polyak 1964"},
    {.name = "rise",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "STEPS",
     .help = "steps of a stage in which gamma rises to its value; 0: it starts there",
     .source = "Sutskever et al. 2013, eq. 5"},
};

static void momentum_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.momentum = nd_optim_risen(io, io->step - 1);
    nd_k_momentum(io->pool, &update, io->size, io->grad, io->param, io->state[0]);
}

const nd_optim_class nd_optim_momentum = {
    .name = "momentum",
    .help = "gradient descent that keeps a share of the last update",
    .formula = "v = gamma v + lr g;  w = w - v",
    .source = "Polyak 1964, eq. 9; Sutskever et al. 2013, eq. 1-2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.01,
    .states = 1,
    .update = momentum_update,
};
