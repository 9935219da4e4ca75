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

/* Note the losses of an epoch, from 1; what stood for it and for later ones, of a run
 * that went back, is forgotten. */
void nd_curve_add(nd_curve *curve, long epoch, double train, double valid);
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

/* True for options that say where results go or how fast they come, not what they are:
 * a model is the same bytes whatever they were. */
bool nd_about_running(const char *key);

/* The record as a JSON object in *text (nd_free). ND_ERR_MEMORY. */
nd_status nd_record_write(nd_ctx *ctx, const nd_record *record, char **text);

#endif
