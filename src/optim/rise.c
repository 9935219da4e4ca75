/* Momentum that rises in stages. */
#include <math.h>

#include "optim/optim.h"

enum { MOMENTUM, RISE };

/* gamma_t = min(1 - 2^(-1 - log2(k + 1)), gamma), k = floor(t / rise) */
double nd_optim_risen(const nd_optim_io *io, uint64_t t)
{
    double most = io->setting[MOMENTUM];
    if (!(io->setting[RISE] > 0)) {
        return most;
    }
    double stage = floor((double)t / io->setting[RISE]);
    return fmin(1 - 0.5 / (stage + 1), most);
}
