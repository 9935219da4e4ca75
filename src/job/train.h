/* One training as part of a larger job: a member of an ensemble, a fold. */
#ifndef ND_JOB_TRAIN_H
#define ND_JOB_TRAIN_H

#include "job/rows.h"
#include "model/model.h"
#include "train/fit.h"
#include "train/metrics.h"

/* What the larger job has decided; everything is borrowed, and may be read by several
 * trainings at once. */
typedef struct nd_given {
    const nd_parts *parts; /* rows, checked already */
    nd_rows fitted;        /* that the preparation is fitted on; count 0: those to train on */
    size_t train, valid;   /* rows that "auto" goes by; both 0: those of parts */
    uint64_t seed;         /* of the network */
    const char *drop;      /* column that is no input, or NULL */
    bool no_refit;
} nd_given;

/* What came out. */
typedef struct nd_trained {
    nd_model *model;
    nd_metrics *test, *baseline; /* NULL without test rows */
    nd_fit_result fit;           /* why is NULL */
} nd_trained;

/* nd_train on rows that are given, without or with an ensemble in it; config is of ctx.
 * *trained is filled on ND_OK, and on ND_ERR_INTERRUPTED as far as it came. */
nd_status nd_train_given(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                         const nd_given *given, nd_observe_fn observe, void *user,
                         nd_trained *trained);

/* One network, whatever the settings say of an ensemble by seeds or folds. */
nd_status nd_train_one(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                       const nd_given *given, nd_observe_fn observe, void *user,
                       nd_trained *trained);
void nd_trained_free(nd_trained *trained);

/* A copy of settings for another context, with the folder of checkpoints, if there is one,
 * continued by "/what-number". ND_ERR_MEMORY, ND_ERR_IO (the folder cannot be made). */
nd_status nd_config_for(nd_ctx *ctx, const nd_config *config, const char *what, size_t number,
                        nd_config **copy);

#endif
