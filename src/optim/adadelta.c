#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "rho",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running means",
     .source = "Zeiler 2012, algorithm 1"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-6",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added under both roots; sets the first steps",
     .source = "Zeiler 2012, algorithm 1"},
};

static void adadelta_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.beta2 = io->setting[0];
    update.eps = io->setting[1];
    nd_k_update(io->pool, ND_RULE_ADADELTA, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_adadelta = {
    .name = "adadelta",
    .help = "step per parameter from the ratio of running means of updates and gradients",
    .formula = "n = rho n + (1-rho) g^2;  u = sqrt(d + eps) / sqrt(n + eps) g;  "
               "d = rho d + (1-rho) u^2;  w = w - lr u",
    .source = "Zeiler 2012, algorithm 1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 1,
    .states = 2,
    .update = adadelta_update,
};
