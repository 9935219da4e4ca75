#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/cache_format.h"
#include "data/cache_reader.h"

bool nd_cache_detect(const char *path)
{
    nd_bytes bytes;
    if (!nd_file_regular(path) || nd_file_read(NULL, path, &bytes) != ND_OK) {
        return false;
    }
    bool ours = bytes.size >= 8 && memcmp(bytes.data, ND_CACHE_MAGIC, 8) == 0;
    nd_bytes_free(&bytes);
    return ours;
}

static nd_status fail_format(const nd_cache *c, const char *what)
{
    return nd_fail(c->ctx, ND_ERR_FORMAT, "%s: %s", c->path, what);
}

/* Nothing of the header is used before its own checksum agrees, and nothing of its
 * sizes before they make exactly this file. */
static nd_status check_header(nd_cache *c)
{
    nd_cache_header *h = &c->header;
    if (c->bytes.size < sizeof *h || memcmp(c->bytes.data, ND_CACHE_MAGIC, sizeof h->magic) != 0) {
        return fail_format(c, "this is not a row cache");
    }
    memcpy(h, c->bytes.data, sizeof *h);
    if (nd_hash(c->bytes.data, offsetof(nd_cache_header, header_sum)) != h->header_sum) {
        return fail_format(c, "the header of the row cache is damaged");
    }
    if (h->version != ND_CACHE_VERSION || h->number_bytes != sizeof(nd_real)) {
        return fail_format(c, "the row cache was written by another version of nadir");
    }
    if (!nd_cache_lay_out(&h->head, h->note_size, &c->layout) ||
        c->layout.all_blocks >= UINT32_MAX / h->head.block_rows) {
        return fail_format(c, "the sizes in the header of the row cache make no sense");
    }
    if (c->layout.file_size != c->bytes.size || h->file_size != c->bytes.size) {
        return fail_format(c, "the row cache is cut, or longer than its header says");
    }
    return ND_OK;
}

static nd_status check_front(const nd_cache *c)
{
    const nd_cache_header *h = &c->header;
    const nd_cache_layout *l = &c->layout;
    if (nd_hash(c->bytes.data + sizeof *h, l->table - sizeof *h) != h->note_sum ||
        nd_hash(c->bytes.data + l->table, l->first - l->table) != h->table_sum) {
        return fail_format(c, "the row cache is damaged before its rows");
    }
    return ND_OK;
}

/* Takes over bytes. */
static nd_status open_bytes(nd_ctx *ctx, const char *path, nd_bytes bytes, bool owned,
                            nd_cache **cache)
{
    nd_cache *c = nd_alloc(1, sizeof *c);
    *cache = NULL;
    if (!c) {
        if (owned) {
            nd_bytes_free(&bytes);
        }
        return nd_fail_memory(ctx);
    }
    *c = (nd_cache){.ctx = ctx, .bytes = bytes, .owned = owned, .path = nd_strdup(path)};
    nd_status status = c->path ? check_header(c) : nd_fail_memory(ctx);
    if (status == ND_OK) {
        status = check_front(c);
    }
    nd_status whole = nd_bytes_whole(ctx, path, &c->bytes);
    status = whole != ND_OK ? whole : status;
    if (status != ND_OK) {
        nd_cache_close(c);
        return status;
    }
    *cache = c;
    return ND_OK;
}

nd_status nd_cache_open(nd_ctx *ctx, const char *path, nd_cache **cache)
{
    nd_bytes bytes;
    *cache = NULL;
    ND_TRY(nd_file_read(ctx, path, &bytes));
    if (bytes.mapped) {
        nd_pages_small(bytes.data, bytes.size);
    }
    return open_bytes(ctx, path, bytes, true, cache);
}

nd_status nd_cache_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                         nd_cache **cache)
{
    return open_bytes(ctx, path, (nd_bytes){.data = bytes, .size = size}, false, cache);
}

typedef struct check {
    const nd_cache *cache;
    bool *bad; /* [blocks] */
} check;

static void check_block(void *user, size_t block)
{
    const check *k = user;
    const nd_cache *c = k->cache;
    const char *data = nd_cache_block(c, block);
    uint64_t sum;
    memcpy(&sum, c->bytes.data + c->layout.table + 8 * block, sizeof sum);
    nd_cache_expect(c, block + 2);
    k->bad[block] = nd_hash(data, c->layout.stride) != sum;
    nd_cache_forget(c, block);
}

nd_status nd_cache_verify(const nd_cache *c)
{
    check k = {.cache = c, .bad = nd_alloc(c->layout.all_blocks, sizeof *k.bad)};
    if (!k.bad) {
        return nd_fail_memory(c->ctx);
    }
    nd_pool_run(c->ctx->pool, c->layout.all_blocks, check_block, &k);
    nd_status status = ND_OK;
    for (uint64_t b = 0; b < c->layout.all_blocks && status == ND_OK; b++) {
        if (k.bad[b]) {
            status = nd_fail(c->ctx, ND_ERR_FORMAT,
                             "%s: block %llu of %llu does not agree with its checksum", c->path,
                             (unsigned long long)b + 1, (unsigned long long)c->layout.all_blocks);
        }
    }
    nd_free(k.bad);
    nd_status whole = nd_bytes_whole(c->ctx, c->path, &c->bytes);
    return whole != ND_OK ? whole : status;
}

const nd_cache_head *nd_cache_get_head(const nd_cache *cache)
{
    return &cache->header.head;
}

const char *nd_cache_note(const nd_cache *cache, size_t *size)
{
    *size = cache->header.note_size;
    return cache->bytes.data + sizeof cache->header;
}

uint64_t nd_cache_bytes(const nd_cache *cache)
{
    return cache->bytes.size;
}

void nd_cache_close(nd_cache *cache)
{
    if (!cache) {
        return;
    }
    if (cache->owned) {
        nd_bytes_warn(cache->ctx, cache->path, &cache->bytes);
        nd_bytes_free(&cache->bytes);
    }
    nd_free(cache->path);
    nd_free(cache);
}
