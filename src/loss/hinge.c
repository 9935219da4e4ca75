/* Margin losses on decision values. */
#include "loss/loss.h"

/* One output: L = max(0, 1 - s z), s = 1 for label 1 and -1 for label 0. */
static double two_classes(double z, double label, double *slope)
{
    double sign = label > 0 ? 1 : -1, margin = 1 - sign * z;
    *slope = margin > 0 ? -sign : 0;
    return margin > 0 ? margin : 0;
}

/* L = sum over j != c of max(0, 1 - z_c + z_j) / n */
static double many_classes(size_t n, const nd_real *z, size_t class, double scale, nd_real *grad)
{
    double total = 0, right = 0;
    for (size_t j = 0; j < n; j++) {
        double margin = 1 - (double)z[class] + (double)z[j];
        bool counts = j != class && margin > 0;
        total += counts ? margin : 0;
        right += counts ? 1 : 0;
        if (grad) {
            grad[j] = (nd_real)(counts ? scale / (double)n : 0);
        }
    }
    if (grad) {
        grad[class] = (nd_real)(-right * scale / (double)n);
    }
    return total / (double)n;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double total = 0;
    (void)loss;
    (void)pool;
    for (size_t r = 0; r < rows; r++) {
        if (n > 1) {
            total += many_classes(n, logits + r * n, (size_t)target[r], (double)scale,
                                  grad ? grad + r * n : NULL);
            continue;
        }
        double slope;
        total += two_classes((double)logits[r], (double)target[r], &slope);
        if (grad) {
            grad[r] = (nd_real)((double)scale * slope);
        }
    }
    return total;
}

const nd_loss_class nd_loss_hinge = {
    .name = "hinge",
    .help = "margin loss of support vector machines: nothing to gain beyond a margin of 1",
    .formula = "L = max(0, 1 - s z), s = +-1; classes: sum_j max(0, 1 - z_c + z_j) / n, j != c",
    .source = "Cortes & Vapnik 1995; Weston & Watkins 1999",
    .link = "softmax",
    .min_outputs = 1,
    .classes = true,
    .label_width = nd_loss_width_one,
    .check = nd_loss_check_classes,
    .value = value,
    .predict = nd_loss_predict_classes,
};
