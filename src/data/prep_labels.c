/* Several targets of two values each: labels that do not exclude each other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/prep_parts.h"
#include "data/stats.h"

bool nd_task_has_classes(nd_task task)
{
    return task == ND_TASK_BINARY || task == ND_TASK_MULTICLASS;
}

/* ---- Deciding ---- */

/* Up to two different numbers of a column, ascending; their number, 3 if there are more. */
static size_t two_numbers(const nd_column *column, size_t rows, double value[2])
{
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        double x = nd_column_number(column, r, 0) + 0.0; /* -0 becomes 0 */
        bool known = (n > 0 && x == value[0]) || (n > 1 && x == value[1]);
        if (!known && n == 2) {
            return 3;
        }
        if (!known) {
            value[n++] = x;
        }
    }
    if (n == 2 && value[0] > value[1]) {
        double larger = value[0];
        value[0] = value[1];
        value[1] = larger;
    }
    return n;
}

/* Words of a text column that rows use: the first two, and how many there are. */
static nd_status two_words(const nd_prep *prep, const nd_table *table, const nd_column *column,
                           uint32_t pick[2], size_t *count)
{
    nd_stats stats;
    *count = 0;
    if (!nd_stats_take(column, NULL, table->rows, &stats)) {
        return nd_fail_memory(prep->ctx);
    }
    for (uint32_t w = 0; w < nd_dict_count(column->dict); w++) {
        if (stats.word_count[w] > 0 && (*count)++ < 2) {
            pick[*count - 1] = w;
        }
    }
    nd_stats_free(&stats);
    return ND_OK;
}

nd_status nd_prep_all_binary(const nd_prep *prep, const nd_table *table, bool *all)
{
    *all = true;
    for (size_t t = 0; t < prep->targets && *all; t++) {
        const nd_column *column = &table->column[prep->target[t].position];
        double value[2] = {NAN, NAN};
        uint32_t pick[2] = {0, 0};
        size_t count = 0;
        if (column->dtype == ND_DT_WORD) {
            ND_TRY(two_words(prep, table, column, pick, &count));
            *all = count == 2;
        } else {
            *all = two_numbers(column, table->rows, value) == 2 && value[0] == 0 && value[1] == 1;
        }
    }
    return ND_OK;
}

static nd_status fail_count(const nd_prep *prep, const nd_table *table,
                            const nd_prep_target *target, size_t count)
{
    if (count < 2) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" has one value only; there is nothing to learn",
                       table->path, target->name);
    }
    return nd_fail(prep->ctx, ND_ERR_DATA,
                   "%s: target \"%s\" has more than two different values; task multilabel takes "
                   "columns of two, such as 0 and 1 or no and yes",
                   table->path, target->name);
}

static nd_dict *dict_of_numbers(const double value[2])
{
    nd_dict *dict = nd_dict_create();
    for (size_t i = 0; dict && i < 2; i++) {
        char text[ND_NUM_TEXT];
        if (nd_dict_add(dict, text, nd_num_print(text, value[i])) == ND_DICT_NONE) {
            nd_dict_destroy(dict);
            return NULL;
        }
    }
    return dict;
}

static nd_status set_label(const nd_prep *prep, const nd_table *table, nd_prep_target *target)
{
    const nd_column *column = &table->column[target->position];
    double value[2] = {NAN, NAN};
    uint32_t pick[2] = {0, 0};
    size_t count = 0;
    if (column->dtype == ND_DT_WORD) {
        ND_TRY(two_words(prep, table, column, pick, &count));
    } else {
        count = two_numbers(column, table->rows, value);
    }
    if (count != 2) {
        return fail_count(prep, table, target, count);
    }
    target->classes = column->dtype == ND_DT_WORD ? nd_words_sorted(column->dict, pick, 2)
                                                  : dict_of_numbers(value);
    return target->classes ? ND_OK : nd_fail_memory(prep->ctx);
}

nd_status nd_prep_set_labels(nd_prep *prep, const nd_table *table, const char *why)
{
    prep->task = ND_TASK_MULTILABEL;
    for (size_t t = 0; t < prep->targets; t++) {
        ND_TRY(set_label(prep, table, &prep->target[t]));
    }
    nd_log(prep->ctx, 2, "task: multilabel, %zu target%s (%s)", prep->targets,
           prep->targets > 1 ? "s" : "", why);
    return ND_OK;
}

/* ---- Fitting ---- */

