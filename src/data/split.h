/* Rows into training, validation and test, by seed; stratified for classes. */
#ifndef ND_DATA_SPLIT_H
#define ND_DATA_SPLIT_H

#include "base/ctx.h"

typedef struct nd_split {
    uint32_t *index;           /* [train + valid + test] rows, each part ascending */
    size_t train, valid, test; /* counts; the parts follow each other in index */
} nd_split;

/* Split rows 0..rows-1. labels (may be NULL) is the class of each row: every part
 * then has each class in proportion (largest remainder), and each class keeps at
 * least one row in training. Fractions are of all rows; a part that is asked for
 * has its share rounded to whole rows, at least one, or what the classes can give.
 * ND_ERR_ARGUMENT for fractions out of range or labels that are no class index;
 * ND_ERR_DATA if a part that was asked for would be empty. *split is then empty. */
nd_status nd_split_make(nd_ctx *ctx, size_t rows, const nd_real *labels, size_t classes,
                        double valid, double test, uint64_t seed, nd_split *split);
void nd_split_free(nd_split *split);

#endif
