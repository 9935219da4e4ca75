#include <math.h>

#include "loss/loss.h"

static const nd_option options[] = {
    {.name = "delta",
     .type = ND_OPT_REAL,
     .preset = "1",
     .min = 1e-9,
     .max = 1e9,
     .metavar = "X",
     .help = "error from which the loss grows in a straight line",
     .source = "Huber 1964, eq. 6"},
};

static double point(const nd_loss *loss, double error, double *slope)
{
    double delta = loss->setting[0], size = fabs(error);
    if (size <= delta) {
        *slope = error;
        return error * error / 2;
    }
    *slope = error > 0 ? delta : -delta;
    return delta * (size - delta / 2);
}

const nd_loss_class nd_loss_huber = {
    .name = "huber",
    .help = "squared error of small errors, absolute error of large ones: outliers pull less",
    .formula =
        "L = e^2 / 2 if |e| <= delta, else delta (|e| - delta / 2), e = z - t; mean over rows and outputs",
    .source = "Huber 1964, eq. 6",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .link = "identity",
    .min_outputs = 1,
    .label_width = nd_loss_width_all,
    .check = nd_loss_check_values,
    .value = nd_loss_point_value,
    .predict = nd_loss_predict_same,
    .point = point,
};
