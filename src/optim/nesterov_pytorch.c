#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "momentum",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.9999,
     .metavar = "X",
     .help = "share of the last update kept (gamma)",
     .source = "Bengio et al. 2013"},
};

static void nesterov_pytorch_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.momentum = io->setting[0];
    nd_k_update(io->pool, ND_RULE_NESTEROV_PYTORCH, &update, io->size, io->grad, io->param,
                io->state);
}

const nd_optim_class nd_optim_nesterov_pytorch = {
    .name = "nesterov_pytorch",
    .help = "Nesterov momentum rewritten for a gradient where the parameters are",
    .formula = "v = gamma v + g;  w = w - lr (g + gamma v)",
    .source = "Bengio, Boulanger-Lewandowski & Pascanu 2013, eq. 7, in the form of PyTorch",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.01,
    .states = 1,
    .update = nesterov_pytorch_update,
};
