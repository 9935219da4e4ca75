/* Logistic loss of independent yes-or-no outputs, on logits. */
#include "loss/loss.h"

static size_t label_width(size_t n)
{
    return n;
}

static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t i = 0; i < rows * n; i++) {
        if (target[i] != 0 && target[i] != 1) {
            return i / n;
        }
    }
    return rows;
}

static double value(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                    const nd_real *target, nd_real scale, nd_real *grad)
{
    nd_real share = scale / (nd_real)n;
    return nd_k_sigmoid_cross_entropy(pool, rows * n, logits, target, share, grad) / (double)n;
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
    .link = "sigmoid",
    .min_outputs = 1,
    .classes = true,
    .label_width = label_width,
    .check = check,
    .value = value,
    .predict = predict,
};
