/* Divergence of a predicted distribution from a given one. */
#include <math.h>

#include "loss/loss.h"

/* What the numbers of a distribution may miss 1 by: they come rounded. */
static const double near = 0.01;

static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            double t = (double)target[r * n + j];
            sum += t >= 0 ? t : NAN;
        }
        if (!(fabs(sum - 1) <= near)) {
            return r;
        }
    }
    return rows;
}

/* log sum exp(z) */
static double log_total(size_t n, const nd_real *z)
{
    double most = (double)z[0];
    for (size_t j = 1; j < n; j++) {
        most = fmax(most, (double)z[j]);
    }
    double sum = exp((double)z[0] - most);
    for (size_t j = 1; j < n; j++) {
        sum += exp((double)z[j] - most);
    }
    return most + log(sum);
}

/* dL/dz_j = softmax(z)_j sum t - t_j */
static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double total = 0;
    (void)loss;
    (void)pool;
    for (size_t r = 0; r < rows; r++) {
        const nd_real *z = logits + r * n, *t = target + r * n;
        double log_sum = log_total(n, z), mass = 0;
        for (size_t j = 0; j < n; j++) {
            double share = (double)t[j];
            total += share > 0 ? share * (log(share) - (double)z[j] + log_sum) : 0;
            mass += share;
        }
        for (size_t j = 0; grad && j < n; j++) {
            double p = exp((double)z[j] - log_sum);
            grad[r * n + j] = (nd_real)((double)scale * (p * mass - (double)t[j]));
        }
    }
    return total;
}

const nd_loss_class nd_loss_kl_divergence = {
    .name = "kl_divergence",
    .help = "divergence of the softmax of the logits from a distribution over the outputs",
    .formula = "L = sum_j t_j (log t_j - log softmax(z)_j), mean over rows",
    .source = "Kullback & Leibler 1951, eq. 2.2",
    .link = "softmax",
    .min_outputs = 2,
    .label_width = nd_loss_width_all,
    .check = check,
    .value = value,
    .predict = nd_k_softmax,
};
