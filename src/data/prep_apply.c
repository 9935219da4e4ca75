/* Raw cells to features and labels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/prep.h"
#include "data/prep_parts.h"
#include "kern/kern.h"

/* Rows of one task, and the features from which dispatching pays. */
enum { BLOCK = 64, PARALLEL = 1 << 15 };

typedef struct work {
    const nd_prep_map *map;
    const uint32_t *rows;
    size_t first, count;
    nd_real *x;
} work;

static size_t row_of(const work *w, size_t i)
{
    return w->rows ? w->rows[i] : w->first + i;
}

/* Far outside of anything trained for, but safe in float. */
static nd_real in_range(double x)
{
    return (nd_real)(x < -1e30 ? -1e30 : x > 1e30 ? 1e30 : x);
}

/* First knot that is not below v, by bisection. */
static size_t lower_knot(const double *knot, size_t n, double v, bool beyond)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (knot[middle] < v || (beyond && knot[middle] <= v)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static double quantile_score(const nd_prep_column *column, const double *score, double v)
{
    const double *knot = column->knots;
    size_t n = column->knot_count;
    size_t from = lower_knot(knot, n, v, false), to = lower_knot(knot, n, v, true);
    if (from < to) {
        return 0.5 * (score[from] + score[to - 1]);
    }
    if (from == 0 || from == n) {
        return from == 0 ? score[0] : score[n - 1];
    }
    double share = v / 2 - knot[from - 1] / 2;
    share /= knot[from] / 2 - knot[from - 1] / 2;
    return score[from - 1] + share * (score[from] - score[from - 1]);
}

static double raw_number(const nd_prep_map *map, size_t i, const nd_column *raw, size_t row)
{
    if (!map->number[i]) {
        return nd_column_number(raw, row, 0);
    }
    uint32_t word = nd_column_word(raw, row);
    return word == ND_DICT_NONE ? NAN : map->number[i][word];
}

/* Raw numbers of count rows, at most BLOCK. */
static void raw_numbers(const work *w, size_t i, const nd_column *raw, size_t from, size_t count,
                        double *value)
{
    if (raw->dtype == ND_DT_F64 && !w->map->number[i] && !w->rows && raw->stride == 1) {
        memcpy(value, (const double *)raw->data + w->first + from, count * sizeof *value);
        return;
    }
    for (size_t r = 0; r < count; r++) {
        value[r] = raw_number(w->map, i, raw, row_of(w, from + r));
    }
}

/* The values first, side by side, then their places in the rows. */
static void apply_number(const work *w, size_t i, const nd_column *raw, size_t from, size_t to)
{
    const nd_prep_column *column = &w->map->prep->column[i];
    const double *score = w->map->score[i];
    const double fill = column->fill, low = column->low, high = column->high;
    const double center = column->center, scale = column->scale;
    size_t width = w->map->prep->features, count = to - from;
    double value[BLOCK];
    raw_numbers(w, i, raw, from, count, value);
    nd_real *x = w->x + from * width + column->first;
    for (size_t r = 0; column->missing_feature && r < count; r++) {
        x[r * width + 1] = isnan(value[r]);
    }
    for (size_t r = 0; r < count; r++) {
        double v = value[r] != value[r] ? fill : value[r] < low ? low : value[r];
        value[r] = v > high ? high : v;
    }
    for (size_t r = 0; score && r < count; r++) {
        value[r] = quantile_score(column, score, value[r]);
    }
    for (size_t r = 0; r < count; r++) {
        value[r] = (value[r] - center) / scale;
    }
    for (size_t r = 0; r < count; r++) {
        x[r * width] = in_range(value[r]);
    }
}

void nd_prep_pixels(const nd_prep_column *column, const uint8_t *pixel, size_t count, nd_real *x)
{
    const nd_real factor = (nd_real)(1 / column->scale);
    const nd_real shift = (nd_real)(-column->center / column->scale);
    nd_k_bytes(count, pixel, factor, shift, x);
}

static void apply_image(const work *w, size_t i, const nd_column *raw, size_t from, size_t to)
{
    const nd_prep_column *column = &w->map->prep->column[i];
    size_t width = w->map->prep->features;
    for (size_t r = from; r < to; r++) {
        const uint8_t *pixel = (const uint8_t *)raw->data + row_of(w, r) * raw->stride;
        nd_prep_pixels(column, pixel, column->features, w->x + r * width + column->first);
    }
}

/* Feature of unknown words in a one-hot column, or their number: the one after the known. */
static uint32_t other_feature(const nd_prep_column *column)
{
    size_t words = nd_dict_count(column->words);
    bool other = column->kind == ND_PREP_INDEX ? column->other
                                               : column->features > words + column->missing_feature;
    return other ? (uint32_t)(column->first + words) : ND_DICT_NONE;
}

uint32_t nd_prep_word_feature(const nd_prep_column *column, const char *text, size_t n)
{
    if (column->kind == ND_PREP_HASHED) {
        return (uint32_t)(column->first + nd_hash(text, n) % column->buckets);
    }
    uint32_t word = nd_dict_find(column->words, text, n);
    return word == ND_DICT_NONE ? other_feature(column) : (uint32_t)column->first + word;
}

static uint32_t missing_feature(const nd_prep_column *column)
{
    if (column->missing_feature) {
        bool index = column->kind == ND_PREP_INDEX;
        size_t places = index ? nd_prep_index_rows(column) : column->features;
        return (uint32_t)(column->first + places - 1);
    }
    return column->kind == ND_PREP_HASHED ? ND_DICT_NONE : other_feature(column);
}

static uint32_t category_feature(const work *w, size_t i, const nd_column *raw, size_t row)
{
    const nd_prep_column *column = &w->map->prep->column[i];
    if (w->map->word[i]) {
        uint32_t word = nd_column_word(raw, row);
        return word == ND_DICT_NONE ? missing_feature(column) : w->map->word[i][word];
    }
    char text[ND_NUM_TEXT];
    double v = nd_column_number(raw, row, 0);
    return isnan(v) ? missing_feature(column)
                    : nd_prep_word_feature(column, text, nd_num_print(text, v));
}

static void apply_category(const work *w, size_t i, const nd_column *raw, size_t from, size_t to)
{
    const nd_prep_column *column = &w->map->prep->column[i];
    size_t width = w->map->prep->features;
    for (size_t r = from; r < to; r++) {
        nd_real *x = w->x + r * width;
        uint32_t feature = category_feature(w, i, raw, row_of(w, r));
        for (size_t j = 0; j < column->features; j++) {
            x[column->first + j] = 0;
        }
        if (feature != ND_DICT_NONE) {
            x[feature] = 1;
        }
    }
}

/* Place of a word in the table of an embedding, -1 for none. */
static double index_of(const work *w, size_t i, const nd_column *raw, size_t row)
{
    const nd_prep_column *column = &w->map->prep->column[i];
    uint32_t feature = category_feature(w, i, raw, row);
    return feature == ND_DICT_NONE ? -1 : (double)(feature - column->first);
}

static void apply_index(const work *w, size_t i, const nd_column *raw, size_t from, size_t to)
{
    size_t width = w->map->prep->features, at = w->map->prep->column[i].first;
    for (size_t r = from; r < to; r++) {
        w->x[r * width + at] = (nd_real)index_of(w, i, raw, row_of(w, r));
    }
}

static void apply_block(void *user, size_t block)
{
    const work *w = user;
    size_t from = block * BLOCK, to = from + BLOCK < w->count ? from + BLOCK : w->count;
    for (size_t i = 0; i < w->map->prep->columns; i++) {
        if (w->map->column[i] < 0) {
            continue;
        }
        const nd_column *raw = &w->map->table->column[w->map->column[i]];
        switch (w->map->prep->column[i].kind) {
        case ND_PREP_NUMBER:
            apply_number(w, i, raw, from, to);
            break;
        case ND_PREP_IMAGE:
            apply_image(w, i, raw, from, to);
            break;
        case ND_PREP_ONE_HOT:
        case ND_PREP_HASHED:
            apply_category(w, i, raw, from, to);
            break;
        case ND_PREP_INDEX:
            apply_index(w, i, raw, from, to);
            break;
        case ND_PREP_DROPPED:
            break;
        }
    }
}

void nd_prep_row_features(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                          nd_real *x)
{
    work w = {.map = map, .rows = rows, .first = first, .count = count, .x = x};
    bool parallel = count * map->prep->features >= PARALLEL;
    nd_pool_run(parallel ? map->prep->ctx->pool : NULL, (count + BLOCK - 1) / BLOCK, apply_block,
                &w);
}

void nd_prep_features(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                      nd_real *x)
{
    size_t window = map->prep->window;
    if (window == 0) {
        nd_prep_row_features(map, rows, first, count, x);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t row = rows ? rows[i] : first + i;
        nd_real *to = x + i * window * map->prep->features;
        nd_prep_row_features(map, NULL, row + 1 - window, window, to);
        if (map->prep->relative) {
            nd_prep_relate(to, window, map->prep->features,
                           map->prep->column[map->prep->target[0].position].first);
        }
    }
}

void nd_prep_relate(nd_real *x, size_t window, size_t features, size_t series)
{
    nd_real last = x[(window - 1) * features + series];
    for (size_t i = 0; i < window; i++) {
        x[i * features + series] -= last;
    }
}

double nd_prep_level(const nd_prep_map *map, size_t row)
{
    const nd_prep *prep = map->prep;
    if (!prep->relative) {
        return 0;
    }
    size_t i = prep->target[0].position;
    double v = raw_number(map, i, &map->table->column[map->column[i]], row);
    return isfinite(v) ? v : prep->column[i].fill;
}

static uint32_t class_of_number(const nd_prep_map *map, double v)
{
    if (!map->class_value) {
        return ND_DICT_NONE;
    }
    size_t low = 0, high = nd_dict_count(map->prep->classes);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (map->class_value[middle] < v) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < nd_dict_count(map->prep->classes) && map->class_value[low] == v;
    return found ? (uint32_t)low : ND_DICT_NONE;
}

static nd_status fail_label(const nd_prep_map *map, const nd_column *raw, size_t row,
                            const char *text)
{
    char what[256];
    if (!text) {
        snprintf(what, sizeof what, "the target is missing");
    } else if (!nd_task_has_classes(map->prep->task)) {
        snprintf(what, sizeof what, "\"%.80s\" is not a finite number", text);
    } else {
        snprintf(what, sizeof what, "\"%.80s\" is none of the %zu classes \"%.40s\" .. \"%.40s\"",
                 text, nd_dict_count(map->prep->classes), nd_dict_word(map->prep->classes, 0, NULL),
                 nd_dict_word(map->prep->classes, (uint32_t)nd_dict_count(map->prep->classes) - 1,
                              NULL));
    }
    return nd_prep_fail_cell(map->table, row, raw, what);
}

uint32_t nd_prep_class_at(const nd_prep_map *map, size_t row)
{
    const nd_column *raw = &map->table->column[map->target[0]];
    if (!map->class_of) {
        return class_of_number(map, nd_column_number(raw, row, 0));
    }
    uint32_t word = nd_column_word(raw, row);
    return word == ND_DICT_NONE ? ND_DICT_NONE : map->class_of[word];
}

static nd_status fail_class(const nd_prep_map *map, size_t row)
{
    const nd_column *raw = &map->table->column[map->target[0]];
    char text[ND_NUM_TEXT];
    if (map->class_of) {
        uint32_t word = nd_column_word(raw, row);
        return fail_label(map, raw, row,
                          word == ND_DICT_NONE ? NULL : nd_dict_word(raw->dict, word, NULL));
    }
    double v = nd_column_number(raw, row, 0);
    nd_num_print(text, v);
    return fail_label(map, raw, row, isnan(v) ? NULL : text);
}

static nd_status label_class(const nd_prep_map *map, size_t row, nd_real *y)
{
    uint32_t class = nd_prep_class_at(map, row);
    *y = (nd_real) class;
    return class == ND_DICT_NONE ? fail_class(map, row) : ND_OK;
}

double nd_prep_value_at(const nd_prep_map *map, size_t row, size_t t)
{
    const nd_column *raw = &map->table->column[map->target[t]];
    row += map->prep->window ? 1 + t : 0;
    if (row >= map->table->rows) {
        return NAN;
    }
    if (raw->dtype != ND_DT_WORD) {
        return nd_column_number(raw, row, 0);
    }
    size_t size;
    double v;
    uint32_t word = nd_column_word(raw, row);
    const char *text = word == ND_DICT_NONE ? NULL : nd_dict_word(raw->dict, word, &size);
    return text && nd_num_parse(text, size, &v) == ND_NUM_OK ? v : NAN;
}

static nd_status fail_value(const nd_prep_map *map, size_t row, size_t t, double v)
{
    const nd_column *raw = &map->table->column[map->target[t]];
    if (row >= map->table->rows) {
        return fail_label(map, raw, map->table->rows - 1, NULL);
    }
    if (raw->dtype == ND_DT_WORD) {
        uint32_t word = nd_column_word(raw, row);
        return fail_label(map, raw, row,
                          word == ND_DICT_NONE ? NULL : nd_dict_word(raw->dict, word, NULL));
    }
    return fail_label(map, raw, row, isnan(v) ? NULL : v > 0 ? "inf" : "-inf");
}

static nd_status label_value(const nd_prep_map *map, size_t row, size_t t, nd_real *y)
{
    const nd_prep_target *target = &map->prep->target[t];
    double v = nd_prep_value_at(map, row, t);
    *y = in_range((v - nd_prep_level(map, row) - target->center) / target->scale);
    row += map->prep->window ? 1 + t : 0;
    if (map->prep->by_mean && v < 0) {
        return nd_prep_fail_below(map->table, row, &map->table->column[map->target[t]], v);
    }
    return isfinite(v) ? ND_OK : fail_value(map, row, t, v);
}

static nd_status label_bit(const nd_prep_map *map, size_t row, size_t t, nd_real *y)
{
    uint32_t label = nd_prep_label_at(map, row, t);
    *y = (nd_real)label;
    return label == ND_DICT_NONE ? nd_prep_fail_label(map, row, t) : ND_OK;
}

/* Numbers in a file come rounded: what misses 1 by no more than this is made to sum to 1. */
static nd_status check_shares(const nd_prep_map *map, size_t row, size_t n, nd_real *y)
{
    const double near = 0.01 + 1e-9; /* 0.33 + 0.66, which is less than 0.99, as well */
    double sum = 0;
    for (size_t t = 0; t < n; t++) {
        if (y[t] < 0) {
            const nd_column *raw = &map->table->column[map->target[t]];
            return nd_prep_fail_cell(map->table, row, raw,
                                     "the target is below 0; loss kl_divergence takes shares");
        }
        sum += (double)y[t];
    }
    if (!(fabs(sum - 1) <= near)) {
        return nd_fail(map->prep->ctx, ND_ERR_DATA,
                       "%s: row %zu: the targets sum to %.6g; loss kl_divergence takes shares that "
                       "sum to 1",
                       map->table->path, nd_table_row(map->table, row), sum);
    }
    for (size_t t = 0; t < n; t++) {
        y[t] = (nd_real)((double)y[t] / sum);
    }
    return ND_OK;
}

static nd_status label_row(const nd_prep_map *map, size_t row, size_t width, nd_real *y)
{
    const nd_prep *prep = map->prep;
    if (nd_task_has_classes(prep->task)) {
        return label_class(map, row, y);
    }
    for (size_t t = 0; t < width; t++) {
        ND_TRY(prep->task == ND_TASK_MULTILABEL ? label_bit(map, row, t, &y[t])
                                                : label_value(map, row, t, &y[t]));
    }
    return prep->shares ? check_shares(map, row, width, y) : ND_OK;
}

nd_status nd_prep_labels(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                         nd_real *y)
{
    size_t width = nd_prep_label_width(map->prep);
    if (map->prep->task == ND_TASK_AUTOENCODER) {
        nd_prep_features(map, rows, first, count, y);
        return ND_OK;
    }
    for (size_t i = 0; i < count; i++) {
        ND_TRY(label_row(map, rows ? rows[i] : first + i, width, y + i * width));
    }
    return ND_OK;
}
