/* Up along half a cosine, then far down. */
#include <math.h>

#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    double first = 1 / s->setting[1], last = first / s->setting[2];
    double top = s->setting[0] * (double)at->steps - 1, end = (double)at->steps - 1;
    double step = (double)at->step < end ? (double)at->step : end;
    if (step <= top && top > 0) {
        return nd_schedule_half_cosine(first, 1, step / top);
    }
    top = top > 0 ? top : 0;
    return end > top ? nd_schedule_half_cosine(1, last, (step - top) / (end - top)) : 1;
}

static const nd_option options[] = {
    {.name = "peak",
     .type = ND_OPT_REAL,
     .preset = "0.3",
     .min = 0.001,
     .max = 0.999,
     .metavar = "X",
     .help = "share of the run at which the rate is highest"},
    {.name = "start",
     .type = ND_OPT_REAL,
     .preset = "25",
     .min = 1,
     .max = 1000000000.0,
     .metavar = "X",
     .help = "first rate: lr divided by this"},
    {.name = "final",
     .type = ND_OPT_REAL,
     .preset = "1e4",
     .min = 1,
     .max = 1000000000000.0,
     .metavar = "X",
     .help = "last rate: the first divided by this"},
};

const nd_schedule_class nd_schedule_one_cycle = {
    .name = "one_cycle",
    .help = "up along half a cosine to the learning rate, then down far below the start",
    .formula =
        "lr_t = lr (a + (b - a) (1 - cos(pi u)) / 2), a and b the ends of a part, u its share "
        "done: from 1/start to 1, then to 1/(start final)",
    .source = "Smith & Topin 2018; cosine parts as in PyTorch",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .rises = true,
    .factor = factor,
};
