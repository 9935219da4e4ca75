/* What is predicted: target columns, task, classes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/prep.h"
#include "data/prep_parts.h"
#include "data/stats.h"

enum { CLASSES_AUTO = 20, CLASSES_MOST = 10000 };

/* Different values of a number column with their counts, ascending. */
typedef struct values {
    double value[CLASSES_MOST];
    size_t count[CLASSES_MOST];
    size_t n;
    bool whole;
} values;

static nd_status fail_name(const nd_table *table, const char *what, const char *name)
{
    const char **names = nd_alloc(table->columns, sizeof *names);
    if (!names) {
        return nd_fail_memory(table->ctx);
    }
    for (size_t c = 0; c < table->columns; c++) {
        names[c] = table->column[c].name;
    }
    const char *near = nd_nearest(name, names, table->columns);
    nd_status status =
        nd_fail(table->ctx, ND_ERR_DATA,
                "%s has no column \"%s\" (given as %s)%s%s%s; its columns are %s%s%s", table->path,
                name, what, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "",
                names[0], table->columns > 1 ? " .. " : "",
                table->columns > 1 ? names[table->columns - 1] : "");
    nd_free(names);
    return status;
}

static nd_status check_names(const nd_table *table, const char *what, const char *const *names,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (nd_table_find(table, names[i]) < 0) {
            return fail_name(table, what, names[i]);
        }
    }
    return ND_OK;
}

static nd_status add_target(nd_prep *prep, const nd_table *table, size_t column)
{
    for (size_t t = 0; t < prep->targets; t++) {
        if (prep->target[t].position == column) {
            return nd_fail(prep->ctx, ND_ERR_DATA, "target \"%s\" is given twice",
                           table->column[column].name);
        }
    }
    if (table->column[column].dtype == ND_DT_U8) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: column \"%s\" holds images and cannot be a target", table->path,
                       table->column[column].name);
    }
    nd_prep_target *target = &prep->target[prep->targets++];
    *target = (nd_prep_target){.position = column, .scale = 1};
    target->name = nd_strdup(table->column[column].name);
    return target->name ? ND_OK : nd_fail_memory(prep->ctx);
}

/* The column of a series, once per row ahead. */
static nd_status find_series(nd_prep *prep, const nd_table *table, const nd_prep_params *params)
{
    if (params->target_count > 1 || (params->target_count == 0 && table->targets > 1)) {
        return nd_fail(prep->ctx, ND_ERR_OPTION, "window: one target is forecast, not several");
    }
    ND_TRY(check_names(table, "target", params->target, params->target_count));
    size_t column =
        params->target_count ? (size_t)nd_table_find(table, params->target[0]) : table->columns - 1;
    prep->target = nd_alloc(params->horizon, sizeof *prep->target);
    if (!prep->target) {
        return nd_fail_memory(prep->ctx);
    }
    for (size_t k = 0; k < params->horizon; k++) {
        nd_text name = {0};
        nd_text_printf(&name, "%s[t+%zu]", table->column[column].name, k + 1);
        if (name.failed) {
            nd_text_free(&name);
            return nd_fail_memory(prep->ctx);
        }
        prep->target[prep->targets++] =
            (nd_prep_target){.name = name.data, .position = column, .scale = 1};
    }
    return ND_OK;
}

/* Columns and settings that an autoencoder has no use for. */
static nd_status check_autoencoder(const nd_prep *prep, const nd_prep_params *params)
{
    if (params->target_count > 0) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "target: task autoencoder has none, its inputs are what it gives back; "
                       "--ignore leaves columns out");
    }
    if (params->weight) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "weight: task autoencoder counts every row the same");
    }
    return ND_OK;
}

