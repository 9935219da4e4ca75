/* Columns that say nothing, too much, or something strange. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/check_parts.h"
#include "data/prep_parts.h"
#include "data/prep_suspect.h"

/* A value is extreme this many deviations of the others away from them; at most one in
 * EXTREME_SHARE of the values, or a few, can be; and there must be a range to be out of. */
enum { EXTREME_DEVIATIONS = 50, EXTREME_SHARE = 100, EXTREME_FEW = 3, EXTREME_DIFFERENT = 10 };

/* With scaling none: deviations, or offsets, this many times apart. */
static const double unscaled = 1000;

/* Mean and deviation of sorted[n], in units of their size. */
static void spread(const double *sorted, size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += sorted[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (sorted[i] - sum) * (sorted[i] - sum) / (double)n;
    }
    *mean = sum;
    *deviation = sqrt(squares);
}

/* The extremes of sorted[n] are the values beyond the middle part by far: the middle is
 * what is left when one in EXTREME_SHARE values, and a few at least, is cut off on both
 * sides. */
static void find_extreme(const double *sorted, size_t n, nd_check_column *column)
{
    size_t cut = n / EXTREME_SHARE > EXTREME_FEW ? n / EXTREME_SHARE : EXTREME_FEW;
    if (n < 10 * EXTREME_FEW) {
        return;
    }
    const double *middle = sorted + cut;
    size_t count = n - 2 * cut;
    double mean, deviation;
    spread(middle, count, &mean, &deviation);
    if (nd_stats_distinct(middle, count) < EXTREME_DIFFERENT || !(deviation > 0)) {
        return;
    }
    double far = EXTREME_DEVIATIONS * deviation, distance = 0;
    size_t low = 0, high = n;
    while (low < cut && mean - sorted[low] > far) {
        low++;
    }
    while (high > n - cut && sorted[high - 1] - mean > far) {
        high--;
    }
    column->extreme = low + (n - high);
    column->low = sorted[low];
    column->high = sorted[high - 1];
    for (size_t i = 0; i < low; i++) {
        distance = mean - sorted[0];
        column->extreme_value = sorted[0];
    }
    if (high < n && sorted[n - 1] - mean > distance) {
        column->extreme_value = sorted[n - 1];
    }
}

/* At most k of n values far out on each side, all as far: their distance is then
 * sqrt(1 / share - 1) deviations of all values, share = 2 k / n. What lies nearer need not
 * be sorted. */
static bool may_be_extreme(const nd_stats *s)
{
    double n = (double)s->present, most = fmax(n / EXTREME_SHARE, EXTREME_FEW);
    double share = fmin(2 * most / n, 1), near = 0.9 * sqrt(1 / share - 1) * s->deviation;
    return s->max - s->mean > near || s->mean - s->min > near;
}

static bool may_count_rows(const nd_check *check, const nd_column *raw, const nd_stats *s)
{
    size_t rows = check->table->rows;
    return raw->dtype == ND_DT_F64 && rows >= ND_SUSPECT_ROWS && s->present == rows && s->whole &&
           s->max - s->min == (double)(rows - 1);
}

/* Values far from all others; and a number in any place that counts the rows: a different
 * whole one in each, without gaps. */
static void look_at_numbers(const nd_check *check, nd_check_column *column, const nd_column *raw)
{
    bool counting = !column->suspect && may_count_rows(check, raw, &column->stats);
    if (!counting && !may_be_extreme(&column->stats)) {
        return;
    }
    size_t n;
    double *sorted = nd_stats_sorted(raw, NULL, check->table->rows, &n);
    column->ok = sorted != NULL;
    if (sorted) {
        find_extreme(sorted, n, column);
        counting = counting && nd_stats_distinct(sorted, n) == n;
        column->suspect = counting ? "it counts the rows" : column->suspect;
    }
    nd_free(sorted);
}

void nd_check_look(void *user, size_t i)
{
    nd_check *check = user;
    nd_check_column *column = &check->column[i];
    const nd_column *raw = &check->table->column[column->at];
    column->ok = nd_stats_take(raw, NULL, check->table->rows, &column->stats);
    if (!column->ok) {
        return;
    }
    column->suspect =
        nd_suspect(check->table, column->at, NULL, check->table->rows, &column->stats, &column->ok);
    if (column->ok && raw->dtype != ND_DT_WORD && raw->dtype != ND_DT_U8) {
        look_at_numbers(check, column, raw);
    }
}

