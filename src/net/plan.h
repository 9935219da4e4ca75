/* The plan of a network for a largest batch: for each layer one prepared call, and
 * one workspace in which results and gradients share memory where their lifetimes
 * allow. Parameters and buffers live in blocks of the net. */
#ifndef ND_NET_PLAN_H
#define ND_NET_PLAN_H

#include "net/net.h"
#include "net/noise.h"

typedef struct nd_plan_step {
    const nd_desc_layer *layer;
    nd_layer_io io; /* rows, training, rng.step and the network's input are set per call */
    bool skip;      /* its work is done by the layer before (fused activation) */
    bool backward;  /* it or something below it is trained */
    bool trained;   /* the same of a layer whose work another does */
    nd_real *gx[ND_LAYER_INPUTS];  /* io.gx where no layer is frozen */
    nd_real *sum[ND_LAYER_INPUTS]; /* gradient to which io.gx[i] is added, NULL: io.gx[i] is it */
} nd_plan_step;

/* The direct path of small networks (chain.h). */
typedef struct nd_chain nd_chain;

typedef struct nd_plan {
    nd_plan_step *step; /* [count] */
    nd_chain *chain;    /* NULL where the net is none, or too large to gain */
    size_t count;
    nd_real *memory;  /* workspace */
    size_t size;      /* reals in it */
    nd_real *logits;  /* result of the last layer */
    nd_real *glogits; /* its gradient, NULL if nothing is trained */
    bool frozen;      /* some layer keeps its parameters */
} nd_plan;

/* Blocks and their spans, made once for a net. */
typedef struct nd_blocks {
    nd_span *span, *buffer_span;
    size_t spans, buffer_spans;
    size_t size, buffer_size;
    nd_real *param, *grad, *buffer;
} nd_blocks;

struct nd_net {
    nd_ctx *ctx;
    nd_desc *desc;
    nd_loss loss;
    size_t max_rows;
    uint64_t seed, step;
    uint64_t collect; /* nd_layer_io.collect of the next passes */
    nd_blocks blocks;
    nd_plan plan;
    nd_noise *noise; /* NULL: none */
    bool ran;        /* logits hold something */
    bool weighted;   /* label rows end with a weight */
    nd_real *mixed;  /* [max_rows][outputs], for the gradient of a second label; NULL: rows
                       have one */
    bool thawed;     /* frozen layers are trained like others */
};

/* Reals in a multiple of 64 bytes that holds n; 0 on overflow. */
size_t nd_padded(size_t n);

/* Lay out and allocate the blocks of a description; all zero. */
nd_status nd_blocks_create(nd_ctx *ctx, const nd_desc *desc, nd_blocks *blocks);
void nd_blocks_destroy(nd_blocks *blocks);

/* Fill parameters and buffers as their specs say; auto by the activation that
 * follows the layer. ND_ERR_MEMORY. */
nd_status nd_blocks_init(nd_ctx *ctx, const nd_desc *desc, nd_blocks *blocks, uint64_t seed);

nd_status nd_plan_create(nd_ctx *ctx, const nd_desc *desc, const nd_blocks *blocks, size_t max_rows,
                         uint64_t seed, nd_plan *plan);
void nd_plan_destroy(nd_plan *plan);

/* Leave out what frozen layers do not need: their own gradients, and all backward calls
 * below the lowest layer that is trained. thawed: as if no layer were frozen. Does not
 * allocate; may be called between any two batches. */
void nd_plan_freeze(nd_plan *plan, bool thawed);

/* ---- Layout (layout.c) */

/* A stretch of workspace that is in use from one time to another, inclusive. */
typedef struct nd_piece {
    size_t size, first, last;
    size_t offset; /* out */
} nd_piece;

/* Give every piece an offset so that pieces in use at the same time do not
 * overlap; first fit, largest first; a piece of size 0 gets none. *total gets the reals needed.
 * ND_ERR_SHAPE if that does not fit size_t, ND_ERR_MEMORY. */
nd_status nd_layout(nd_ctx *ctx, nd_piece *piece, size_t count, size_t *total);

#endif
