/* nadir check, and the part of it that comes before every training. */
#include <string.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/sample.h"
#include "data/store.h"
#include "job/cached.h"
#include "job/check.h"
#include "job/read.h"
#include "report/findings.h"

/* Warnings of one name that a training shows. */
enum { SHOWN_MOST = 3 };

/* Columns whose values choose a sample of rows. */
enum { KEYS_MOST = 64 };

/* The tables of a check: what is trained on, then test and validation files. */
typedef struct tables {
    const nd_table *main;
    nd_check_part part[2];
    size_t parts;
    nd_table *owned[3]; /* samples of them; NULL: they are looked at whole */
} tables;

static tables list_tables(const nd_table *table, const nd_parts *parts)
{
    tables t = {.main = table};
    if (parts->test_file != NULL) {
        t.part[t.parts++] = (nd_check_part){"test", parts->test_file, NULL};
    }
    if (parts->valid_file != NULL) {
        t.part[t.parts++] = (nd_check_part){"validation", parts->valid_file, NULL};
    }
    return t;
}

static void tables_free(tables *t)
{
    for (size_t i = 0; i < 3; i++) {
        nd_table_destroy(t->owned[i]);
    }
}

/* Bytes of a row while it is looked at: its cells, and hashes, labels and sorted copies. */
static double row_bytes(const nd_table *table)
{
    return (double)table->columns * sizeof(double) + 256;
}

static nd_status take_samples(tables *t, nd_sampler *sampler)
{
    ND_TRY(nd_sampler_count(sampler, t->main));
    for (size_t i = 0; i < t->parts; i++) {
        ND_TRY(nd_sampler_count(sampler, t->part[i].table));
    }
    ND_TRY(nd_sampler_take(sampler, t->main, &t->owned[0]));
    for (size_t i = 0; i < t->parts; i++) {
        ND_TRY(nd_sampler_take(sampler, t->part[i].table, &t->owned[i + 1]));
        t->part[i].whole = t->part[i].table;
        t->part[i].table = t->owned[i + 1];
    }
    t->main = t->owned[0];
    return ND_OK;
}

static nd_status sample(tables *t, const nd_prep_params *params, double share)
{
    const char **key;
    size_t keys;
    nd_sampler sampler = {0};
    nd_status status = nd_sample_key(t->main, params, KEYS_MOST, &key, &keys);
    if (status == ND_OK) {
        status = nd_sampler_init(t->main->ctx, key, keys, share, &sampler);
    }
    if (status == ND_OK) {
        status = take_samples(t, &sampler);
    }
    nd_sampler_free(&sampler);
    nd_free(key);
    return status;
}

/* Of the rows of all tables, what an eighth of memory bytes holds; 1 or more: all of them. */
static double share_of(const tables *t, size_t memory)
{
    double bytes = (double)t->main->rows * row_bytes(t->main);
    for (size_t i = 0; i < t->parts; i++) {
        bytes += (double)t->part[i].table->rows * row_bytes(t->part[i].table);
    }
    return (double)memory / 8 / bytes;
}

static nd_status find(const nd_config *config, const nd_settings *settings, const nd_prep *prep,
                      const tables *t, bool brief, nd_findings *findings)
{
    nd_strings allow;
    *findings = (nd_findings){0};
    ND_TRY(nd_strings_from(&config->set, "allow", &allow));
    nd_check_params params = {
        .prep = &settings->prep,
        .allow = (const char *const *)allow.item,
        .allow_count = allow.count,
        .brief = brief,
    };
    nd_status status = nd_check_table(t->main, prep, t->part, t->parts, &params, findings);
    nd_strings_free(&allow);
    return status;
}

static size_t earlier(const nd_findings *findings, size_t i)
{
    size_t n = 0;
    for (size_t j = 0; j < i; j++) {
        n += strcmp(findings->item[j].name, findings->item[i].name) == 0;
    }
    return n;
}

static nd_status tell(const nd_table *table, const nd_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const nd_finding *f = &findings->item[i];
        const char *open = f->column ? "column \"" : "", *close = f->column ? "\": " : "";
        const char *column = f->column ? f->column : "";
        if (f->error) {
            return nd_fail(table->ctx, ND_ERR_DATA, "%s: %s%s%s%s (%s; %s)", table->path, open,
                           column, close, f->text, f->name, f->remedy);
        }
        if (earlier(findings, i) < SHOWN_MOST) {
            nd_log(table->ctx, 1, "%s%s%s%s (%s; %s)", open, column, close, f->text, f->name,
                   f->remedy);
        }
    }
    return ND_OK;
}

static bool from_arrays(const nd_table *table)
{
    return table->columns > 0 && table->column[0].dtype == ND_DT_REAL;
}

static nd_status find_and_tell(const nd_config *config, const nd_settings *settings,
                               const nd_prep *prep, const tables *t)
{
    nd_findings findings;
    ND_TRY(find(config, settings, prep, t, true, &findings));
    nd_status status = tell(t->main, &findings);
    nd_findings_free(&findings);
    return status;
}

nd_status nd_train_check_large(const nd_config *config, const nd_settings *settings,
                               const nd_prep *prep, const nd_table *table, nd_parts *parts,
                               size_t memory)
{
    if (from_arrays(table)) {
        return ND_OK;
    }
    tables t = list_tables(table, parts);
    double share = memory > 0 ? share_of(&t, memory) : 1;
    nd_status status = share < 1 ? sample(&t, &settings->prep, share) : ND_OK;
    if (status == ND_OK && t.main != table) {
        nd_log(table->ctx, 2, "looked at %zu of %zu rows for data that lies", t.main->rows,
               table->rows);
    }
    if (status == ND_OK) {
        status = find_and_tell(config, settings, prep, &t);
    }
    tables_free(&t);
    return status == ND_OK && nd_opt_given(&config->set, "allow") ? nd_parts_known(prep, parts)
                                                                  : status;
}

