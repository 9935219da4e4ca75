#include "optim/optim.h"

static void sgd_update(const nd_optim_io *io)
{
    nd_k_sgd(io->pool, &io->base, io->size, io->grad, io->param);
}

const nd_optim_class nd_optim_sgd = {
    .name = "sgd",
    .help = "gradient descent: a step against the gradient",
    .formula = "w = w - lr g",
    .source = "Robbins & Monro 1951; Bottou 1998",
    .lr = 0.1,
    .update = sgd_update,
};
