/* Figures of an evaluation for people: aligned tables. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/metrics_json.h"

/* Longest name shown, most classes in the table, most in a full matrix. */
enum { NAME_WIDTH = 24, TABLE_CLASSES = 60, MATRIX_CLASSES = 20, PAIRS = 20, FIGURE_WIDTH = 10 };

/* Bytes that start a character; all but UTF-8 continuation bytes. */
static bool starts_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t shown_width(const char *name)
{
    size_t width = 0;
    for (; *name; name++) {
        width += starts_character(*name);
    }
    return width < NAME_WIDTH ? width : NAME_WIDTH;
}

/* name cut to NAME_WIDTH characters, control bytes as '?', padded to width on
 * the right, or on the left if right is set. */
static void add_name(nd_text *text, const char *name, size_t width, bool right)
{
    size_t shown = shown_width(name), seen = 0;
    int pad = width > shown ? (int)(width - shown) : 0;
    if (right) {
        nd_text_printf(text, "%*s", pad, "");
    }
    for (; *name; name++) {
        seen += starts_character(*name);
        if (seen > NAME_WIDTH) {
            break;
        }
        bool control = (unsigned char)*name < 0x20 || *name == 0x7f;
        nd_text_add(text, control ? "?" : name, 1);
    }
    if (!right) {
        nd_text_printf(text, "%*s", pad, "");
    }
}

static size_t widest(char *const *name, size_t count)
{
    size_t width = 5;
    for (size_t i = 0; i < count; i++) {
        size_t w = shown_width(name[i]);
        width = w > width ? w : width;
    }
    return width;
}

void nd_metrics_print_figure(char out[ND_NUM_TEXT], double value)
{
    double size = fabs(value);
    if (size < 1e9 && (size >= 1e-4 || value == 0)) {
        nd_num_print_fixed(out, value, size < 1e4 ? 4 : size < 1e5 ? 3 : 0);
    } else {
        nd_num_print_general(out, value, 4);
    }
}

static void add_figure(nd_text *text, double value)
{
    char number[ND_NUM_TEXT] = "-";
    if (!isnan(value)) {
        nd_metrics_print_figure(number, value);
    }
    nd_text_printf(text, "  %*s", FIGURE_WIDTH, number);
}

typedef struct figure {
    const char *key, *label;
} figure;

static void add_figures(nd_text *text, const figure *list, const nd_metrics *m,
                        const nd_metrics *baseline, const char *trivial)
{
    size_t label = 0;
    for (const figure *f = list; f->key; f++) {
        label = strlen(f->label) > label ? strlen(f->label) : label;
    }
    nd_text_printf(text, "%*s  %*s", (int)label, "", FIGURE_WIDTH, "model");
    if (m->members > 0) {
        nd_text_printf(text, "  %*s", FIGURE_WIDTH, "one member");
    }
    if (baseline) {
        nd_text_printf(text, "  %*s", FIGURE_WIDTH, trivial);
    }
    nd_text_puts(text, "\n");
    for (const figure *f = list; f->key; f++) {
        double value = nd_metrics_get(m, f->key);
        if (isnan(value)) {
            continue;
        }
        nd_text_printf(text, "%-*s", (int)label, f->label);
        add_figure(text, value);
        if (m->members > 0) {
            add_figure(text, nd_metrics_alone(m, f->key));
        }
        if (baseline) {
            add_figure(text, nd_metrics_get(baseline, f->key));
        }
        nd_text_puts(text, "\n");
    }
    if (m->members > 0) {
        nd_text_printf(text, "(an ensemble of %zu; one member: their mean when each is alone)\n",
                       m->members);
    }
}

static void add_classes(nd_text *text, const nd_metrics *m)
{
    size_t count = (size_t)m->classes, width = widest(m->class_name, count);
    size_t shown = count < TABLE_CLASSES ? count : TABLE_CLASSES;
    nd_text_printf(text, "\n%-*s  %8s  %*s  %*s  %*s  %*s\n", (int)width, "class", "rows",
                   FIGURE_WIDTH, "precision", FIGURE_WIDTH, "recall", FIGURE_WIDTH, "F1",
                   FIGURE_WIDTH, "AUC");
    for (size_t k = 0; k < shown; k++) {
        add_name(text, m->class_name[k], width, false);
        nd_text_printf(text, "  %8llu", (unsigned long long)m->class_rows[k]);
        add_figure(text, m->class_precision[k]);
        add_figure(text, m->class_recall[k]);
        add_figure(text, m->class_f1[k]);
        add_figure(text, m->class_auc[k]);
        nd_text_puts(text, "\n");
    }
    if (shown < count) {
        nd_text_printf(text, "... and %zu more classes\n", count - shown);
    }
}

/* Columns that a cell of the matrix needs: the largest count or the longest
 * class name, which heads its column. */
