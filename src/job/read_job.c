/* Reading a whole file into a table, and describing one. */
#include <string.h>
#include <sys/stat.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/patterns.h"
#include "job/cached.h"
#include "job/labelled.h"
#include "job/read.h"
#include "job/settings.h"
#include "model/model.h"
#include "report/table_text.h"

static bool read_twice(const char *path)
{
    struct stat info;
    return strcmp(path, "-") != 0 &&
           !(stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
}

static bool delimiter_given(const nd_config *config)
{
    return config != NULL && nd_optset_find(&config->set, "delimiter") >= 0 &&
           !nd_opt_auto(&config->set, "delimiter");
}

/* The head fits; the whole text decides. */
static nd_status find_patterns(nd_ctx *ctx, const char *path, nd_content *content)
{
    nd_bytes bytes;
    ND_TRY(nd_gzip_read(ctx, path, &bytes));
    if (nd_patterns_detect(bytes.data, bytes.size)) {
        *content = ND_CONTENT_PATTERNS;
    }
    return nd_bytes_end(ctx, path, &bytes, ND_OK);
}

nd_status nd_content_find(nd_ctx *ctx, const nd_config *config, const char *path,
                          nd_content *content)
{
    *content = ND_CONTENT_CSV;
    if (!read_twice(path)) {
        return ND_OK;
    }
    char head[ND_PATTERNS_HEAD];
    size_t got = 0;
    nd_input *input;
    ND_TRY(nd_input_open(ctx, path, &input));
    nd_status status = nd_input_read(input, head, sizeof head, &got);
    nd_input_close(input);
    ND_TRY(status);
    if (nd_idx_detect(head, got)) {
        *content = ND_CONTENT_IMAGES;
    } else if (!delimiter_given(config) && nd_patterns_possible(head, got)) {
        return find_patterns(ctx, path, content);
    }
    return ND_OK;
}

/* The file that --labels names, or NULL. */
static const char *labels_file(const nd_config *config)
{
    bool given = config != NULL && nd_optset_find(&config->set, "labels") >= 0 &&
                 !nd_opt_auto(&config->set, "labels");
    return given ? nd_opt_text(&config->set, "labels") : NULL;
}

/* Whether outputs of patterns that look like classes are to stay numbers. */
static bool wants_values(const nd_config *config, const nd_hints *hints)
{
    return (hints != NULL && hints->values) ||
           (config != NULL && nd_optset_find(&config->set, "task") >= 0 &&
            strcmp(nd_opt_text(&config->set, "task"), "regression") == 0);
}

/* hints: column types that are known from elsewhere, beside those of config. like: NULL, or a
 * table that this one stands beside, in the same store if it has one. */
static nd_status read_typed(nd_ctx *ctx, const nd_config *config, const char *path,
                            const nd_hints *hints, const nd_table *like, nd_table **table)
{
    *table = NULL;
    nd_content content;
    ND_TRY(nd_content_find(ctx, config, path, &content));
    const char *labels = labels_file(config);
    if (content == ND_CONTENT_IMAGES) {
        return nd_idx_read(ctx, path, labels, table);
    }
    if (labels != NULL) {
        return nd_fail(ctx, ND_ERR_OPTION,
                       "labels: %s is a table, whose target is one of its columns; only IDX images "
                       "have a file of labels",
                       path);
    }
    if (content == ND_CONTENT_PATTERNS) {
        return nd_patterns_read(ctx, path, wants_values(config, hints), table);
    }
    nd_settings settings;
    ND_TRY(nd_settings_from(ctx, config, &settings));
    if (hints != NULL) {
        settings.csv.number = hints->number;
        settings.csv.number_count = hints->number_count;
        settings.csv.category = hints->category;
        settings.csv.category_count = hints->category_count;
        settings.csv.names_are_hints = true;
    }
    settings.csv.store = like ? like->store : NULL;
    nd_status status = nd_csv_read(ctx, path, &settings.csv, table);
    if (status == ND_OK) {
        status = nd_table_keep_labelled(config, &settings.prep, like ? like : *table, *table);
    }
    if (status != ND_OK) {
        nd_table_destroy(*table);
        *table = NULL;
    }
    nd_settings_free(&settings);
    return status;
}

/* A limit that was asked for is not kept by what needs all rows at once. */
static nd_status warn_memory(nd_ctx *ctx, const nd_config *config, const char *path)
{
    size_t memory;
    bool large;
    if (config == NULL || nd_optset_find(&config->set, "memory") < 0 ||
        nd_opt_auto(&config->set, "memory")) {
        return ND_OK;
    }
    ND_TRY(nd_memory_allowed(config, &memory));
    ND_TRY(nd_memory_exceeded(ctx, config, path, memory, &large));
    if (large) {
        nd_log(ctx, 1, "memory: all rows of %s are held here, which may take more than %s", path,
               nd_opt_text(&config->set, "memory"));
    }
    return ND_OK;
}

nd_status nd_table_read(nd_ctx *ctx, const nd_config *config, const char *path, nd_table **table)
{
    if (!ctx || !path || !table) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_table_read: a null pointer was passed");
    }
    ND_TRY(warn_memory(ctx, config, path));
    return read_typed(ctx, config, path, NULL, NULL, table);
}

