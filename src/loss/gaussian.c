/* Likelihood of values around a predicted mean, with a predicted variance. */
#include <math.h>

#include "loss/loss.h"

/* Least variance, so that no density grows without bound (Lakshminarayanan, Pritzel &
 * Blundell 2017, section 2.2.1). */
static const double least = 1e-6;

static size_t label_width(size_t n)
{
    return n / 2;
}

static size_t check(size_t rows, size_t n, const nd_real *target)
{
    return nd_loss_check_values(rows, n / 2, target);
}

/* v = log(1 + exp(s)) + least, and its slope, the sigmoid of s. */
static double variance(double s, double *slope)
{
    double e = exp(-fabs(s));
    *slope = s >= 0 ? 1 / (1 + e) : e / (1 + e);
    return (s > 0 ? s : 0) + log1p(e) + least;
}

/* dL/dm = (m - t) / v;  dL/ds = (1 - (t - m)^2 / v) / (2 v) v'(s) */
static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    size_t targets = n / 2;
    double total = 0, share = (double)scale / (double)targets;
    (void)loss;
    (void)pool;
    for (size_t i = 0; i < rows * targets; i++) {
        size_t at = i / targets * n + i % targets;
        double slope, v = variance((double)logits[at + targets], &slope);
        double error = (double)logits[at] - (double)target[i];
        total += (log(v) + error * error / v) / 2;
        if (grad) {
            grad[at] = (nd_real)(share * error / v);
            grad[at + targets] = (nd_real)(share * (1 - error * error / v) / (2 * v) * slope);
        }
    }
    return total / (double)targets;
}

static void predict(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    (void)pool;
    for (size_t i = 0; i < rows * n; i++) {
        double slope;
        p[i] = i % n < n / 2 ? logits[i] : (nd_real)sqrt(variance((double)logits[i], &slope));
    }
}

const nd_loss_class nd_loss_gaussian = {
    .name = "gaussian",
    .help = "likelihood of values with a predicted mean and a predicted variance",
    .formula = "L = (log v + (t - m)^2 / v) / 2, v = log(1 + exp(s)) + 1e-6; mean over rows and "
               "targets",
    .source = "Nix & Weigend 1994; Lakshminarayanan, Pritzel & Blundell 2017, eq. 1",
    .link = "identity",
    .min_outputs = 2,
    .spread = true,
    .label_width = label_width,
    .check = check,
    .value = value,
    .predict = predict,
};
