/* The second fit, on training and validation rows: whether, and how long. */
#ifndef ND_JOB_REFIT_H
#define ND_JOB_REFIT_H

#include "job/auto.h"
#include "train/fit.h"

/* Epochs of the second fit, from what the first one came to.
 *   valid  validation rows of the first */
long nd_refit_epochs(const nd_fit_result *fit, const nd_setup *plan, size_t valid);

/* False if there is none: none is planned, the first was interrupted, or it had to go
 * back, which is told with the rate that it ended with. */
bool nd_refit_follows(nd_ctx *ctx, const nd_fit_result *fit, const nd_setup *plan);

#endif
