/* The rows of each training step: their order and their batches, gathered ahead of time
 * by a thread of the feed's own where that pays. Where a training is in its data is the
 * pair (epoch, batch) that the caller passes; the feed keeps nothing else that matters. */
#ifndef ND_TRAIN_FEED_H
#define ND_TRAIN_FEED_H

#include "data/source.h"
#include "train/vary.h"

typedef struct nd_feed nd_feed;

typedef struct nd_feed_params {
    size_t batch, batches; /* rows of a full batch; batches per epoch */
    size_t room;           /* rows that the buffers must hold, at least batch */
    uint64_t seed;
    nd_vary *vary; /* what is done to the rows, NULL or nothing: they stay; outlives the feed */
    bool ahead;    /* gather the next batch while the last one is in use; same rows, same bits */
} nd_feed_params;

/* One batch: x [rows][features], y [rows][label_width], until the next call. The width is
 * that of the source, or of what vary makes of it. */
typedef struct nd_batch {
    const nd_real *x, *y;
    size_t rows;
} nd_batch;

/* The source must outlive the feed. All that is allocated is allocated here; where no
 * thread can be started, the feed works without. ND_ERR_MEMORY; *feed is then NULL. */
nd_status nd_feed_create(nd_ctx *ctx, const nd_source *source, const nd_feed_params *params,
                         nd_feed **feed);

/* Batch number batch (from 0) of an epoch (from 1); any pair in any order. The order of
 * rows is a function of (seed, epoch), and of the window for a source with blocks: the
 * blocks are shuffled, then the rows of as many neighbours as the window holds. */
void nd_feed_batch(nd_feed *feed, long epoch, uint64_t batch, nd_batch *out);

/* Room for room rows that others may write until the next batch. */
void nd_feed_room(nd_feed *feed, nd_real **x, nd_real **y);

/* Whether gathering ahead pays.
 *   bytes    of a batch
 *   threads  that compute, of all */
bool nd_feed_pays(size_t bytes, int threads, int all);

void nd_feed_destroy(nd_feed *feed);

#endif
