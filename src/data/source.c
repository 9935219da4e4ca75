#include "data/source.h"

#include <string.h>

#include "base/mem.h"

/* Rows of one task; numbers from which dispatching pays. */
enum { BLOCK = 16, PARALLEL = 1 << 15, CHUNK = 256 };

/* Rows that are fetched ahead; bytes that come at once. */
enum { AHEAD = 2, LINE = 64 };

/* A run of neighbouring features: numbers at a place in a dense row, or the pixels
 * of an image column. */
typedef struct piece {
    size_t first, features;
    const nd_prep_column *image; /* NULL for numbers */
    size_t at;                   /* numbers: place in the dense row */
    const uint8_t *pixel;        /* image: first row of the table's bytes, borrowed */
    size_t stride;               /* image: bytes from row to row */
} piece;

typedef struct table_source {
    nd_source base;
    nd_ctx *ctx;           /* for messages */
    nd_prep_column *image; /* copies of the image columns: scaling outlives the prep */
    piece *piece;
    size_t pieces, dense;
    nd_real *number; /* [rows][dense]; of windows: of every row of the table */
    size_t window;   /* rows of the table that a row is made of; 0: one, its own */
    size_t series;   /* feature of the targets' column, which counts from the last if relative */
    bool relative;
    nd_real *label; /* [rows][label_width], NULL without labels */
    uint32_t *row;  /* [rows] of the table; NULL: the first rows */
} table_source;

typedef struct job {
    const nd_source *source;
    const uint32_t *index;
    size_t first, count;
    nd_real *x, *y;
} job;

static void gather_row(const table_source *s, size_t row, nd_real *x)
{
    if (s->window) {
        size_t first = s->row[row] + 1 - s->window;
        memcpy(x, s->number + first * s->dense, s->base.features * sizeof *x);
        if (s->relative) {
            nd_prep_relate(x, s->window, s->dense, s->series);
        }
        return;
    }
    for (size_t i = 0; i < s->pieces; i++) {
        const piece *p = &s->piece[i];
        if (p->image) {
            size_t at = s->row ? s->row[row] : row;
            nd_prep_pixels(p->image, p->pixel + at * p->stride, p->features, x + p->first);
        } else {
            memcpy(x + p->first, s->number + row * s->dense + p->at, p->features * sizeof *x);
        }
    }
}

/* Nothing to do where either side is absent. */
static void copy_rows(const nd_real *from, size_t width, const uint32_t *index, size_t first,
                      size_t count, nd_real *to)
{
    for (size_t i = 0; from && to && i < count; i++) {
        size_t row = index ? index[i] : first + i;
        memcpy(to + i * width, from + row * width, width * sizeof *to);
    }
}

/* Rows in a random order are fetched ahead: memory is waited for once instead of line by line. */
static void expect_row(const table_source *s, size_t row)
{
    for (size_t i = 0; i < s->pieces; i++) {
        const piece *p = &s->piece[i];
        size_t bytes = p->image ? p->features : p->features * sizeof(nd_real);
        const char *from = p->image
                               ? (const char *)p->pixel + (s->row ? s->row[row] : row) * p->stride
                               : (const char *)(s->number + row * s->dense + p->at);
        for (size_t at = 0; at < bytes; at += LINE) {
            __builtin_prefetch(from + at);
        }
    }
}

static void table_gather(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                         nd_real *x, nd_real *y)
{
    const table_source *s = (const table_source *)source;
    for (size_t i = 0; i < count; i++) {
        if (index && !s->window && i + AHEAD < count) {
            expect_row(s, index[i + AHEAD]);
        }
        gather_row(s, index ? index[i] : first + i, x + i * source->features);
    }
    if (source->mirror && y) {
        memcpy(y, x, count * source->features * sizeof *y);
    }
    copy_rows(s->label, source->label_width, index, first, count, y);
}

static void gather_block(void *user, size_t block)
{
    const job *j = user;
    size_t from = block * BLOCK, rest = j->count - from;
    nd_real *y = j->y ? j->y + from * j->source->label_width : NULL;
    j->source->gather(j->source, j->index ? j->index + from : NULL, j->first + from,
                      rest < BLOCK ? rest : BLOCK, j->x + from * j->source->features, y);
}

