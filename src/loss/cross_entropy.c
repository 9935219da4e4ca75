/* Softmax and negative log-likelihood of the class in one pass over the logits. */
#include "loss/loss.h"

static const nd_option options[] = {
    {.name = "label_smoothing",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 0.999,
     .metavar = "X",
     .help = "share of the label that is spread over all classes",
     .source = "Szegedy et al. 2016, section 7"},
};

static size_t label_width(size_t n)
{
    (void)n;
    return 1;
}

/* Class indices: whole numbers in 0..n-1. */
static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t r = 0; r < rows; r++) {
        double label = (double)target[r];
        if (!(label >= 0 && label < (double)n) || label != (double)(size_t)label) {
            return r;
        }
    }
    return rows;
}

/* With label (1 - e) onehot + e / n: L += e (z_class - mean z). */
static double smooth(double e, size_t n, const nd_real *z, size_t class, double scale,
                     nd_real *grad)
{
    double mean = 0;
    for (size_t j = 0; j < n; j++) {
        mean += (double)z[j] / (double)n;
        if (grad) {
            double change = scale * e * ((j == class) - 1 / (double)n);
            grad[j] = (nd_real)((double)grad[j] + change);
        }
    }
    return e * ((double)z[class] - mean);
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double e = loss->setting[0];
    double total = nd_k_softmax_cross_entropy(pool, rows, n, logits, target, scale, grad);
    for (size_t r = 0; e > 0 && r < rows; r++) {
        total += smooth(e, n, logits + r * n, (size_t)target[r], (double)scale,
                        grad ? grad + r * n : NULL);
    }
    return total;
}

const nd_loss_class nd_loss_cross_entropy = {
    .name = "cross_entropy",
    .help = "one class out of several: minus the log of the probability given to the right one",
    .formula = "L = -log softmax(z)_class, mean over rows",
    .source = "Goodfellow, Bengio & Courville 2016, section 6.2.2.3",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .link = "softmax",
    .min_outputs = 2,
    .classes = true,
    .label_width = label_width,
    .check = check,
    .value = value,
    .kernel = ND_LOSS_SOFTMAX,
    .predict = nd_k_softmax,
};
