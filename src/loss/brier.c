/* Squared error of probabilities. */
#include <math.h>

#include "loss/loss.h"

/* One output: L = (p - t)^2, p its sigmoid; dL/dz = 2 (p - t) p (1 - p). */
static double two_classes(double z, double label, double scale, nd_real *grad)
{
    double e = exp(-fabs(z)), less = e / (1 + e), more = 1 / (1 + e);
    double p = z > 0 ? more : less, error = (label > 0) == (z > 0) ? less : more;
    error = label > 0 ? -error : error;
    if (grad) {
        *grad = (nd_real)(scale * 2 * error * p * (z > 0 ? less : more));
    }
    return error * error;
}

/* L = sum over j of (p_j - t_j)^2 / n, p the softmax; dL/dz_k = 2 p_k (d_k - sum over j of
 * p_j d_j) / n, d = p - t. */
static double many_classes(size_t n, const nd_real *z, size_t class, double scale, nd_real *grad)
{
    double top = (double)z[0], sum = 0, rest = 0, squares = 0, mean = 0;
    for (size_t j = 1; j < n; j++) {
        top = (double)z[j] > top ? (double)z[j] : top;
    }
    for (size_t j = 0; j < n; j++) {
        double e = exp((double)z[j] - top);
        sum += e;
        rest += j == class ? 0 : e;
    }
    for (size_t j = 0; j < n; j++) {
        double p = exp((double)z[j] - top) / sum, d = j == class ? -rest / sum : p;
        squares += d * d;
        mean += p * d;
    }
    for (size_t j = 0; grad && j < n; j++) {
        double p = exp((double)z[j] - top) / sum, d = j == class ? -rest / sum : p;
        grad[j] = (nd_real)(scale * 2 * p * (d - mean) / (double)n);
    }
    return squares / (double)n;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double total = 0;
    (void)loss;
    (void)pool;
    for (size_t r = 0; r < rows; r++) {
        nd_real *g = grad ? grad + r * n : NULL;
        total += n == 1 ? two_classes((double)logits[r], (double)target[r], (double)scale, g)
                        : many_classes(n, logits + r * n, (size_t)target[r], (double)scale, g);
    }
    return total;
}

const nd_loss_class nd_loss_brier = {
    .name = "brier",
    .help = "squared error of the probabilities of classes, as in the first books on the subject",
    .formula = "L = sum_j (p_j - t_j)^2 / n, t 1 for the class and 0 for others; mean over rows",
    .source = "Brier 1950; Rumelhart, Hinton & Williams 1986",
    .link = "softmax",
    .min_outputs = 1,
    .classes = true,
    .label_width = nd_loss_width_one,
    .check = nd_loss_check_classes,
    .value = value,
    .predict = nd_loss_predict_classes,
};
