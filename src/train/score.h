/* Loss and one metric of a network on a source. */
#ifndef ND_TRAIN_SCORE_H
#define ND_TRAIN_SCORE_H

#include "loss/loss.h"

/* "accuracy" for losses on classes, "R2" otherwise. */
const char *nd_score_metric(const nd_loss_class *loss);

#endif
