#include <math.h>

#include "loss/loss.h"

static double point(const nd_loss *loss, double error, double *slope)
{
    (void)loss;
    *slope = error > 0 ? 1 : error < 0 ? -1 : 0;
    return fabs(error);
}

const nd_loss_class nd_loss_mae = {
    .name = "mae",
    .help = "mean absolute error of values, over rows and outputs",
    .formula = "L = |z - t|, mean over rows and outputs",
    .source = "Laplace 1774; Boyd & Vandenberghe 2004, section 6.1",
    .link = "identity",
    .min_outputs = 1,
    .label_width = nd_loss_width_all,
    .check = nd_loss_check_values,
    .value = nd_loss_point_value,
    .predict = nd_loss_predict_same,
    .point = point,
};
