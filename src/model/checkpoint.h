/* Checkpoint: the state of a training run as a file, and two generations of it in a
 * folder. The same container as a model file, safetensors with checksums. */
#ifndef ND_MODEL_CHECKPOINT_H
#define ND_MODEL_CHECKPOINT_H

#include <stdbool.h>

#include "train/state.h"

enum { ND_CHECKPOINT_FILES = 2 };

/* What a checkpoint says beside the blocks. */
typedef struct nd_checkpoint_facts {
    uint64_t sequence;    /* of the run's checkpoints, from 1; the larger is the newer */
    const char *settings; /* one a line, "lr 0.01"; compared at resume */
    const char *data;     /* fingerprint of the rows, hexadecimal */
    const char *why;      /* why the first fit of a run that fits twice ended, or "" */
    const char *isa;      /* instruction set of the kernels that the run used */
} nd_checkpoint_facts;

typedef struct nd_checkpoint {
    nd_checkpoint_facts facts; /* texts owned */
    nd_state state;            /* blocks in data */
    unsigned char *data;
    int file; /* which of the folder's files it came from */
} nd_checkpoint;

/* Name of file 0 or 1 in a folder, "folder/checkpoint-1.safetensors"; NULL without
 * memory (nd_free). */
char *nd_checkpoint_path(const char *folder, int file);

/* Write a file that appears whole or not at all. ND_ERR_IO, ND_ERR_MEMORY. */
nd_status nd_checkpoint_write(nd_ctx *ctx, const char *path, const nd_checkpoint_facts *facts,
                              const nd_state *state);

/* Check everything and copy the blocks; path is for messages only. verify false leaves
 * the checksums unread, for fuzzing what lies behind them. ND_ERR_FORMAT, ND_ERR_MEMORY. */
nd_status nd_checkpoint_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                              bool verify, nd_checkpoint **checkpoint);

/* The newest sound checkpoint of a folder; NULL if there is none at all. A damaged one
 * is named in a warning. ND_ERR_FORMAT if there are only damaged ones. */
nd_status nd_checkpoint_load(nd_ctx *ctx, const char *folder, nd_checkpoint **checkpoint);

/* Whether the folder has a file of a checkpoint's name. ND_ERR_MEMORY. */
nd_status nd_checkpoint_exists(nd_ctx *ctx, const char *folder, bool *exists);
void nd_checkpoint_destroy(nd_checkpoint *checkpoint);

#endif
