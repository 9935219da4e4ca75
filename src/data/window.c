#include "data/window.h"

#include <math.h>

#include "base/mem.h"
#include "data/prep_parts.h"

/* Longest period looked for, and the share of the rows that it may take up. */
enum { PERIOD_MOST = 2000, PERIODS_LEAST = 3 };

/* Values that periods are judged by, and the longest window and period of a file. */
enum { JUDGED = 50000, ROWS_MOST = 1000000 };

static size_t share_of(size_t windows, double share)
{
    size_t count = (size_t)floor(share * (double)windows + 0.5);
    return share > 0 && count == 0 ? 1 : count;
}

static nd_status fail_short(nd_ctx *ctx, size_t rows, const nd_windows *w)
{
    return nd_fail(ctx, ND_ERR_DATA,
                   "%zu row%s: too few for windows of %zu row%s, %zu ahead, in each part of the "
                   "split",
                   rows, rows == 1 ? "" : "s", w->window, w->window == 1 ? "" : "s", w->horizon);
}

/* Windows first.. of count, every stride-th, the latest among them; ascending. */
static size_t put_windows(const nd_windows *w, size_t first, size_t count, size_t stride,
                          uint32_t *index)
{
    size_t kept = (count + stride - 1) / stride;
    for (size_t i = 0; i < kept; i++) {
        index[i] = (uint32_t)(w->window - 1 + first + (count - 1) - (kept - 1 - i) * stride);
    }
    return kept;
}

nd_status nd_windows_split(nd_ctx *ctx, size_t rows, const nd_windows *w, double valid, double test,
                           nd_split *split)
{
    *split = (nd_split){0};
    if (!(valid >= 0) || !(test >= 0) || !(valid + test < 1)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT,
                       "validation and test shares must be 0 or more and together under 1");
    }
    if (rows >= UINT32_MAX || rows < w->window || rows - w->window < w->horizon) {
        return rows >= UINT32_MAX ? nd_fail(ctx, ND_ERR_DATA, "cannot split %zu rows", rows)
                                  : fail_short(ctx, rows, w);
    }
    size_t all = rows - w->window - w->horizon + 1;
    size_t tests = share_of(all, test), valids = share_of(all, valid);
    size_t gaps = (w->horizon - 1) * ((tests > 0) + (valids > 0));
    if (tests + valids + gaps >= all) {
        return fail_short(ctx, rows, w);
    }
    size_t trains = all - tests - valids - gaps;
    size_t valid_first = trains + (valids > 0 ? w->horizon - 1 : 0);
    split->index = nd_alloc(all, sizeof *split->index);
    if (!split->index) {
        return nd_fail_memory(ctx);
    }
    split->train = put_windows(w, 0, trains, w->stride, split->index);
    split->valid = valids;
    split->test = tests;
    put_windows(w, valid_first, valids, 1, split->index + split->train);
    put_windows(w, all - tests, tests, 1, split->index + split->train + valids);
    return ND_OK;
}

nd_status nd_windows_all(const nd_prep *prep, const nd_table *table, uint32_t **index,
                         size_t *count)
{
    nd_windows w = {.window = prep->window, .horizon = prep->targets, .stride = 1};
    *index = NULL;
    *count = 0;
    if (table->rows < w.window || table->rows - w.window < w.horizon) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: %zu rows, but a window and what it forecasts take %zu", table->path,
                       table->rows, w.window + w.horizon);
    }
    *count = table->rows - w.window - w.horizon + 1;
    *index = nd_alloc(*count, sizeof **index);
    if (!*index) {
        return nd_fail_memory(prep->ctx);
    }
    put_windows(&w, 0, *count, 1, *index);
    return ND_OK;
}

const char *nd_windows_check(const nd_prep *prep)
{
    size_t inputs, series = prep->target[0].position;
    if (prep->window == 0) {
        return prep->relative ? "there is no window" : NULL;
    }
    if (prep->period == 0 || prep->window > ROWS_MOST || prep->period > ROWS_MOST ||
        __builtin_mul_overflow(prep->window, prep->features, &inputs)) {
        return "window or period cannot be used";
    }
    for (size_t i = 0; i < prep->targets; i++) {
        if (prep->target[i].position != series || series >= prep->columns ||
            prep->column[series].kind != ND_PREP_NUMBER) {
            return "the targets of a series are not of one number column";
        }
    }
    return NULL;
}

/* Rows back from target k for a period: the fewest whole periods that reach the window. */
static size_t rows_back(size_t k, size_t period)
{
    return (k + period) / period * period;
}

/* Mean squared difference of values so many rows apart; after the first `from` rows, so
 * that all distances are judged on the same values. */
static double lag_error(const nd_column *column, size_t from, size_t rows, size_t back)
{
    double sum = 0;
    for (size_t r = from; r < rows; r++) {
        double d = nd_column_number(column, r, 0) - nd_column_number(column, r - back, 0);
        sum += d * d;
    }
    return sum / (double)(rows - from);
}

nd_status nd_windows_period(nd_prep *prep, const nd_table *table, size_t rows)
{
    const nd_column *column = &table->column[prep->target[0].position];
    size_t most = rows / PERIODS_LEAST < PERIOD_MOST ? rows / PERIODS_LEAST : PERIOD_MOST;
    size_t furthest = most + prep->targets < rows ? most + prep->targets : rows - 1;
    size_t from = rows - furthest > JUDGED ? rows - JUDGED : furthest;
    double *error = nd_alloc(furthest + 1, sizeof *error), best = INFINITY;
    if (!error) {
        return nd_fail_memory(prep->ctx);
    }
    for (size_t back = 1; back <= furthest; back++) {
        error[back] = lag_error(column, from, rows, back);
    }
    prep->period = 1;
    for (size_t period = 1; period <= most; period++) {
        double sum = 0;
        for (size_t k = 0; k < prep->targets; k++) {
            size_t back = rows_back(k, period);
            sum += back <= furthest ? error[back] : INFINITY;
        }
        if (sum < best) {
            best = sum;
            prep->period = period;
        }
    }
    nd_free(error);
    return ND_OK;
}

/* In two passes; a series that moves evenly has a deviation of its own rounding only. */
static void moves(const nd_column *column, size_t rows, size_t ahead, nd_prep_target *target)
{
    double sum = 0, squares = 0, n = (double)(rows - ahead);
    for (size_t r = ahead; r < rows; r++) {
        sum += nd_column_number(column, r, 0) - nd_column_number(column, r - ahead, 0);
    }
    double mean = sum / n;
    for (size_t r = ahead; r < rows; r++) {
        double d = nd_column_number(column, r, 0) - nd_column_number(column, r - ahead, 0) - mean;
        squares += d * d;
    }
    double deviation = sqrt(squares / n);
    target->center = mean;
    target->scale = deviation > 1e-6 * target->scale ? deviation : target->scale;
}

void nd_windows_moves(nd_prep *prep, const nd_table *table, size_t rows)
{
    for (size_t k = 0; k < prep->targets; k++) {
        moves(&table->column[prep->target[k].position], rows, k + 1, &prep->target[k]);
    }
}

void nd_windows_naive(const nd_prep_map *map, size_t row, double *value)
{
    const nd_prep *prep = map->prep;
    const nd_column *column = &map->table->column[map->target[0]];
    for (size_t k = 0; k < prep->targets; k++) {
        size_t back = rows_back(k, prep->period), target = row + 1 + k;
        value[k] = nd_column_number(column, back <= target ? target - back : row, 0);
    }
}