static nd_status count_labels(nd_prep *prep, const nd_prep_map *map, const uint32_t *rows,
                              size_t count, nd_real *y)
{
    for (size_t t = 0; t < prep->targets; t++) {
        prep->target[t].mean = 0;
    }
    for (size_t i = 0; i < count; i++) {
        ND_TRY(nd_prep_labels(map, rows ? rows + i : NULL, i, 1, y));
        for (size_t t = 0; t < prep->targets; t++) {
            prep->target[t].mean += (double)y[t];
        }
    }
    for (size_t t = 0; t < prep->targets; t++) {
        nd_prep_target *target = &prep->target[t];
        bool none = !(target->mean > 0), all = !(target->mean < (double)count);
        target->mean /= (double)count;
        if (none || all) {
            nd_log(prep->ctx, 1, "target \"%s\" is \"%s\" in all training rows", target->name,
                   nd_dict_word(target->classes, all, NULL));
        }
    }
    return ND_OK;
}

nd_status nd_prep_fit_labels(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                             size_t count)
{
    nd_prep_map map;
    nd_real *y = nd_alloc(prep->targets, sizeof *y);
    if (!y) {
        return nd_fail_memory(prep->ctx);
    }
    nd_status status = nd_prep_map_create(prep, table, true, &map);
    if (status == ND_OK) {
        status = count_labels(prep, &map, rows, count, y);
        nd_prep_map_free(&map);
    }
    nd_free(y);
    return status;
}

/* ---- Applying ---- */

static void read_values(const nd_prep_target *target, nd_prep_label *label)
{
    for (uint32_t k = 0; k < 2; k++) {
        size_t size;
        const char *text = nd_dict_word(target->classes, k, &size);
        if (nd_num_parse(text, size, &label->value[k]) != ND_NUM_OK) {
            label->value[k] = NAN;
        }
    }
}

static uint32_t label_of_number(const nd_prep_label *label, double v)
{
    return v == label->value[0] ? 0 : v == label->value[1] ? 1 : ND_DICT_NONE;
}

static uint32_t label_of_text(const nd_prep_target *target, const nd_prep_label *label,
                              const char *text, size_t size)
{
    double v;
    uint32_t word = nd_dict_find(target->classes, text, size);
    if (word != ND_DICT_NONE || nd_num_parse(text, size, &v) != ND_NUM_OK) {
        return word;
    }
    return label_of_number(label, v);
}

nd_status nd_prep_link_label(nd_prep_map *map, size_t t)
{
    const nd_prep_target *target = &map->prep->target[t];
    nd_prep_label *label = &map->label[t];
    const nd_column *raw = &map->table->column[map->target[t]];
    read_values(target, label);
    if (raw->dtype != ND_DT_WORD) {
        return ND_OK;
    }
    size_t words = nd_dict_count(raw->dict);
    label->of = nd_alloc(words, sizeof *label->of);
    if (!label->of) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (uint32_t w = 0; w < words; w++) {
        size_t size;
        const char *text = nd_dict_word(raw->dict, w, &size);
        label->of[w] = label_of_text(target, label, text, size);
    }
    return ND_OK;
}

uint32_t nd_prep_label_at(const nd_prep_map *map, size_t row, size_t t)
{
    const nd_column *raw = &map->table->column[map->target[t]];
    if (!map->label[t].of) {
        return label_of_number(&map->label[t], nd_column_number(raw, row, 0));
    }
    uint32_t word = nd_column_word(raw, row);
    return word == ND_DICT_NONE ? ND_DICT_NONE : map->label[t].of[word];
}

nd_status nd_prep_fail_label(const nd_prep_map *map, size_t row, size_t t)
{
    const nd_column *raw = &map->table->column[map->target[t]];
    const nd_dict *classes = map->prep->target[t].classes;
    char what[256], number[ND_NUM_TEXT] = "";
    const char *text = NULL;
    if (raw->dtype != ND_DT_WORD) {
        double v = nd_column_number(raw, row, 0);
        nd_num_print(number, v);
        text = isnan(v) ? NULL : number;
    } else if (nd_column_word(raw, row) != ND_DICT_NONE) {
        text = nd_dict_word(raw->dict, nd_column_word(raw, row), NULL);
    }
    if (text) {
        snprintf(what, sizeof what, "\"%.80s\" is neither \"%.60s\" nor \"%.60s\"", text,
                 nd_dict_word(classes, 0, NULL), nd_dict_word(classes, 1, NULL));
    } else {
        snprintf(what, sizeof what, "the target is missing");
    }
    return nd_prep_fail_cell(map->table, row, raw, what);
}
