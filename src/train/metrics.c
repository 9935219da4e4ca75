#include "train/metrics.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "data/stats.h"

static void free_names(char **name, size_t count)
{
    for (size_t i = 0; name && i < count; i++) {
        nd_free(name[i]);
    }
    nd_free(name);
}

void nd_metrics_destroy(nd_metrics *metrics)
{
    if (!metrics) {
        return;
    }
    free_names(metrics->class_name, (size_t)metrics->classes);
    free_names(metrics->target_name, metrics->targets);
    free_names(metrics->label_name, metrics->labels);
    nd_free(metrics->label_rows);
    nd_free(metrics->label_accuracy);
    nd_free(metrics->label_precision);
    nd_free(metrics->label_recall);
    nd_free(metrics->label_f1);
    nd_free(metrics->label_auc);
    nd_free(metrics->confusion);
    nd_free(metrics->class_precision);
    nd_free(metrics->class_recall);
    nd_free(metrics->class_f1);
    nd_free(metrics->class_auc);
    nd_free(metrics->class_rows);
    nd_free(metrics->target_rmse);
    nd_free(metrics->target_mae);
    nd_free(metrics->target_r2);
    nd_metrics_destroy(metrics->naive);
    nd_free(metrics->alone);
    nd_free(metrics);
}

static const char *const figures[] = {"loss",
                                      "accuracy",
                                      "balanced_accuracy",
                                      "log_loss",
                                      "auc",
                                      "f1",
                                      "precision",
                                      "recall",
                                      "rmse",
                                      "mae",
                                      "r2",
                                      "reconstruction",
                                      "nll",
                                      "coverage",
                                      "subset_accuracy",
                                      "hamming_loss",
                                      "micro_f1",
                                      "macro_f1",
                                      NULL};
enum { FIGURES = sizeof figures / sizeof figures[0] - 1 };

const char *const *nd_metrics_figures(size_t *count)
{
    *count = FIGURES;
    return figures;
}

nd_status nd_metrics_add_member(nd_metrics *metrics, const nd_metrics *member)
{
    if (!metrics->alone) {
        metrics->alone = nd_alloc(FIGURES, sizeof *metrics->alone);
        if (!metrics->alone) {
            return nd_fail_memory(metrics->ctx);
        }
    }
    for (size_t i = 0; i < FIGURES; i++) {
        metrics->alone[i] += nd_metrics_get(member, figures[i]);
    }
    metrics->members++;
    return ND_OK;
}

void nd_metrics_mean_members(nd_metrics *metrics)
{
    for (size_t i = 0; metrics->alone && i < FIGURES; i++) {
        metrics->alone[i] /= (double)metrics->members;
    }
}

double nd_metrics_alone(const nd_metrics *metrics, const char *name)
{
    for (size_t i = 0; metrics->alone && i < FIGURES; i++) {
        if (strcmp(figures[i], name) == 0) {
            return metrics->alone[i];
        }
    }
    return NAN;
}

double nd_metrics_get(const nd_metrics *metrics, const char *name)
{
    if (!metrics) {
        return NAN;
    }
    const struct {
        const char *name;
        double value;
    } figure[] = {
        {"rows", (double)metrics->rows},
        {"loss", metrics->loss},
        {"accuracy", metrics->accuracy},
        {"balanced_accuracy", metrics->balanced_accuracy},
        {"log_loss", metrics->log_loss},
        {"auc", metrics->auc},
        {"f1", metrics->f1},
        {"precision", metrics->precision},
        {"recall", metrics->recall},
        {"rmse", metrics->rmse},
        {"mae", metrics->mae},
        {"r2", metrics->r2},
        {"reconstruction", metrics->reconstruction},
        {"error_percent", metrics->error_percent},
        {"squared_percent", metrics->squared_percent},
        {"nll", metrics->nll},
        {"coverage", metrics->coverage},
        {"subset_accuracy", metrics->subset_accuracy},
        {"hamming_loss", metrics->hamming_loss},
        {"micro_f1", metrics->micro_f1},
        {"macro_f1", metrics->macro_f1},
    };
    for (size_t i = 0; name && i < sizeof figure / sizeof *figure; i++) {
        if (strcmp(figure[i].name, name) == 0) {
            return figure[i].value;
        }
    }
    return NAN;
}

char **nd_metrics_names(const char *const *names, size_t count)
{
    char **copy = nd_alloc(count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = nd_strdup(names[i]);
        if (!copy[i]) {
            free_names(copy, i);
            return NULL;
        }
    }
    return copy;
}

