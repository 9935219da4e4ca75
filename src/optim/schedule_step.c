/* A fall by a factor every so many epochs. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return pow(s->setting[1], floor(nd_schedule_epoch(at) / s->setting[0]));
}

static const nd_option options[] = {
    {.name = "every",
     .type = ND_OPT_REAL,
     .preset = "10",
     .min = 1e-6,
     .max = 1000000000.0,
     .metavar = "EPOCHS",
     .help = "epochs between two falls"},
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor of each fall"},
};

const nd_schedule_class nd_schedule_step = {
    .name = "step",
    .help = "a fall by a factor every so many epochs",
    .formula = "lr_t = lr factor^floor(epoch / every)",
    .source = "Bengio 2012, section 3.1.1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
