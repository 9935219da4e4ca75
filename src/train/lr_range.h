/* Learning-rate range test: how the loss goes while the rate rises from step to step. */
#ifndef ND_TRAIN_LR_RANGE_H
#define ND_TRAIN_LR_RANGE_H

#include "data/augment.h"
#include "data/source.h"
#include "net/net.h"
#include "optim/optim.h"

typedef struct nd_lr_params {
    double lowest, highest; /* rates of the first and the last step */
    size_t steps;
    size_t batch_size; /* rows; 0: all */
    uint64_t seed;
    nd_augment *augment; /* as in nd_fit_params */
    double mixup;
} nd_lr_params;

/* One step: rate, loss of its batch before the update, and a running mean of the losses. */
typedef struct nd_lr_point {
    double lr, loss, smoothed;
} nd_lr_point;

/* Train net with rates that rise by one factor from lowest to highest (Smith 2017, section
 * 3.3), until the running mean is above four times its smallest, or the loss is not finite.
 *   point  out  [steps]
 *   count  out  steps made; the net is trained by them
 * ND_ERR_OPTION for a rule that finds its steps itself, ND_ERR_SHAPE, ND_ERR_MEMORY. */
nd_status nd_lr_range_test(nd_net *net, nd_optimizer *optimizer, const nd_source *source,
                           const nd_lr_params *params, nd_lr_point *point, size_t *count);

/* What the curve says; ND_ERR_DATA if the loss never fell, or there are under 3 points. */
nd_status nd_lr_range_judge(nd_ctx *ctx, const nd_lr_point *point, size_t count,
                            const nd_lr_params *params, nd_lr_range *range);

#endif