nd_metrics *nd_metrics_new(nd_ctx *ctx, size_t rows)
{
    nd_metrics *m = nd_alloc(1, sizeof *m);
    if (m) {
        m->ctx = ctx;
        m->rows = rows;
        m->loss = m->accuracy = m->balanced_accuracy = m->log_loss = m->auc = NAN;
        m->f1 = m->precision = m->recall = m->rmse = m->mae = m->r2 = m->reconstruction = NAN;
        m->error_percent = m->squared_percent = NAN;
        m->nll = m->coverage = NAN;
        m->subset_accuracy = m->hamming_loss = m->micro_f1 = m->macro_f1 = NAN;
    }
    return m;
}

static bool room_for_classes(nd_metrics *m, size_t classes, const char *const *names)
{
    m->classes = (int)classes;
    m->class_name = nd_metrics_names(names, classes);
    m->confusion = nd_alloc(classes, classes * sizeof *m->confusion);
    m->class_precision = nd_alloc(classes, sizeof *m->class_precision);
    m->class_recall = nd_alloc(classes, sizeof *m->class_recall);
    m->class_f1 = nd_alloc(classes, sizeof *m->class_f1);
    m->class_auc = nd_alloc(classes, sizeof *m->class_auc);
    m->class_rows = nd_alloc(classes, sizeof *m->class_rows);
    return m->class_name && m->confusion && m->class_precision && m->class_recall && m->class_f1 &&
           m->class_auc && m->class_rows;
}

/* The first of the largest. */
static size_t largest(const nd_real *p, size_t n)
{
    size_t best = 0;
    for (size_t j = 1; j < n; j++) {
        best = p[j] > p[best] ? j : best;
    }
    return best;
}

/* -log of the true class's probability; probabilities are first clipped to
 * [e, 1 - e], e the unit of rounding of their type, then made to sum to one, as
 * scikit-learn 1.2 does. */
static double row_log_loss(const nd_real *p, size_t n, size_t class)
{
    const double e = sizeof(nd_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    double sum = 0, own = 0;
    for (size_t j = 0; j < n; j++) {
        double q = fmin(fmax((double)p[j], e), 1 - e);
        sum += q;
        own = j == class ? q : own;
    }
    return -log(own / sum);
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double or_zero(double x)
{
    return isnan(x) ? 0 : x;
}

static void class_figures(nd_metrics *m, size_t k)
{
    size_t n = (size_t)m->classes;
    double predicted = 0, hits = (double)m->confusion[k * n + k];
    for (size_t t = 0; t < n; t++) {
        predicted += (double)m->confusion[t * n + k];
        m->class_rows[k] += m->confusion[k * n + t];
    }
    m->class_precision[k] = ratio(hits, predicted);
    m->class_recall[k] = ratio(hits, (double)m->class_rows[k]);
    m->class_f1[k] = ratio(2 * hits, predicted + (double)m->class_rows[k]);
}

/* Means over the classes that occur in truth or predictions, an undefined figure
 * counting as 0; balanced accuracy over those that occur in truth. */
static void macro_figures(nd_metrics *m)
{
    double seen = 0, present = 0, precision = 0, recall = 0, f1 = 0;
    for (int k = 0; k < m->classes; k++) {
        seen += !isnan(m->class_f1[k]);
        present += m->class_rows[k] > 0;
        precision += or_zero(m->class_precision[k]);
        recall += or_zero(m->class_recall[k]);
        f1 += or_zero(m->class_f1[k]);
    }
    m->balanced_accuracy = recall / present;
    m->precision = precision / seen;
    m->recall = recall / seen;
    m->f1 = f1 / seen;
    if (m->classes == 2) {
        m->precision = or_zero(m->class_precision[1]);
        m->recall = or_zero(m->class_recall[1]);
        m->f1 = or_zero(m->class_f1[1]);
    }
}

/* Values equal to value at the front of sorted[n]. */
static size_t equal_run(const double *sorted, size_t n, double value)
{
    size_t end = 0;
    while (end < n && sorted[end] == value) {
        end++;
    }
    return end;
}

/* Mann-Whitney: AUC = (R - P(P+1)/2) / (P N), R the sum of the ranks of the P
 * positive rows among all, ties sharing the mean of their ranks. Both ascending. */
static double rank_auc(const double *all, size_t rows, const double *positive, size_t positives)
{
    double ranks = 0, p = (double)positives, n = (double)(rows - positives);
    size_t i = 0;
    for (size_t at = 0; at < positives;) {
        while (all[i] < positive[at]) {
            i++;
        }
        size_t ties = equal_run(all + i, rows - i, positive[at]);
        size_t inside = equal_run(positive + at, positives - at, positive[at]);
        ranks += (double)inside * 0.5 * (double)(i + 1 + i + ties);
        at += inside;
        i += ties;
    }
    return ratio(ranks - 0.5 * p * (p + 1), p * n);
}

bool nd_metrics_auc(const nd_real *score, size_t stride, const nd_real *label, size_t label_stride,
                    size_t class, size_t rows, double *auc)
{
    double *all = nd_alloc(rows, sizeof *all), *positive = nd_alloc(rows, sizeof *positive);
    bool made = all && positive;
    size_t positives = 0;
    for (size_t r = 0; made && r < rows; r++) {
        all[r] = (double)score[r * stride];
        if ((size_t)label[r * label_stride] == class) {
            positive[positives++] = all[r];
        }
    }
    if (made) {
        nd_sort_numbers(all, rows);
        nd_sort_numbers(positive, positives);
        *auc = rank_auc(all, rows, positive, positives);
    }
    nd_free(all);
    nd_free(positive);
    return made;
}

/* Tasks of the pool: the AUC of one class against the rest. */
typedef struct auc_job {
    nd_metrics *m;
    const nd_real *p, *label;
    bool *ok;
} auc_job;

static void class_auc(void *user, size_t k)
{
    const auc_job *job = user;
    size_t n = (size_t)job->m->classes;
    job->ok[k] =
        nd_metrics_auc(job->p + k, n, job->label, 1, k, job->m->rows, &job->m->class_auc[k]);
}

/* One class against the rest, and the mean over the classes where that is defined. */
static nd_status auc_figures(nd_metrics *m, const nd_real *p, const nd_real *label)
{
    size_t n = (size_t)m->classes;
    double sum = 0, defined = 0;
    auc_job job = {m, p, label, nd_alloc(n, sizeof *job.ok)};
    bool made = job.ok != NULL;
    if (made) {
        nd_pool_run(m->ctx->pool, n, class_auc, &job);
    }
    for (size_t k = 0; made && k < n; k++) {
        made = job.ok[k];
        sum += or_zero(m->class_auc[k]);
        defined += !isnan(m->class_auc[k]);
    }
    nd_free(job.ok);
    m->auc = n == 2 ? m->class_auc[1] : ratio(sum, defined);
    return made ? ND_OK : nd_fail_memory(m->ctx);
}

/* sum over outputs of (o - t)^2, t being 1 for the true class and 0 for others. */
static double row_squares(const nd_real *p, size_t n, size_t class)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double error = (double)p[j] - (j == class);
        sum += error * error;
    }
    return sum;
}

