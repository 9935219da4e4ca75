/* Early stopping: watches one loss per epoch, keeps the best weights. */
#ifndef ND_TRAIN_EARLY_H
#define ND_TRAIN_EARLY_H

#include "net/net.h"

enum { ND_EARLY_STRIP = 100 };

/* When to stop; 0 never. */
typedef struct nd_early_params {
    long patience;    /* epochs without a better loss */
    double min_delta; /* smallest fall that counts as better */
    double gl, pq;    /* bounds of Prechelt 1998: generalization loss, and its quotient by the
                         progress of training ... */
    long strip;       /* ... in strips of so many epochs, 1 .. ND_EARLY_STRIP */
} nd_early_params;

typedef struct nd_early {
    nd_net *net;
    nd_early_params params;
    nd_real *param, *buffer; /* copy of the best epoch's blocks; NULL: not kept */
    double best;
    double metric; /* that came with the best loss */
    long best_epoch;
    double lowest, last;          /* validation loss: least, and of the latest epoch */
    double strip[ND_EARLY_STRIP]; /* training losses of the latest epochs, by epoch modulo strip */
} nd_early;

/* keep: hold a copy of the best weights. ND_ERR_MEMORY. */
nd_status nd_early_init(nd_early *early, nd_net *net, const nd_early_params *params, bool keep);

/* Look at the loss of an epoch (from 1), and at its training loss; true if it is the best
 * so far, whose weights are then kept. A loss that is not finite is never the best. */
bool nd_early_see(nd_early *early, long epoch, double loss, double train, double metric);

/* Generalization loss after the latest epoch, in percent, and progress of training over
 * the latest strip, in thousandths (Prechelt 1998, section 2.2). */
double nd_early_gl(const nd_early *early);
double nd_early_progress(const nd_early *early);

/* Why to stop after this epoch; NULL to go on. valid: there are validation rows. */
const char *nd_early_reason(const nd_early *early, long epoch, bool valid);

/* Put the best weights back into the net; false if none were kept. */
bool nd_early_restore(const nd_early *early);
void nd_early_free(nd_early *early);

#endif
