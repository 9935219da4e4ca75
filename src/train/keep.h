/* Where a run stands, and the states of it that are kept: for a checkpoint, which a
 * saver takes, and in memory, to go back to when training diverges. */
#ifndef ND_TRAIN_KEEP_H
#define ND_TRAIN_KEEP_H

#include "train/average.h"
#include "train/early.h"
#include "train/fit.h"

/* Steps from one state in memory to the next: copying it costs as much as a step or
 * two. And the share of the rate that is left after going back. */
enum { ND_KEEP_STRIDE = 256 };
#define ND_KEEP_LOWER 0.1

/* The numbers of a run beside its blocks; saved as two blocks of their own. */
typedef struct nd_place {
    int64_t epoch, batch; /* of the next step: from 1, from 0 */
    int64_t steps, best_epoch, rollbacks;
    int64_t averaged;              /* epochs in the mean of weights */
    double loss_sum, rows, weight; /* of this epoch so far: mean loss is loss_sum / weight */
    double train_loss, last_loss, best, metric, lr, lr_scale;
    nd_plateau plateau; /* of a schedule that goes by the loss */
} nd_place;

typedef struct nd_keep {
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_early *early;
    const nd_average *average;
    nd_fit_result *result;
    const nd_fit_params *params;
    nd_place at;
    nd_state state; /* what the run consists of */
    size_t first_of_optimizer;
    unsigned char *good; /* a copy of it that was finite; NULL unless going back is allowed */
    size_t good_size;
} nd_keep;

/* List the blocks of a run that is ready to start and, with params->resume, fill
 * them. result, early and average must stay where they are. ND_ERR_MEMORY,
 * ND_ERR_FORMAT. */
nd_status nd_keep_init(nd_keep *keep, nd_net *net, nd_optimizer *optimizer, nd_early *early,
                       const nd_average *average, nd_fit_result *result,
                       const nd_fit_params *params);
void nd_keep_free(nd_keep *keep);

/* After each step: keep a good state now and then, and hand one to the saver if it is
 * due, or if the run stops here. now: seconds, of a clock that may be a little behind.
 * ND_ERR_DIVERGED if the state to be kept is not finite. */
nd_status nd_keep_step(nd_keep *keep, bool stop, double now);

/* True if every number that the run goes on from is finite. */
bool nd_keep_finite(const nd_keep *keep);

/* Hand the state to the saver, to be on disk on return. A state that is not finite is
 * not handed over. */
void nd_keep_save(nd_keep *keep);

/* After ND_ERR_DIVERGED: go back to the good state, at a tenth of the rate. False if
 * there is none or the rate has been lowered as often as allowed. */
bool nd_keep_back(nd_keep *keep);

#endif
