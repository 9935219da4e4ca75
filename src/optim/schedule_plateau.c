/* A fall whenever the loss stops improving; what it has seen is in schedule.c. */
#include "optim/optim.h"

static double factor(const nd_schedule *s, const nd_moment *at)
{
    (void)s, (void)at;
    return 1;
}

static const nd_option options[] = {
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

const nd_schedule_class nd_schedule_plateau = {
    .name = "plateau",
    .help = "a fall by a factor whenever the validation loss stops improving",
    .formula = "lr = factor lr after more than patience epochs with loss >= best (1 - threshold)",
    .source = "Bengio 2012, section 3.1.1, in the form of PyTorch",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .by_loss = true,
    .factor = factor,
};
