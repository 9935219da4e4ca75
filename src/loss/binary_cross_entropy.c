/* Logistic loss of independent yes-or-no outputs, on logits. */
#include "loss/loss.h"

static const nd_option options[] = {
    {.name = "label_smoothing",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 0.999,
     .metavar = "X",
     .help = "share of the label that is spread evenly over yes and no",
     .source = "Szegedy et al. 2016, section 7"},
};

static const double slack = 1e-6;

static size_t label_width(size_t n)
{
    return n;
}

/* A probability is a label as well; rounding may have moved it beyond the ends. */
static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t i = 0; i < rows * n; i++) {
        if (!((double)target[i] >= -slack && (double)target[i] <= 1 + slack)) {
            return i / n;
        }
    }
    return rows;
}

/* With label t (1 - e) + e / 2: L += e (t - 1/2) z. */
static double smooth(double e, size_t count, const nd_real *z, const nd_real *target, double share,
                     nd_real *grad)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        double change = e * ((double)target[i] - 0.5);
        total += change * (double)z[i];
        if (grad) {
            grad[i] = (nd_real)((double)grad[i] + share * change);
        }
    }
    return total;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double e = loss->setting[0];
    nd_real share = scale / (nd_real)n;
    double total = nd_k_sigmoid_cross_entropy(pool, rows * n, logits, target, share, grad);
    if (e > 0) {
        total += smooth(e, rows * n, logits, target, (double)share, grad);
    }
    return total / (double)n;
}

static void predict(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    nd_k_sigmoid(pool, rows * n, logits, p);
}

const nd_loss_class nd_loss_binary_cross_entropy = {
    .name = "binary_cross_entropy",
    .help = "yes or no per output: minus the log of the probability given to the right answer",
    .formula = "L = -t log s(z) - (1 - t) log(1 - s(z)), s the sigmoid; mean over rows and outputs",
    .source = "Goodfellow, Bengio & Courville 2016, section 6.2.2.2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .link = "sigmoid",
    .min_outputs = 1,
    .classes = true,
    .label_width = label_width,
    .check = check,
    .value = value,
    .kernel = ND_LOSS_SIGMOID,
    .predict = predict,
};
