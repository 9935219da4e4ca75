/* How each layer fares: gradient, weights and update of a step, and units that no longer
 * learn, for the events of a training that asks for it. */
#ifndef ND_TRAIN_SIGNALS_H
#define ND_TRAIN_SIGNALS_H

#include "data/source.h"
#include "net/net.h"

typedef struct nd_signals nd_signals;

/* Layers with parameters and element-wise activations get a signal. All that is allocated
 * is allocated here; rows of the source, spread over it, are kept to run forward.
 * ND_ERR_MEMORY; *signals is then NULL. */
nd_status nd_signals_create(nd_net *net, const nd_source *source, nd_signals **signals);
void nd_signals_destroy(nd_signals *signals);

/* Around the step that is to be measured. */
void nd_signals_before(nd_signals *signals);
void nd_signals_after(nd_signals *signals);

/* What was measured since the last call, NULL if nothing was; runs the kept rows forward.
 * *count gets the number of signals, which are valid until the next call. */
const nd_layer_signal *nd_signals_take(nd_signals *signals, size_t *count);

#endif
