/* What rows count in training: a column of weights, and weights of classes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/prep_parts.h"

bool nd_prep_weighted(const nd_prep *prep)
{
    return prep->weight_column || prep->class_weight;
}

size_t nd_prep_row_width(const nd_prep *prep)
{
    return nd_prep_label_width(prep) + nd_prep_weighted(prep);
}

/* ---- Fitting ---- */

/* n / (k n_c): every class counts the same in sum (King & Zeng 2001). */
static nd_status balance(nd_prep *prep)
{
    size_t classes = nd_dict_count(prep->classes);
    double rows = 0;
    for (size_t k = 0; k < classes; k++) {
        rows += prep->class_count[k];
    }
    for (size_t k = 0; k < classes; k++) {
        double count = prep->class_count[k];
        prep->class_weight[k] = count > 0 ? rows / ((double)classes * count) : 0;
    }
    return ND_OK;
}

static nd_status fail_class(const nd_prep *prep, const char *name)
{
    size_t classes = nd_dict_count(prep->classes);
    const char **word = nd_alloc(classes, sizeof *word);
    if (!word) {
        return nd_fail_memory(prep->ctx);
    }
    for (size_t k = 0; k < classes; k++) {
        word[k] = nd_dict_word(prep->classes, (uint32_t)k, NULL);
    }
    const char *near = nd_nearest(name, word, classes);
    nd_status status =
        nd_fail(prep->ctx, ND_ERR_OPTION,
                "class_weights: target \"%s\" has no class \"%s\"%s%s%s; its classes are %s .. %s",
                prep->target[0].name, name, near ? "; did you mean \"" : "", near ? near : "",
                near ? "\"?" : "", word[0], word[classes - 1]);
    nd_free(word);
    return status;
}

/* "NAME=X"; a name may hold an equal sign itself. */
static nd_status set_class(nd_prep *prep, const char *text)
{
    const char *equal = strrchr(text, '=');
    double weight;
    if (!equal || nd_num_parse(equal + 1, strlen(equal + 1), &weight) != ND_NUM_OK ||
        !(weight >= 0 && weight <= 1e6)) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "class_weights: '%s' is not a class, '=' and a weight of 0 to 1e6; "
                       "none and balanced stand alone",
                       text);
    }
    uint32_t class = nd_dict_find(prep->classes, text, (size_t)(equal - text));
    if (class != ND_DICT_NONE) {
        prep->class_weight[class] = weight;
        return ND_OK;
    }
    char *name = nd_strndup(text, (size_t)(equal - text));
    nd_status status = name ? fail_class(prep, name) : nd_fail_memory(prep->ctx);
    nd_free(name);
    return status;
}

static bool says(const nd_prep_params *params, const char *word)
{
    return params->class_weights == 1 && strcmp(params->class_weight[0], word) == 0;
}

static nd_status fit_classes(nd_prep *prep, const nd_prep_params *params)
{
    if (params->class_weights == 0 || says(params, "none")) {
        return ND_OK;
    }
    if (!nd_task_has_classes(prep->task)) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "class_weights: task %s has no classes; weigh rows by a column (--weight)",
                       nd_task_name(prep->task));
    }
    size_t classes = nd_dict_count(prep->classes);
    prep->class_weight = nd_alloc(classes, sizeof *prep->class_weight);
    if (!prep->class_weight) {
        return nd_fail_memory(prep->ctx);
    }
    if (says(params, "balanced")) {
        return balance(prep);
    }
    for (size_t k = 0; k < classes; k++) {
        prep->class_weight[k] = 1;
    }
    for (size_t i = 0; i < params->class_weights; i++) {
        ND_TRY(set_class(prep, params->class_weight[i]));
    }
    return ND_OK;
}

