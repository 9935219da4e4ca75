/* Falls by a factor at given epochs. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    double epoch = nd_schedule_epoch(at);
    size_t passed = 0;
    while (passed < s->marks && s->mark[passed] <= epoch) {
        passed++;
    }
    return pow(s->setting[0], (double)passed);
}

static const nd_option options[] = {
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor of each fall"},
    {.name = "at",
     .type = ND_OPT_LIST,
     .preset = "30",
     .metavar = "EPOCH|..",
     .help = "epochs of the falls, rising"},
};

const nd_schedule_class nd_schedule_multistep = {
    .name = "multistep",
    .help = "falls by a factor at given epochs",
    .formula = "lr_t = lr factor^(number of epochs in at that have passed)",
    .source = "He et al. 2016, section 3.4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .factor = factor,
};
