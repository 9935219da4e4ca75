/* A row cache from memory: opened, verified and read; what a checksum would refuse is
 * tried with the right checksums in its place as well. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/cache_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_rows(const nd_cache *cache)
{
    enum { CHUNK = 7 };
    const nd_cache_head *head = nd_cache_get_head(cache);
    nd_source *source = NULL;
    if (nd_source_from_cache(cache, ND_CACHE_TRAIN, ND_CACHE_TEST, 1, &source) != ND_OK ||
        !source) {
        return;
    }
    nd_real *x = nd_alloc(CHUNK, head->features * sizeof *x);
    nd_real *y = nd_alloc(CHUNK, head->label_width * sizeof *y);
    for (size_t first = 0; x && y && first < source->rows; first += CHUNK) {
        size_t rest = source->rows - first;
        nd_source_gather(source, NULL, NULL, first, rest < CHUNK ? rest : CHUNK, x, y);
    }
    nd_free(x);
    nd_free(y);
    nd_source_destroy(source);
}

static void try(nd_ctx *ctx, const char *bytes, size_t size)
{
    nd_cache *cache;
    if (nd_cache_parse(ctx, "fuzz", bytes, size, &cache) == ND_OK) {
        (void)nd_cache_verify(cache);
        read_rows(cache);
        nd_cache_close(cache);
    }
}

/* Checksums that agree with whatever the sizes say. */
static void forge(char *bytes, size_t size)
{
    nd_cache_header h;
    nd_cache_layout l;
    if (size < sizeof h) {
        return;
    }
    memcpy(&h, bytes, sizeof h);
    memcpy(h.magic, ND_CACHE_MAGIC, sizeof h.magic);
    h.version = ND_CACHE_VERSION;
    h.number_bytes = sizeof(nd_real);
    h.file_size = size;
    if (nd_cache_lay_out(&h.head, h.note_size, &l) && l.file_size == size) {
        h.note_sum = nd_hash(bytes + sizeof h, l.table - sizeof h);
        h.table_sum = nd_hash(bytes + l.table, l.first - l.table);
    }
    h.header_sum = nd_hash((const char *)&h, offsetof(nd_cache_header, header_sum));
    memcpy(bytes, &h, sizeof h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nd_ctx *ctx;
    if (!ctx && nd_ctx_create(&ctx, 1) != ND_OK) {
        return 0;
    }
    char *bytes = nd_alloc_aligned(size, 1);
    if (bytes && size > 0) {
        memcpy(bytes, data, size);
        try(ctx, bytes, size);
        forge(bytes, size);
        try(ctx, bytes, size);
    }
    nd_free(bytes);
    return 0;
}
