/* Predictions of mapped rows against their labels. */
#ifndef ND_JOB_EVALUATE_H
#define ND_JOB_EVALUATE_H

#include "job/rows.h"
#include "model/model.h"
#include "train/metrics.h"

/* Measure the model on a part; loss is that of training, in the net's units. */
nd_status nd_evaluate_rows(nd_model *model, const nd_rows *rows, nd_metrics **metrics);

/* The trivial model on the same part: the class shares of the training rows
 * (most frequent class predicted), or the training mean of each target. */
nd_status nd_evaluate_baseline(const nd_prep *prep, const nd_rows *rows, nd_metrics **metrics);

#endif
