/* Half cosines, each starting at the full rate. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    double period = s->setting[0], growth = s->setting[1];
    double epoch = nd_schedule_epoch(at);
    if (growth == 1) {
        epoch = fmod(epoch, period);
    }
    while (epoch >= period) {
        epoch -= period;
        period *= growth;
    }
    return nd_schedule_half_cosine(1, s->setting[2], epoch / period);
}

static const nd_option options[] = {
    {.name = "period",
     .type = ND_OPT_REAL,
     .preset = "10",
     .min = 1e-6,
     .max = 1000000000.0,
     .metavar = "EPOCHS",
     .help = "epochs of the first half cosine"},
    {.name = "growth",
     .type = ND_OPT_REAL,
     .preset = "2",
     .min = 1,
     .max = 1000,
     .metavar = "X",
     .help = "factor on the period after each restart"},
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor reached at the end"},
};

const nd_schedule_class nd_schedule_cosine_restarts = {
    .name = "cosine_restarts",
    .help = "half cosines one after the other, each starting at the full rate",
    .formula = "lr_t = lr (end + (1 - end) (1 + cos(pi e / T)) / 2), e epochs since the restart, "
               "T = period growth^restarts",
    .source = "Loshchilov & Hutter 2017, eq. 5",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
