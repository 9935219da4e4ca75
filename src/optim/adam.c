#include "optim/optim.h"

static void adam_update(const nd_optim_io *io)
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

const nd_optim_class nd_optim_adam = {
    .name = "adam",
    .help = "step per parameter, scaled by running means of the gradient and its square",
    .formula = "m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  "
               "w = w - lr (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) + eps)",
    .source = "Kingma & Ba 2015, algorithm 1",
    .options = nd_optim_moment_options,
    .option_count = ND_OPTIM_MOMENT_OPTIONS,
    .lr = 0.001,
    .states = 2,
    .update = adam_update,
};
