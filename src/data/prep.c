#include "data/prep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/prep_parts.h"

static const char *const task_names[] = {"auto",       "binary",     "multiclass",
                                         "regression", "multilabel", "autoencoder"};
static const char *const scaling_names[] = {"standard", "minmax", "quantile", "none"};
static const char *const kind_names[] = {"dropped", "number", "image",
                                         "one_hot", "hashed", "index"};

const char *nd_task_name(nd_task task)
{
    return task_names[task];
}

const char *nd_scaling_name(nd_scaling scaling)
{
    return scaling_names[scaling];
}

const char *nd_prep_kind_name(nd_prep_kind kind)
{
    return kind_names[kind];
}

static void free_column(nd_prep_column *column)
{
    nd_free(column->name);
    nd_free(column->reason);
    nd_free(column->knots);
    nd_dict_destroy(column->words);
}

void nd_prep_destroy(nd_prep *prep)
{
    if (!prep) {
        return;
    }
    for (size_t c = 0; prep->column && c < prep->columns; c++) {
        free_column(&prep->column[c]);
    }
    for (size_t t = 0; prep->target && t < prep->targets; t++) {
        nd_free(prep->target[t].name);
        nd_dict_destroy(prep->target[t].classes);
    }
    nd_free(prep->column);
    nd_free(prep->target);
    nd_free(prep->class_count);
    nd_free(prep->weight_column);
    nd_free(prep->class_weight);
    nd_dict_destroy(prep->classes);
    nd_free(prep);
}

size_t nd_prep_inputs(const nd_prep *prep)
{
    return prep->features * (prep->window ? prep->window : 1);
}

bool nd_prep_is_target(const nd_prep *prep, size_t column)
{
    for (size_t t = 0; prep->window == 0 && t < prep->targets; t++) {
        if (prep->target[t].position == column) {
            return true;
        }
    }
    return false;
}

size_t nd_prep_label_width(const nd_prep *prep)
{
    return nd_task_has_classes(prep->task) ? 1 : nd_prep_outputs(prep);
}

size_t nd_prep_outputs(const nd_prep *prep)
{
    if (prep->task == ND_TASK_AUTOENCODER) {
        return prep->features;
    }
    return nd_task_has_classes(prep->task) ? nd_dict_count(prep->classes) : prep->targets;
}

size_t nd_prep_index_rows(const nd_prep_column *column)
{
    return nd_dict_count(column->words) + column->other + column->missing_feature;
}

bool nd_prep_listed(const nd_table *table, size_t column, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (nd_table_find(table, names[i]) == (int)column) {
            return true;
        }
    }
    return false;
}

nd_status nd_prep_fail_cell(const nd_table *table, size_t row, const nd_column *column,
                            const char *what)
{
    return nd_fail(table->ctx, ND_ERR_DATA, "%s: row %zu, column \"%s\": %s", table->path,
                   nd_table_row(table, row), column->name, what);
}

nd_status nd_prep_fail_below(const nd_table *table, size_t row, const nd_column *column, double v)
{
    char what[ND_NUM_TEXT + 64], number[ND_NUM_TEXT];
    nd_num_print(number, v);
    snprintf(what, sizeof what, "the target, %s, is below 0; loss poisson takes counts", number);
    return nd_prep_fail_cell(table, row, column, what);
}

typedef struct word_key {
    const char *text;
    size_t size;
    double value;
} word_key;

static int by_bytes(const void *a, const void *b)
{
    const word_key *x = a, *y = b;
    size_t shorter = x->size < y->size ? x->size : y->size;
    int order = memcmp(x->text, y->text, shorter);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static int by_value(const void *a, const void *b)
{
    const word_key *x = a, *y = b;
    int order = (x->value > y->value) - (x->value < y->value);
    return order ? order : by_bytes(a, b);
}

static bool read_keys(const nd_dict *from, const uint32_t *pick, size_t n, word_key *key)
{
    bool numbers = true;
    for (size_t i = 0; i < n; i++) {
        key[i].text = nd_dict_word(from, pick[i], &key[i].size);
        numbers = nd_num_parse(key[i].text, key[i].size, &key[i].value) == ND_NUM_OK &&
                  isfinite(key[i].value) && numbers;
    }
    return numbers;
}

nd_dict *nd_words_sorted(const nd_dict *from, const uint32_t *pick, size_t n)
{
    word_key *key = nd_alloc(n, sizeof *key);
    nd_dict *sorted = nd_dict_create();
    if (!key || !sorted) {
        goto fail;
    }
    qsort(key, n, sizeof *key, read_keys(from, pick, n, key) ? by_value : by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (nd_dict_add(sorted, key[i].text, key[i].size) == ND_DICT_NONE) {
            goto fail;
        }
    }
    nd_free(key);
    return sorted;
fail:
    nd_free(key);
    nd_dict_destroy(sorted);
    return NULL;
}
