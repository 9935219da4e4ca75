#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-10",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added to the root in the divisor",
     .source = "Duchi et al. 2011"},
};

static void adagrad_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.eps = io->setting[0];
    nd_k_update(io->pool, ND_RULE_ADAGRAD, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_adagrad = {
    .name = "adagrad",
    .help = "step per parameter, divided by the root of the sum of its squared gradients",
    .formula = "n = n + g^2;  w = w - lr g / (sqrt(n) + eps)",
    .source = "Duchi, Hazan & Singer 2011, figure 1, with a diagonal matrix",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.01,
    .states = 1,
    .update = adagrad_update,
};
