/* Averages of weights over a run: exponential, over steps, kept by the optimizer; or
 * stochastic weight averaging, the mean over epochs. */
#ifndef ND_TRAIN_AVERAGE_H
#define ND_TRAIN_AVERAGE_H

#include "net/net.h"
#include "optim/optim.h"
#include "train/feed.h"

typedef struct nd_average {
    nd_net *net;
    nd_optimizer *optimizer;
    long start, every; /* first epoch of the mean, and epochs from one summand to the next */
    nd_real *param;    /* mean over epochs; NULL: none is taken */
    int64_t *count;    /* summands so far; of the caller, as it is saved with the run */
    nd_real *buffer;   /* running tensors of layers, averaged as the optimizer does; or NULL */
} nd_average;

/* start 0: no mean over epochs. ND_ERR_MEMORY; free *average in either case. */
nd_status nd_average_init(nd_average *average, nd_net *net, nd_optimizer *optimizer, long start,
                          long every, int64_t *count);
void nd_average_free(nd_average *average);

/* After each step, and after each epoch (from 1). */
void nd_average_step(nd_average *average);
void nd_average_epoch(nd_average *average, long epoch);

/* Exchange weights and exponential average, if there is one; the second call exchanges
 * them back. */
void nd_average_swap(nd_average *average);

/* Put the mean over epochs into the net, and find the statistics of batch normalization
 * anew over the batches of an epoch. False if there is no mean yet. */
bool nd_average_take(nd_average *average, nd_feed *feed, long epoch, uint64_t batches);

#endif
