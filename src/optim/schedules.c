/* The schedules: factors on the learning rate as functions of the step alone. */
#include <math.h>
#include <string.h>

#include "optim/optim.h"

static const double pi = 3.14159265358979323846;

/* Share of all steps done, 0..1. */
static double share_of(const nd_moment *at)
{
    bool within = at->steps > 0 && at->step < at->steps;
    return within ? (double)at->step / (double)at->steps : (at->steps > 0);
}

static double epoch_of(const nd_moment *at)
{
    return (double)at->step / (double)(at->per_epoch > 0 ? at->per_epoch : 1);
}

/* From a to b along half a cosine. */
static double half_cosine(double a, double b, double share)
{
    return b + (a - b) * (1 + cos(pi * share)) / 2;
}

static double constant_factor(const nd_schedule *s, const nd_moment *at)
{
    (void)s, (void)at;
    return 1;
}

static const nd_schedule_class schedule_constant = {
    .name = "constant",
    .help = "the same learning rate throughout",
    .formula = "lr_t = lr",
    .source = "Bottou, Curtis & Nocedal 2018, theorem 4.6",
    .factor = constant_factor,
};

static double step_factor(const nd_schedule *s, const nd_moment *at)
{
    return pow(s->setting[1], floor(epoch_of(at) / s->setting[0]));
}

static const nd_option step_options[] = {
    {.name = "every",
     .type = ND_OPT_REAL,
     .preset = "10",
     .min = 1e-6,
     .max = 1000000000.0,
     .metavar = "EPOCHS",
     .help = "epochs between two falls"},
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor of each fall"},
};

static const nd_schedule_class schedule_step = {
    .name = "step",
    .help = "a fall by a factor every so many epochs",
    .formula = "lr_t = lr factor^floor(epoch / every)",
    .source = "Bengio 2012, section 3.1.1",
    .options = step_options,
    .option_count = sizeof step_options / sizeof step_options[0],
    .factor = step_factor,
};

static double multistep_factor(const nd_schedule *s, const nd_moment *at)
{
    double epoch = epoch_of(at);
    size_t passed = 0;
    while (passed < s->marks && s->mark[passed] <= epoch) {
        passed++;
    }
    return pow(s->setting[0], (double)passed);
}

static const nd_option multistep_options[] = {
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

static const nd_schedule_class schedule_multistep = {
    .name = "multistep",
    .help = "falls by a factor at given epochs",
    .formula = "lr_t = lr factor^(number of epochs in at that have passed)",
    .source = "He et al. 2016, section 3.4",
    .options = multistep_options,
    .option_count = sizeof multistep_options / sizeof multistep_options[0],
    .factor = multistep_factor,
};

static double exponential_factor(const nd_schedule *s, const nd_moment *at)
{
    return pow(s->setting[0], epoch_of(at));
}

static const nd_option exponential_options[] = {
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.95",
     .min = 1e-12,
     .max = 1,
     .metavar = "X",
     .help = "factor per epoch"},
};

static const nd_schedule_class schedule_exponential = {
    .name = "exponential",
    .help = "a fall by the same factor over every epoch, step by step",
    .formula = "lr_t = lr factor^epoch, epoch = steps done / steps of an epoch",
    .source = "Senior et al. 2013, section 3, eq. 4",
    .options = exponential_options,
    .option_count = sizeof exponential_options / sizeof exponential_options[0],
    .factor = exponential_factor,
};

static double polynomial_factor(const nd_schedule *s, const nd_moment *at)
{
    return s->setting[1] + (1 - s->setting[1]) * pow(1 - share_of(at), s->setting[0]);
}