static nd_status measure_classes(nd_metrics *m, const nd_real *p, const nd_real *label)
{
    size_t n = (size_t)m->classes, hits = 0;
    double loss = 0, squares = 0;
    for (size_t r = 0; r < m->rows; r++) {
        for (size_t j = 0; j < n; j++) {
            if (!(p[r * n + j] >= 0 && p[r * n + j] <= 1)) {
                return nd_fail(m->ctx, ND_ERR_DATA, "row %zu: the prediction is no probability",
                               r + 1);
            }
        }
        if (!(label[r] >= 0 && label[r] < (nd_real)n)) {
            return nd_fail(m->ctx, ND_ERR_DATA, "row %zu: the label is no class index", r + 1);
        }
        size_t class = (size_t)label[r], guess = largest(p + r * n, n);
        m->confusion[class * n + guess]++;
        hits += class == guess;
        loss += row_log_loss(p + r * n, n, class);
        squares += row_squares(p + r * n, n, class);
    }
    m->error_percent = 100 * (double)(m->rows - hits) / (double)m->rows;
    m->squared_percent = 100 * squares / ((double)m->rows * (double)n);
    m->accuracy = (double)hits / (double)m->rows;
    m->log_loss = loss / (double)m->rows;
    for (size_t k = 0; k < n; k++) {
        class_figures(m, k);
    }
    macro_figures(m);
    return auc_figures(m, p, label);
}

nd_status nd_metrics_classes(nd_ctx *ctx, const nd_real *p, const nd_real *label, size_t rows,
                             size_t classes, const char *const *names, nd_metrics **metrics)
{
    *metrics = NULL;
    if (rows == 0 || classes < 2) {
        return nd_fail(ctx, ND_ERR_DATA, "an evaluation needs a row and two classes");
    }
    nd_metrics *m = nd_metrics_new(ctx, rows);
    nd_status status = m && room_for_classes(m, classes, names) ? measure_classes(m, p, label)
                                                                : nd_fail_memory(ctx);
    if (status != ND_OK) {
        nd_metrics_destroy(m);
        return status;
    }
    *metrics = m;
    return ND_OK;
}

