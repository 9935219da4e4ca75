/* Where the columns of a preparation lie in a table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/prep.h"
#include "data/prep_parts.h"

static int find_exact(const nd_table *table, const char *name)
{
    for (size_t c = 0; c < table->columns; c++) {
        if (strcmp(table->column[c].name, name) == 0) {
            return (int)c;
        }
    }
    return -1;
}

/* Name of the column of a target. */
static const char *target_column(const nd_prep *prep, size_t t)
{
    const nd_prep_target *target = &prep->target[t];
    return prep->window ? prep->column[target->position].name : target->name;
}

static size_t match_names(nd_prep_map *map)
{
    const nd_prep *prep = map->prep;
    size_t lacking = 0;
    for (size_t i = 0; i < prep->columns; i++) {
        bool used = prep->column[i].kind != ND_PREP_DROPPED;
        map->column[i] = used ? find_exact(map->table, prep->column[i].name) : -1;
        lacking += used && map->column[i] < 0;
    }
    for (size_t t = 0; t < prep->targets; t++) {
        map->target[t] = find_exact(map->table, target_column(prep, t));
    }
    return lacking;
}

/* By order: inputs alone, or inputs and targets as in the training table. */
static void match_positions(nd_prep_map *map, bool with_targets)
{
    const nd_prep *prep = map->prep;
    int at = 0;
    for (size_t i = 0; i < prep->columns; i++, at++) {
        while (with_targets && nd_prep_is_target(prep, (size_t)at)) {
            at++;
        }
        map->column[i] = prep->column[i].kind != ND_PREP_DROPPED ? at : -1;
    }
    for (size_t t = 0; t < prep->targets; t++) {
        map->target[t] = with_targets || prep->window ? (int)prep->target[t].position : -1;
    }
}

/* A file without header whose columns are 1, 2, 3, ... has no names to go by. */
static bool bare_numbers(const nd_table *table)
{
    for (size_t c = 0; c < table->columns; c++) {
        char text[ND_NUM_TEXT];
        nd_num_print(text, (double)(c + 1));
        if (table->header || strcmp(table->column[c].name, text) != 0) {
            return false;
        }
    }
    return true;
}

static void add_name(nd_text *text, size_t *count, const char *name)
{
    enum { SHOWN = 10 };
    if (*count < SHOWN) {
        nd_text_printf(text, "%s\"%s\"", *count ? ", " : "", name);
    } else if (*count == SHOWN) {
        nd_text_puts(text, ", ...");
    }
    ++*count;
}

static nd_status fail_lacking(const nd_prep_map *map)
{
    const nd_prep *prep = map->prep;
    const nd_table *table = map->table;
    nd_text text = {0};
    size_t count = 0;
    for (size_t i = 0; i < prep->columns; i++) {
        if (prep->column[i].kind != ND_PREP_DROPPED &&
            find_exact(table, prep->column[i].name) < 0) {
            add_name(&text, &count, prep->column[i].name);
        }
    }
    nd_status status =
        nd_fail(prep->ctx, ND_ERR_DATA, "%s lacks %zu column%s that the model needs: %s%s",
                table->path, count, count > 1 ? "s" : "", text.data ? text.data : "",
                table->header ? "" : " (it has no header, and a different number of columns)");
    nd_text_free(&text);
    return status;
}

static nd_status match(nd_prep_map *map)
{
    const nd_prep *prep = map->prep;
    const nd_table *table = map->table;
    if (!prep->header && table->columns == prep->columns && bare_numbers(table)) {
        match_positions(map, false);
        return ND_OK;
    }
    if (match_names(map) == 0) {
        return ND_OK;
    }
    if (prep->header && table->header) {
        return fail_lacking(map);
    }
    size_t more = prep->window ? 0 : prep->targets;
    if (table->columns != prep->columns && table->columns != prep->columns + more) {
        return fail_lacking(map);
    }
    match_positions(map, table->columns != prep->columns);
    return ND_OK;
}

static nd_status check_targets(const nd_prep_map *map)
{
    for (size_t t = 0; t < map->prep->targets; t++) {
        if (map->target[t] < 0) {
            return nd_fail(map->prep->ctx, ND_ERR_DATA, "%s lacks the target column \"%s\"",
                           map->table->path, target_column(map->prep, t));
        }
    }
    return ND_OK;
}

