/* Likelihood of counts: the logit is the logarithm of their mean. */
#include <math.h>

#include "loss/loss.h"

static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t i = 0; i < rows * n; i++) {
        if (!(target[i] >= 0) || !isfinite(target[i])) {
            return i / n;
        }
    }
    return rows;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double total = 0, share = (double)scale / (double)n;
    (void)loss;
    (void)pool;
    for (size_t i = 0; i < rows * n; i++) {
        double z = (double)logits[i], t = (double)target[i], mean = exp(z);
        total += mean - t + (t > 0 ? t * (log(t) - z) : 0);
        if (grad) {
            grad[i] = (nd_real)(share * (mean - t));
        }
    }
    return total / (double)n;
}

static void predict(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    (void)pool;
    for (size_t i = 0; i < rows * n; i++) {
        p[i] = (nd_real)exp((double)logits[i]);
    }
}

const nd_loss_class nd_loss_poisson = {
    .name = "poisson",
    .help = "likelihood of counts, whose mean is exp of the logit",
    .formula = "L = exp(z) - t + t (log t - z), 0 at exp(z) = t: half the deviance; mean over rows "
               "and outputs",
    .source = "McCullagh & Nelder 1989, chapter 6",
    .link = "exp",
    .min_outputs = 1,
    .label_width = nd_loss_width_all,
    .check = check,
    .value = value,
    .predict = predict,
};
