/* A cross-validation as a table, as JSON, and its predictions as CSV. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/cv.h"
#include "report/metrics_json.h"

enum { FIGURE_WIDTH = 9, PREDICTION_DIGITS = 6 };

typedef struct figure {
    const char *key, *label;
} figure;

static const figure of_classes[] = {{"accuracy", "accuracy"},
                                    {"balanced_accuracy", "balanced"},
                                    {"log_loss", "log loss"},
                                    {"auc", "AUC"},
                                    {"f1", "F1"},
                                    {NULL, NULL}};
static const figure of_values[] = {{"rmse", "RMSE"}, {"mae", "MAE"}, {"r2", "R2"}, {NULL, NULL}};
static const figure of_spread[] = {{"rmse", "RMSE"}, {"mae", "MAE"},           {"r2", "R2"},
                                   {"nll", "NLL"},   {"coverage", "coverage"}, {NULL, NULL}};
static const figure of_labels[] = {{"subset_accuracy", "all right"}, {"hamming_loss", "Hamming"},
                                   {"log_loss", "log loss"},         {"micro_f1", "micro F1"},
                                   {"macro_f1", "macro F1"},         {NULL, NULL}};

static const figure *figures_of(const nd_cv *cv)
{
    if (cv->target != NULL) {
        return of_classes;
    }
    return cv->labels ? of_labels : cv->spread ? of_spread : of_values;
}

/* ---- Means */

/* Sum of a figure, or of its squared distances from mean, over the parts that have it;
 * *count gets their number. */
static double sum_of(const nd_cv *cv, const char *name, double mean, bool squares, size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < cv->count; i++) {
        double value = nd_metrics_get(cv->part[i].metrics, name);
        if (!isnan(value)) {
            sum += squares ? (value - mean) * (value - mean) : value;
            ++*count;
        }
    }
    return sum;
}

size_t nd_cv_count(const nd_cv *cv)
{
    return cv ? cv->count : 0;
}

const nd_metrics *nd_cv_metrics(const nd_cv *cv, size_t i)
{
    return i < nd_cv_count(cv) ? cv->part[i].metrics : NULL;
}

double nd_cv_mean(const nd_cv *cv, const char *name)
{
    size_t n;
    if (!cv || !name) {
        return NAN;
    }
    double sum = sum_of(cv, name, 0, false, &n);
    return n > 0 ? sum / (double)n : (double)NAN;
}

double nd_cv_deviation(const nd_cv *cv, const char *name)
{
    size_t n;
    if (!cv || !name) {
        return NAN;
    }
    double squares = sum_of(cv, name, nd_cv_mean(cv, name), true, &n);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
}

static double baseline_mean(const nd_cv *cv, const char *name)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < cv->count; i++) {
        double value = nd_metrics_get(cv->part[i].baseline, name);
        sum += isnan(value) ? 0 : value;
        n += !isnan(value);
    }
    return n > 0 ? sum / n : (double)NAN;
}

/* ---- Text */

static void put_figure(nd_text *text, double value)
{
    char number[ND_NUM_TEXT] = "-";
    if (!isnan(value)) {
        nd_metrics_print_figure(number, value);
    }
    nd_text_printf(text, "  %*s", FIGURE_WIDTH, number);
}

static void put_head(const nd_cv *cv, nd_text *text)
{
    nd_text_printf(text, "%6s  %7s  %7s  %7s  %6s", "fold", "train", "valid", "test", "epochs");
    for (const figure *f = figures_of(cv); f->key; f++) {
        nd_text_printf(text, "  %*s", FIGURE_WIDTH, f->label);
    }
    nd_text_puts(text, "\n");
}

