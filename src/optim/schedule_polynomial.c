/* A power of the share of steps left. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return s->setting[1] + (1 - s->setting[1]) * pow(1 - nd_schedule_share(at), s->setting[0]);
}

static const nd_option options[] = {
    {.name = "power",
     .type = ND_OPT_REAL,
     .preset = "2",
     .min = 1e-6,
     .max = 100,
     .metavar = "X",
     .help = "exponent"},
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor reached at the end"},
};

const nd_schedule_class nd_schedule_polynomial = {
    .name = "polynomial",
    .help = "a power of the share of steps left",
    .formula = "lr_t = lr (end + (1 - end) (1 - t)^power), t = steps done / all steps",
    .source = "Chen et al. 2018, section 4.1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
