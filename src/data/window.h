/* Time series: rows in the order of time, windows of them as inputs, later rows as targets. */
#ifndef ND_DATA_WINDOW_H
#define ND_DATA_WINDOW_H

#include "data/prep.h"
#include "data/split.h"

/* How windows are cut from the rows of a table. */
typedef struct nd_windows {
    size_t window, horizon; /* rows of the inputs, rows ahead */
    size_t stride;          /* from one training window to the next */
} nd_windows;

/* Split by time: the latest windows test, those before validate, the others train. A window is
 * named by its last row. The rows that the windows of one part forecast are forecast by no
 * window of another; inputs may reach back into an earlier part, whose rows are known by then.
 * Every stride-th training window is taken, counted from the latest.
 *   valid, test  shares of the windows; 0: no such part
 * ND_ERR_ARGUMENT for shares out of range, ND_ERR_DATA if a part would be empty. */
nd_status nd_windows_split(nd_ctx *ctx, size_t rows, const nd_windows *w, double valid, double test,
                           nd_split *split);

/* All windows of a table whose targets are in it, as index[count], owned by the caller.
 * ND_ERR_DATA if there is none. */
nd_status nd_windows_all(const nd_prep *prep, const nd_table *table, uint32_t **index,
                         size_t *count);

/* What is wrong with window, period and targets of a preparation from outside; NULL: nothing. */
const char *nd_windows_check(const nd_prep *prep);

/* Find the period of the naive forecast, 1 being the last value: that with the smallest
 * squared error over the first rows of the series (the latest 50000 of them), whose column
 * is the target's. */
nd_status nd_windows_period(nd_prep *prep, const nd_table *table, size_t rows);

/* Center and scale of the targets of a relative preparation: mean and deviation of how far
 * the series moves in so many rows, over its first rows. */
void nd_windows_moves(nd_prep *prep, const nd_table *table, size_t rows);

/* Naive forecasts from the window that ends with row: each target's value a whole number of
 * periods before, the fewest that are known by then; the last value where the table does not
 * reach back so far (Hyndman & Athanasopoulos 2021, section 5.2).
 *   value  out  [targets] in target units */
void nd_windows_naive(const nd_prep_map *map, size_t row, double *value);

#endif
