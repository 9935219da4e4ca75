#include <math.h>

#include "loss/loss.h"

static double point(const nd_loss *loss, double error, double *slope)
{
    (void)loss;
    /* log cosh e = |e| + log(1 + exp(-2 |e|)) - log 2, which does not overflow. */
    double size = fabs(error);
    *slope = tanh(error);
    return size + log1p(exp(-2 * size)) - 0.69314718055994530942;
}

const nd_loss_class nd_loss_log_cosh = {
    .name = "log_cosh",
    .help = "a smooth absolute error: squared near 0, straight far away",
    .formula = "L = log cosh(z - t), mean over rows and outputs",
    .source = "Green 1990, section 3",
    .link = "identity",
    .min_outputs = 1,
    .label_width = nd_loss_width_all,
    .check = nd_loss_check_values,
    .value = nd_loss_point_value,
    .predict = nd_loss_predict_same,
    .point = point,
};