static size_t first_row_of(const nd_table *table, const nd_column *raw, uint32_t word)
{
    size_t row = 0;
    while (row < table->rows && nd_column_word(raw, row) != word) {
        row++;
    }
    return row;
}

/* Words of a text column as numbers, for a column that was numeric in training. */
static nd_status parse_words(const nd_prep_map *map, const nd_column *raw, double **out)
{
    size_t words = nd_dict_count(raw->dict);
    double *number = nd_alloc(words, sizeof *number);
    if (!number) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (uint32_t w = 0; w < words; w++) {
        size_t size, row;
        const char *text = nd_dict_word(raw->dict, w, &size);
        bool fine = nd_num_parse(text, size, &number[w]) == ND_NUM_OK && isfinite(number[w]);
        if (!fine && (row = first_row_of(map->table, raw, w)) < map->table->rows) {
            char what[256];
            snprintf(what, sizeof what, "\"%.100s\" is not a number, but the model takes one here",
                     text);
            nd_free(number);
            return nd_prep_fail_cell(map->table, row, raw, what);
        }
    }
    *out = number;
    return ND_OK;
}

/* Feature of a word the column knows, of "other" for the rest. */
static nd_status link_words(nd_prep_map *map, const nd_column *raw, size_t i)
{
    const nd_prep_column *column = &map->prep->column[i];
    size_t words = nd_dict_count(raw->dict);
    map->word[i] = nd_alloc(words, sizeof **map->word);
    if (!map->word[i]) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (uint32_t w = 0; w < words; w++) {
        size_t size;
        const char *text = nd_dict_word(raw->dict, w, &size);
        map->word[i][w] = nd_prep_word_feature(column, text, size);
    }
    return ND_OK;
}

/* z with Phi(z) = p, by bisection on the complementary error function. */
static double normal_score(double p)
{
    double low = -10, high = 10;
    for (int i = 0; i < 60; i++) {
        double z = 0.5 * (low + high);
        if (0.5 * erfc(-z * 0.70710678118654752440) < p) {
            low = z;
        } else {
            high = z;
        }
    }
    return 0.5 * (low + high);
}

static nd_status score_knots(nd_prep_map *map, size_t i)
{
    const nd_prep_column *column = &map->prep->column[i];
    map->score[i] = nd_alloc(column->knot_count, sizeof **map->score);
    if (!map->score[i]) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (size_t k = 0; k < column->knot_count; k++) {
        map->score[i][k] = normal_score(((double)k + 0.5) / (double)column->knot_count);
    }
    return ND_OK;
}

static nd_status fail_type(const nd_prep_map *map, const nd_column *raw, const char *what)
{
    return nd_fail(map->prep->ctx, ND_ERR_DATA, "%s: column \"%s\": %s", map->table->path,
                   raw->name, what);
}

static nd_status link_column(nd_prep_map *map, size_t i)
{
    const nd_prep_column *column = &map->prep->column[i];
    if (map->column[i] < 0) {
        return ND_OK;
    }
    const nd_column *raw = &map->table->column[map->column[i]];
    bool image = column->kind == ND_PREP_IMAGE;
    if (image != (raw->dtype == ND_DT_U8)) {
        return fail_type(map, raw,
                         image ? "the model takes images here" : "the model takes no images");
    }
    if (image) {
        return raw->width == column->features
                   ? ND_OK
                   : fail_type(map, raw, "images of another size than those of training");
    }
    if (column->kind != ND_PREP_NUMBER) {
        return raw->dtype == ND_DT_WORD ? link_words(map, raw, i) : ND_OK;
    }
    if (column->scaling == ND_SCALING_QUANTILE) {
        ND_TRY(score_knots(map, i));
    }
    return raw->dtype == ND_DT_WORD ? parse_words(map, raw, &map->number[i]) : ND_OK;
}

/* The class texts as numbers, if all are: a table may hold the target as numbers. */
static nd_status read_class_values(nd_prep_map *map)
{
    size_t classes = nd_dict_count(map->prep->classes);
    double *value = nd_alloc(classes, sizeof *value);
    if (!value) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (uint32_t k = 0; k < classes; k++) {
        size_t size;
        const char *text = nd_dict_word(map->prep->classes, k, &size);
        if (nd_num_parse(text, size, &value[k]) != ND_NUM_OK || !isfinite(value[k])) {
            nd_free(value);
            return ND_OK;
        }
    }
    map->class_value = value;
    return ND_OK;
}

