/* The training record that a model carries: what it was trained on, how, and how
 * it went. */
#ifndef ND_JOB_RECORD_H
#define ND_JOB_RECORD_H

#include "job/auto.h"
#include "job/rows.h"
#include "train/fit.h"
#include "train/metrics.h"

/* Losses of every epoch. */
typedef struct nd_curve {
    double *train, *valid; /* valid is NaN without validation rows */
    size_t count, train_room, valid_room;
    bool failed; /* no memory for the whole curve */
} nd_curve;

void nd_curve_add(nd_curve *curve, double train, double valid);
void nd_curve_free(nd_curve *curve);

/* What the record is made from; test and baseline may be NULL. */
typedef struct nd_record {
    const nd_config *config;
    const nd_table *table;
    const nd_parts *parts;
    const nd_setup *plan;
    const nd_fit_result *fit;
    const nd_curve *curve;
    const nd_metrics *test, *baseline;
} nd_record;

/* The record as a JSON object in *text (nd_free). ND_ERR_MEMORY. */
nd_status nd_record_write(nd_ctx *ctx, const nd_record *record, char **text);

#endif
