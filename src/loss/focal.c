/* Cross-entropy that turns away from what is easy. */
#include <math.h>

#include "loss/loss.h"

static const nd_option options[] = {
    {.name = "gamma",
     .type = ND_OPT_REAL,
     .preset = "2",
     .min = 0,
     .max = 20,
     .metavar = "X",
     .help = "how much easy rows are turned down; 0 is cross-entropy",
     .source = "Lin et al. 2017, eq. 4"},
};

/* L = -(1 - p)^gamma log p of the right class; *slope gets dL / d log p. rest is 1 - p. */
static double focus(double gamma, double p, double rest, double log_p, double *slope)
{
    if (rest <= 0) {
        *slope = 0;
        return 0;
    }
    double weight = pow(rest, gamma);
    *slope = -weight + gamma * weight / rest * p * log_p;
    return -weight * log_p;
}

/* One output is the second logit of two, the first being 0. */
static double row_value(double gamma, size_t n, const nd_real *z, size_t class, double scale,
                        nd_real *grad)
{
    size_t classes = n == 1 ? 2 : n;
    double top = n == 1 ? 0 : (double)z[0], sum = 0, rest = 0, slope;
    for (size_t j = 0; j < n; j++) {
        top = (double)z[j] > top ? (double)z[j] : top;
    }
    for (size_t j = 0; j < classes; j++) {
        double e = exp((n > 1 ? (double)z[j] : (double)j * (double)z[0]) - top);
        sum += e;
        rest += j != class ? e : 0;
    }
    double right = (n > 1 ? (double)z[class] : (double)class * (double)z[0]) - top;
    double value = focus(gamma, exp(right) / sum, rest / sum, right - log(sum), &slope);
    for (size_t j = 0; grad && j < n; j++) {
        size_t k = n == 1 ? 1 : j;
        double p = exp((double)z[j] - top) / sum;
        double away = k == class ? rest / sum : -p; /* onehot - p */
        grad[j] = (nd_real)(scale * slope * away);
    }
    return value;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    double total = 0;
    (void)pool;
    for (size_t r = 0; r < rows; r++) {
        total += row_value(loss->setting[0], n, logits + r * n, (size_t)target[r], (double)scale,
                           grad ? grad + r * n : NULL);
    }
    return total;
}

const nd_loss_class nd_loss_focal = {
    .name = "focal",
    .help = "cross-entropy with less weight on rows that are right already",
    .formula =
        "L = -(1 - p)^gamma log p, p the probability given to the right class; mean over rows",
    .source = "Lin et al. 2017, eq. 4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .link = "softmax",
    .min_outputs = 1,
    .classes = true,
    .label_width = nd_loss_width_one,
    .check = nd_loss_check_classes,
    .value = value,
    .predict = nd_loss_predict_classes,
};
