/* What is done to the rows of a batch between their source and the network: images are
 * distorted, rows are mixed. Row by row a function of (seed, epoch, number of the row in
 * its source), so a run that goes on from a checkpoint sees the same rows. */
#ifndef ND_TRAIN_VARY_H
#define ND_TRAIN_VARY_H

#include "data/augment.h"
#include "data/source.h"
#include "net/net.h"

typedef struct nd_vary {
    nd_augment *augment; /* NULL: images stay as they are; not owned */
    nd_mixup mixup;      /* alpha 0: rows are not mixed */
    uint64_t seed, span; /* row numbers of an epoch */
    size_t label_width;  /* of the rows that come out */
    nd_real *x, *y;      /* [room] rows as the source has them */
    uint32_t *number;    /* [room] their numbers */
} nd_vary;

/* For batches of up to room rows of source, for net; with mixup the net gets two labels a
 * row where they are classes (until nd_vary_free, which resets it).
 *   augment  may be NULL
 *   alpha    of mixup; 0: none
 * All that is allocated is allocated here. ND_ERR_SHAPE if images have another number of
 * pixels than rows have features, ND_ERR_MEMORY; free it in either case. */
nd_status nd_vary_init(nd_vary *vary, nd_net *net, const nd_source *source, nd_augment *augment,
                       double alpha, uint64_t seed, size_t room);
void nd_vary_free(nd_vary *vary, nd_net *net);

/* Whether anything is done. */
bool nd_vary_does(const nd_vary *vary);

/* Gather rows index[count] (NULL: first..) of source as rows at.. of a batch, through buffers
 * of the vary; then, with all rows there, make of them what the network trains on.
 *   x, y  out  [rows]; *x, of room rows, may change places with a buffer of the vary */
void nd_vary_gather(nd_vary *vary, nd_pool *pool, const nd_source *source, const uint32_t *index,
                    size_t first, size_t count, size_t at);
void nd_vary_rows(nd_vary *vary, nd_pool *pool, uint64_t epoch, size_t rows, nd_real **x,
                  nd_real *y);

#endif