nd_status nd_train_check(const nd_config *config, const nd_settings *settings, const nd_prep *prep,
                         const nd_table *table, nd_parts *parts)
{
    return nd_train_check_large(config, settings, prep, table, parts, 0);
}

/* What is known of the whole of a table helps with its sample: all classes above all. *prep is
 * NULL where the target cannot be used. */
static nd_status begin_sampled(const nd_table *table, const nd_settings *settings, nd_prep **prep)
{
    nd_log_fn log = table->ctx->log;
    table->ctx->log = NULL;
    nd_status status = nd_prep_begin(table->ctx, table, &settings->prep, prep);
    table->ctx->log = log;
    nd_table_forget(table);
    return status == ND_ERR_DATA ? ND_OK : status;
}

/* One row without a target may not be in the sample: what is wrong with the target is said of
 * the whole table. */
static nd_status find_sampled(const nd_config *config, const nd_settings *settings, tables *t,
                              double share, nd_findings *findings)
{
    nd_prep *prep = NULL;
    ND_TRY(begin_sampled(t->main, settings, &prep));
    nd_status status = prep == NULL ? find(config, settings, NULL, t, false, findings) : ND_OK;
    if (status == ND_OK && findings->count == 0) {
        status = sample(t, &settings->prep, share);
        if (status == ND_OK) {
            status = find(config, settings, prep, t, false, findings);
        }
    }
    nd_prep_destroy(prep);
    return status;
}

/* memory 0: whatever the tables need. */
static nd_status check(const nd_table *table, const nd_config *config, size_t memory, int json,
                       const nd_sink *sink, size_t *count)
{
    nd_settings settings;
    nd_parts parts = {0};
    nd_findings findings = {0};
    tables t = {0};
    ND_TRY(nd_settings_from(table->ctx, config, &settings));
    nd_status status = nd_parts_read(table->ctx, config, table, &parts);
    if (status == ND_OK) {
        t = list_tables(table, &parts);
        double share = memory > 0 ? share_of(&t, memory) : 1;
        status = share < 1 ? find_sampled(config, &settings, &t, share, &findings)
                           : find(config, &settings, NULL, &t, false, &findings);
    }
    if (status == ND_OK) {
        *count = findings.count;
        status = nd_report_findings(table, t.main->rows, &findings, json, sink);
    }
    nd_findings_free(&findings);
    tables_free(&t);
    nd_parts_free(&parts);
    nd_settings_free(&settings);
    return status;
}

nd_status nd_table_check(const nd_table *table, const nd_config *config, int json,
                         const nd_sink *sink, size_t *findings)
{
    if (!table || !sink || !findings) {
        return nd_fail(table ? table->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_table_check: a null pointer was passed");
    }
    nd_config *owned;
    const nd_config *effective;
    *findings = 0;
    ND_TRY(nd_settings_or_default(table->ctx, config, ND_VERB_CHECK, &owned, &effective));
    nd_status status = check(table, effective, 0, json, sink, findings);
    nd_config_destroy(owned);
    return status;
}

/* A place for the columns: beside the file, or where we are if nothing can be written there. */
static nd_status make_store(nd_ctx *ctx, const char *path, nd_store **store)
{
    char *folder = nd_file_folder(path);
    if (folder == NULL) {
        return nd_fail_memory(ctx);
    }
    nd_status status = nd_store_create(ctx, folder, store);
    nd_free(folder);
    return status == ND_ERR_IO ? nd_store_create(ctx, ".", store) : status;
}

/* Columns on the disk, which the memory does not hold. */
static nd_status check_stored(nd_ctx *ctx, const nd_config *config, const char *path, size_t memory,
                              int json, const nd_sink *sink, size_t *findings)
{
    nd_store *store = NULL;
    nd_table *table = NULL;
    nd_status status = make_store(ctx, path, &store);
    if (status == ND_OK) {
        status = nd_table_read_stored(ctx, config, path, store, memory, &table);
    }
    if (status == ND_OK) {
        status = check(table, config, memory, json, sink, findings);
    }
    nd_table_destroy(table);
    nd_store_destroy(store);
    return status;
}

static nd_status check_file(nd_ctx *ctx, const nd_config *config, const char *path, int json,
                            const nd_sink *sink, size_t *findings)
{
    size_t memory;
    bool large;
    nd_table *table;
    ND_TRY(nd_memory_allowed(config, &memory));
    ND_TRY(nd_memory_exceeded(ctx, config, path, memory, &large));
    if (large) {
        return check_stored(ctx, config, path, memory, json, sink, findings);
    }
    ND_TRY(nd_table_read(ctx, config, path, &table));
    nd_status status = check(table, config, 0, json, sink, findings);
    nd_table_destroy(table);
    return status;
}

nd_status nd_check_file(nd_ctx *ctx, const nd_config *config, const char *path, int json,
                        const nd_sink *sink, size_t *findings)
{
    if (!ctx || !path || !sink || !findings) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_check_file: a null pointer was passed");
    }
    nd_config *owned;
    const nd_config *effective;
    *findings = 0;
    ND_TRY(nd_settings_or_default(ctx, config, ND_VERB_CHECK, &owned, &effective));
    nd_status status = check_file(ctx, effective, path, json, sink, findings);
    nd_config_destroy(owned);
    return status;
}
