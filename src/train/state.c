#include "train/state.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

void nd_state_add(nd_state *state, const char *name, nd_state_type type, void *data, size_t count)
{
    assert(state->count < ND_STATE_BLOCKS);
    nd_state_block *block = &state->block[state->count++];
    *block = (nd_state_block){.type = type, .count = count, .data = data};
    size_t n = strlen(name);
    memcpy(block->name, name, n < ND_STATE_NAME ? n : ND_STATE_NAME - 1);
}

const nd_state_block *nd_state_find(const nd_state *state, const char *name)
{
    for (size_t i = 0; i < state->count; i++) {
        if (strcmp(state->block[i].name, name) == 0) {
            return &state->block[i];
        }
    }
    return NULL;
}

size_t nd_state_width(nd_state_type type)
{
    return type == ND_STATE_BYTES ? 1 : type == ND_STATE_REAL ? sizeof(nd_real) : 8;
}

size_t nd_state_size(const nd_state_block *block)
{
    return block->count * nd_state_width(block->type);
}

size_t nd_state_bytes(const nd_state *state)
{
    size_t bytes = 0;
    for (size_t i = 0; i < state->count; i++) {
        bytes += nd_state_size(&state->block[i]);
    }
    return bytes;
}

static void copy_bytes(void *to, const void *from, size_t n)
{
    if (n > 0) {
        memcpy(to, from, n);
    }
}

void nd_state_copy(const nd_state *state, unsigned char *to)
{
    for (size_t i = 0; i < state->count; i++) {
        size_t n = nd_state_size(&state->block[i]);
        copy_bytes(to, state->block[i].data, n);
        to += n;
    }
}

void nd_state_paste(const nd_state *state, const unsigned char *from)
{
    for (size_t i = 0; i < state->count; i++) {
        size_t n = nd_state_size(&state->block[i]);
        copy_bytes(state->block[i].data, from, n);
        from += n;
    }
}

/* In a file of the double engine the two kinds of numbers look the same. */
static bool same_type(nd_state_type a, nd_state_type b)
{
    bool floats = a <= ND_STATE_F64 && b <= ND_STATE_F64;
    return a == b || (floats && nd_state_width(a) == nd_state_width(b));
}

nd_status nd_state_restore(nd_ctx *ctx, const nd_state *live, const nd_state *saved)
{
    for (size_t i = 0; i < live->count; i++) {
        const nd_state_block *to = &live->block[i], *from = nd_state_find(saved, to->name);
        if (from == NULL || !same_type(from->type, to->type) || from->count != to->count) {
            return nd_fail(ctx, ND_ERR_FORMAT,
                           "the checkpoint does not fit the run: \"%s\" has %zu elements there, "
                           "%zu here",
                           to->name, from == NULL ? (size_t)0 : from->count, to->count);
        }
    }
    for (size_t i = 0; i < live->count; i++) {
        const nd_state_block *to = &live->block[i];
        copy_bytes(to->data, nd_state_find(saved, to->name)->data, nd_state_size(to));
    }
    return ND_OK;
}
