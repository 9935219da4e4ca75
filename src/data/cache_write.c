#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/cache_format.h"

enum { BLOCK_BYTES = 1 << 20 };

/* The block of a part that is being filled. */
typedef struct open_block {
    char *bytes;
    uint64_t rows, done; /* rows in it; rows of the part before it */
    uint64_t block;      /* its number in the file */
} open_block;

struct nd_cache_writer {
    nd_ctx *ctx;
    nd_out *out;
    nd_cache_header header;
    nd_cache_layout layout;
    open_block part[ND_CACHE_PARTS];
    char *front; /* header, note and checksums: what lies before the blocks */
};

uint64_t nd_cache_block_rows(uint64_t features, uint64_t label_width)
{
    uint64_t row = (features + label_width) * sizeof(nd_real);
    return row < BLOCK_BYTES ? BLOCK_BYTES / row : 1;
}

static bool round_up(uint64_t n, uint64_t unit, uint64_t *result)
{
    if (__builtin_add_overflow(n, unit - 1, &n)) {
        return false;
    }
    *result = n / unit * unit;
    return true;
}

static bool count_blocks(const nd_cache_head *head, nd_cache_layout *l)
{
    l->all_blocks = 0;
    for (int p = 0; p < ND_CACHE_PARTS; p++) {
        l->blocks[p] = head->rows[p] / head->block_rows + (head->rows[p] % head->block_rows > 0);
        if (__builtin_add_overflow(l->all_blocks, l->blocks[p], &l->all_blocks)) {
            return false;
        }
    }
    return true;
}

bool nd_cache_lay_out(const nd_cache_head *head, uint64_t note_size, nd_cache_layout *l)
{
    const uint64_t most = UINT64_C(1) << 62;
    uint64_t width, bytes;
    if (head->features == 0 || head->label_width == 0 || head->block_rows == 0 ||
        note_size > most || __builtin_add_overflow(head->features, head->label_width, &width) ||
        __builtin_mul_overflow(width, sizeof(nd_real), &width) ||
        __builtin_mul_overflow(width, head->block_rows, &bytes) ||
        !round_up(bytes, ND_CACHE_PAGE, &l->stride) || !count_blocks(head, l) ||
        l->all_blocks > most / 8) {
        return false;
    }
    round_up(sizeof(nd_cache_header) + note_size, ND_CACHE_ALIGN, &l->table);
    if (!round_up(l->table + 8 * l->all_blocks, ND_CACHE_PAGE, &l->first) ||
        __builtin_mul_overflow(l->stride, l->all_blocks, &bytes) ||
        __builtin_add_overflow(bytes, l->first, &l->file_size)) {
        return false;
    }
    return l->file_size <= most && l->all_blocks > 0;
}

/* Rows are numbered by block, in 32 bits. */
static bool numbers_fit(const nd_cache_head *head, const nd_cache_layout *l)
{
    return l->all_blocks < UINT32_MAX / head->block_rows;
}

static nd_status make_room(nd_cache_writer *w, const char *note, size_t note_size)
{
    w->front = nd_alloc_aligned(w->layout.first, 1);
    if (!w->front) {
        return nd_fail_memory(w->ctx);
    }
    if (note_size > 0) {
        memcpy(w->front + sizeof w->header, note, note_size);
    }
    uint64_t block = 0;
    for (int p = 0; p < ND_CACHE_PARTS; p++) {
        w->part[p].block = block;
        block += w->layout.blocks[p];
        w->part[p].bytes = w->layout.blocks[p] > 0 ? nd_alloc_aligned(w->layout.stride, 1) : NULL;
        if (w->layout.blocks[p] > 0 && !w->part[p].bytes) {
            return nd_fail_memory(w->ctx);
        }
    }
    return ND_OK;
}

