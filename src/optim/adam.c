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

/* base^n for 0 <= base < 1; as a correction 1 - base^n needs no more than the first
 * 53 bits, it ends when the power is below them. A function of n alone, so that a
 * resumed run goes on with the same bits. */
static double power(double base, uint64_t n)
{
    double result = 1;
    for (; n > 0; n >>= 1, base *= base) {
        result = n & 1 ? result * base : result;
        if (result < 1e-18) {
            return 0;
        }
    }
    return result;
}

static void adam_update(const nd_optim_io *io)
{
    double beta1 = io->setting[0], beta2 = io->setting[1];
    nd_update update = {.lr = io->lr,
                        .decay = io->weight_decay,
                        .grad_scale = io->grad_scale,
                        .beta1 = beta1,
                        .beta2 = beta2,
                        .eps = io->setting[2],
                        .correction1 = 1 - power(beta1, io->step),
                        .correction2 = 1 - power(beta2, io->step)};
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
