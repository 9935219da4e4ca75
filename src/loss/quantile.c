#include "loss/loss.h"

static const nd_option options[] = {
    {.name = "q",
     .type = ND_OPT_REAL,
     .preset = "0.5",
     .min = 0.001,
     .max = 0.999,
     .metavar = "X",
     .help = "share of the targets that lie below the prediction",
     .source = "Koenker & Bassett 1978"},
};

static double point(const nd_loss *loss, double error, double *slope)
{
    double q = loss->setting[0];
    *slope = error > 0 ? 1 - q : error < 0 ? -q : 0;
    return error > 0 ? (1 - q) * error : -q * error;
}

const nd_loss_class nd_loss_quantile = {
    .name = "quantile",
    .help = "pinball loss: its minimum is a quantile of the target, not its mean",
    .formula = "L = max(q (t - z), (q - 1) (t - z)), mean over rows and outputs",
    .source = "Koenker & Bassett 1978, eq. 2.2",
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
