/* Rows dealt into folds for cross-validation, and the split that each fold makes. */
#ifndef ND_DATA_FOLDS_H
#define ND_DATA_FOLDS_H

#include "data/split.h"
#include "data/table.h"

typedef enum nd_folds_kind {
    ND_FOLDS_RANDOM, /* every row on its own */
    ND_FOLDS_GROUP,  /* rows of a group together */
    ND_FOLDS_GIVEN,  /* group is the fold */
    ND_FOLDS_TIME    /* fold k is tested after training on all rows before it */
} nd_folds_kind;

/* How rows 0..rows-1 are dealt. */
typedef struct nd_folds {
    nd_folds_kind kind;
    size_t rows, folds;
    const nd_real *labels; /* [rows] class of each row: folds and validation rows then have
                              each class in proportion; NULL: not stratified */
    size_t classes;
    const uint32_t *group; /* [rows] GROUP and GIVEN: number below groups */
    size_t groups;
} nd_folds;

/* Number the distinct values of a column by first appearance, or by size if it holds
 * numbers.
 *   number  out [table->rows]; nd_free
 *   count   out, distinct values
 * ND_ERR_DATA: a value is missing (row named), or the column holds images. */
nd_status nd_folds_number(const nd_table *table, size_t column, uint32_t **number, size_t *count);

/* ND_ERR_DATA if there are fewer rows, or groups, or rows of every class than folds; a
 * warning for a class that some fold must go without, named by name[classes]. */
nd_status nd_folds_check(nd_ctx *ctx, const nd_folds *folds, const char *const *name);

/* Fold of every row into fold[rows]; repeat 0, 1, ... deals anew. For a kind that is
 * random by (seed, repeat): rows of each class, shuffled, go to the folds in turn, and
 * the next class goes on where the last ended, so that folds differ by one row at most;
 * groups, the largest first, go where they leave the classes most even. */
nd_status nd_folds_deal(nd_ctx *ctx, const nd_folds *folds, uint64_t seed, size_t repeat,
                        uint32_t *fold);

/* The rows of one fold as the test part of a split, and of the rows to train on a share
 * valid as its validation part: at random by seed (in proportion to the classes), whole
 * groups, or the latest rows. A single group to train on stays whole, with a warning. */
nd_status nd_folds_split(nd_ctx *ctx, const nd_folds *folds, const uint32_t *fold, size_t k,
                         double valid, uint64_t seed, nd_split *split);

#endif
