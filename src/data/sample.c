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

/* Counters of rows by their hash, 4 MB; rows that one group may be of a sample: one of so many
 * parts, or so few. */
enum { SEEN_BITS = 20, GROUP_PART = 256, GROUP_ROWS = 8 };

/* Rows of one table as hashes of their keys, a run at a time, and those taken so far. */
typedef struct chosen {
    nd_cell_hash *key; /* [keys] */
    size_t keys;
    uint32_t *row; /* ascending */
    size_t count, room;
    uint64_t *sum; /* [RUN] hashes of the rows of a run */
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

static nd_status chosen_begin(const nd_sampler *s, const nd_table *table, chosen *c)
{
    *c = (chosen){.key = nd_alloc(s->keys + 1, sizeof *c->key),
                  .sum = nd_alloc(RUN, sizeof *c->sum)};
    if (!c->sum || !c->key) {
        return nd_fail_memory(table->ctx);
    }
    for (size_t k = 0; k < s->keys; k++) {
        int at = nd_table_find(table, s->key[k]);
        if (at >= 0) {
            ND_TRY(nd_cell_hash_init(table->ctx, &table->column[at], k, &c->key[c->keys]));
            c->keys++;
        }
    }
    return ND_OK;
}

static void hash_run(chosen *c, size_t from, size_t to)
{
    memset(c->sum, 0, (to - from) * sizeof *c->sum);
    for (size_t k = 0; k < c->keys; k++) {
        for (size_t r = from; r < to; r++) {
            c->sum[r - from] += nd_cell_hash_at(&c->key[k], r);
        }
        nd_column_forget(c->key[k].column, from, to);
    }
    for (size_t r = from; r < to; r++) {
        c->sum[r - from] = nd_mix(c->sum[r - from]);
    }
}

/* A number below 2^64 that is even over all hashes, against a probability. */
static bool falls_below(uint64_t hash, double p)
{
    return p >= 1 || nd_mix(hash + 0x9e3779b97f4a7c15u) < (uint64_t)ldexp(p, 64);
}

/* Copies are taken together with probability share. Of a large group, such as that of the
 * commonest words, only some rows are taken, but more often: each row with probability share. */
static bool takes(const nd_sampler *s, uint64_t hash, size_t row)
{
    double most = fmax(s->share * (double)s->rows / GROUP_PART, GROUP_ROWS);
    double more = (double)s->seen[hash >> (64 - SEEN_BITS)] / most;
    double group = s->share * (more > 1 ? more : 1);
    return falls_below(hash, group) &&
           (more <= 1 || falls_below(nd_mix(hash + row), group < 1 ? 1 / more : s->share));
}

static bool choose_run(const nd_sampler *s, chosen *c, size_t from, size_t to)
{
    hash_run(c, from, to);
    for (size_t r = from; r < to; r++) {
        if (!takes(s, c->sum[r - from], r)) {
            continue;
        }
        if (!nd_grow((void **)&c->row, &c->room, c->count, sizeof *c->row)) {
            return false;
        }
        c->row[c->count++] = (uint32_t)r;
    }
    return true;
}

static nd_status choose(const nd_sampler *s, const nd_table *table, chosen *c)
{
    ND_TRY(chosen_begin(s, table, c));
    for (size_t from = 0; from < table->rows; from += RUN) {
        size_t to = table->rows - from < RUN ? table->rows : from + RUN;
        if (!choose_run(s, c, from, to)) {
            return nd_fail_memory(table->ctx);
        }
    }
    return ND_OK;
}

nd_status nd_sampler_init(nd_ctx *ctx, const char *const *key, size_t keys, double share,
                          nd_sampler *sampler)
{
    *sampler = (nd_sampler){.key = key, .keys = keys, .share = share};
    sampler->seen = nd_alloc((size_t)1 << SEEN_BITS, sizeof *sampler->seen);
    return sampler->seen ? ND_OK : nd_fail_memory(ctx);
}

void nd_sampler_free(nd_sampler *sampler)
{
    nd_free(sampler->seen);
    *sampler = (nd_sampler){0};
}

nd_status nd_sampler_count(nd_sampler *sampler, const nd_table *table)
{
    chosen c;
    nd_status status = chosen_begin(sampler, table, &c);
    for (size_t from = 0; status == ND_OK && from < table->rows; from += RUN) {
        size_t to = table->rows - from < RUN ? table->rows : from + RUN;
        hash_run(&c, from, to);
        for (size_t i = 0; i < to - from; i++) {
            uint32_t *seen = &sampler->seen[c.sum[i] >> (64 - SEEN_BITS)];
            *seen += *seen < UINT32_MAX;
        }
    }
    sampler->rows += table->rows;
    chosen_free(&c);
    return status;
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

nd_status nd_sampler_take(const nd_sampler *sampler, const nd_table *table, nd_table **sample)
{
    chosen c;
    *sample = NULL;
    nd_status status = choose(sampler, table, &c);
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

/* Evenly spread ones of *keys names, most of them. */
static void thin_out(const char **key, size_t *keys, size_t most)
{
    size_t all = *keys;
    *keys = all < most ? all : most;
    for (size_t k = 0; k < *keys; k++) {
        key[k] = key[k * all / *keys];
    }
}

nd_status nd_sample_key(const nd_table *table, const nd_prep_params *params, size_t most,
                        const char ***key, size_t *keys)
{
    *keys = 0;
    *key = nd_alloc(table->columns, sizeof **key);
    nd_status status = *key ? ND_OK : nd_fail_memory(table->ctx);
    for (size_t c = 0; c < table->columns && status == ND_OK; c++) {
        bool yes = false;
        if (!is_target(table, c, params) &&
            !nd_prep_listed(table, c, params->drop, params->drop_count)) {
            status = repeats(table, c, &yes);
        }
        if (yes) {
            (*key)[(*keys)++] = table->column[c].name;
        }
    }
    thin_out(*key, keys, most);
    return status;
}