/* Weight of a row by its column; NaN if it is missing or text. */
static double cell_weight(const nd_column *column, size_t row)
{
    double weight;
    size_t size;
    if (column->dtype != ND_DT_WORD) {
        return nd_column_number(column, row, 0);
    }
    uint32_t word = nd_column_word(column, row);
    const char *text = word == ND_DICT_NONE ? NULL : nd_dict_word(column->dict, word, &size);
    return text && nd_num_parse(text, size, &weight) == ND_NUM_OK ? weight : NAN;
}

static nd_status fail_weight(const nd_table *table, const nd_column *column, size_t row)
{
    char what[160], number[ND_NUM_TEXT];
    bool word = column->dtype == ND_DT_WORD;
    double weight = cell_weight(column, row);
    const char *text = number;
    nd_num_print(number, weight);
    if (word) {
        uint32_t at = nd_column_word(column, row);
        text = at == ND_DICT_NONE ? NULL : nd_dict_word(column->dict, at, NULL);
    } else if (isnan(weight)) {
        text = NULL;
    }
    if (text) {
        snprintf(what, sizeof what, "\"%.80s\" is no weight: a finite number of 0 or more", text);
    } else {
        snprintf(what, sizeof what, "the weight is missing");
    }
    return nd_prep_fail_cell(table, row, column, what);
}

/* As nd_real has to hold it. */
static bool is_weight(double weight)
{
    return weight >= 0 && weight <= 1e30;
}

/* All weights are read once before anything else happens, so that a bad one is told at
 * once and not after other work. */
static nd_status check_sum(const nd_prep *prep, const nd_table *table, const uint32_t *rows,
                           size_t count)
{
    int at = nd_table_find(table, prep->weight_column);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t row = rows ? rows[i] : i;
        double weight = cell_weight(&table->column[at], row);
        if (!is_weight(weight)) {
            return fail_weight(table, &table->column[at], row);
        }
        sum += weight;
    }
    return sum > 0 ? ND_OK
                   : nd_fail(prep->ctx, ND_ERR_DATA,
                             "%s: column \"%s\": the weights of all training rows are 0",
                             table->path, table->column[at].name);
}

nd_status nd_prep_fit_weights(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                              size_t count, const nd_prep_params *params)
{
    ND_TRY(fit_classes(prep, params));
    double sum = 0;
    for (size_t k = 0; prep->class_weight && k < nd_dict_count(prep->classes); k++) {
        sum += prep->class_weight[k] * prep->class_count[k];
    }
    if (prep->class_weight && !(sum > 0)) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "class_weights: the weights of all training rows are 0");
    }
    if (!params->weight) {
        return ND_OK;
    }
    int at = nd_table_find(table, params->weight);
    prep->weight_column = nd_strdup(table->column[at].name);
    return prep->weight_column ? check_sum(prep, table, rows, count) : nd_fail_memory(prep->ctx);
}

/* ---- Applying ---- */

nd_status nd_prep_label_rows(const nd_prep_map *map, const uint32_t *rows, size_t first,
                             size_t count, nd_real *y)
{
    const nd_prep *prep = map->prep;
    size_t width = nd_prep_label_width(prep);
    ND_TRY(nd_prep_labels(map, rows, first, count, y));
    if (!nd_prep_weighted(prep)) {
        return ND_OK;
    }
    int at = prep->weight_column ? nd_table_find(map->table, prep->weight_column) : -1;
    if (prep->weight_column && at < 0) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s has no column \"%s\", the weight of its rows",
                       map->table->path, prep->weight_column);
    }
    /* From the back, so that labels move to their places before others need theirs. */
    for (size_t i = count; i-- > 0;) {
        size_t row = rows ? rows[i] : first + i;
        double weight = at < 0 ? 1 : cell_weight(&map->table->column[at], row);
        if (!is_weight(weight)) {
            return fail_weight(map->table, &map->table->column[at], row);
        }
        weight *= prep->class_weight ? prep->class_weight[(size_t)y[i * width]] : 1;
        memmove(y + i * (width + 1), y + i * width, width * sizeof *y);
        y[i * (width + 1) + width] = (nd_real)weight;
    }
    return ND_OK;
}
