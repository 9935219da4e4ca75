/* Figures of several yes-or-no targets. */
#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "train/metrics.h"

/* What is counted for one label, or for all together. */
typedef struct tally {
    double hits, predicted, present;
} tally;

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

/* F1 = 2 hits / (predicted + present), 0 where there are none of either. */
static double f1_of(const tally *t)
{
    double whole = t->predicted + t->present;
    return whole > 0 ? 2 * t->hits / whole : 0;
}

static bool room_for_labels(nd_metrics *m, size_t labels, const char *const *names)
{
    m->labels = labels;
    m->label_name = nd_metrics_names(names, labels);
    m->label_rows = nd_alloc(labels, sizeof *m->label_rows);
    m->label_accuracy = nd_alloc(labels, sizeof *m->label_accuracy);
    m->label_precision = nd_alloc(labels, sizeof *m->label_precision);
    m->label_recall = nd_alloc(labels, sizeof *m->label_recall);
    m->label_f1 = nd_alloc(labels, sizeof *m->label_f1);
    m->label_auc = nd_alloc(labels, sizeof *m->label_auc);
    return m->label_name && m->label_rows && m->label_accuracy && m->label_precision &&
           m->label_recall && m->label_f1 && m->label_auc;
}

static nd_status check_rows(const nd_metrics *m, const nd_real *p, const nd_real *label)
{
    for (size_t i = 0; i < m->rows * m->labels; i++) {
        if (!(p[i] >= 0 && p[i] <= 1)) {
            return nd_fail(m->ctx, ND_ERR_DATA, "row %zu: the prediction is no probability",
                           i / m->labels + 1);
        }
        if (label[i] != 0 && label[i] != 1) {
            return nd_fail(m->ctx, ND_ERR_DATA, "row %zu: a label is neither 0 nor 1",
                           i / m->labels + 1);
        }
    }
    return ND_OK;
}

/* -log of the probability of what is true, clipped as that of classes. */
static double log_loss_of(double p, bool yes)
{
    const double e = sizeof(nd_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;
    double q = fmin(fmax(p, e), 1 - e);
    return -log(yes ? q : 1 - q);
}

static void measure_label(nd_metrics *m, const nd_real *p, const nd_real *label, size_t j,
                          tally *all)
{
    size_t n = m->labels;
    tally own = {0};
    double right = 0, loss = 0;
    for (size_t r = 0; r < m->rows; r++) {
        bool yes = label[r * n + j] > 0, guess = p[r * n + j] > (nd_real)0.5;
        own.hits += yes && guess;
        own.predicted += guess;
        own.present += yes;
        right += yes == guess;
        loss += log_loss_of((double)p[r * n + j], yes);
    }
    m->label_rows[j] = (uint64_t)own.present;
    m->label_accuracy[j] = right / (double)m->rows;
    m->label_precision[j] = ratio(own.hits, own.predicted);
    m->label_recall[j] = ratio(own.hits, own.present);
    m->label_f1[j] = ratio(2 * own.hits, own.predicted + own.present);
    m->accuracy += m->label_accuracy[j] / (double)n;
    m->log_loss += loss / (double)(m->rows * n);
    m->macro_f1 += f1_of(&own) / (double)n;
    all->hits += own.hits;
    all->predicted += own.predicted;
    all->present += own.present;
}

/* Share of the rows in which every label is right. */
static double subset_accuracy(const nd_metrics *m, const nd_real *p, const nd_real *label)
{
    size_t right = 0;
    for (size_t r = 0; r < m->rows; r++) {
        bool all = true;
        for (size_t i = r * m->labels; i < (r + 1) * m->labels; i++) {
            all = all && (label[i] > 0) == (p[i] > (nd_real)0.5);
        }
        right += all;
    }
    return (double)right / (double)m->rows;
}

static nd_status measure(nd_metrics *m, const nd_real *p, const nd_real *label)
{
    tally all = {0};
    double sum = 0, defined = 0;
    ND_TRY(check_rows(m, p, label));
    m->accuracy = m->log_loss = m->macro_f1 = 0;
    for (size_t j = 0; j < m->labels; j++) {
        measure_label(m, p, label, j, &all);
        if (!nd_metrics_auc(p + j, m->labels, label + j, m->labels, 1, m->rows, &m->label_auc[j])) {
            return nd_fail_memory(m->ctx);
        }
        sum += isnan(m->label_auc[j]) ? 0 : m->label_auc[j];
        defined += !isnan(m->label_auc[j]);
    }
    m->micro_f1 = f1_of(&all);
    m->auc = ratio(sum, defined);
    m->hamming_loss = 1 - m->accuracy;
    m->subset_accuracy = subset_accuracy(m, p, label);
    return ND_OK;
}

nd_status nd_metrics_labels(nd_ctx *ctx, const nd_real *p, const nd_real *label, size_t rows,
                            size_t labels, const char *const *names, nd_metrics **metrics)
{
    *metrics = NULL;
    if (rows == 0 || labels == 0) {
        return nd_fail(ctx, ND_ERR_DATA, "an evaluation needs a row and a label");
    }
    nd_metrics *m = nd_metrics_new(ctx, rows);
    nd_status status =
        m && room_for_labels(m, labels, names) ? measure(m, p, label) : nd_fail_memory(ctx);
    if (status != ND_OK) {
        nd_metrics_destroy(m);
        return status;
    }
    *metrics = m;
    return ND_OK;
}
