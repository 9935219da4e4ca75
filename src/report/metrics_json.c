#include "report/metrics_json.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Ten digits carry every figure and keep 0.1 readable. */
enum { JSON_DIGITS = 10 };

json_t *nd_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *nd_json_text(const char *text)
{
    if (nd_utf8_valid(text, strlen(text))) {
        return json_string(text);
    }
    char *copy = nd_strdup(text);
    for (char *at = copy; at && *at; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    json_t *json = copy ? json_string(copy) : NULL;
    nd_free(copy);
    return json;
}

static void check(json_t **tree, int failed)
{
    if (failed) {
        json_decref(*tree);
        *tree = NULL;
    }
}

void nd_json_set(json_t **object, const char *key, json_t *value)
{
    check(object, json_object_set_new(*object, key, value));
}

void nd_json_append(json_t **list, json_t *value)
{
    check(list, json_array_append_new(*list, value));
}

static int append(const char *bytes, size_t size, void *text)
{
    nd_text_add(text, bytes, size);
    return 0;
}

void nd_json_dump(nd_text *text, json_t *value, size_t flags)
{
    if (!value || json_dump_callback(value, append, text, flags) != 0) {
        text->failed = true;
    }
    json_decref(value);
}

nd_status nd_json_add(nd_ctx *ctx, json_t *value, int indent, nd_text *text)
{
    nd_json_dump(text, value,
                 JSON_REAL_PRECISION(JSON_DIGITS) | (indent ? JSON_INDENT(2) : JSON_COMPACT));
    nd_text_puts(text, "\n");
    return text->failed ? nd_fail_memory(ctx) : ND_OK;
}

static json_t *matrix(const uint64_t *cell, size_t n)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < n; j++) {
            nd_json_append(&row, json_integer((json_int_t)cell[i * n + j]));
        }
        nd_json_append(&rows, row);
    }
    return rows;
}

static json_t *class_list(const nd_metrics *m)
{
    json_t *list = json_array();
    for (int k = 0; k < m->classes; k++) {
        json_t *row = json_object();
        nd_json_set(&row, "class", nd_json_text(m->class_name[k]));
        nd_json_set(&row, "rows", json_integer((json_int_t)m->class_rows[k]));
        nd_json_set(&row, "precision", nd_json_number(m->class_precision[k]));
        nd_json_set(&row, "recall", nd_json_number(m->class_recall[k]));
        nd_json_set(&row, "f1", nd_json_number(m->class_f1[k]));
        nd_json_set(&row, "auc", nd_json_number(m->class_auc[k]));
        nd_json_append(&list, row);
    }
    return list;
}

static json_t *label_list(const nd_metrics *m)
{
    json_t *list = json_array();
    for (size_t j = 0; j < m->labels; j++) {
        json_t *row = json_object();
        nd_json_set(&row, "label", nd_json_text(m->label_name[j]));
        nd_json_set(&row, "rows", json_integer((json_int_t)m->label_rows[j]));
        nd_json_set(&row, "accuracy", nd_json_number(m->label_accuracy[j]));
        nd_json_set(&row, "precision", nd_json_number(m->label_precision[j]));
        nd_json_set(&row, "recall", nd_json_number(m->label_recall[j]));
        nd_json_set(&row, "f1", nd_json_number(m->label_f1[j]));
        nd_json_set(&row, "auc", nd_json_number(m->label_auc[j]));
        nd_json_append(&list, row);
    }
    return list;
}

static json_t *target_list(const nd_metrics *m)
{
    json_t *list = json_array();
    for (size_t j = 0; j < m->targets; j++) {
        json_t *row = json_object();
        nd_json_set(&row, "target", nd_json_text(m->target_name[j]));
        nd_json_set(&row, "rmse", nd_json_number(m->target_rmse[j]));
        nd_json_set(&row, "mae", nd_json_number(m->target_mae[j]));
        nd_json_set(&row, "r2", nd_json_number(m->target_r2[j]));
        nd_json_append(&list, row);
    }
    return list;
}

static void add_figures(json_t **object, const nd_metrics *m, const char *const *name)
{
    for (; *name; name++) {
        nd_json_set(object, *name, nd_json_number(nd_metrics_get(m, *name)));
    }
}

/* What the members of an ensemble are worth alone, on average. */
static json_t *alone(const nd_metrics *m)
{
    size_t count;
    json_t *object = json_object();
    const char *const *name = nd_metrics_figures(&count);
    nd_json_set(&object, "members", json_integer((json_int_t)m->members));
    for (size_t i = 0; i < count; i++) {
        if (isfinite(nd_metrics_alone(m, name[i]))) {
            nd_json_set(&object, name[i], json_real(nd_metrics_alone(m, name[i])));
        }
    }
    return object;
}

json_t *nd_metrics_json(const nd_metrics *m)
{
    static const char *const of_classes[] = {"loss",      "accuracy", "balanced_accuracy",
                                             "log_loss",  "auc",      "f1",
                                             "precision", "recall",   NULL};
    static const char *const of_values[] = {"loss", "rmse", "mae", "r2", NULL};
    static const char *const of_mirrors[] = {"reconstruction", NULL};
    static const char *const in_percent[] = {"error_percent", "squared_percent", NULL};
    static const char *const of_spread[] = {"nll", "coverage", NULL};
    static const char *const of_labels[] = {
        "loss",     "subset_accuracy", "hamming_loss", "accuracy", "log_loss",
        "micro_f1", "macro_f1",        "auc",          NULL};
    json_t *object = json_object();
    nd_json_set(&object, "rows", json_integer((json_int_t)m->rows));
    if (m->in_percent) {
        add_figures(&object, m, in_percent);
    }
    if (m->classes > 0) {
        add_figures(&object, m, of_classes);
        nd_json_set(&object, "classes", class_list(m));
        nd_json_set(&object, "confusion", matrix(m->confusion, (size_t)m->classes));
    } else if (m->labels > 0) {
        add_figures(&object, m, of_labels);
        nd_json_set(&object, "labels", label_list(m));
    } else {
        add_figures(&object, m, of_values);
        add_figures(&object, m, m->mirror ? of_mirrors : of_values + 4);
        add_figures(&object, m, isnan(m->nll) ? of_spread + 2 : of_spread);
        nd_json_set(&object, "targets",
                    m->mirror ? json_integer((json_int_t)m->targets) : target_list(m));
    }
    if (m->members > 0) {
        nd_json_set(&object, "member_mean", alone(m));
    }
    return object;
}
