#include "data/sample.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "data/cell_hash.h"
#include "data/prep_parts.h"
#include "data/prep_suspect.h"

/* Rows that are looked at before their pages are given back; first rows that show
 * whether a column names its rows. */
enum { RUN = 65536, FIRST_ROWS = 1000 };

/* The rows taken so far. */
typedef struct chosen {
    nd_cell_hash *key; /* [keys] */
    size_t keys;
    uint32_t *row; /* ascending */
    size_t count, room;
    uint64_t below; /* rows whose hash is less are taken */
    uint64_t *sum;  /* [RUN] hashes of the rows of a run */
} chosen;

static void chosen_free(chosen *c)
{
    for (size_t k = 0; k < c->keys; k++) {
        nd_cell_hash_free(&c->key[k]);
    }
    nd_free(c->key);
    nd_free(c->row);
    nd_free(c->sum);
}

static nd_status hash_keys(const nd_table *table, const char *const *key, size_t keys, chosen *c)
{
    for (size_t k = 0; k < keys; k++) {
        int at = nd_table_find(table, key[k]);
        if (at >= 0) {
            ND_TRY(nd_cell_hash_init(table->ctx, &table->column[at], k, &c->key[c->keys]));
            c->keys++;
        }
    }
    return ND_OK;
}

static bool choose_run(chosen *c, size_t from, size_t to)
{
    memset(c->sum, 0, (to - from) * sizeof *c->sum);
    for (size_t k = 0; k < c->keys; k++) {
        for (size_t r = from; r < to; r++) {
            c->sum[r - from] += nd_cell_hash_at(&c->key[k], r);
        }
        nd_column_forget(c->key[k].column, from, to);
    }
    for (size_t r = from; r < to; r++) {
        if (nd_mix(c->sum[r - from]) >= c->below) {
            continue;
        }
        if (!nd_grow((void **)&c->row, &c->room, c->count, sizeof *c->row)) {
            return false;
        }
        c->row[c->count++] = (uint32_t)r;
    }
    return true;
}

static nd_status choose(const nd_table *table, const char *const *key, size_t keys, double share,
                        chosen *c)
{
    *c = (chosen){.below = share < 1 ? (uint64_t)ldexp(share, 64) : UINT64_MAX,
                  .key = nd_alloc(keys + 1, sizeof *c->key),
                  .sum = nd_alloc(RUN, sizeof *c->sum)};
    ND_TRY(c->sum && c->key ? hash_keys(table, key, keys, c) : nd_fail_memory(table->ctx));
    for (size_t from = 0; from < table->rows; from += RUN) {
        size_t to = table->rows - from < RUN ? table->rows : from + RUN;
        if (!choose_run(c, from, to)) {
            return nd_fail_memory(table->ctx);
        }
    }
    return ND_OK;
}

/* Cells of the chosen rows, packed; words keep their numbers. */
static void copy_cells(const nd_column *column, const chosen *c, size_t size, char *to)
{
    const char *from = column->data;
    size_t step = column->stride * size, bytes = column->width * size, seen = 0;
    for (size_t i = 0; i < c->count; i++) {
        memcpy(to + i * bytes, from + c->row[i] * step, bytes);
        if (c->row[i] - seen >= RUN) {
            nd_column_forget(column, seen, c->row[i]);
            seen = c->row[i];
        }
    }
    nd_column_forget(column, seen, c->count > 0 ? c->row[c->count - 1] + 1 : 0);
}

/* A dictionary of the words that the rows hold; their numbers change. */
static nd_dict *used_words(const nd_column *column, uint32_t *cell, size_t count)
{
    nd_dict *dict = nd_dict_create();
    for (size_t i = 0; dict && i < count; i++) {
        size_t n;
        const char *text = nd_dict_word(column->dict, cell[i], &n);
        if (!text) {
            continue; /* missing */
        }
        cell[i] = nd_dict_add(dict, text, n);
        if (cell[i] == ND_DICT_NONE) {
            nd_dict_destroy(dict);
            dict = NULL;
        }
    }
    return dict;
}

static size_t missing_cells(const nd_column *column, size_t rows)
{
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        n += column->dtype == ND_DT_WORD ? nd_column_word(column, r) == ND_DICT_NONE
                                         : isnan(nd_column_number(column, r, 0));
    }
    return n;
}

static nd_status add_column(const nd_column *column, const chosen *c, nd_table *sample)
{
    size_t size = nd_column_element(column);
    nd_column copy = *column;
    char *data = nd_alloc(c->count * column->width, size);
    copy.data = data;
    copy.stride = column->width;
    copy.stored = 0;
    if (!data) {
        return nd_fail_memory(sample->ctx);
    }
    ND_TRY(nd_table_own(sample, data));
    copy_cells(column, c, size, data);
    copy.dict = column->dict ? used_words(column, (uint32_t *)(void *)data, c->count) : NULL;
    copy.name = nd_strdup(column->name);
    if (!copy.name || (column->dict && !copy.dict)) {
        nd_free(copy.name);
        nd_dict_destroy(copy.dict);
        return nd_fail_memory(sample->ctx);
    }
    copy.missing = missing_cells(&copy, c->count);
    return nd_table_add(sample, &copy);
}

static nd_status fill(const nd_table *table, chosen *c, nd_table *sample)
{
    sample->rows = c->count;
    sample->header = table->header;
    sample->targets = table->targets;
    for (size_t i = 0; i < table->columns; i++) {
        ND_TRY(add_column(&table->column[i], c, sample));
    }
    for (size_t i = 0; i < c->count; i++) {
        c->row[i] = (uint32_t)(nd_table_row(table, c->row[i]) - 1);
    }
    sample->origin = c->row;
    c->row = NULL;
    return ND_OK;
}

nd_status nd_table_sample(const nd_table *table, const char *const *key, size_t keys, double share,
                          nd_table **sample)
{
    chosen c;
    *sample = NULL;
    nd_status status = choose(table, key, keys, share, &c);
    if (status == ND_OK) {
        status = nd_table_create(table->ctx, table->path, sample);
    }
    if (status == ND_OK) {
        status = fill(table, &c, *sample);
    }
    chosen_free(&c);
    if (status != ND_OK) {
        nd_table_destroy(*sample);
        *sample = NULL;
    }
    return status;
}

/* *yes: column c does not look as if it named the rows. */
static nd_status repeats(const nd_table *table, size_t c, bool *yes)
{
    size_t rows = table->rows < FIRST_ROWS ? table->rows : FIRST_ROWS;
    nd_stats stats;
    bool ok = false;
    if (nd_stats_take(&table->column[c], NULL, rows, &stats)) {
        *yes = nd_suspect(table, c, NULL, rows, &stats, &ok) == NULL;
        nd_stats_free(&stats);
    }
    return ok ? ND_OK : nd_fail_memory(table->ctx);
}

static bool is_target(const nd_table *table, size_t c, const nd_prep_params *params)
{
    size_t own = table->targets ? table->targets : 1;
    return params->target_count == 0
               ? c + own >= table->columns
               : nd_prep_listed(table, c, params->target, params->target_count);
}

nd_status nd_sample_key(const nd_table *table, const nd_prep_params *params, const char **key,
                        size_t most, size_t *keys)
{
    *keys = 0;
    for (size_t c = 0; c < table->columns && *keys < most; c++) {
        bool yes = false;
        if (!is_target(table, c, params) &&
            !nd_prep_listed(table, c, params->drop, params->drop_count)) {
            ND_TRY(repeats(table, c, &yes));
        }
        if (yes) {
            key[(*keys)++] = table->column[c].name;
        }
    }
    return ND_OK;
}