/* A thread's text and the columns it becomes, at most eight times as large, are resident at
 * once. */
nd_status nd_table_read_stored(nd_ctx *ctx, const nd_config *config, const char *path,
                               nd_store *store, size_t memory, nd_table **table)
{
    nd_settings settings;
    *table = NULL;
    ND_TRY(nd_settings_from(ctx, config, &settings));
    settings.csv.store = store;
    settings.csv.piece = memory / 64 / (size_t)nd_ctx_threads(ctx);
    nd_status status = nd_csv_read(ctx, path, &settings.csv, table);
    nd_settings_free(&settings);
    return status;
}

static nd_status hints_alloc(nd_ctx *ctx, size_t columns, nd_hints *hints)
{
    *hints = (nd_hints){0};
    hints->number = nd_alloc(columns, sizeof *hints->number);
    hints->category = nd_alloc(columns, sizeof *hints->category);
    if (hints->number == NULL || hints->category == NULL) {
        nd_hints_free(hints);
        return nd_fail_memory(ctx);
    }
    return ND_OK;
}

static void hint(nd_hints *hints, const char *name, bool category)
{
    if (category) {
        hints->category[hints->category_count++] = name;
    } else {
        hints->number[hints->number_count++] = name;
    }
}

void nd_hints_free(nd_hints *hints)
{
    nd_free(hints->number);
    nd_free(hints->category);
    *hints = (nd_hints){0};
}

nd_status nd_table_read_like(nd_ctx *ctx, const nd_config *config, const char *path,
                             const nd_table *like, nd_table **table)
{
    nd_hints hints;
    ND_TRY(hints_alloc(ctx, like->columns, &hints));
    for (size_t i = 0; i < like->columns; i++) {
        hint(&hints, like->column[i].name, like->column[i].dtype == ND_DT_WORD);
    }
    hints.values = like->targets > 1;
    nd_status status = read_typed(ctx, config, path, &hints, like, table);
    nd_hints_free(&hints);
    return status;
}

nd_status nd_model_table_read(const nd_model *model, const nd_config *config, const char *path,
                              nd_table **table)
{
    if (!model || !path || !table) {
        return nd_fail(model ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_table_read: a null pointer was passed");
    }
    *table = NULL;
    const nd_prep *prep = model->prep;
    nd_hints hints;
    ND_TRY(hints_alloc(model->ctx, prep->columns, &hints));
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind != ND_PREP_DROPPED) {
            hint(&hints, column->name, column->kind != ND_PREP_NUMBER);
        }
    }
    hints.values = prep->task == ND_TASK_REGRESSION;
    nd_status status = read_typed(model->ctx, config, path, &hints, NULL, table);
    nd_hints_free(&hints);
    return status;
}

nd_status nd_table_describe(const nd_table *table, const nd_config *config, int json,
                            const nd_sink *sink)
{
    if (!table || !sink) {
        return nd_fail(table ? table->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_table_describe: a null pointer was passed");
    }
    nd_settings settings;
    ND_TRY(nd_settings_from(table->ctx, config, &settings));
    nd_status status = nd_report_table(table, &settings.prep, json, sink);
    nd_settings_free(&settings);
    return status;
}
