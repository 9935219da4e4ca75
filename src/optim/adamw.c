#include "optim/optim.h"

static void adamw_update(const nd_optim_io *io)
{
    double beta1 = io->setting[0], beta2 = io->setting[1];
    nd_update update = io->base;
    update.beta1 = beta1;
    update.beta2 = beta2;
    update.eps = io->setting[2];
    update.correction1 = nd_optim_correction(beta1, io->step);
    update.correction2 = nd_optim_correction(beta2, io->step);
    nd_k_adam(io->pool, &update, io->size, io->grad, io->param, io->state[0], io->state[1]);
}

const nd_optim_class nd_optim_adamw = {
    .name = "adamw",
    .help = "adam with weight decay beside the step, not through the gradient",
    .formula = "m, v as in adam;  "
               "w = w - lr weight_decay w - lr (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) + eps)",
    .source = "Loshchilov & Hutter 2019, algorithm 2",
    .options = nd_optim_moment_options,
    .option_count = ND_OPTIM_MOMENT_OPTIONS,
    .lr = 0.001,
    .states = 2,
    .decoupled = true,
    .update = adamw_update,
};
