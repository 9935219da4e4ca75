/* Facts about the cells of one column, over some rows. */
#ifndef ND_DATA_STATS_H
#define ND_DATA_STATS_H

#include "data/table.h"

typedef struct nd_stats {
    size_t present, missing; /* cells (pixels of an image) */
    size_t infinite;         /* cells that are +-inf; they count as present */
    size_t infinite_row;     /* row of the first of them */
    double min, max;         /* of finite cells; NaN if there are none */
    double mean, deviation;  /* likewise; deviation of the population (divisor n) */
    bool whole;              /* every finite cell is a whole number below 2^53 */
    size_t words;            /* ND_DT_WORD: different words seen */
    uint32_t *word_count;    /* ND_DT_WORD: [words of the dictionary] cells; else NULL */
} nd_stats;

/* Rows rows[count] (NULL: rows 0..count-1). Sums are in double, in two passes, in
 * the order of the rows. False without memory. Any thread. */
bool nd_stats_take(const nd_column *column, const uint32_t *rows, size_t count, nd_stats *stats);
void nd_stats_free(nd_stats *stats);

/* The present finite numbers of a column of width 1 in ascending order; *n gets how
 * many. NULL without memory; nd_free it. */
double *nd_stats_sorted(const nd_column *column, const uint32_t *rows, size_t count, size_t *n);

/* Ascending sort of key[n]; spare has the same size. */
void nd_sort_keys(uint64_t *key, uint64_t *spare, size_t n);

/* Ascending sort of value[n], which holds no NaN. */
void nd_sort_numbers(double *value, size_t n);

/* Number of different values in ascending sorted[n]. */
size_t nd_stats_distinct(const double *sorted, size_t n);

#endif
