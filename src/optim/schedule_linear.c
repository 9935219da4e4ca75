/* A straight line down. */
#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return 1 - (1 - s->setting[0]) * nd_schedule_share(at);
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

const nd_schedule_class nd_schedule_linear = {
    .name = "linear",
    .help = "a straight line from the learning rate down to 0",
    .formula = "lr_t = lr (1 - t), t = steps done / all steps",
    .source = "Goodfellow, Bengio & Courville 2016, eq. 8.14",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
