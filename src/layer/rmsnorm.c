/* RMS normalization: layer normalization without the mean. */
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-5",
     .min = 1e-12,
     .max = 1,
     .metavar = "X",
     .help = "added to the mean square before the square root"},
    {.name = "scale",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "a learned factor per column"},
    {.name = "offset",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "a learned number added to each column"},
};

static void rmsnorm_forward(const nd_layer_io *io)
{
    nd_layer_row_norm_forward(io, false);
}

static void rmsnorm_backward(const nd_layer_io *io)
{
    nd_layer_row_norm_backward(io, false);
}

const nd_layer_class nd_layer_rmsnorm = {
    .name = "rmsnorm",
    .help = "scales each row to a mean square of 1, then by learned numbers",
    .formula = "y = scale x / sqrt(mean(x^2) + eps)",
    .source = "Zhang & Sennrich 2019, eq. 4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .shape = nd_layer_row_norm_shape,
    .forward = rmsnorm_forward,
    .backward = rmsnorm_backward,
};