static nd_status find_targets(nd_prep *prep, const nd_table *table, const nd_prep_params *params)
{
    if (prep->window) {
        return find_series(prep, table, params);
    }
    size_t own = table->targets ? table->targets : 1;
    size_t count = params->target_count ? params->target_count : own;
    prep->target = nd_alloc(count, sizeof *prep->target);
    if (!prep->target) {
        return nd_fail_memory(prep->ctx);
    }
    if (params->task == ND_TASK_AUTOENCODER) {
        return check_autoencoder(prep, params);
    }
    ND_TRY(check_names(table, "target", params->target, params->target_count));
    for (size_t t = 0; t < count; t++) {
        size_t column = params->target_count ? (size_t)nd_table_find(table, params->target[t])
                                             : table->columns - own + t;
        ND_TRY(add_target(prep, table, column));
    }
    if (prep->targets >= table->columns) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: no column is left beside the target%s",
                       table->path,
                       table->columns > 1 ? "" : "; cells are parted by what --delimiter says");
    }
    return ND_OK;
}

static nd_status list_inputs(nd_prep *prep, const nd_table *table)
{
    size_t most = table->columns - (prep->window ? 0 : prep->targets);
    prep->column = nd_alloc(most, sizeof *prep->column);
    if (!prep->column) {
        return nd_fail_memory(prep->ctx);
    }
    for (size_t c = 0; c < table->columns; c++) {
        if (nd_prep_is_target(prep, c)) {
            continue;
        }
        nd_prep_column *column = &prep->column[prep->columns++];
        column->kind = ND_PREP_DROPPED;
        column->scale = 1;
        column->name = nd_strdup(table->column[c].name);
        column->reason = nd_strdup("not fitted");
        if (!column->name || !column->reason) {
            return nd_fail_memory(prep->ctx);
        }
    }
    return ND_OK;
}

static bool cell_missing(const nd_column *column, size_t row)
{
    return column->dtype == ND_DT_WORD ? nd_column_word(column, row) == ND_DICT_NONE
                                       : isnan(nd_column_number(column, row, 0));
}

static nd_status check_missing(const nd_table *table, const nd_column *column, const char *remedy)
{
    size_t missing = 0, first = 0;
    for (size_t r = 0; r < table->rows; r++) {
        if (cell_missing(column, r)) {
            first = missing++ ? first : r;
        }
    }
    if (missing == 0) {
        return ND_OK;
    }
    return nd_fail(table->ctx, ND_ERR_DATA,
                   "%s: row %zu, column \"%s\": the target is missing (in %zu of %zu rows); "
                   "%s",
                   table->path, nd_table_row(table, first), column->name, missing, table->rows,
                   remedy);
}

static nd_status check_infinite(const nd_table *table, const nd_column *column)
{
    for (size_t r = 0; column->dtype != ND_DT_WORD && r < table->rows; r++) {
        if (isinf(nd_column_number(column, r, 0))) {
            return nd_prep_fail_cell(table, r, column, "the target is infinite");
        }
    }
    return ND_OK;
}

