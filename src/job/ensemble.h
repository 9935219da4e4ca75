/* Ensembles: several networks of one description, trained side by side, as one model. */
#ifndef ND_JOB_ENSEMBLE_H
#define ND_JOB_ENSEMBLE_H

#include "job/options.h"
#include "job/train.h"

/* Whether the settings ask for members that are trained one by one (snapshots come out of
 * one training). ND_ERR_OPTION for an ensemble of one, or a way without a number. */
nd_status nd_ensemble_wanted(const nd_config *config, bool *several);

/* nd_train_given for such an ensemble. Member k is trained with seed + k - 1, on the rows
 * that one network would get, or on all folds but one of the rows for training and
 * validation; one preparation, fitted on those rows, serves all. */
nd_status nd_ensemble_train(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                            const nd_given *given, nd_observe_fn observe, void *user,
                            nd_trained *trained);

#endif
