/* Attributes that every update rule takes. */
#include <string.h>

#include "optim/optim.h"

/* A number from 0 on, 0 for none. */
#define NUMBER(key, mark, text, from)                                                  \
    {                                                                                  \
        .name = key, .type = ND_OPT_REAL, .preset = "0", .max = 1e30, .metavar = mark, \
        .help = text, .source = from                                                   \
    }

static const nd_option common_options[] = {
    {.name = "lr",
     .type = ND_OPT_REAL,
     .preset = "auto",
     .min = 1e-12,
     .max = 1e6,
     .metavar = "RATE",
     .help = "learning rate; auto is the rule's usual one"},
    {.name = "weight_decay",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1e6,
     .metavar = "X",
     .help = "L2 penalty on weights, added to the gradient"},
    NUMBER("l1", "X", "L1 penalty on weights, added to the gradient", "Tibshirani 1996"),
    NUMBER("l2", "X", "L2 penalty on weights, added to the gradient whatever the rule",
           "Krogh & Hertz 1992"),
    {.name = "decoupled_decay",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "weight decay beside the step, as in adamw",
     .source = "Loshchilov & Hutter 2019"},
    NUMBER("max_norm", "X", "bound on the norm of each unit's weights; 0 for none",
           "Srivastava et al. 2014"),
    NUMBER("orthogonality", "X", "penalty on W W^T - I of the weights", "Brock et al. 2017"),
    NUMBER("clip_norm", "X", "scale the gradient down to this norm when it is longer; 0 never",
           "Pascanu et al. 2013, algorithm 1"),
    NUMBER("clip_value", "X", "bound on each element of the gradient; 0 for none", "Mikolov 2012"),
    NUMBER("clip_layer_norm", "X",
           "scale the gradient of a layer down to this norm when it is longer; 0 never",
           "Pascanu et al. 2013, algorithm 1"),
    NUMBER("clip_adaptive", "X",
           "scale the gradient of a unit down to this share of the norm of its weights; 0 never",
           "Brock et al. 2021, eq. 3"),
    {.name = "ema",
     .type = ND_OPT_REAL,
     .preset = "0",
     .max = 1,
     .metavar = "DECAY",
     .help = "keep an exponential moving average of the parameters; 0 does not",
     .source = "Polyak & Juditsky 1992; Kingma & Ba 2015, section 3"},
    {.name = "maximize",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "ascend: make the loss large"},
    {.name = "decay_all",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "penalties and decay on biases and normalization as well"},
};

const nd_option *nd_optim_option(const nd_optim_class *class, const char *name)
{
    for (size_t i = 0; i < class->option_count; i++) {
        if (strcmp(class->options[i].name, name) == 0) {
            return &class->options[i];
        }
    }
    return NULL;
}

const nd_option *nd_optim_common_options(size_t *count)
{
    *count = sizeof common_options / sizeof common_options[0];
    return common_options;
}
