#include "job/refit.h"

#include <math.h>

#include "base/ctx.h"
#include "train/keep.h"

/* The best epoch's number, unless the loss at the end of the schedule is as good within
 * its standard error, taken as loss / sqrt(rows). Then the whole schedule, whose small
 * last rates average out noise: the simpler choice within one standard error (Breiman et
 * al. 1984, 3.4.3). */
long nd_refit_epochs(const nd_fit_result *fit, const nd_setup *plan, size_t valid)
{
    double within = fit->best_loss * (1 + 1 / sqrt((double)valid));
    bool whole = fit->epochs == plan->epochs && fit->last_loss <= within;
    return whole ? fit->epochs : fit->best_epoch;
}

bool nd_refit_follows(nd_ctx *ctx, const nd_fit_result *fit, const nd_setup *plan)
{
    if (!plan->refit || fit->interrupted || fit->rollbacks == 0) {
        return plan->refit && !fit->interrupted;
    }
    nd_log(ctx, 1,
           "training went back %ld time%s, so it is not repeated with the validation rows: try lr "
           "%.3g from the start",
           fit->rollbacks, fit->rollbacks == 1 ? "" : "s",
           plan->lr * pow(ND_KEEP_LOWER, (double)fit->rollbacks));
    return false;
}
