/* A loss on logits: value and gradient in one pass; and how logits become
 * predictions. One file per loss, one row in losses.def. */
#ifndef ND_LOSS_LOSS_H
#define ND_LOSS_LOSS_H

#include "base/option.h"
#include "base/text.h"
#include "kern/kern.h"

enum { ND_LOSS_SETTINGS = 2 };

/* A loss with its numbers in force, in the order of the class's options. */
typedef struct nd_loss {
    const struct nd_loss_class *class;
    double setting[ND_LOSS_SETTINGS];
} nd_loss;

typedef struct nd_loss_class {
    const char *name;
    const char *help, *formula, *source;
    const nd_option *options; /* all REAL; ND_LOSS_SETTINGS at most */
    size_t option_count;
    const char *link;   /* what predict applies: "softmax", "sigmoid", "identity", "exp" */
    size_t min_outputs; /* fewest outputs that make sense */
    bool classes;       /* labels are classes (accuracy applies), not values */
    bool spread;        /* two outputs per target: means, then as many that say the variances;
                           predictions are means, then deviations */
    /* Width of a label row for a net of n outputs. */
    size_t (*label_width)(size_t n);
    /* Index of the first row with a label the loss cannot take (class out of
     * range, not 0 or 1, not finite), rows if all are fine. */
    size_t (*check)(size_t rows, size_t n, const nd_real *target);
    /* Sum over rows of the loss of a row (with several outputs their mean, except
     * cross-entropy); grad (may be NULL) gets scale * its gradient. */
    double (*value)(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad);
    /* Predictions [rows][n] from logits (softmax, sigmoid, identity, exp, deviations). */
    void (*predict)(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p);
    nd_loss_kernel kernel; /* what value() is while all settings are 0 */
    /* Of a loss that is a function of error = z - t, element by element: its value; *slope
     * gets the derivative. */
    double (*point)(const nd_loss *loss, double error, double *slope);
} nd_loss_class;

/* "NAME" or "NAME, key=value, ...". ND_ERR_OPTION (the message lists the losses, or names
 * the nearest key). */
nd_status nd_loss_read(nd_ctx *ctx, const char *text, nd_loss *loss);

/* The text that nd_loss_read takes back; settings at their default are left out. */
void nd_loss_write(const nd_loss *loss, nd_text *text);

/* ---- What losses share (common.c) */

size_t nd_loss_width_one(size_t n);
size_t nd_loss_width_all(size_t n);

/* Finite values [rows][n]. And classes [rows]: whole numbers below n, 0 or 1 for one
 * output. */
size_t nd_loss_check_values(size_t rows, size_t n, const nd_real *target);
size_t nd_loss_check_classes(size_t rows, size_t n, const nd_real *target);

/* p = logits. And the softmax of several logits, the sigmoid of one. */
void nd_loss_predict_same(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p);
void nd_loss_predict_classes(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                             nd_real *p);

/* value() by way of point(). */
double nd_loss_point_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                           const nd_real *logits, const nd_real *target, nd_real scale,
                           nd_real *grad);

/* ---- Weighted rows (weighted.c): label rows with a weight, 0 or more, as a last number,
 * target [rows][label_width + 1] */

/* Sum over rows of weight * loss of the row; grad (may be NULL) gets share * its gradient.
 * Rows of weight 0 add nothing, whatever their logits. */
double nd_loss_weighted_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                              const nd_real *logits, const nd_real *target, double share,
                              nd_real *grad);

/* The same with two labels a row, each with a weight behind it: target
 * [rows][2 (label_width + 1)], the row's loss being the sum of both by their weights.
 *   spare  [rows][n], written; NULL where grad is */
double nd_loss_mixed_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                           const nd_real *logits, const nd_real *target, double share,
                           nd_real *grad, nd_real *spare);

/* Index of the first row with a label or a weight that cannot be, rows if all are fine.
 * Two labels a row are two rows with one. */
size_t nd_loss_weighted_check(const nd_loss *loss, size_t rows, size_t n, const nd_real *target);

/* Sum of the weights. */
double nd_loss_weight(const nd_loss *loss, size_t rows, size_t n, const nd_real *target);

const nd_loss_class *nd_loss_find(const char *name);
const nd_loss_class *const *nd_loss_table(size_t *count);

#endif
