/* What is said of a training that came to nothing. */
#ifndef ND_JOB_VERDICT_H
#define ND_JOB_VERDICT_H

#include "job/rows.h"
#include "model/model.h"
#include "train/fit.h"
#include "train/metrics.h"

typedef struct nd_verdict {
    const nd_model *model; /* its gradient block as the latest step left it */
    const nd_rows *train;  /* training rows to look at the layers with; NULL: none at hand */
    const nd_fit_result *fit;
    const nd_metrics *test, *baseline;
} nd_verdict;

/* Tell if the model is no better than the trivial one on the test rows: a warning where a
 * layer stands in the way, else a note, since the rows may hold nothing to learn.
 * ND_ERR_MEMORY. */
nd_status nd_verdict_tell(const nd_verdict *verdict);

#endif