static size_t cell_width(const nd_metrics *m, size_t names)
{
    uint64_t most = 0;
    size_t n = (size_t)m->classes, digits = 1;
    for (size_t i = 0; i < n * n; i++) {
        most = m->confusion[i] > most ? m->confusion[i] : most;
    }
    for (; most > 9; most /= 10) {
        digits++;
    }
    return digits > names ? digits : names;
}

/* Names longer than this are replaced by numbers at the head of a column. */
enum { HEAD_WIDTH = 8 };

static void add_matrix(nd_text *text, const nd_metrics *m)
{
    size_t n = (size_t)m->classes, width = widest(m->class_name, n), longest = 1;
    for (size_t k = 0; k < n; k++) {
        size_t w = shown_width(m->class_name[k]);
        longest = w > longest ? w : longest;
    }
    bool numbered = longest > HEAD_WIDTH;
    size_t cell = cell_width(m, numbered ? 3 : longest);
    nd_text_printf(text, "\nconfusion: a row per true class, a column per predicted one\n%*s",
                   (int)width + (numbered ? 4 : 0), "");
    for (size_t k = 0; k < n; k++) {
        nd_text_puts(text, "  ");
        if (numbered) {
            nd_text_printf(text, "%*zu", (int)cell, k + 1);
        } else {
            add_name(text, m->class_name[k], cell, true);
        }
    }
    nd_text_puts(text, "\n");
    for (size_t i = 0; i < n; i++) {
        if (numbered) {
            nd_text_printf(text, "%3zu ", i + 1);
        }
        add_name(text, m->class_name[i], width, false);
        for (size_t j = 0; j < n; j++) {
            uint64_t count = m->confusion[i * n + j];
            if (count == 0) {
                nd_text_printf(text, "  %*s", (int)cell, ".");
            } else {
                nd_text_printf(text, "  %*llu", (int)cell, (unsigned long long)count);
            }
        }
        nd_text_puts(text, "\n");
    }
}

/* Index of the largest off-diagonal count below limit in (count, index) order,
 * or n*n if there is none left above 0. */
static size_t next_pair(const nd_metrics *m, uint64_t below, size_t after)
{
    size_t n = (size_t)m->classes, best = n * n;
    for (size_t i = 0; i < n * n; i++) {
        uint64_t count = m->confusion[i];
        bool left = count < below || (count == below && i > after);
        if (i / n != i % n && count > 0 && left && (best == n * n || count > m->confusion[best])) {
            best = i;
        }
    }
    return best;
}

static void add_pairs(nd_text *text, const nd_metrics *m)
{
    size_t n = (size_t)m->classes, width = widest(m->class_name, n), after = 0;
    uint64_t below = UINT64_MAX;
    nd_text_printf(text, "\nmost frequent confusions\n%-*s  %-*s  %8s\n", (int)width, "true",
                   (int)width, "predicted", "rows");
    for (int shown = 0; shown < PAIRS; shown++) {
        size_t i = next_pair(m, below, after);
        if (i == n * n) {
            break;
        }
        add_name(text, m->class_name[i / n], width, false);
        nd_text_puts(text, "  ");
        add_name(text, m->class_name[i % n], width > 9 ? width : 9, false);
        nd_text_printf(text, "  %8llu\n", (unsigned long long)m->confusion[i]);
        below = m->confusion[i];
        after = i;
    }
}

/* The figures of PROBEN1's paper (Prechelt 1994, section 2.3). */
static void add_percent(nd_text *text, const nd_metrics *m, const nd_metrics *baseline,
                        const char *trivial)
{
    static const figure list[] = {{"error_percent", "classification error, %"},
                                  {"squared_percent", "squared error, %"},
                                  {NULL, NULL}};
    if (m->in_percent) {
        nd_text_puts(text, "\n");
        add_figures(text, isnan(m->error_percent) ? list + 1 : list, m, baseline, trivial);
    }
}

static void write_classes(nd_text *text, const nd_metrics *m, const nd_metrics *baseline)
{
    static const figure binary[] = {{"accuracy", "accuracy"},
                                    {"balanced_accuracy", "balanced accuracy"},
                                    {"log_loss", "log loss"},
                                    {"auc", "AUC"},
                                    {"f1", "F1"},
                                    {"precision", "precision"},
                                    {"recall", "recall"},
                                    {NULL, NULL}};
    static const figure many[] = {
        {"accuracy", "accuracy"},       {"balanced_accuracy", "balanced accuracy"},
        {"log_loss", "log loss"},       {"auc", "AUC (mean of classes)"},
        {"f1", "F1 (mean of classes)"}, {"precision", "precision (mean)"},
        {"recall", "recall (mean)"},    {NULL, NULL}};
    add_figures(text, m->classes == 2 ? binary : many, m, baseline, "majority");
    if (m->classes == 2) {
        nd_text_puts(text, "(F1, precision and recall are those of class ");
        add_name(text, m->class_name[1], 0, false);
        nd_text_puts(text, ")\n");
    }
    add_percent(text, m, baseline, "majority");
    add_classes(text, m);
    if (m->classes <= MATRIX_CLASSES) {
        add_matrix(text, m);
    } else {
        add_pairs(text, m);
    }
}

