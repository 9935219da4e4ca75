/* One training step of a network: gradient and update in one call. */
#ifndef ND_TRAIN_STEP_H
#define ND_TRAIN_STEP_H

#include "net/net.h"
#include "optim/optim.h"

/* What nd_net_train does, apart from checking that net and optimizer are there. */
nd_status nd_step(nd_net *net, nd_optimizer *optimizer, const nd_real *x, const nd_real *y,
                  size_t rows, double *loss);

#endif