/* Rows first.. were read in order: blocks that end among them are done with. */
static void leave_blocks(const nd_source *source, size_t first, size_t count)
{
    const nd_source_blocks *blocks = source->blocks;
    size_t end = 0;
    for (size_t b = 0; b < blocks->count && end < first + count; b++) {
        end += blocks->rows(source, b);
        if (end > first && end <= first + count) {
            blocks->forget(source, b);
            if (b + 2 < blocks->count) {
                blocks->expect(source, b + 2);
            }
        }
    }
}

nd_status nd_source_whole(const nd_source *source)
{
    return source->whole != NULL ? source->whole(source) : ND_OK;
}

void nd_source_gather(const nd_source *source, nd_pool *pool, const uint32_t *index, size_t first,
                      size_t count, nd_real *x, nd_real *y)
{
    job j = {.source = source, .index = index, .first = first, .count = count, .x = x, .y = y};
    bool parallel = count * source->features >= PARALLEL;
    nd_pool_run(parallel ? pool : NULL, (count + BLOCK - 1) / BLOCK, gather_block, &j);
    if (source->blocks && !index) {
        leave_blocks(source, first, count);
    }
}

static void table_destroy(nd_source *source)
{
    table_source *s = (table_source *)source;
    nd_free(s->row);
    nd_free(s->piece);
    nd_free(s->image);
    nd_free(s->number);
    nd_free(s->label);
    nd_free(s);
}

/* Neighbouring number features become one piece. */
static void add_piece(table_source *s, const nd_prep_column *column, nd_prep_column *image)
{
    piece *last = s->pieces ? &s->piece[s->pieces - 1] : NULL;
    if (!image && last && !last->image && last->first + last->features == column->first) {
        last->features += column->features;
    } else {
        s->piece[s->pieces++] = (piece){
            .first = column->first, .features = column->features, .image = image, .at = s->dense};
    }
    s->dense += image ? 0 : column->features;
}

static bool cut_pieces(table_source *s, const nd_prep *prep)
{
    s->piece = nd_alloc(prep->columns, sizeof *s->piece);
    s->image = nd_alloc(prep->columns, sizeof *s->image);
    if (!s->piece || !s->image) {
        return false;
    }
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind == ND_PREP_IMAGE) {
            s->image[i] = (nd_prep_column){.kind = column->kind,
                                           .features = column->features,
                                           .center = column->center,
                                           .scale = column->scale};
            add_piece(s, column, &s->image[i]);
        } else if (column->kind != ND_PREP_DROPPED) {
            add_piece(s, column, NULL);
        }
    }
    return true;
}

/* Images stay where they are: a second copy would double the memory of a data set. */
static bool borrow_pixels(table_source *s, const nd_prep_map *map, const uint32_t *rows)
{
    bool images = false;
    for (size_t i = 0; i < s->pieces; i++) {
        piece *p = &s->piece[i];
        if (p->image) {
            const nd_column *raw = &map->table->column[map->column[p->image - s->image]];
            p->pixel = raw->data;
            p->stride = raw->stride;
            images = true;
        }
    }
    if (!images || !rows) {
        return true;
    }
    s->row = nd_alloc(s->base.rows, sizeof *s->row);
    if (s->row) {
        memcpy(s->row, rows, s->base.rows * sizeof *s->row);
    }
    return s->row;
}

static void keep_numbers(table_source *s, const nd_real *x, size_t first, size_t count)
{
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < s->pieces; i++) {
            const piece *p = &s->piece[i];
            if (!p->image) {
                memcpy(s->number + (first + r) * s->dense + p->at,
                       x + r * s->base.features + p->first, p->features * sizeof *x);
            }
        }
    }
}

static bool prepare_numbers(table_source *s, const nd_prep_map *map, const uint32_t *rows)
{
    if (s->dense == 0) {
        return true;
    }
    s->number = nd_alloc_aligned(s->base.rows, s->dense * sizeof *s->number);
    if (!s->number) {
        return false;
    }
    if (s->dense == s->base.features) {
        nd_prep_features(map, rows, 0, s->base.rows, s->number);
        return true;
    }
    nd_real *x = nd_alloc_aligned(CHUNK, s->base.features * sizeof *x);
    bool done = x;
    for (size_t first = 0; done && first < s->base.rows; first += CHUNK) {
        size_t count = s->base.rows - first < CHUNK ? s->base.rows - first : CHUNK;
        nd_prep_features(map, rows ? rows + first : NULL, first, count, x);
        keep_numbers(s, x, first, count);
    }
    nd_free(x);
    return done;
}

