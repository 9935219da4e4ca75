#include "job/rows.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "data/prep_parts.h"
#include "data/window.h"
#include "job/read.h"

/* A share of rows, or NULL path: 0 <= share < 1 is a share, other text a file. */
static nd_status share_or_file(const nd_config *config, const char *key, double *share,
                               const char **file)
{
    const char *text = nd_opt_text(&config->set, key);
    *share = 0;
    *file = NULL;
    if (nd_num_parse(text, strlen(text), share) != ND_NUM_OK) {
        *file = text[0] == '\0' ? NULL : text;
        *share = 0;
        return ND_OK;
    }
    if (!(*share >= 0 && *share < 1)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "%s: %s is not a share of the rows (0 or more, less than 1)", key, text);
    }
    return ND_OK;
}

nd_status nd_row_labels(const nd_prep *prep, const nd_table *table, nd_real **labels)
{
    *labels = NULL;
    if (!nd_task_has_classes(prep->task)) {
        return ND_OK;
    }
    *labels = nd_alloc(table->rows, sizeof **labels);
    if (*labels == NULL) {
        return nd_fail_memory(prep->ctx);
    }
    nd_prep_map map;
    nd_status status = nd_prep_map_create(prep, table, true, &map);
    if (status == ND_OK) {
        status = nd_prep_labels(&map, NULL, 0, table->rows, *labels);
        nd_prep_map_free(&map);
    }
    return status;
}

static nd_status read_part(nd_ctx *ctx, const nd_config *config, const char *file,
                           const nd_table *like, nd_table **table, nd_rows *rows)
{
    if (file == NULL) {
        return ND_OK;
    }
    ND_TRY(nd_table_read_like(ctx, config, file, like, table));
    *rows = (nd_rows){*table, NULL, (*table)->rows};
    return ND_OK;
}

/* The parts that the file itself names, in the order of its rows. */
static nd_status split_as_told(nd_ctx *ctx, const nd_table *table, nd_split *split)
{
    const size_t *part = table->part;
    *split = (nd_split){.train = part[0], .valid = part[1], .test = part[2]};
    split->index = nd_alloc(table->rows, sizeof *split->index);
    if (split->index == NULL) {
        return nd_fail_memory(ctx);
    }
    for (size_t r = 0; r < table->rows; r++) {
        split->index[r] = (uint32_t)r;
    }
    nd_log(ctx, 2,
           "split: the file's own, in the order of its rows; --valid or --test ask for another");
    return ND_OK;
}

/* True if the table says which rows are which, and nobody wants them otherwise. A file
 * without validation and test rows leaves that to the settings. */
static bool has_parts(const nd_config *config, const nd_table *table)
{
    return table->part[1] + table->part[2] > 0 && !nd_opt_given(&config->set, "valid") &&
           !nd_opt_given(&config->set, "test");
}

static nd_status make_split(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                            const nd_table *table, double valid, double test, nd_split *split)
{
    nd_real *labels;
    nd_status status = nd_row_labels(prep, table, &labels);
    if (status == ND_OK) {
        size_t classes = labels == NULL ? 0 : nd_dict_count(prep->classes);
        status = nd_split_make(ctx, table->rows, labels, classes, valid, test,
                               (uint64_t)nd_opt_int(&config->set, "seed"), split);
    }
    nd_free(labels);
    return status;
}

static void hand_out(const nd_table *table, nd_parts *parts)
{
    const nd_split *split = &parts->split;
    parts->train = (nd_rows){table, split->index, split->train};
    if (split->valid > 0) {
        parts->valid = (nd_rows){table, split->index + split->train, split->valid};
    }
    if (split->test > 0) {
        parts->test = (nd_rows){table, split->index + split->train + split->valid, split->test};
    }
}

/* All windows of a file. */
static nd_status file_windows(const nd_prep *prep, const nd_table *file, uint32_t **index,
                              nd_rows *rows)
{
    if (file == NULL) {
        return ND_OK;
    }
    size_t count;
    ND_TRY(nd_windows_all(prep, file, index, &count));
    *rows = (nd_rows){file, *index, count};
    return ND_OK;
}

/* By time. */
static nd_status split_windows(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                               const nd_table *table, double valid, double test, nd_parts *parts)
{
    nd_windows w = {.window = prep->window,
                    .horizon = prep->targets,
                    .stride = (size_t)nd_opt_int(&config->set, "stride")};
    ND_TRY(nd_windows_split(ctx, table->rows, &w, valid, test, &parts->split));
    hand_out(table, parts);
    ND_TRY(file_windows(prep, parts->valid_file, &parts->valid_known, &parts->valid));
    return file_windows(prep, parts->test_file, &parts->test_known, &parts->test);
}

nd_status nd_parts_fit(const nd_config *config, const nd_table *table, const nd_parts *parts,
                       const nd_prep_params *params, nd_prep *prep)
{
    const nd_rows *train = &parts->train;
    if (prep->window == 0) {
        return nd_prep_fit(prep, table, train->index, train->count, params);
    }
    size_t rows = train->index[train->count - 1] + prep->targets + 1;
    ND_TRY(nd_prep_fit(prep, table, NULL, rows, params));
    const nd_prep_column *series = &prep->column[prep->target[0].position];
    if (series->kind != ND_PREP_NUMBER) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" cannot be learned from the %zu rows of the training part "
                       "(%s)",
                       table->path, series->name, rows, series->reason ? series->reason : "");
    }
    if (prep->relative) {
        nd_windows_moves(prep, table, rows);
    }
    if (nd_opt_auto(&config->set, "period")) {
        return nd_windows_period(prep, table, rows);
    }
    prep->period = (size_t)nd_opt_int(&config->set, "period");
    return ND_OK;
}