/* Place of x among the values, where it is or belongs. */
static size_t place(const values *v, double x)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->value[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* False if there are more than most different values. */
static bool gather_values(const nd_column *column, size_t rows, size_t most, values *v)
{
    v->n = 0;
    v->whole = true;
    for (size_t r = 0; r < rows; r++) {
        double x = nd_column_number(column, r, 0) + 0.0; /* -0 becomes 0 */
        size_t i = place(v, x);
        if (i == v->n || v->value[i] != x) {
            if (v->n == most) {
                return false;
            }
            memmove(&v->value[i + 1], &v->value[i], (v->n - i) * sizeof *v->value);
            memmove(&v->count[i + 1], &v->count[i], (v->n - i) * sizeof *v->count);
            v->value[i] = x;
            v->count[i] = 0;
            v->n++;
            v->whole = v->whole && x == floor(x) && fabs(x) <= 9007199254740992.0;
        }
        v->count[i]++;
    }
    return true;
}

static nd_status room_for_counts(nd_prep *prep, size_t classes)
{
    prep->class_count = nd_alloc(classes, sizeof *prep->class_count);
    return prep->class_count ? ND_OK : nd_fail_memory(prep->ctx);
}

static nd_status classes_of_values(nd_prep *prep, const values *v)
{
    prep->classes = nd_dict_create();
    if (!prep->classes) {
        return nd_fail_memory(prep->ctx);
    }
    ND_TRY(room_for_counts(prep, v->n));
    for (size_t i = 0; i < v->n; i++) {
        char text[ND_NUM_TEXT];
        size_t size = nd_num_print(text, v->value[i]);
        if (nd_dict_add(prep->classes, text, size) == ND_DICT_NONE) {
            return nd_fail_memory(prep->ctx);
        }
        prep->class_count[i] = (double)v->count[i];
    }
    return ND_OK;
}

static nd_status sort_classes(nd_prep *prep, const nd_column *column, const nd_stats *stats)
{
    uint32_t *pick = nd_alloc(stats->words, sizeof *pick);
    if (!pick) {
        return nd_fail_memory(prep->ctx);
    }
    size_t n = 0;
    for (uint32_t w = 0; w < nd_dict_count(column->dict); w++) {
        if (stats->word_count[w] > 0) {
            pick[n++] = w;
        }
    }
    prep->classes = nd_words_sorted(column->dict, pick, n);
    nd_free(pick);
    return prep->classes ? room_for_counts(prep, n) : nd_fail_memory(prep->ctx);
}

static nd_status classes_of_words(nd_prep *prep, const nd_table *table, const nd_column *column)
{
    nd_stats stats;
    if (!nd_stats_take(column, NULL, table->rows, &stats)) {
        return nd_fail_memory(prep->ctx);
    }
    nd_status status = sort_classes(prep, column, &stats);
    for (size_t k = 0; status == ND_OK && k < nd_dict_count(prep->classes); k++) {
        size_t size;
        const char *text = nd_dict_word(prep->classes, (uint32_t)k, &size);
        prep->class_count[k] = stats.word_count[nd_dict_find(column->dict, text, size)];
    }
    nd_stats_free(&stats);
    return status;
}

static nd_status check_classes(nd_prep *prep, const nd_table *table, const nd_column *column,
                               nd_task asked)
{
    size_t classes = nd_dict_count(prep->classes), single = 0, first = 0;
    if (classes < 2) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" has one class only (\"%s\"); there is nothing to learn",
                       table->path, column->name, nd_dict_word(prep->classes, 0, NULL));
    }
    if (asked == ND_TASK_BINARY && classes > 2) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" has %zu classes, but task binary takes 2", table->path,
                       column->name, classes);
    }
    if (asked == ND_TASK_AUTO && table->rows > 20 && classes * 2 > table->rows) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" holds %zu different texts in %zu rows, too many for "
                       "classes; give another target, or --task multiclass to use it all the same",
                       table->path, column->name, classes, table->rows);
    }
    for (size_t k = 0; k < classes; k++) {
        if (prep->class_count[k] < 2) {
            first = single++ ? first : k;
        }
    }
    if (single > 0) {
        nd_log(prep->ctx, 1,
               "class \"%s\"%s of target \"%s\" has a single row: it cannot be "
               "both learned and checked",
               nd_dict_word(prep->classes, (uint32_t)first, NULL),
               single > 1 ? " (and others)" : "", column->name);
    }
    return ND_OK;
}

static nd_status set_classes(nd_prep *prep, const nd_table *table, nd_task asked, const char *why)
{
    const nd_column *column = &table->column[prep->target[0].position];
    ND_TRY(check_classes(prep, table, column, asked));
    size_t classes = nd_dict_count(prep->classes);
    prep->task = asked != ND_TASK_AUTO ? asked : classes == 2 ? ND_TASK_BINARY : ND_TASK_MULTICLASS;
    nd_log(prep->ctx, 2, "task: %s, %zu classes (%s)", nd_task_name(prep->task), classes,
           asked == ND_TASK_AUTO ? why : "as asked");
    return ND_OK;
}

static nd_status check_counts(const nd_table *table, const nd_column *column)
{
    for (size_t r = 0; r < table->rows; r++) {
        if (nd_column_number(column, r, 0) < 0) {
            return nd_prep_fail_below(table, r, column, nd_column_number(column, r, 0));
        }
    }
    return ND_OK;
}

