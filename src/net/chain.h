/* The direct path of small networks: a plan that is a chain of dense layers, with
 * weights that fit the first caches, runs as a flat list of small kernels on a few
 * rows at a time. Batches are cut into chunks of rows by shape; a thread takes a
 * chunk through all layers, so a step costs one dispatch. Each chunk has its own
 * gradient, and these are added in order: the bits do not depend on the threads. */
#ifndef ND_NET_CHAIN_H
#define ND_NET_CHAIN_H

#include "kern/small.h"
#include "net/plan.h"

/* Most chunks of a batch; weights up to which small kernels are ahead in training. */
enum { ND_CHAIN_CHUNKS = 8, ND_CHAIN_WEIGHTS = 16384 };

struct nd_chain {
    const struct nd_isa *isa;
    nd_small_link *link;
    size_t count;
    nd_real *turned;  /* transposed weights of all links */
    nd_real *whole;   /* the net's gradient block */
    nd_real *partial; /* [chunks - 1][size], gradients of other chunks */
    size_t size;      /* of the gradient block */
    size_t weights;   /* of all links */
    bool trains;      /* small enough for training, too */
};

/* Make the chain of a plan; *chain stays NULL where the plan is none, or one too
 * large to gain. ND_ERR_MEMORY. */
nd_status nd_chain_create(nd_ctx *ctx, const nd_plan *plan, const nd_blocks *blocks,
                          size_t max_rows, nd_chain **chain);
void nd_chain_destroy(nd_chain *chain);

/* Take over which gradients are wanted, after nd_plan_freeze. */
void nd_chain_reach(nd_chain *chain, const nd_plan *plan);

/* Whether a pass over so many rows goes through the chain. */
bool nd_chain_takes(const nd_chain *chain, size_t rows, bool training);

/* Chunks of a batch: as many threads as that can be of use. */
size_t nd_chain_chunks(const nd_chain *chain, size_t rows);

/* Results of all layers into the plan's workspace. */
void nd_chain_forward(const nd_chain *chain, nd_pool *pool, const nd_real *x, size_t rows);

/* Forward and backward; returns the sum of the losses of the rows.
 *   y       [rows][label_width], with a weight behind each row if weighted
 *   weight  what the gradient of that sum is divided by */
double nd_chain_gradient(const nd_chain *chain, const nd_loss *loss, nd_pool *pool,
                         const nd_real *x, const nd_real *y, size_t rows, bool weighted,
                         double weight, nd_real *glogits);

#endif
