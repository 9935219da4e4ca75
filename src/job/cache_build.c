#include "job/cache_build.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/check.h"
#include "job/read.h"
#include "job/rows.h"
#include "job/settings.h"
#include "model/model_json.h"

/* Everything that one building holds. */
typedef struct build {
    nd_ctx *ctx;
    const nd_config *config;
    const char *path, *cache_path;
    size_t memory;
    nd_settings settings;
    nd_store *store;
    nd_table *table;
    nd_prep *prep;
    nd_parts parts;
    nd_text note;
    nd_cache_writer *writer;
    nd_real *x, *y; /* [chunk][features], [chunk][label_width] */
    size_t chunk;
    size_t at[ND_CACHE_PARTS]; /* rows of each part that are written */
} build;

static void build_free(build *b)
{
    nd_cache_abandon(b->writer);
    nd_free(b->x);
    nd_free(b->y);
    nd_text_free(&b->note);
    nd_parts_free(&b->parts);
    nd_prep_destroy(b->prep);
    nd_table_destroy(b->table);
    nd_store_destroy(b->store);
    nd_settings_free(&b->settings);
}

/* Bytes of the program and its libraries; of each column a large page of the file cache,
 * which counts when any of it is read; and per row: the split takes a label, two
 * numbers and a mark beside the target column, quantiles take a sorted copy of a column
 * and as much to sort it; per row that is tested its predictions, and ranks for the AUC. */
double nd_cache_least_memory(double columns, double rows, double test, double outputs,
                             bool quantile)
{
    const double program = 16e6, large_page = 2 << 20, split = 24, sorting = 40, ranks = 24;
    double making = rows * (quantile ? sorting : split);
    double testing = test * (outputs * sizeof(nd_real) + ranks);
    making += columns * fmin(rows * sizeof(double), large_page);
    return program + (making > testing ? making : testing);
}

static nd_status check_memory(const build *b)
{
    bool quantile = b->settings.prep.scaling == ND_SCALING_QUANTILE;
    double least = nd_cache_least_memory((double)b->table->columns, (double)b->table->rows,
                                         (double)b->parts.test.count,
                                         (double)nd_prep_outputs(b->prep), quantile);
    if (least <= (double)b->memory) {
        return ND_OK;
    }
    return nd_fail(b->ctx, ND_ERR_OPTION,
                   "memory: %zu rows of %zu columns need %.0fM at least, for their split, a page "
                   "of each column and the predictions of the test rows",
                   b->table->rows, b->table->columns, least / (1 << 20) + 1);
}

static nd_status read_rows(build *b)
{
    char *folder = nd_file_folder(b->cache_path);
    if (folder == NULL) {
        return nd_fail_memory(b->ctx);
    }
    nd_status status = nd_store_create(b->ctx, folder, &b->store);
    nd_free(folder);
    if (status == ND_ERR_IO) {
        return nd_fail(b->ctx, status, "%s (cache names another place for the row cache)",
                       nd_ctx_message(b->ctx));
    }
    ND_TRY(status);
    return nd_table_read_stored(b->ctx, b->config, b->path, b->store, b->memory, &b->table);
}

static nd_status prepare(build *b)
{
    ND_TRY(nd_prep_begin(b->ctx, b->table, &b->settings.prep, &b->prep));
    nd_table_forget(b->table);
    ND_TRY(nd_parts_make(b->ctx, b->config, b->prep, b->table, &b->parts));
    nd_table_forget(b->table);
    ND_TRY(check_memory(b));
    ND_TRY(nd_train_check_large(b->config, &b->settings, b->prep, b->table, &b->parts, b->memory));
    nd_table_forget(b->table);
    const nd_rows *train = &b->parts.train;
    ND_TRY(nd_prep_fit(b->prep, b->table, train->index, train->count, &b->settings.prep));
    nd_table_forget(b->table);
    nd_prep_put_json(b->prep, &b->note);
    return b->note.failed ? nd_fail_memory(b->ctx) : ND_OK;
}