static bool room_for_targets(nd_metrics *m, size_t targets, const char *const *names)
{
    m->targets = targets;
    m->target_name = nd_metrics_names(names, targets);
    m->target_rmse = nd_alloc(targets, sizeof *m->target_rmse);
    m->target_mae = nd_alloc(targets, sizeof *m->target_mae);
    m->target_r2 = nd_alloc(targets, sizeof *m->target_r2);
    return m->target_name && m->target_rmse && m->target_mae && m->target_r2;
}

/* R2 = 1 - sum (t - y)^2 / sum (t - mean)^2; for a constant truth 1 if it is met
 * exactly, else 0; undefined for a single row. */
static double r_squared(double residual, double total, size_t rows, bool constant)
{
    if (rows < 2) {
        return NAN;
    }
    return !constant ? 1 - residual / total : residual > 0 ? 0 : 1;
}

static void measure_target(nd_metrics *m, const double *y, const double *t, size_t j)
{
    size_t n = m->targets;
    double rows = (double)m->rows, mean = 0, squares = 0, absolute = 0, total = 0;
    bool constant = true;
    for (size_t r = 0; r < m->rows; r++) {
        mean += (t[r * n + j] - t[j]) / rows;
        constant = constant && !(t[r * n + j] < t[j] || t[r * n + j] > t[j]);
    }
    for (size_t r = 0; r < m->rows; r++) {
        double error = y[r * n + j] - t[r * n + j];
        double spread = (t[r * n + j] - t[j]) - mean;
        squares += error * error;
        absolute += fabs(error);
        total += spread * spread;
    }
    m->target_rmse[j] = sqrt(squares / rows);
    m->target_mae[j] = absolute / rows;
    m->target_r2[j] = r_squared(squares, total, m->rows, constant);
}

static void measure_regression(nd_metrics *m, const double *y, const double *t)
{
    m->rmse = m->mae = m->r2 = m->squared_percent = 0;
    for (size_t j = 0; j < m->targets; j++) {
        measure_target(m, y, t, j);
        m->rmse += m->target_rmse[j] / (double)m->targets;
        m->squared_percent += 100 * m->target_rmse[j] * m->target_rmse[j] / (double)m->targets;
        m->mae += m->target_mae[j] / (double)m->targets;
        m->r2 += m->target_r2[j] / (double)m->targets;
    }
}

nd_status nd_metrics_regression(nd_ctx *ctx, const double *y, const double *t, size_t rows,
                                size_t targets, const char *const *names, nd_metrics **metrics)
{
    *metrics = NULL;
    if (rows == 0 || targets == 0) {
        return nd_fail(ctx, ND_ERR_DATA, "an evaluation needs a row and a target");
    }
    nd_metrics *m = nd_metrics_new(ctx, rows);
    if (!m || !room_for_targets(m, targets, names)) {
        nd_metrics_destroy(m);
        return nd_fail_memory(ctx);
    }
    measure_regression(m, y, t);
    *metrics = m;
    return ND_OK;
}

/* R2 = 1 - sum (t - y)^2 / sum (t - mean)^2 over all outputs, each with its own mean. */
void nd_metrics_mirror(nd_metrics *metrics, const double *y, const double *t, const double *scale)
{
    size_t n = metrics->targets;
    double rows = (double)metrics->rows, errors = 0, spreads = 0;
    for (size_t j = 0; j < n; j++) {
        double mean = 0, spread = 0;
        for (size_t r = 0; r < metrics->rows; r++) {
            mean += t[r * n + j] / rows;
        }
        for (size_t r = 0; r < metrics->rows; r++) {
            double away = t[r * n + j] - mean, error = y[r * n + j] - t[r * n + j];
            spread += away * away / (scale[j] * scale[j]);
            errors += error * error / (scale[j] * scale[j]);
        }
        spreads += spread;
    }
    metrics->mirror = true;
    metrics->reconstruction = errors / rows;
    metrics->r2 = spreads > 0 ? 1 - errors / spreads : NAN;
}

/* Within 1.96 deviations of its mean a normal value lies 95 times in 100. */
void nd_metrics_spread(nd_metrics *metrics, const double *y, const double *deviation,
                       const double *t)
{
    const double log_two_pi = 1.8378770664093453, within = 1.959963984540054;
    size_t count = metrics->rows * metrics->targets;
    double covered = 0;
    metrics->nll = 0;
    for (size_t i = 0; i < count; i++) {
        double z = (t[i] - y[i]) / deviation[i];
        metrics->nll += (log(deviation[i]) + (log_two_pi + z * z) / 2) / (double)count;
        covered += fabs(z) <= within;
    }
    metrics->coverage = covered / (double)count;
}