static uint32_t class_of_text(const nd_prep_map *map, const char *text, size_t size)
{
    uint32_t class = nd_dict_find(map->prep->classes, text, size);
    double value;
    if (class != ND_DICT_NONE || !map->class_value ||
        nd_num_parse(text, size, &value) != ND_NUM_OK) {
        return class;
    }
    for (uint32_t k = 0; k < nd_dict_count(map->prep->classes); k++) {
        if (map->class_value[k] == value) {
            return k;
        }
    }
    return ND_DICT_NONE;
}

/* Some files end their labels with a full stop (the test part of UCI's adult). */
static uint32_t class_before_stop(const nd_prep_map *map, const char *text, size_t size)
{
    if (size < 2 || text[size - 1] != '.') {
        return ND_DICT_NONE;
    }
    uint32_t class = nd_dict_find(map->prep->classes, text, size - 1);
    if (class != ND_DICT_NONE) {
        nd_log(map->prep->ctx, 1, "%s: \"%s\" is taken for class \"%s\"", map->table->path, text,
               nd_dict_word(map->prep->classes, class, NULL));
    }
    return class;
}

static nd_status link_classes(nd_prep_map *map)
{
    ND_TRY(read_class_values(map));
    const nd_column *raw = &map->table->column[map->target[0]];
    if (raw->dtype != ND_DT_WORD) {
        return ND_OK;
    }
    size_t words = nd_dict_count(raw->dict);
    map->class_of = nd_alloc(words, sizeof *map->class_of);
    if (!map->class_of) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (uint32_t w = 0; w < words; w++) {
        size_t size;
        const char *text = nd_dict_word(raw->dict, w, &size);
        map->class_of[w] = class_of_text(map, text, size);
        if (map->class_of[w] == ND_DICT_NONE) {
            map->class_of[w] = class_before_stop(map, text, size);
        }
    }
    return ND_OK;
}

static nd_status link_labels(nd_prep_map *map)
{
    map->label = nd_alloc(map->prep->targets, sizeof *map->label);
    if (!map->label) {
        return nd_fail_memory(map->prep->ctx);
    }
    for (size_t t = 0; t < map->prep->targets; t++) {
        if (map->target[t] >= 0) {
            ND_TRY(nd_prep_link_label(map, t));
        }
    }
    return ND_OK;
}

static nd_status link_all(nd_prep_map *map, bool need_target)
{
    const nd_prep *prep = map->prep;
    ND_TRY(match(map));
    for (size_t i = 0; i < prep->columns; i++) {
        ND_TRY(link_column(map, i));
    }
    if (need_target) {
        ND_TRY(check_targets(map));
    }
    if (prep->task == ND_TASK_MULTILABEL) {
        return link_labels(map);
    }
    bool has_class = nd_task_has_classes(prep->task) && map->target[0] >= 0;
    return has_class ? link_classes(map) : ND_OK;
}

nd_status nd_prep_map_create(const nd_prep *prep, const nd_table *table, bool need_target,
                             nd_prep_map *map)
{
    *map = (nd_prep_map){.prep = prep, .table = table};
    map->column = nd_alloc(prep->columns, sizeof *map->column);
    map->target = nd_alloc(prep->targets, sizeof *map->target);
    map->word = nd_alloc(prep->columns, sizeof *map->word);
    map->number = nd_alloc(prep->columns, sizeof *map->number);
    map->score = nd_alloc(prep->columns, sizeof *map->score);
    nd_status status = map->column && map->target && map->word && map->number && map->score
                           ? link_all(map, need_target)
                           : nd_fail_memory(prep->ctx);
    if (status != ND_OK) {
        nd_prep_map_free(map);
    }
    return status;
}

void nd_prep_map_free(nd_prep_map *map)
{
    for (size_t i = 0; map->prep && i < map->prep->columns; i++) {
        nd_free(map->word ? map->word[i] : NULL);
        nd_free(map->number ? map->number[i] : NULL);
        nd_free(map->score ? map->score[i] : NULL);
    }
    nd_free(map->column);
    nd_free(map->target);
    nd_free(map->word);
    nd_free(map->number);
    nd_free(map->score);
    for (size_t t = 0; map->label && t < map->prep->targets; t++) {
        nd_free(map->label[t].of);
    }
    nd_free(map->label);
    nd_free(map->class_of);
    nd_free(map->class_value);
    *map = (nd_prep_map){0};
}
