/* Transfer learning: a training that starts from what another one learned. */
#ifndef ND_JOB_TRANSFER_H
#define ND_JOB_TRANSFER_H

#include "job/options.h"
#include "model/weights.h"

/* Where a run starts from; all zero: from nothing. */
typedef struct nd_transfer {
    nd_weights *weights; /* NULL: option from is not given */
    nd_config *config;   /* the settings with the other model's layers; NULL: theirs */
    bool same_features;  /* input i means what it meant to the other model */
    bool same_targets;   /* output i as well */
    bool told;           /* the log has it */
} nd_transfer;

/* Read what the option from names, if it names anything. ND_ERR_OPTION: take or map
 * without it. */
nd_status nd_transfer_open(nd_ctx *ctx, const nd_config *config, nd_transfer *transfer);
void nd_transfer_close(nd_transfer *transfer);

/* ND_ERR_OPTION if rows must be prepared as the other model does, which those of a row cache are
 * not. */
nd_status nd_transfer_check_cached(const nd_transfer *transfer, nd_ctx *ctx);

/* Give a fitted preparation the other model's, where columns agree, and say so. */
nd_status nd_transfer_prepare(nd_transfer *transfer, nd_prep *prep);

/* A warning if the model that the option from names was trained on these rows, all of which are
 * measured on. Errors of nd_transfer_open. */
nd_status nd_transfer_warn_seen(nd_ctx *ctx, const nd_config *config, const nd_table *table);

/* The settings to build the network by: unless the layers are given, they are those of the
 * other model, with an output layer for the targets of prep. *config is replaced by
 * settings of the transfer then. */
nd_status nd_transfer_layers(nd_transfer *transfer, const nd_prep *prep, const nd_config **config);

/* Start a new network from the other model's weights; the first call says in the log what
 * was taken and what is new. ND_ERR_OPTION (names in take or map that nothing has, nothing
 * taken), ND_ERR_SHAPE (an asked for layer of another shape), ND_ERR_FORMAT. */
nd_status nd_transfer_start(nd_transfer *transfer, const nd_config *config, nd_net *net);

#endif
