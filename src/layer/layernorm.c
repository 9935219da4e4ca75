/* Layer normalization: statistics of a row, the same in training and evaluation. */
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "eps",
     .type = ND_OPT_REAL,
     .preset = "1e-5",
     .min = 1e-12,
     .max = 1,
     .metavar = "X",
     .help = "added to the variance before the square root"},
    {.name = "scale",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "a learned factor per column"},
    {.name = "offset",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "a learned number added to each column"},
};

static void layernorm_forward(const nd_layer_io *io)
{
    nd_layer_row_norm_forward(io, true);
}

static void layernorm_backward(const nd_layer_io *io)
{
    nd_layer_row_norm_backward(io, true);
}

const nd_layer_class nd_layer_layernorm = {
    .name = "layernorm",
    .help = "centres and scales each row over its columns, then by learned numbers",
    .formula = "y = scale (x - mean) / sqrt(var + eps) + offset",
    .source = "Ba, Kiros & Hinton 2016, eq. 4",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .column_wise = true,
    .shape = nd_layer_row_norm_shape,
    .forward = layernorm_forward,
    .backward = layernorm_backward,
};