nd_status nd_cache_create(nd_ctx *ctx, const char *path, bool replace, const nd_cache_head *head,
                          const char *note, size_t note_size, nd_cache_writer **writer)
{
    *writer = NULL;
    nd_cache_writer *w = nd_alloc(1, sizeof *w);
    if (!w) {
        return nd_fail_memory(ctx);
    }
    w->ctx = ctx;
    w->header = (nd_cache_header){.version = ND_CACHE_VERSION,
                                  .number_bytes = sizeof(nd_real),
                                  .head = *head,
                                  .note_size = note_size};
    memcpy(w->header.magic, ND_CACHE_MAGIC, sizeof w->header.magic);
    nd_status status = ND_OK;
    if (!nd_cache_lay_out(head, note_size, &w->layout) || !numbers_fit(head, &w->layout)) {
        status = nd_fail(ctx, ND_ERR_DATA, "%s: too many rows for a row cache", path);
    }
    if (status == ND_OK) {
        status = make_room(w, note, note_size);
    }
    if (status == ND_OK) {
        status = nd_out_open(ctx, path, replace, &w->out);
    }
    if (status != ND_OK) {
        nd_cache_abandon(w);
        return status;
    }
    *writer = w;
    return ND_OK;
}

/* Write the block at hand and begin the next. */
static nd_status finish_block(nd_cache_writer *w, open_block *b)
{
    uint64_t sum = nd_hash(b->bytes, w->layout.stride);
    memcpy(w->front + w->layout.table + 8 * b->block, &sum, sizeof sum);
    uint64_t place = w->layout.first + b->block * w->layout.stride;
    ND_TRY(nd_out_write_at(w->out, place, b->bytes, w->layout.stride));
    memset(b->bytes, 0, w->layout.stride);
    b->block++;
    b->done += b->rows;
    b->rows = 0;
    return ND_OK;
}

nd_status nd_cache_add(nd_cache_writer *w, int part, const nd_real *x, const nd_real *y,
                       size_t rows)
{
    const nd_cache_head *head = &w->header.head;
    open_block *b = &w->part[part];
    size_t x_row = head->features * sizeof *x, y_row = head->label_width * sizeof *y;
    if (rows > head->rows[part] - b->done - b->rows) {
        return nd_fail(w->ctx, ND_ERR_ARGUMENT, "more rows than the row cache was made for");
    }
    for (size_t at = 0; at < rows;) {
        size_t n = rows - at, left = head->block_rows - b->rows;
        n = n < left ? n : left;
        memcpy(b->bytes + b->rows * x_row, (const char *)x + at * x_row, n * x_row);
        memcpy(b->bytes + head->block_rows * x_row + b->rows * y_row, (const char *)y + at * y_row,
               n * y_row);
        b->rows += n;
        at += n;
        if (b->rows == head->block_rows || b->done + b->rows == head->rows[part]) {
            ND_TRY(finish_block(w, b));
        }
    }
    return ND_OK;
}

static nd_status write_front(nd_cache_writer *w)
{
    nd_cache_header *h = &w->header;
    const nd_cache_layout *l = &w->layout;
    h->file_size = l->file_size;
    h->note_sum = nd_hash(w->front + sizeof *h, l->table - sizeof *h);
    h->table_sum = nd_hash(w->front + l->table, l->first - l->table);
    h->header_sum = nd_hash((const char *)h, offsetof(nd_cache_header, header_sum));
    memcpy(w->front, h, sizeof *h);
    return nd_out_write_at(w->out, 0, w->front, l->first);
}

nd_status nd_cache_commit(nd_cache_writer *w)
{
    nd_status status = ND_OK;
    for (int p = 0; p < ND_CACHE_PARTS && status == ND_OK; p++) {
        if (w->part[p].done != w->header.head.rows[p]) {
            status = nd_fail(w->ctx, ND_ERR_ARGUMENT, "the row cache lacks rows");
        }
    }
    if (status == ND_OK) {
        status = write_front(w);
    }
    if (status == ND_OK) {
        nd_out *out = w->out;
        w->out = NULL;
        status = nd_out_commit(out);
    }
    nd_cache_abandon(w);
    return status;
}

void nd_cache_abandon(nd_cache_writer *w)
{
    if (!w) {
        return;
    }
    nd_out_abandon(w->out);
    for (int p = 0; p < ND_CACHE_PARTS; p++) {
        nd_free(w->part[p].bytes);
    }
    nd_free(w->front);
    nd_free(w);
}