static void put_part(const nd_cv *cv, const nd_cv_part *p, nd_text *text)
{
    if (cv->repeats > 1) {
        nd_text_printf(text, "%3zu.%-2zu", p->repeat, p->fold);
    } else {
        nd_text_printf(text, "%6zu", p->fold);
    }
    nd_text_printf(text, "  %7zu  %7zu  %7zu  %6ld", p->train, p->valid, p->metrics->rows,
                   p->epochs);
    for (const figure *f = figures_of(cv); f->key; f++) {
        put_figure(text, nd_metrics_get(p->metrics, f->key));
    }
    nd_text_puts(text, "\n");
}

/* A line of means below the columns of figures. */
static void put_line(const nd_cv *cv, const char *label,
                     double (*value)(const nd_cv *, const char *), nd_text *text)
{
    nd_text_printf(text, "%-41s", label);
    for (const figure *f = figures_of(cv); f->key; f++) {
        put_figure(text, value(cv, f->key));
    }
    nd_text_puts(text, "\n");
}

static void put_text(const nd_cv *cv, nd_text *text)
{
    put_head(cv, text);
    for (size_t i = 0; i < cv->count; i++) {
        put_part(cv, &cv->part[i], text);
    }
    nd_text_puts(text, "\n");
    put_line(cv, "mean", nd_cv_mean, text);
    put_line(cv, "deviation", nd_cv_deviation, text);
    put_line(cv, cv->target != NULL || cv->labels ? "majority" : "training mean", baseline_mean,
             text);
}

/* ---- JSON */

static json_t *part_json(const nd_cv_part *p)
{
    json_t *object = json_object();
    nd_json_set(&object, "repeat", json_integer((json_int_t)p->repeat));
    nd_json_set(&object, "fold", json_integer((json_int_t)p->fold));
    nd_json_set(&object, "train_rows", json_integer((json_int_t)p->train));
    nd_json_set(&object, "valid_rows", json_integer((json_int_t)p->valid));
    nd_json_set(&object, "epochs", json_integer((json_int_t)p->epochs));
    nd_json_set(&object, "best_epoch", json_integer((json_int_t)p->best_epoch));
    nd_json_set(&object, "metrics", nd_metrics_json(p->metrics));
    nd_json_set(&object, "baseline", nd_metrics_json(p->baseline));
    return object;
}

/* Every figure that applies. */
static json_t *means_json(const nd_cv *cv, double (*value)(const nd_cv *, const char *))
{
    size_t count;
    const char *const *name = nd_metrics_figures(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        if (isfinite(nd_cv_mean(cv, name[i]))) {
            nd_json_set(&object, name[i], nd_json_number(value(cv, name[i])));
        }
    }
    return object;
}

static json_t *cv_json(const nd_cv *cv)
{
    json_t *object = json_object(), *parts = json_array();
    for (size_t i = 0; i < cv->count; i++) {
        nd_json_append(&parts, part_json(&cv->part[i]));
    }
    nd_json_set(&object, "folds", json_integer((json_int_t)cv->folds));
    nd_json_set(&object, "repeats", json_integer((json_int_t)cv->repeats));
    nd_json_set(&object, "mean", means_json(cv, nd_cv_mean));
    nd_json_set(&object, "deviation", means_json(cv, nd_cv_deviation));
    nd_json_set(&object, "baseline", means_json(cv, baseline_mean));
    nd_json_set(&object, "parts", parts);
    return object;
}

