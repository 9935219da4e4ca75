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
     .source = "Nesterov 1983; Sutskever et al. 2013"},
    {.name = "rise",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "STEPS",
     .help = "steps of a stage in which gamma rises to its value; 0: it starts there",
     .source = "Sutskever et al. 2013, eq. 5"},
};

/* The parameters before stand in state[1]. */
static void nesterov_look_ahead(const nd_optim_io *io)
{
    nd_k_look_ahead(io->pool, io->size, (nd_real)nd_optim_risen(io, io->step), io->state[0],
                    io->param, io->state[1]);
}

static void nesterov_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.momentum = nd_optim_risen(io, io->step - 1);
    nd_k_update(io->pool, ND_RULE_NESTEROV, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_nesterov = {
    .name = "nesterov",
    .help = "momentum whose gradient is taken ahead, where the last update would lead",
    .formula = "v = gamma v + lr g(w - gamma v);  w = w - v",
    .source = "Nesterov 1983; Sutskever et al. 2013, eq. 3-4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.01,
    .states = 1,
    .scratch = 1,
    .look_ahead = nesterov_look_ahead,
    .update = nesterov_update,
};
