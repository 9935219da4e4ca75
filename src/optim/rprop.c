#include "optim/optim.h"

static const nd_option options[] = {
    {.name = "grow",
     .type = ND_OPT_REAL,
     .preset = "1.2",
     .min = 1,
     .max = 100,
     .metavar = "X",
     .help = "factor on a step after a gradient of the same sign",
     .source = "Riedmiller & Braun 1993"},
    {.name = "shrink",
     .type = ND_OPT_REAL,
     .preset = "0.5",
     .min = 1e-6,
     .max = 1,
     .metavar = "X",
     .help = "factor on a step after a change of sign",
     .source = "Riedmiller & Braun 1993"},
    {.name = "most",
     .type = ND_OPT_REAL,
     .preset = "50",
     .min = 1e-12,
     .max = 1e6,
     .metavar = "X",
     .help = "longest step",
     .source = "Riedmiller & Braun 1993"},
    {.name = "least",
     .type = ND_OPT_REAL,
     .preset = "1e-6",
     .min = 0,
     .max = 1e6,
     .metavar = "X",
     .help = "shortest step",
     .source = "Riedmiller & Braun 1993"},
};

static void rprop_update(const nd_optim_io *io)
{
    nd_update update = io->base;
    update.grow = io->setting[0];
    update.shrink = io->setting[1];
    update.most = io->setting[2];
    update.least = io->setting[3];
    if (io->step == 1) {
        nd_k_fill((nd_real)io->base.lr, io->size, io->state[0]);
    }
    nd_k_update(io->pool, ND_RULE_RPROP, &update, io->size, io->grad, io->param, io->state);
}

const nd_optim_class nd_optim_rprop = {
    .name = "rprop",
    .help = "a step length per parameter that grows while the gradient keeps its sign",
    .formula = "g g' > 0: d = min(grow d, most), w = w - sign(g) d;  "
               "g g' < 0: d = max(shrink d, least), the last change is taken back, g' = 0;  "
               "g g' = 0: w = w - sign(g) d",
    .source = "Riedmiller & Braun 1993, section III",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 0.1,
    .states = 3,
    .own_rate = true,
    .full_batch = "it goes by the signs of the gradient, which mini-batches change at random",
    .update = rprop_update,
};
