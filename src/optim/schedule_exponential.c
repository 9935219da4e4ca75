/* A fall by the same factor over every epoch. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return pow(s->setting[0], nd_schedule_epoch(at));
}

static const nd_option options[] = {
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.95",
     .min = 1e-12,
     .max = 1,
     .metavar = "X",
     .help = "factor per epoch"},
};

const nd_schedule_class nd_schedule_exponential = {
    .name = "exponential",
    .help = "a fall by the same factor over every epoch, step by step",
    .formula = "lr_t = lr factor^epoch, epoch = steps done / steps of an epoch",
    .source = "Senior et al. 2013, section 3, eq. 4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
