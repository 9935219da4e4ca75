/* An open row cache, for the files that read its blocks. */
#ifndef ND_DATA_CACHE_READER_H
#define ND_DATA_CACHE_READER_H

#include "data/cache_format.h"
#include "data/store.h"

struct nd_cache {
    nd_ctx *ctx;
    char *path;
    nd_bytes bytes;
    bool owned;
    nd_cache_header header;
    nd_cache_layout layout;
};

static inline const void *nd_cache_block(const nd_cache *c, uint64_t block)
{
    return c->bytes.data + c->layout.first + block * c->layout.stride;
}

/* Give the memory of a block back; nothing for bytes that are not mapped. */
static inline void nd_cache_forget(const nd_cache *c, uint64_t block)
{
    if (c->bytes.mapped) {
        nd_pages_forget(c->bytes.data, c->bytes.size, c->layout.first + block * c->layout.stride,
                        c->layout.stride);
    }
}

/* Have a block read from the disk, if there is such a block. */
static inline void nd_cache_expect(const nd_cache *c, uint64_t block)
{
    if (c->bytes.mapped && block < c->layout.all_blocks) {
        nd_pages_expect(nd_cache_block(c, block), c->layout.stride);
    }
}

#endif