static nd_status split_table(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                             const nd_table *table, double valid, double test, nd_parts *parts)
{
    if (prep->window) {
        return split_windows(ctx, config, prep, table, valid, test, parts);
    }
    nd_split *split = &parts->split;
    parts->told = has_parts(config, table);
    ND_TRY(parts->told ? split_as_told(ctx, table, split)
                       : make_split(ctx, config, prep, table, valid, test, split));
    hand_out(table, parts);
    return ND_OK;
}

/* Shares of rows, and the files that stand in their place. */
static nd_status read_files(nd_ctx *ctx, const nd_config *config, const nd_table *table,
                            double *valid, double *test, nd_parts *parts)
{
    const char *valid_file, *test_file;
    ND_TRY(share_or_file(config, "valid", valid, &valid_file));
    ND_TRY(share_or_file(config, "test", test, &test_file));
    if (*valid + *test >= 1) {
        return nd_fail(ctx, ND_ERR_OPTION, "valid and test together leave no rows to train on");
    }
    ND_TRY(read_part(ctx, config, valid_file, table, &parts->valid_file, &parts->valid));
    return read_part(ctx, config, test_file, table, &parts->test_file, &parts->test);
}

nd_status nd_parts_read(nd_ctx *ctx, const nd_config *config, const nd_table *table,
                        nd_parts *parts)
{
    double valid, test;
    *parts = (nd_parts){0};
    nd_status status = read_files(ctx, config, table, &valid, &test, parts);
    if (status != ND_OK) {
        nd_parts_free(parts);
    }
    return status;
}

nd_status nd_parts_make(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                        const nd_table *table, nd_parts *parts)
{
    double valid, test;
    *parts = (nd_parts){0};
    nd_status status = read_files(ctx, config, table, &valid, &test, parts);
    if (status == ND_OK) {
        status = split_table(ctx, config, prep, table, valid, test, parts);
    }
    if (status != ND_OK) {
        nd_parts_free(parts);
    }
    return status;
}

/* One part: of a file's own, or a share of the table. */
static nd_status count_part(nd_ctx *ctx, const char *file, size_t count, nd_table *shares,
                            nd_table **own, nd_rows *rows)
{
    if (file == NULL) {
        shares->rows += count;
        *rows = (nd_rows){NULL, NULL, count};
        return ND_OK;
    }
    ND_TRY(nd_table_create(ctx, file, own));
    (*own)->rows = count;
    *rows = (nd_rows){*own, NULL, count};
    return ND_OK;
}

nd_status nd_parts_counted(nd_ctx *ctx, const nd_config *config, const char *path,
                           const size_t count[3], nd_table **table, nd_parts *parts)
{
    double share;
    const char *valid_file, *test_file;
    *parts = (nd_parts){.train = {.count = count[0]}};
    *table = NULL;
    ND_TRY(share_or_file(config, "valid", &share, &valid_file));
    ND_TRY(share_or_file(config, "test", &share, &test_file));
    ND_TRY(nd_table_create(ctx, path, table));
    (*table)->rows = count[0];
    nd_status status =
        count_part(ctx, valid_file, count[1], *table, &parts->valid_file, &parts->valid);
    if (status == ND_OK) {
        status = count_part(ctx, test_file, count[2], *table, &parts->test_file, &parts->test);
    }
    parts->split = (nd_split){.train = count[0],
                              .valid = valid_file == NULL ? count[1] : 0,
                              .test = test_file == NULL ? count[2] : 0};
    if (status != ND_OK) {
        nd_parts_free(parts);
        nd_table_destroy(*table);
        *table = NULL;
    }
    return status;
}

/* Rows of a file whose class is known, or whose target is missing, which is an error of
 * its own. */
static nd_status keep_known(const nd_prep *prep, const char *what, nd_rows *rows, uint32_t **known)
{
    const nd_table *table = rows->table;
    nd_prep_map map;
    size_t count = 0;
    nd_log_fn log = prep->ctx->log;
    prep->ctx->log = NULL; /* the map that is used for the figures says the same */
    nd_status status = nd_prep_map_create(prep, table, true, &map);
    prep->ctx->log = log;
    ND_TRY(status);
    *known = nd_alloc(table->rows, sizeof **known);
    status = *known ? ND_OK : nd_fail_memory(prep->ctx);
    for (size_t r = 0; status == ND_OK && r < table->rows; r++) {
        if (nd_prep_class_at(&map, r) != ND_DICT_NONE) {
            (*known)[count++] = (uint32_t)r;
        }
    }
    bool whole = table->column[map.target[0]].missing > 0 || count == table->rows;
    nd_prep_map_free(&map);
    if (status != ND_OK || whole) {
        return status;
    }
    if (count == 0) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: no row has a class that training rows have",
                       table->path);
    }
    nd_log(prep->ctx, 1, "%zu of %zu %s rows are left out: no training row has their class",
           table->rows - count, table->rows, what);
    *rows = (nd_rows){table, *known, count};
    return ND_OK;
}

nd_status nd_parts_known(const nd_prep *prep, nd_parts *parts)
{
    bool classes = nd_task_has_classes(prep->task);
    if (classes && parts->valid_file) {
        ND_TRY(keep_known(prep, "validation", &parts->valid, &parts->valid_known));
    }
    return classes && parts->test_file ? keep_known(prep, "test", &parts->test, &parts->test_known)
                                       : ND_OK;
}

void nd_parts_free(nd_parts *parts)
{
    nd_split_free(&parts->split);
    nd_table_destroy(parts->valid_file);
    nd_table_destroy(parts->test_file);
    nd_free(parts->valid_known);
    nd_free(parts->test_known);
    *parts = (nd_parts){0};
}
