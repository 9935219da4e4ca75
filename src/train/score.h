/* Loss and one metric of a network on a source. */
#ifndef ND_TRAIN_SCORE_H
#define ND_TRAIN_SCORE_H

#include "loss/loss.h"

/* "accuracy" for losses on classes, "label_accuracy" (of single labels) for several labels of 0
 * and 1, "R2" otherwise; of an autoencoder, whose label rows mirror its inputs,
 * "reconstruction": mean squared distance of a row from its image. */
const char *nd_score_metric(const nd_loss_class *loss, size_t outputs, bool mirror);

#endif