nd_status nd_cv_write(const nd_cv *cv, int json, const nd_sink *sink)
{
    nd_text text = {0};
    nd_status status = ND_OK;
    if (!cv || !sink) {
        return nd_fail(cv ? cv->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_cv_write: a null pointer was passed");
    }
    if (json) {
        status = nd_json_add(cv->ctx, cv_json(cv), 1, &text);
    } else {
        put_text(cv, &text);
    }
    if (status == ND_OK) {
        status = nd_text_flush(cv->ctx, &text, sink);
    }
    nd_text_free(&text);
    return status;
}

/* ---- Predictions */

static void put_name(nd_text *text, const char *prefix, const char *name)
{
    nd_text whole = {0};
    nd_text_printf(&whole, "%s%s", prefix, name);
    nd_text_puts(text, ",");
    if (!whole.failed) {
        nd_text_csv(text, whole.data, whole.size);
    }
    text->failed = text->failed || whole.failed;
    nd_text_free(&whole);
}

static void put_number(nd_text *text, double value)
{
    char number[ND_NUM_TEXT];
    nd_num_print_general(number, value, PREDICTION_DIGITS);
    nd_text_printf(text, ",%s", number);
}

/* row,repeat,fold,true_species,species,p_setosa,... or row,repeat,fold,true_price,price */
static void put_columns(const nd_cv *cv, nd_text *text)
{
    nd_text_puts(text, "row,repeat,fold");
    if (cv->target != NULL) {
        put_name(text, "true_", cv->target);
        put_name(text, "", cv->target);
    }
    for (size_t j = 0; j < cv->outputs; j++) {
        if (cv->target == NULL) {
            put_name(text, "true_", cv->output[j]);
        }
        put_name(text, cv->target != NULL || cv->labels ? "p_" : "", cv->output[j]);
    }
    nd_text_puts(text, "\n");
}

static void put_classes(const nd_cv *cv, const nd_cv_part *p, size_t i, nd_text *text)
{
    const nd_real *y = p->y + i * cv->outputs;
    size_t best = 0;
    for (size_t j = 1; j < cv->outputs; j++) {
        best = y[j] > y[best] ? j : best;
    }
    put_name(text, "", cv->output[(size_t)p->label[i]]);
    put_name(text, "", cv->output[best]);
    for (size_t j = 0; j < cv->outputs; j++) {
        put_number(text, (double)y[j]);
    }
}

static void put_values(const nd_cv *cv, const nd_cv_part *p, size_t i, nd_text *text)
{
    for (size_t j = 0; j < cv->outputs; j++) {
        put_number(text, p->truth[i * cv->outputs + j]);
        put_number(text, p->value[i * cv->outputs + j]);
    }
}

static nd_status write_part(const nd_cv *cv, const nd_cv_part *p, const nd_sink *sink)
{
    nd_text text = {0};
    for (size_t i = 0; i < p->metrics->rows; i++) {
        nd_text_printf(&text, "%lu,%zu,%zu", (unsigned long)p->row[i] + 1, p->repeat, p->fold);
        if (p->y != NULL) {
            put_classes(cv, p, i, &text);
        } else {
            put_values(cv, p, i, &text);
        }
        nd_text_puts(&text, "\n");
    }
    nd_status status = nd_text_flush(cv->ctx, &text, sink);
    nd_text_free(&text);
    return status;
}

nd_status nd_cv_write_predictions(const nd_cv *cv, const nd_sink *sink)
{
    nd_text head = {0};
    if (!cv || !sink) {
        return nd_fail(cv ? cv->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_cv_write_predictions: a null pointer was passed");
    }
    put_columns(cv, &head);
    nd_status status = nd_text_flush(cv->ctx, &head, sink);
    nd_text_free(&head);
    for (size_t i = 0; status == ND_OK && i < cv->count; i++) {
        status = write_part(cv, &cv->part[i], sink);
    }
    return status;
}

void nd_cv_destroy(nd_cv *cv)
{
    if (!cv) {
        return;
    }
    for (size_t i = 0; cv->part && i < cv->count; i++) {
        nd_cv_part *p = &cv->part[i];
        nd_metrics_destroy(p->metrics);
        nd_metrics_destroy(p->baseline);
        nd_free(p->row);
        nd_free(p->y);
        nd_free(p->value);
        nd_free(p->truth);
        nd_free(p->label);
    }
    for (size_t j = 0; cv->output && j < cv->outputs; j++) {
        nd_free(cv->output[j]);
    }
    nd_free(cv->output);
    nd_free(cv->part);
    nd_free(cv->target);
    nd_free(cv);
}
