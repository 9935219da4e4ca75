/* Rows of a row cache, straight from its mapping. */
#include <string.h>

#include "base/mem.h"
#include "data/cache_reader.h"

typedef struct cache_source {
    nd_source base;
    nd_source_blocks blocks;
    const nd_cache *cache;
    size_t first;                  /* block of the file that is the source's block 0 */
    uint64_t last[ND_CACHE_PARTS]; /* blocks of the parts up to and with each */
    uint64_t rows[ND_CACHE_PARTS];
    int parts;
} cache_source;

static size_t block_rows(const nd_source *source, size_t block)
{
    const cache_source *s = (const cache_source *)source;
    int p = 0;
    while (block >= s->last[p]) {
        p++;
    }
    size_t before = p > 0 ? s->last[p - 1] : 0,
           rest = s->rows[p] - (block - before) * s->blocks.full;
    return rest < s->blocks.full ? rest : s->blocks.full;
}

static void expect_block(const nd_source *source, size_t block)
{
    const cache_source *s = (const cache_source *)source;
    nd_cache_expect(s->cache, s->first + block);
}

static void forget_block(const nd_source *source, size_t block)
{
    const cache_source *s = (const cache_source *)source;
    nd_cache_forget(s->cache, s->first + block);
}

/* Number of the i-th row in order. */
static size_t number_of(const cache_source *s, size_t i)
{
    uint64_t before = 0;
    for (int p = 0; p < s->parts; p++) {
        if (i < s->rows[p]) {
            return before * s->blocks.full + i;
        }
        i -= s->rows[p];
        before = s->last[p];
    }
    return SIZE_MAX;
}

static void cache_gather(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                         nd_real *x, nd_real *y)
{
    const cache_source *s = (const cache_source *)source;
    size_t full = s->blocks.full, width = source->features, labels = source->label_width;
    for (size_t i = 0; i < count; i++) {
        size_t number = index ? index[i] : number_of(s, first + i), row = number % full;
        const nd_real *block = nd_cache_block(s->cache, s->first + number / full);
        memcpy(x + i * width, block + row * width, width * sizeof *x);
        if (y) {
            memcpy(y + i * labels, block + full * width + row * labels, labels * sizeof *y);
        }
    }
}

static nd_status cache_whole(const nd_source *source)
{
    const nd_cache *cache = ((const cache_source *)source)->cache;
    return nd_bytes_whole(cache->ctx, cache->path, &cache->bytes);
}

static void cache_destroy(nd_source *source)
{
    nd_free(source);
}

nd_status nd_source_from_cache(const nd_cache *cache, int first, int last, size_t window,
                               nd_source **source)
{
    const nd_cache_head *head = &cache->header.head;
    cache_source *s = nd_alloc(1, sizeof *s);
    *source = NULL;
    if (!s) {
        return nd_fail_memory(cache->ctx);
    }
    s->cache = cache;
    s->blocks = (nd_source_blocks){.full = head->block_rows,
                                   .rows = block_rows,
                                   .expect = expect_block,
                                   .forget = forget_block};
    s->base = (nd_source){.features = head->features,
                          .label_width = head->label_width,
                          .blocks = &s->blocks,
                          .gather = cache_gather,
                          .whole = cache_whole,
                          .destroy = cache_destroy};
    for (int p = 0; p <= last; p++) {
        if (p < first) {
            s->first += cache->layout.blocks[p];
            continue;
        }
        s->blocks.count += cache->layout.blocks[p];
        s->base.rows += head->rows[p];
        s->last[s->parts] = s->blocks.count;
        s->rows[s->parts++] = head->rows[p];
    }
    s->blocks.window = window / cache->layout.stride;
    s->blocks.window = s->blocks.window > 0 ? s->blocks.window : 1;
    if (s->base.rows == 0) {
        nd_free(s);
        return ND_OK;
    }
    *source = &s->base;
    return ND_OK;
}