static void add_labels(nd_text *text, const nd_metrics *m)
{
    size_t width = widest(m->label_name, m->labels);
    nd_text_printf(text, "\n%-*s  %8s  %*s  %*s  %*s  %*s  %*s\n", (int)width, "label", "rows",
                   FIGURE_WIDTH, "accuracy", FIGURE_WIDTH, "precision", FIGURE_WIDTH, "recall",
                   FIGURE_WIDTH, "F1", FIGURE_WIDTH, "AUC");
    for (size_t j = 0; j < m->labels; j++) {
        add_name(text, m->label_name[j], width, false);
        nd_text_printf(text, "  %8llu", (unsigned long long)m->label_rows[j]);
        add_figure(text, m->label_accuracy[j]);
        add_figure(text, m->label_precision[j]);
        add_figure(text, m->label_recall[j]);
        add_figure(text, m->label_f1[j]);
        add_figure(text, m->label_auc[j]);
        nd_text_puts(text, "\n");
    }
}

static void write_labels(nd_text *text, const nd_metrics *m, const nd_metrics *baseline)
{
    static const figure list[] = {{"subset_accuracy", "all labels right"},
                                  {"hamming_loss", "Hamming loss"},
                                  {"log_loss", "log loss"},
                                  {"micro_f1", "F1 (micro)"},
                                  {"macro_f1", "F1 (macro)"},
                                  {"auc", "AUC (mean of labels)"},
                                  {NULL, NULL}};
    add_figures(text, list, m, baseline, "majority");
    add_labels(text, m);
}

static void write_values(nd_text *text, const nd_metrics *m, const nd_metrics *baseline)
{
    static const figure list[] = {{"rmse", "RMSE"}, {"mae", "MAE"},           {"r2", "R2"},
                                  {"nll", "NLL"},   {"coverage", "coverage"}, {NULL, NULL}};
    static const figure plain[] = {{"rmse", "RMSE"}, {"mae", "MAE"}, {"r2", "R2"}, {NULL, NULL}};
    static const figure mirror[] = {{"reconstruction", "reconstruction error"},
                                    {"rmse", "RMSE"},
                                    {"mae", "MAE"},
                                    {"r2", "R2"},
                                    {NULL, NULL}};
    add_figures(text,
                m->mirror       ? mirror
                : isnan(m->nll) ? plain
                                : list,
                m, baseline, baseline && baseline->trivial ? baseline->trivial : "mean");
    add_percent(text, m, baseline, "mean");
    nd_text_puts(text, isnan(m->nll) ? ""
                                     : "(coverage is the share of values within 1.96 predicted "
                                       "deviations, 0.95 at best)\n");
    if (m->targets < 2 || m->mirror) {
        return;
    }
    size_t width = widest(m->target_name, m->targets);
    width = width > 6 ? width : 6;
    nd_text_printf(text, "\n%-*s  %*s  %*s  %*s\n", (int)width, "target", FIGURE_WIDTH, "RMSE",
                   FIGURE_WIDTH, "MAE", FIGURE_WIDTH, "R2");
    for (size_t j = 0; j < m->targets; j++) {
        add_name(text, m->target_name[j], width, false);
        add_figure(text, m->target_rmse[j]);
        add_figure(text, m->target_mae[j]);
        add_figure(text, m->target_r2[j]);
        nd_text_puts(text, "\n");
    }
}

static nd_status write_json(nd_text *text, const nd_metrics *m, const nd_metrics *baseline)
{
    json_t *object = nd_metrics_json(m);
    if (object && baseline) {
        nd_json_set(&object, "baseline", nd_metrics_json(baseline));
    }
    return nd_json_add(m->ctx, object, 1, text);
}

nd_status nd_metrics_write(const nd_metrics *metrics, const nd_metrics *baseline, int json,
                           const nd_sink *sink)
{
    if (!metrics || !sink) {
        return nd_fail(metrics ? metrics->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_metrics_write: a null pointer was passed");
    }
    nd_text text = {0};
    nd_status status = ND_OK;
    if (json) {
        status = write_json(&text, metrics, baseline ? baseline : metrics->naive);
    } else {
        nd_text_printf(&text, "%zu row%s\n\n", metrics->rows, metrics->rows == 1 ? "" : "s");
        if (metrics->classes > 0) {
            write_classes(&text, metrics, baseline);
        } else if (metrics->labels > 0) {
            write_labels(&text, metrics, baseline);
        } else {
            write_values(&text, metrics, baseline ? baseline : metrics->naive);
        }
    }
    if (status == ND_OK) {
        status = nd_text_flush(metrics->ctx, &text, sink);
    }
    nd_text_free(&text);
    return status;
}
