/* The same learning rate throughout. */
#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    (void)s, (void)at;
    return 1;
}

const nd_schedule_class nd_schedule_constant = {
    .name = "constant",
    .help = "the same learning rate throughout",
    .formula = "lr_t = lr",
    .source = "Bottou, Curtis & Nocedal 2018, theorem 4.6",
    .factor = factor,
};