static nd_status check_regression(const nd_prep *prep, const nd_table *table, size_t position)
{
    const nd_column *column = &table->column[position];
    if (column->dtype == ND_DT_WORD) {
        char what[256];
        snprintf(what, sizeof what, "\"%.100s\" is text, but %s",
                 nd_dict_word(column->dict, nd_column_word(column, 0), NULL),
                 prep->targets > 1 ? "several targets must all be numbers"
                                   : "task regression takes a number");
        return nd_prep_fail_cell(table, 0, column, what);
    }
    double first = nd_column_number(column, 0, 0);
    for (size_t r = 1; r < table->rows; r++) {
        if (nd_column_number(column, r, 0) != first) {
            return prep->by_mean ? check_counts(table, column) : ND_OK;
        }
    }
    char text[ND_NUM_TEXT];
    nd_num_print(text, first);
    return nd_fail(prep->ctx, ND_ERR_DATA,
                   "%s: target \"%s\" is constant (%s in every row); there is nothing to learn",
                   table->path, column->name, text);
}

static nd_status set_regression(nd_prep *prep, const nd_table *table, const char *why)
{
    prep->task = ND_TASK_REGRESSION;
    if (prep->shares && prep->targets < 2) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "loss kl_divergence takes two target columns or more, which sum to 1 in "
                       "each row; target \"%s\" is one",
                       prep->target[0].name);
    }
    for (size_t t = 0; t < prep->targets; t++) {
        ND_TRY(check_regression(prep, table, prep->target[t].position));
    }
    nd_log(prep->ctx, 2, "task: regression, %zu target%s (%s)", prep->targets,
           prep->targets > 1 ? "s" : "", why);
    return ND_OK;
}

/* Whether a number target means classes; fills v if so. */
static nd_status judge_numbers(nd_prep *prep, const nd_table *table, nd_task asked, values *v)
{
    const nd_column *column = &table->column[prep->target[0].position];
    if (asked == ND_TASK_AUTO) {
        bool few = gather_values(column, table->rows, CLASSES_AUTO, v);
        if (!few || !v->whole || v->n * 2 > table->rows) {
            return set_regression(prep, table,
                                  few && v->whole ? "numbers that hardly repeat"
                                  : few           ? "the target holds fractions"
                                                  : "more than 20 different numbers");
        }
    } else if (!gather_values(column, table->rows, CLASSES_MOST, v)) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: target \"%s\" has more than %d classes",
                       table->path, column->name, (int)CLASSES_MOST);
    }
    ND_TRY(classes_of_values(prep, v));
    return set_classes(prep, table, asked,
                       "few different whole numbers; --task regression "
                       "takes them as quantities");
}

static nd_status decide_numbers(nd_prep *prep, const nd_table *table, nd_task asked)
{
    values *v = nd_alloc(1, sizeof *v);
    if (!v) {
        return nd_fail_memory(prep->ctx);
    }
    nd_status status = judge_numbers(prep, table, asked, v);
    nd_free(v);
    return status;
}

/* Several targets, or what was asked for them. */
static nd_status decide_several(nd_prep *prep, const nd_table *table, nd_task asked)
{
    bool binary = false;
    if (nd_task_has_classes(asked)) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "task %s takes one target, but %zu are given",
                       nd_task_name(asked), prep->targets);
    }
    if (asked == ND_TASK_AUTO && !prep->by_mean && !prep->shares) {
        ND_TRY(nd_prep_all_binary(prep, table, &binary));
    }
    if (binary) {
        return nd_prep_set_labels(prep, table,
                                  "several targets of two values each; --task regression takes "
                                  "them as quantities");
    }
    return set_regression(prep, table, asked == ND_TASK_AUTO ? "several targets" : "as asked");
}

static nd_status decide_forecast(nd_prep *prep, const nd_table *table, nd_task asked)
{
    if (asked != ND_TASK_AUTO && asked != ND_TASK_REGRESSION) {
        return nd_fail(prep->ctx, ND_ERR_OPTION, "window: numbers are forecast, not classes");
    }
    return set_regression(prep, table, asked == ND_TASK_AUTO ? "a forecast" : "as asked");
}

