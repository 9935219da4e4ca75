/* Results of a cross-validation, and how they are shown. */
#ifndef ND_REPORT_CV_H
#define ND_REPORT_CV_H

#include "train/metrics.h"

/* One training: the rows that it was measured on, and what came out. */
typedef struct nd_cv_part {
    size_t repeat, fold; /* from 1 */
    size_t train, valid; /* rows */
    long epochs, best_epoch;
    nd_metrics *metrics, *baseline; /* of the rows held out */
    uint32_t *row;                  /* [metrics->rows] of the file, from 0 */
    nd_real *y;                     /* [rows][outputs] of classes; NULL for a regression */
    double *value, *truth;          /* [rows][outputs] of a regression */
    nd_real *label;                 /* [rows] class; NULL for a regression */
} nd_cv_part;

struct nd_cv {
    nd_ctx *ctx;
    size_t folds, repeats;
    size_t count; /* folds * repeats */
    nd_cv_part *part;
    char *target;  /* name of the class column; NULL for a regression and for labels */
    bool labels;   /* targets are labels of two values */
    bool spread;   /* deviations are predicted as well */
    char **output; /* [outputs] names of classes, or of targets */
    size_t outputs;
};

#endif
