/* Half a cosine down. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return nd_schedule_half_cosine(1, s->setting[0], nd_schedule_share(at));
}

static const nd_option options[] = {
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor reached at the end"},
};

const nd_schedule_class nd_schedule_cosine = {
    .name = "cosine",
    .help = "half a cosine from the learning rate down to 0",
    .formula = "lr_t = lr (1 + cos(pi t)) / 2, t = steps done / all steps",
    .source = "Loshchilov & Hutter 2017, eq. 5, without restarts",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
