#include "base/mem.h"
#include "data/csv_reading.h"

nd_status nd_csv_get_block(const nd_csv_reading *r, size_t size, size_t count, void **block)
{
    if (r->store) {
        return nd_store_alloc(r->store, count, size, block);
    }
    *block = nd_alloc(count, size);
    return *block ? ND_OK : nd_fail_memory(r->file.ctx);
}

void nd_csv_drop_block(const nd_csv_reading *r, void *block)
{
    if (r->store) {
        nd_store_free(r->store, block);
    } else {
        nd_free(block);
    }
}

void nd_csv_forget_text(const nd_csv_reading *r, const char *from, const char *to)
{
    if (r->store && from < to) {
        const char *text = r->file.text;
        nd_pages_forget(text, (size_t)(r->file.end - text), (size_t)(from - text),
                        (size_t)(to - from));
    }
}

void nd_csv_forget_chunk(const nd_csv_reading *r, const nd_csv_chunk *chunk)
{
    if (!r->store) {
        return;
    }
    nd_csv_forget_text(r, chunk->begin, chunk->end);
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->job.number[c]) {
            nd_pages_forget(r->job.number[c], r->room * sizeof(double),
                            chunk->slot * sizeof(double), chunk->room * sizeof(double));
        }
        if (r->job.word[c]) {
            size_t rows = r->rows > 0 ? r->rows : r->room;
            nd_pages_forget(r->job.word[c], rows * sizeof(uint32_t), chunk->slot * sizeof(uint32_t),
                            chunk->room * sizeof(uint32_t));
        }
    }
}