static nd_status prepare_labels(table_source *s, const nd_prep_map *map, const uint32_t *rows)
{
    if (s->base.mirror) {
        return ND_OK;
    }
    for (size_t t = 0; t < map->prep->targets; t++) {
        if (map->target[t] < 0) {
            return ND_OK;
        }
    }
    s->label = nd_alloc_aligned(s->base.rows, s->base.label_width * sizeof *s->label);
    return s->label ? nd_prep_label_rows(map, rows, 0, s->base.rows, s->label)
                    : nd_fail_memory(s->ctx);
}

/* Windows overlap: the features of all rows of the table are held once, and a window is
 * a stretch of them. */
static nd_status prepare_windows(table_source *s, const nd_prep_map *map, const uint32_t *rows)
{
    const nd_prep *prep = map->prep;
    size_t count = map->table->rows;
    s->window = prep->window;
    s->relative = prep->relative;
    s->series = prep->column[prep->target[0].position].first;
    s->dense = prep->features;
    s->number = nd_alloc_aligned(count, s->dense * sizeof *s->number);
    s->row = nd_alloc(s->base.rows, sizeof *s->row);
    if (!s->number || !s->row) {
        return nd_fail_memory(s->ctx);
    }
    nd_prep_row_features(map, NULL, 0, count, s->number);
    for (size_t i = 0; i < s->base.rows; i++) {
        s->row[i] = rows ? rows[i] : (uint32_t)(i + s->window - 1);
    }
    return prepare_labels(s, map, s->row);
}

nd_status nd_source_from_table(const nd_prep_map *map, const uint32_t *rows, size_t count,
                               nd_source **source)
{
    const nd_prep *prep = map->prep;
    table_source *s = nd_alloc(1, sizeof *s);
    *source = NULL;
    if (!s) {
        return nd_fail_memory(prep->ctx);
    }
    s->ctx = prep->ctx;
    s->base = (nd_source){.rows = count,
                          .features = nd_prep_inputs(prep),
                          .label_width = nd_prep_row_width(prep),
                          .mirror = prep->task == ND_TASK_AUTOENCODER,
                          .gather = table_gather,
                          .destroy = table_destroy};
    nd_status status = nd_fail_memory(prep->ctx);
    if (prep->window) {
        status = prepare_windows(s, map, rows);
    } else if (cut_pieces(s, prep) && borrow_pixels(s, map, rows) &&
               prepare_numbers(s, map, rows)) {
        status = prepare_labels(s, map, rows);
    }
    if (status != ND_OK) {
        table_destroy(&s->base);
        return status;
    }
    *source = &s->base;
    return ND_OK;
}

typedef struct array_source {
    nd_source base;
    const nd_real *x, *y;
} array_source;

static void array_gather(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                         nd_real *x, nd_real *y)
{
    const array_source *s = (const array_source *)source;
    copy_rows(s->x, source->features, index, first, count, x);
    copy_rows(s->y, source->label_width, index, first, count, y);
}

static void array_destroy(nd_source *source)
{
    nd_free(source);
}

nd_status nd_source_from_arrays(nd_ctx *ctx, const nd_real *x, const nd_real *y, size_t rows,
                                size_t features, size_t label_width, nd_source **source)
{
    array_source *s = nd_alloc(1, sizeof *s);
    *source = NULL;
    if (!s) {
        return nd_fail_memory(ctx);
    }
    s->base = (nd_source){.rows = rows,
                          .features = features,
                          .label_width = label_width,
                          .gather = array_gather,
                          .destroy = array_destroy};
    s->x = x;
    s->y = y;
    *source = &s->base;
    return ND_OK;
}

void nd_source_destroy(nd_source *source)
{
    if (source) {
        source->destroy(source);
    }
}