static const nd_option polynomial_options[] = {
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

static const nd_schedule_class schedule_polynomial = {
    .name = "polynomial",
    .help = "a power of the share of steps left",
    .formula = "lr_t = lr (end + (1 - end) (1 - t)^power), t = steps done / all steps",
    .source = "Chen et al. 2018, section 4.1",
    .options = polynomial_options,
    .option_count = sizeof polynomial_options / sizeof polynomial_options[0],
    .factor = polynomial_factor,
};

static double inverse_time_factor(const nd_schedule *s, const nd_moment *at)
{
    return 1 / (1 + s->setting[0] * epoch_of(at));
}

static const nd_option inverse_time_options[] = {
    {.name = "rate",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "X",
     .help = "how fast it falls, per epoch"},
};

static const nd_schedule_class schedule_inverse_time = {
    .name = "inverse_time",
    .help = "a fall with the inverse of time",
    .formula = "lr_t = lr / (1 + rate epoch), epoch = steps done / steps of an epoch",
    .source = "Robbins & Monro 1951; Bottou 2012, section 5.2",
    .options = inverse_time_options,
    .option_count = sizeof inverse_time_options / sizeof inverse_time_options[0],
    .factor = inverse_time_factor,
};

static double cosine_factor(const nd_schedule *s, const nd_moment *at)
{
    return half_cosine(1, s->setting[0], share_of(at));
}

static const nd_option cosine_options[] = {
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor reached at the end"},
};

static const nd_schedule_class schedule_cosine = {
    .name = "cosine",
    .help = "half a cosine from the learning rate down to 0",
    .formula = "lr_t = lr (1 + cos(pi t)) / 2, t = steps done / all steps",
    .source = "Loshchilov & Hutter 2017, eq. 5, without restarts",
    .options = cosine_options,
    .option_count = sizeof cosine_options / sizeof cosine_options[0],
    .factor = cosine_factor,
};

static double cosine_restarts_factor(const nd_schedule *s, const nd_moment *at)
{
    double period = s->setting[0], growth = s->setting[1];
    double epoch = epoch_of(at);
    if (growth == 1) {
        epoch = fmod(epoch, period);
    }
    while (epoch >= period) {
        epoch -= period;
        period *= growth;
    }
    return half_cosine(1, s->setting[2], epoch / period);
}

static const nd_option cosine_restarts_options[] = {
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

static const nd_schedule_class schedule_cosine_restarts = {
    .name = "cosine_restarts",
    .help = "half cosines one after the other, each starting at the full rate",
    .formula = "lr_t = lr (end + (1 - end) (1 + cos(pi e / T)) / 2), e epochs since the restart, "
               "T = period growth^restarts",
    .source = "Loshchilov & Hutter 2017, eq. 5",
    .options = cosine_restarts_options,
    .option_count = sizeof cosine_restarts_options / sizeof cosine_restarts_options[0],
    .factor = cosine_restarts_factor,
};

static double linear_factor(const nd_schedule *s, const nd_moment *at)
{
    return 1 - (1 - s->setting[0]) * share_of(at);
}

static const nd_option linear_options[] = {
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "factor reached at the end"},
};

static const nd_schedule_class schedule_linear = {
    .name = "linear",
    .help = "a straight line from the learning rate down to 0",
    .formula = "lr_t = lr (1 - t), t = steps done / all steps",
    .source = "Goodfellow, Bengio & Courville 2016, eq. 8.14",
    .options = linear_options,
    .option_count = sizeof linear_options / sizeof linear_options[0],
    .factor = linear_factor,
};

static double one_cycle_factor(const nd_schedule *s, const nd_moment *at)
{
    double first = 1 / s->setting[1], last = first / s->setting[2];
    double top = s->setting[0] * (double)at->steps - 1, end = (double)at->steps - 1;
    double step = (double)at->step < end ? (double)at->step : end;
    if (step <= top && top > 0) {
        return half_cosine(first, 1, step / top);
    }
    top = top > 0 ? top : 0;
    return end > top ? half_cosine(1, last, (step - top) / (end - top)) : 1;
}

static const nd_option one_cycle_options[] = {
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

static const nd_schedule_class schedule_one_cycle = {
    .name = "one_cycle",
    .help = "up along half a cosine to the learning rate, then down far below the start",
    .formula =
        "lr_t = lr (a + (b - a) (1 - cos(pi u)) / 2), a and b the ends of a part, u its share "
        "done: from 1/start to 1, then to 1/(start final)",
    .source = "Smith & Topin 2018; cosine parts as in PyTorch",
    .options = one_cycle_options,
    .option_count = sizeof one_cycle_options / sizeof one_cycle_options[0],
    .rises = true,
    .factor = one_cycle_factor,
};

static double plateau_factor(const nd_schedule *s, const nd_moment *at)
{
    (void)s, (void)at;
    return 1;
}

static const nd_option plateau_options[] = {
    {.name = "factor",
     .type = ND_OPT_REAL,
     .preset = "0.1",
     .min = 0,
     .max = 0.999999,
     .metavar = "X",
     .help = "factor of each fall"},
    {.name = "patience",
     .type = ND_OPT_REAL,
     .preset = "10",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "EPOCHS",
     .help = "epochs without a better loss that are borne"},
    {.name = "threshold",
     .type = ND_OPT_REAL,
     .preset = "1e-4",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "share of the best loss that counts as better"},
    {.name = "cooldown",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1000000000.0,
     .metavar = "EPOCHS",
     .help = "epochs after a fall that are not counted"},
    {.name = "end",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1,
     .metavar = "X",
     .help = "smallest factor on the rate"},
};

static const nd_schedule_class schedule_plateau = {
    .name = "plateau",
    .help = "a fall by a factor whenever the validation loss stops improving",
    .formula = "lr = factor lr after more than patience epochs with loss >= best (1 - threshold)",
    .source = "Bengio 2012, section 3.1.1, in the form of PyTorch",
    .options = plateau_options,
    .option_count = sizeof plateau_options / sizeof plateau_options[0],
    .by_loss = true,
    .factor = plateau_factor,
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
