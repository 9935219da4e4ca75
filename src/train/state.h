/* What a run can save and restore: named stretches of live memory. */
#ifndef ND_TRAIN_STATE_H
#define ND_TRAIN_STATE_H

#include <stdint.h>

#include "base/ctx.h"

enum { ND_STATE_BLOCKS = 96, ND_STATE_NAME = 32 };

typedef enum nd_state_type {
    ND_STATE_REAL, /* nd_real */
    ND_STATE_F64,
    ND_STATE_I64,
    ND_STATE_BYTES
} nd_state_type;

typedef struct nd_state_block {
    char name[ND_STATE_NAME];
    nd_state_type type;
    size_t count; /* elements */
    void *data;   /* borrowed */
} nd_state_block;

typedef struct nd_state {
    nd_state_block block[ND_STATE_BLOCKS];
    size_t count;
} nd_state;

/* Append a block; the name is cut to fit. There must be room (assert). */
void nd_state_add(nd_state *state, const char *name, nd_state_type type, void *data, size_t count);

/* Block by name, NULL if there is none. */
const nd_state_block *nd_state_find(const nd_state *state, const char *name);

/* Bytes of an element, of a block and of all blocks in one piece. */
size_t nd_state_width(nd_state_type type);
size_t nd_state_size(const nd_state_block *block);
size_t nd_state_bytes(const nd_state *state);

/* All blocks to, or from, one piece of nd_state_bytes bytes. */
void nd_state_copy(const nd_state *state, unsigned char *to);
void nd_state_paste(const nd_state *state, const unsigned char *from);

/* Fill every block of live from the one of its name in saved.
 * ND_ERR_FORMAT if one is missing or of another type or size; nothing is changed then. */
nd_status nd_state_restore(nd_ctx *ctx, const nd_state *live, const nd_state *saved);

#endif
