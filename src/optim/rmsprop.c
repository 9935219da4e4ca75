#include "optim/optim.h"

enum { ALPHA, EPS, MOMENTUM, CENTERED };

static const nd_option options[] = {
    {.name = "alpha",
     .type = ND_OPT_REAL,
     .preset = "0.99",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running means (a)",
     .source = "Graves 2013, eq. 38"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-8",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added to the root in the divisor",
     .source = "Tieleman & Hinton 2012"},
    {.name = "momentum",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 0.9999,
     .metavar = "X",
     .help = "share of the last update kept (gamma)",
     .source = "Graves 2013, eq. 40"},
    {.name = "centered",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "divide by the deviation: take the squared mean off",
     .source = "Graves 2013, eq. 40"},
};

static void rmsprop_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.beta2 = io->setting[ALPHA];
    update.eps = io->setting[EPS];
    update.momentum = io->setting[MOMENTUM];
    nd_rule rule = io->setting[CENTERED] > 0 ? ND_RULE_RMSPROP_CENTERED : ND_RULE_RMSPROP;
    nd_k_update(io->pool, rule, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_rmsprop = {
    .name = "rmsprop",
    .help = "step per parameter, divided by the root of a running mean of its squared gradient",
    .formula = "n = a n + (1-a) g^2;  (centered) m = a m + (1-a) g, n - m^2 for n;  "
               "u = gamma u + g / (sqrt(n) + eps);  w = w - lr u",
    .source = "Tieleman & Hinton 2012, lecture 6.5; Graves 2013, eq. 38-45 (centered)",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.01,
    .states = 3,
    .update = rmsprop_update,
};