static nd_status decide_task(nd_prep *prep, const nd_table *table, nd_task asked)
{
    if (asked == ND_TASK_AUTOENCODER) {
        prep->task = asked;
        nd_log(prep->ctx, 2, "task: autoencoder (as asked)");
        return ND_OK;
    }
    if (prep->window) {
        return decide_forecast(prep, table, asked);
    }
    const nd_column *column = &table->column[prep->target[0].position];
    if (asked == ND_TASK_MULTILABEL) {
        return nd_prep_set_labels(prep, table, "as asked");
    }
    if (prep->targets > 1) {
        return decide_several(prep, table, asked);
    }
    if (asked == ND_TASK_REGRESSION || prep->shares) {
        return set_regression(prep, table, "as asked");
    }
    if (column->dtype != ND_DT_WORD) {
        return decide_numbers(prep, table, asked);
    }
    ND_TRY(classes_of_words(prep, table, column));
    return set_classes(prep, table, asked, "the target holds text");
}

static nd_status check_weight(const nd_prep *prep, const nd_table *table,
                              const nd_prep_params *params)
{
    if (!params->weight) {
        return ND_OK;
    }
    ND_TRY(check_names(table, "weight", &params->weight, 1));
    size_t column = (size_t)nd_table_find(table, params->weight);
    if (nd_prep_is_target(prep, column) || prep->target[0].position == column) {
        return nd_fail(prep->ctx, ND_ERR_OPTION, "weight: column \"%s\" is the target",
                       table->column[column].name);
    }
    if (table->column[column].dtype == ND_DT_U8) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: column \"%s\" holds images, not weights",
                       table->path, table->column[column].name);
    }
    return ND_OK;
}

static nd_status begin(nd_prep *prep, const nd_table *table, const nd_prep_params *params)
{
    if (table->rows == 0 || table->columns == 0) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s has no rows", table->path);
    }
    ND_TRY(check_names(table, "ignore", params->drop, params->drop_count));
    ND_TRY(check_names(table, "keep", params->keep, params->keep_count));
    ND_TRY(find_targets(prep, table, params));
    ND_TRY(check_weight(prep, table, params));
    ND_TRY(list_inputs(prep, table));
    bool allowed = !prep->window && !table->store && table->column[0].dtype != ND_DT_REAL;
    const char *remedy = allowed        ? "remove these rows, or train with --allow target_missing"
                         : prep->window ? "fill it in: a window takes every row"
                                        : "remove rows without target";
    for (size_t t = 0; t < prep->targets; t++) {
        if (nd_prep_listed(table, prep->target[t].position, params->drop, params->drop_count)) {
            return nd_fail(prep->ctx, ND_ERR_OPTION, "ignore: column \"%s\" is the target",
                           prep->target[t].name);
        }
        ND_TRY(check_missing(table, &table->column[prep->target[t].position], remedy));
        ND_TRY(check_infinite(table, &table->column[prep->target[t].position]));
        nd_column_forget(&table->column[prep->target[t].position], 0, table->rows);
    }
    return decide_task(prep, table, params->task);
}

nd_status nd_prep_begin(nd_ctx *ctx, const nd_table *table, const nd_prep_params *params,
                        nd_prep **prep)
{
    *prep = nd_alloc(1, sizeof **prep);
    if (!*prep) {
        return nd_fail_memory(ctx);
    }
    (*prep)->ctx = ctx;
    (*prep)->header = table->header;
    (*prep)->scaling = params->scaling;
    (*prep)->by_mean = params->by_mean;
    (*prep)->window = params->window;
    (*prep)->relative = params->window && params->relative && !params->by_mean;
    (*prep)->shares = params->shares;
    nd_status status = begin(*prep, table, params);
    if (status != ND_OK) {
        nd_prep_destroy(*prep);
        *prep = NULL;
    }
    return status;
}
