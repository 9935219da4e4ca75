/* What the rules of Adam's family share. */
#include "optim/optim.h"

const nd_option nd_optim_moment_options[ND_OPTIM_MOMENT_OPTIONS] = {
    {.name = "beta1",
     .type = ND_OPT_REAL,
     .preset = "0.9",
     .min = 0,
     .max = 0.999999,
     .metavar = "X",
     .help = "decay of the running mean of the gradient",
     .source = "Kingma & Ba 2015, algorithm 1"},
    {.name = "beta2",
     .type = ND_OPT_REAL,
     .preset = "0.999",
     .min = 0,
     .max = 0.99999999,
     .metavar = "X",
     .help = "decay of the running mean of the squared gradient",
     .source = "Kingma & Ba 2015, algorithm 1"},
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-8",
     .min = 1e-16,
     .max = 1,
     .metavar = "X",
     .help = "added to the root in the divisor",
     .source = "Kingma & Ba 2015, algorithm 1"},
};

/* As a correction needs no more than the first 53 bits of the power, it ends when the
 * power is below them. */
double nd_optim_correction(double base, uint64_t n)
{
    double power = 1;
    if ((double)n * (1 - base) > 42) { /* base^n <= exp(-n (1 - base)), below the last bit */
        return 1;
    }
    for (; n > 0; n >>= 1, base *= base) {
        power = n & 1 ? power * base : power;
        if (power < 1e-18) {
            return 1;
        }
    }
    return 1 - power;
}
