/* Learning-rate schedules: pure functions of the share of steps done. */
#include <math.h>
#include <string.h>

#include "optim/optim.h"

static const double pi = 3.14159265358979323846;

static double constant_factor(double t)
{
    (void)t;
    return 1;
}

static double cosine_factor(double t)
{
    return 0.5 * (1 + cos(pi * t));
}

static double linear_factor(double t)
{
    return 1 - t;
}

static const nd_schedule_class schedule_constant = {
    .name = "constant",
    .help = "the same learning rate throughout",
    .formula = "lr_t = lr",
    .source = "Bottou, Curtis & Nocedal 2018, theorem 4.6",
    .factor = constant_factor,
};

static const nd_schedule_class schedule_cosine = {
    .name = "cosine",
    .help = "half a cosine from the learning rate down to 0",
    .formula = "lr_t = lr (1 + cos(pi t)) / 2, t = steps done / all steps",
    .source = "Loshchilov & Hutter 2017, eq. 5, without restarts",
    .factor = cosine_factor,
};

static const nd_schedule_class schedule_linear = {
    .name = "linear",
    .help = "a straight line from the learning rate down to 0",
    .formula = "lr_t = lr (1 - t), t = steps done / all steps",
    .source = "Goodfellow, Bengio & Courville 2016, eq. 8.14",
    .factor = linear_factor,
};

static const nd_schedule_class *const table[] = {
#define ND_SCHEDULE(name) &schedule_##name,
#include "optim/schedules.def"
#undef ND_SCHEDULE
};

const nd_schedule_class *const *nd_schedule_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_schedule_class *nd_schedule_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}

double nd_schedule_lr(const nd_schedule_class *schedule, double base, uint64_t step, uint64_t steps,
                      uint64_t warmup)
{
    double t = steps > 0 && step < steps ? (double)step / (double)steps : (steps > 0);
    double rise = step < warmup ? (double)(step + 1) / (double)warmup : 1;
    return base * rise * schedule->factor(t);
}