static nd_status make_room(build *b)
{
    size_t row = (b->prep->columns + b->prep->targets) * sizeof(double) +
                 (b->prep->features + nd_prep_row_width(b->prep)) * sizeof(nd_real);
    size_t fit = b->memory / 8 / row;
    b->chunk = fit < 256 ? 256 : fit > 65536 ? 65536 : fit;
    b->x = nd_alloc_aligned(b->chunk, b->prep->features * sizeof(nd_real));
    b->y = nd_alloc_aligned(b->chunk, nd_prep_row_width(b->prep) * sizeof(nd_real));
    return b->x != NULL && b->y != NULL ? ND_OK : nd_fail_memory(b->ctx);
}

/* Rows of a part before row end of its table that are not yet written. */
static size_t rows_before(const nd_rows *rows, size_t at, size_t end)
{
    if (rows->index == NULL) {
        return end - at;
    }
    size_t n = at;
    while (n < rows->count && rows->index[n] < end) {
        n++;
    }
    return n - at;
}

/* What is measured counts each row once: a file of test rows needs no weights. */
static nd_status test_labels(const nd_prep_map *map, const uint32_t *index, size_t at, size_t n,
                             nd_real *y)
{
    size_t width = nd_prep_label_width(map->prep);
    ND_TRY(nd_prep_labels(map, index, at, n, y));
    for (size_t i = n; nd_prep_weighted(map->prep) && i-- > 0;) {
        memmove(y + i * (width + 1), y + i * width, width * sizeof *y);
        y[i * (width + 1) + width] = 1;
    }
    return ND_OK;
}

static nd_status write_part(build *b, const nd_prep_map *map, int part, const nd_rows *rows,
                            size_t end)
{
    size_t at = b->at[part], n = rows_before(rows, at, end);
    const uint32_t *index = rows->index != NULL ? rows->index + at : NULL;
    nd_prep_features(map, index, at, n, b->x);
    ND_TRY(part == ND_CACHE_TEST ? test_labels(map, index, at, n, b->y)
                                 : nd_prep_label_rows(map, index, at, n, b->y));
    b->at[part] += n;
    return nd_cache_add(b->writer, part, b->x, b->y, n);
}

/* One walk over the rows of a table, each of which goes to its part. */
static nd_status write_table(build *b, const nd_table *table)
{
    const nd_rows *part[ND_CACHE_PARTS] = {&b->parts.train, &b->parts.valid, &b->parts.test};
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(b->prep, table, true, &map));
    nd_status status = ND_OK;
    for (size_t row = 0; row < table->rows && status == ND_OK; row += b->chunk) {
        size_t end = table->rows - row < b->chunk ? table->rows : row + b->chunk;
        for (int p = 0; p < ND_CACHE_PARTS && status == ND_OK; p++) {
            if (part[p]->table == table) {
                status = write_part(b, &map, p, part[p], end);
            }
        }
        for (size_t c = 0; c < table->columns; c++) {
            nd_column_forget(&table->column[c], row, end);
        }
    }
    nd_prep_map_free(&map);
    return status;
}

static nd_status write_rows(build *b, uint64_t source, uint64_t settings)
{
    nd_cache_head head = {.rows = {b->parts.train.count, b->parts.valid.count, b->parts.test.count},
                          .features = b->prep->features,
                          .label_width = nd_prep_row_width(b->prep),
                          .source = source,
                          .settings = settings};
    head.block_rows = nd_cache_block_rows(head.features, head.label_width);
    ND_TRY(nd_cache_create(b->ctx, b->cache_path, true, &head, b->note.data, b->note.size,
                           &b->writer));
    ND_TRY(make_room(b));
    ND_TRY(write_table(b, b->table));
    if (b->parts.valid_file != NULL) {
        ND_TRY(write_table(b, b->parts.valid_file));
    }
    if (b->parts.test_file != NULL) {
        ND_TRY(write_table(b, b->parts.test_file));
    }
    nd_cache_writer *writer = b->writer;
    b->writer = NULL;
    return nd_cache_commit(writer);
}

nd_status nd_cache_build(nd_ctx *ctx, const nd_config *config, const char *path,
                         const char *cache_path, uint64_t source, uint64_t settings, size_t memory)
{
    build b = {
        .ctx = ctx, .config = config, .path = path, .cache_path = cache_path, .memory = memory};
    nd_status status = nd_settings_from(ctx, config, &b.settings);
    if (status == ND_OK) {
        status = read_rows(&b);
    }
    if (status == ND_OK) {
        status = prepare(&b);
    }
    if (status == ND_OK) {
        status = write_rows(&b, source, settings);
    }
    build_free(&b);
    return status;
}
