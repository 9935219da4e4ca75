/* Predictions of mapped rows against their labels. */
#ifndef ND_JOB_EVALUATE_H
#define ND_JOB_EVALUATE_H

#include "job/rows.h"
#include "model/model.h"
#include "train/metrics.h"

/* Measure the model on a part; loss is that of training, in the net's units.
 * baseline, unless NULL, gets the figures of the trivial model on the same part:
 * the class shares of the training rows (most frequent class predicted), or the
 * training mean of each target. On failure both are NULL. */
nd_status nd_evaluate_rows(nd_model *model, const nd_rows *rows, nd_metrics **metrics,
                           nd_metrics **baseline);

/* The same on the prepared rows of a source. */
nd_status nd_evaluate_source(nd_model *model, const nd_source *source, nd_metrics **metrics,
                             nd_metrics **baseline);

#endif
