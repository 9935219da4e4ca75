#include <math.h>

#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "beta1",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.999999,
     .metavar = "X",
     .help = "decay of the running mean of the gradient",
     .source = "Kingma & Ba 2015, algorithm 1"},
    {.name = "beta2",
     .type = ND_OPT_REAL,
     .preset = "0.999",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running mean of the squared gradient",
     .source = "Kingma & Ba 2015, algorithm 1"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-8",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added to the root in the divisor",
     .source = "Kingma & Ba 2015, algorithm 1"},
};

static void adam_update(const nd_optim_io *io)
{
    double beta1 = io->setting[0], beta2 = io->setting[1];
    double step = (double)io->step;
    nd_update update = {.lr = io->lr,
                        .decay = io->weight_decay,
                        .grad_scale = io->grad_scale,
                        .beta1 = beta1,
                        .beta2 = beta2,
                        .eps = io->setting[2],
                        .correction1 = 1 - pow(beta1, step),
                        .correction2 = 1 - pow(beta2, step)};
    nd_k_adam(io->pool, &update, io->size, io->grad, io->param, io->state[0], io->state[1]);
}

const nd_optim_class nd_optim_adam = {
    .name = "adam",
    .help = "step per parameter, scaled by running means of the gradient and its square",
    .formula = "m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  "
               "w = w - lr (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) + eps)",
    .source = "Kingma & Ba 2015, algorithm 1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.001,
    .states = 2,
    .update = adam_update,
};
