#include "optim/optim.h"

static void amsgrad_update(const nd_optim_io *io)
{
    double beta1 = io->setting[0], beta2 = io->setting[1];
    nd_update update = io->base;
    update.beta1 = beta1;
    update.beta2 = beta2;
    update.eps = io->setting[2];
    update.correction1 = nd_optim_correction(beta1, io->step);
    update.correction2 = nd_optim_correction(beta2, io->step);
    nd_k_update(io->pool, ND_RULE_AMSGRAD, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_amsgrad = {
    .name = "amsgrad",
    .help = "adam whose divisor never falls, so that its steps do not grow again",
    .formula = "m, v as in adam;  u = max(u, v);  "
               "w = w - lr (m/(1-b1^t)) / (sqrt(u/(1-b2^t)) + eps)",
    .source = "Reddi, Kale & Kumar 2018, algorithm 2, with the corrections of Adam as in PyTorch",
    .options = nd_optim_moment_options,
    .option_count = ND_OPTIM_MOMENT_OPTIONS,
    .lr = 0.001,
    .states = 3,
    .update = amsgrad_update,
};