static bool kept(const nd_check *check, size_t at)
{
    const nd_prep_params *prep = check->params->prep;
    return nd_prep_listed(check->table, at, prep->keep, prep->keep_count);
}

static nd_status report_identifier(nd_check *check, const nd_check_column *column)
{
    const nd_stats *s = &column->stats;
    if (!column->suspect || check->params->brief || kept(check, column->at) ||
        check->columns == 1) {
        return ND_OK;
    }
    bool words = check->table->column[column->at].dtype == ND_DT_WORD;
    if (words && s->words < s->present) {
        return nd_check_add(check, "many_words", false, column->at, s->words, "keep",
                            "it has %zu different texts in %zu rows; it is not used", s->words,
                            s->present);
    }
    return nd_check_add(check, "identifier", false, column->at, s->present, "keep",
                        "it looks like an identifier: %s",
                        words ? "a different text in every row" : column->suspect);
}

static nd_status report_presence(nd_check *check, const nd_check_column *column)
{
    const nd_stats *s = &column->stats;
    bool constant = s->words == 1 || (s->present > 0 && s->min >= s->max);
    if (s->present == 0 || (constant && s->missing == 0)) {
        return check->params->brief
                   ? ND_OK
                   : nd_check_add(check, "constant", false, column->at, check->table->rows,
                                  "ignore",
                                  s->present == 0 ? "it has no values in %zu rows"
                                                  : "it is the same in all of %zu rows",
                                  check->table->rows);
    }
    bool unused = check->params->brief && column->suspect && !kept(check, column->at);
    if (s->missing <= s->present || unused) {
        return ND_OK;
    }
    return nd_check_add(check, "mostly_missing", false, column->at, s->missing, "ignore",
                        "it is missing in %zu of %zu rows", s->missing, check->table->rows);
}

static nd_status report_values(nd_check *check, const nd_check_column *column)
{
    if (column->stats.infinite > 0) {
        return nd_check_add(check, "infinite", true, column->at, column->stats.infinite, "ignore",
                            "%zu values are infinite, the first in row %zu", column->stats.infinite,
                            column->stats.infinite_row + 1);
    }
    if (column->extreme == 0) {
        return ND_OK;
    }
    char low[ND_NUM_TEXT], high[ND_NUM_TEXT], value[ND_NUM_TEXT];
    nd_num_print_general(low, column->low, 6);
    nd_num_print_general(high, column->high, 6);
    nd_num_print_general(value, column->extreme_value, 6);
    return nd_check_add(check, "extreme", false, column->at, column->extreme, NULL,
                        "%zu value%s such as %s, where all others lie between %s and %s; "
                        "--missing %s takes such a value for a missing one",
                        column->extreme, column->extreme == 1 ? "" : "s", value, low, high, value);
}

/* Size of a column as the network would see it without scaling. */
static double size_of(const nd_stats *s)
{
    return fmax(fabs(s->mean), s->deviation);
}

static nd_status report_unscaled(nd_check *check)
{
    double least = INFINITY;
    if (check->params->prep->scaling != ND_SCALING_NONE) {
        return ND_OK;
    }
    for (size_t i = 0; i < check->columns; i++) {
        const nd_stats *s = &check->column[i].stats;
        least = s->deviation > 0 && size_of(s) < least ? size_of(s) : least;
    }
    for (size_t i = 0; i < check->columns; i++) {
        const nd_stats *s = &check->column[i].stats;
        if (s->deviation > 0 && !check->column[i].suspect &&
            size_of(s) > unscaled * fmin(fmax(least, 1), size_of(s))) {
            ND_TRY(nd_check_add(check, "unscaled", false, check->column[i].at, s->present,
                                "use --scaling standard",
                                "its numbers are about %.3g in size and reach the network as they "
                                "are",
                                size_of(s)));
        }
    }
    return ND_OK;
}

nd_status nd_check_columns(nd_check *check)
{
    for (size_t i = 0; i < check->columns; i++) {
        ND_TRY(report_identifier(check, &check->column[i]));
        ND_TRY(report_presence(check, &check->column[i]));
        ND_TRY(report_values(check, &check->column[i]));
    }
    return report_unscaled(check);
}
