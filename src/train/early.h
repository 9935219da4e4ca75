/* Early stopping: watches one loss per epoch, keeps the best weights. */
#ifndef ND_TRAIN_EARLY_H
#define ND_TRAIN_EARLY_H

#include "net/net.h"

typedef struct nd_early {
    nd_net *net;
    nd_real *param, *buffer; /* copy of the best epoch's blocks; NULL: not kept */
    double best, min_delta;
    double metric; /* that came with the best loss */
    long best_epoch, patience;
} nd_early;

/* keep: hold a copy of the best weights. ND_ERR_MEMORY. */
nd_status nd_early_init(nd_early *early, nd_net *net, long patience, double min_delta, bool keep);

/* Look at the loss of an epoch (from 1); true if it is the best so far, whose
 * weights are then kept. A loss that is not finite is never the best. */
bool nd_early_see(nd_early *early, long epoch, double loss, double metric);

/* True once patience epochs have passed since the best one. */
bool nd_early_done(const nd_early *early, long epoch);

/* Put the best weights back into the net, if any were kept. */
void nd_early_restore(const nd_early *early);
void nd_early_free(nd_early *early);

#endif
