/* A fall with the inverse of time. */
#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    return 1 / (1 + s->setting[0] * nd_schedule_epoch(at));
}

static const nd_option options[] = {
    {.name = "rate",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "X",
     .help = "how fast it falls, per epoch"},
};

const nd_schedule_class nd_schedule_inverse_time = {
    .name = "inverse_time",
    .help = "a fall with the inverse of time",
    .formula = "lr_t = lr / (1 + rate epoch), epoch = steps done / steps of an epoch",
    .source = "Robbins & Monro 1951; Bottou 2012, section 5.2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
