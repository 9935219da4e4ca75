/* Noise of training beside that of layers: on weights, gradients and labels. */
#ifndef ND_NET_NOISE_H
#define ND_NET_NOISE_H

#include "net/net.h"

typedef struct nd_noise nd_noise;

void nd_noise_destroy(nd_noise *noise);

/* Labels as a step sees them: y itself, or a copy that is valid until the next call. */
const nd_real *nd_noise_labels(nd_net *net, const nd_real *y, size_t rows);

/* Before and after a gradient is taken: the second call puts the weights back, to the
 * bit, and adds to the gradient. */
void nd_noise_begin(nd_net *net);
void nd_noise_end(nd_net *net);

#endif
