/* A loss on logits: value and gradient in one pass; and how logits become
 * predictions. One file per loss, one row in losses.def. */
#ifndef ND_LOSS_LOSS_H
#define ND_LOSS_LOSS_H

#include "kern/kern.h"

typedef struct nd_loss_class {
    const char *name;
    const char *help, *formula, *source;
    const char *link;   /* what predict applies: "softmax", "sigmoid", "identity" */
    size_t min_outputs; /* fewest outputs that make sense */
    bool classes;       /* labels are classes (accuracy applies), not values */
    /* Width of a label row for a net of n outputs. */
    size_t (*label_width)(size_t n);
    /* Index of the first row with a label the loss cannot take (class out of
     * range, not 0 or 1, not finite), rows if all are fine. */
    size_t (*check)(size_t rows, size_t n, const nd_real *target);
    /* Sum over rows of the loss of a row (with several outputs their mean, except
     * cross-entropy); grad (may be NULL) gets scale * its gradient. */
    double (*value)(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                    const nd_real *target, nd_real scale, nd_real *grad);
    /* Predictions [rows][n] from logits (softmax, sigmoid, identity). */
    void (*predict)(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p);
} nd_loss_class;

const nd_loss_class *nd_loss_find(const char *name);
const nd_loss_class *const *nd_loss_table(size_t *count);

#endif
