#include <math.h>

#include "optim/optim.h"

enum { BETA1, BETA2, EPS, MOMENTUM_DECAY };

static const nd_option options[] = {
    {.name = "beta1",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.999999,
     .metavar = "X",
     .help = "decay of the running mean of the gradient",
     .source = "Dozat 2016"},
    {.name = "beta2",
     .type = ND_OPT_REAL,
     .preset = "0.999",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running mean of the squared gradient",
     .source = "Dozat 2016"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-8",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added to the root in the divisor",
     .source = "Dozat 2016"},
    {.name = "momentum_decay",
     .type = ND_OPT_REAL,
     .preset = "0.004",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "how fast the momentum rises from beta1 / 2 to beta1 (psi)",
     .source = "Dozat 2016, section 3"},
};

/* mu_t = b1 (1 - 0.96^(t psi) / 2) */
static double momentum_at(const nd_optim_io *io, uint64_t t)
{
    double psi = io->setting[MOMENTUM_DECAY];
    return io->setting[BETA1] * (1 - 0.5 * pow(0.96, (double)t * psi));
}

/* mu_1 .. mu_t multiplied, in that order: memo holds t and the product, and where it
 * does not fit (a resumed run) all are multiplied anew, to the same bits. */
static double product_to(const nd_optim_io *io)
{
    uint64_t from = (uint64_t)io->memo[0];
    double product = io->memo[1];
    if (from == 0 || from > io->step) {
        from = 0;
        product = 1;
    }
    while (from < io->step && product != 0) {
        product *= momentum_at(io, ++from);
    }
    io->memo[0] = (double)io->step;
    io->memo[1] = product;
    return product;
}

static void nadam_update(const nd_optim_io *io)
{
    double mu = momentum_at(io, io->step), next = momentum_at(io, io->step + 1);
    double product = product_to(io);
    nd_update update = io->base;
    update.beta1 = io->setting[BETA1];
    update.beta2 = io->setting[BETA2];
    update.eps = io->setting[EPS];
    update.of_grad = io->base.lr * (1 - mu) / (1 - product);
    update.of_mean = io->base.lr * next / (1 - product * next);
    update.correction2 = nd_optim_correction(io->setting[BETA2], io->step);
    nd_k_update(io->pool, ND_RULE_NADAM, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_nadam = {
    .name = "nadam",
    .help = "adam with the look-ahead of nesterov_pytorch in its mean",
    .formula = "m, v as in adam;  mu_t = b1 (1 - 0.96^(t psi) / 2);  "
               "w = w - lr ((1-mu_t) g / (1 - mu_1..mu_t) + mu_{t+1} m / (1 - mu_1..mu_{t+1})) / "
               "(sqrt(v/(1-b2^t)) + eps)",
    .source = "Dozat 2016, algorithm 2, with its schedule of the momentum",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.002,
    .states = 2,
    .update = nadam_update,
};
