/* Figures of an evaluation from predictions and labels. */
#ifndef ND_TRAIN_METRICS_H
#define ND_TRAIN_METRICS_H

#include <stdbool.h>

#include "base/ctx.h"

/* Everything known about one evaluation; text and JSON are made in src/report. */
struct nd_metrics {
    nd_ctx *ctx;
    int classes; /* 0 for regression and labels */
    size_t rows, targets;
    size_t labels; /* targets of two values each; 0 for other tasks */
    double loss;   /* of the training loss, NaN if unknown */
    /* Prechelt 1994: share of the rows that are misclassified, and squared error over rows
     * and outputs, of probabilities or of values in target units; both in per cent */
    double error_percent, squared_percent;
    bool in_percent; /* text and JSON tell them */
    /* classes */
    double accuracy, balanced_accuracy, log_loss, auc, f1, precision, recall; /* macro means;
                             binary: f1, precision, recall of the second class; auc: binary, or
                             one-vs-rest macro mean */
    char **class_name;                                                        /* [classes] owned */
    uint64_t *confusion; /* [classes][classes] true, predicted */
    double *class_precision, *class_recall, *class_f1, *class_auc; /* [classes], NaN if undefined */
    uint64_t *class_rows;                                          /* [classes] */
    /* regression, in target units */
    double rmse, mae, r2;  /* mean over targets */
    double reconstruction; /* of an autoencoder: mean squared distance of prepared rows to what
                              came out; its r2 is that of all prepared numbers */
    bool mirror;           /* of an autoencoder: outputs are not listed one by one */
    char **target_name;    /* [targets] owned */
    double *target_rmse, *target_mae, *target_r2; /* [targets] */
    const char *trivial;      /* of a trivial model's: its name, static; NULL: the usual one */
    struct nd_metrics *naive; /* of a forecast: the naive one's, owned; else NULL */
    /* of an ensemble */
    size_t members; /* 0: one network */
    double *alone;  /* [nd_metrics_figures] mean of each figure over the members alone; owned */
    double nll, coverage; /* of predicted deviations: mean negative log-likelihood, and share of
                             truths within 1.96 deviations; NaN without */
    /* labels; log_loss, auc and accuracy (of single labels) are means over them */
    double subset_accuracy, hamming_loss, micro_f1, macro_f1;
    char **label_name;                                       /* [labels] owned */
    uint64_t *label_rows;                                    /* [labels] with label 1 */
    double *label_accuracy, *label_precision, *label_recall; /* [labels], NaN if undefined */
    double *label_f1, *label_auc;
};

/* Names of the figures that nd_metrics_get knows, rows left out; ends in NULL. */
const char *const *nd_metrics_figures(size_t *count);

/* Add the figures of one member to the sums in alone, which nd_metrics_mean_members makes means.
 * ND_ERR_MEMORY. */
nd_status nd_metrics_add_member(nd_metrics *metrics, const nd_metrics *member);
void nd_metrics_mean_members(nd_metrics *metrics);

/* Mean of a figure over the members alone; NaN where there is none. */
double nd_metrics_alone(const nd_metrics *metrics, const char *name);

/*   p      in [rows][classes]  probabilities (binary: two columns)
 *   label  in [rows]           class index
 *   names  [classes]           copied */
nd_status nd_metrics_classes(nd_ctx *ctx, const nd_real *p, const nd_real *label, size_t rows,
                             size_t classes, const char *const *names, nd_metrics **metrics);

/*   y, t in [rows][targets]    predictions and truth in target units; double, since a target
 *        may vary little around a large number */
nd_status nd_metrics_regression(nd_ctx *ctx, const double *y, const double *t, size_t rows,
                                size_t targets, const char *const *names, nd_metrics **metrics);

/* From the metrics of the outputs of an autoencoder to those of an autoencoder.
 *   scale  [targets]  value = prepared * scale + something */
void nd_metrics_mirror(nd_metrics *metrics, const double *y, const double *t, const double *scale);

/* Add what predicted deviations are worth to the figures of their means.
 *   deviation  in [rows][targets]  in target units, above 0 */
void nd_metrics_spread(nd_metrics *metrics, const double *y, const double *deviation,
                       const double *t);

/*   p      in [rows][labels]  probability of label 1; above 1/2 it is decided for
 *   label  in [rows][labels]  0 or 1 */
nd_status nd_metrics_labels(nd_ctx *ctx, const nd_real *p, const nd_real *label, size_t rows,
                            size_t labels, const char *const *names, nd_metrics **metrics);

/* ---- What the files of metrics share */

/* Metrics without figures; NULL without memory. */
nd_metrics *nd_metrics_new(nd_ctx *ctx, size_t rows);

/* Copies of names; NULL without memory. */
char **nd_metrics_names(const char *const *names, size_t count);

/* Area under the ROC curve of score[r * stride] for rows with label[r * label_stride] == class
 * against the others; NaN where there are none of one kind. False without memory. */
bool nd_metrics_auc(const nd_real *score, size_t stride, const nd_real *label, size_t label_stride,
                    size_t class, size_t rows, double *auc);

#endif
