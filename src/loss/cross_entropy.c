/* Softmax and negative log-likelihood of the class in one pass over the logits. */
#include "loss/loss.h"

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

const nd_loss_class nd_loss_cross_entropy = {
    .name = "cross_entropy",
    .help = "one class out of several: minus the log of the probability given to the right one",
    .formula = "L = -log softmax(z)_class, mean over rows",
    .source = "Goodfellow, Bengio & Courville 2016, section 6.2.2.3",
    .link = "softmax",
    .min_outputs = 2,
    .classes = true,
    .label_width = label_width,
    .check = check,
    .value = nd_k_softmax_cross_entropy,
    .predict = nd_k_softmax,
};
