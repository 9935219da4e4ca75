/* Cross-validation: one training for each fold, measured on the rows held out. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/folds.h"
#include "data/prep_parts.h"
#include "job/check.h"
#include "job/ensemble.h"
#include "job/settings.h"
#include "job/side.h"
#include "job/snapshots.h"
#include "job/transfer.h"
#include "report/cv.h"

/* One cross-validation. */
typedef struct job {
    nd_ctx *ctx;
    const nd_config *config;
    const nd_table *table;
    nd_settings settings;
    nd_prep *prep;    /* targets and classes */
    const char *drop; /* column of groups or folds, or NULL */
    nd_folds folds;
    nd_real *labels;
    uint32_t *group;
    uint32_t *fold; /* [repeats][rows] */
    double valid;   /* share of a fold's rows to train on */
    uint64_t seed;
    nd_cv *cv;
} job;

/* ---- Settings */

static nd_status fail_both(const job *j, const char *what, const char *why)
{
    return nd_fail(j->ctx, ND_ERR_OPTION, "%s: %s", what, why);
}

/* Settings that leave each other nothing to decide. */
static nd_status check_order(const job *j)
{
    const nd_optset *set = &j->config->set;
    bool fold = nd_opt_text(set, "fold")[0] != '\0', group = nd_opt_text(set, "group")[0] != '\0';
    bool time = nd_opt_bool(set, "time_ordered"), again = nd_opt_int(set, "repeats") > 1;
    if (fold && (group || time)) {
        return fail_both(j, group ? "group" : "time_ordered",
                         "the column of folds (fold) decides already which rows are together");
    }
    if (group && time) {
        return fail_both(j, "group", "rows in the order of time (time_ordered) are not grouped");
    }
    if (again && (fold || time)) {
        return fail_both(j, "repeats",
                         fold ? "the folds of a column are the same each time"
                              : "rows in the order of time have one way to be cut into folds");
    }
    if (fold && nd_opt_given(set, "folds")) {
        return fail_both(j, "folds", "the column of folds (fold) says how many there are");
    }
    if ((fold || time) && nd_opt_choice(set, "stratify") == 1) {
        return fail_both(j, "stratify",
                         fold ? "the column of folds (fold) decides which rows are in each"
                              : "the order of time (time_ordered) decides which rows are in each");
    }
    return ND_OK;
}

/* Options of a training that have another meaning here, or none. */
static nd_status check_rows(job *j)
{
    const nd_optset *set = &j->config->set;
    const char *valid = nd_opt_text(set, "valid"), *test = nd_opt_text(set, "test");
    bool several;
    bool share = nd_num_parse(valid, strlen(valid), &j->valid) == ND_NUM_OK;
    if (!share || !(j->valid >= 0 && j->valid < 1)) {
        return nd_fail(j->ctx, ND_ERR_OPTION,
                       "valid: in cross-validation a share of the rows that a fold trains on (0 or "
                       "more, less than 1), not %s",
                       valid);
    }
    if (nd_opt_given(set, "test") && strcmp(test, "0") != 0) {
        nd_log(j->ctx, 1, "test: not used: each row is tested when its fold is held out");
    }
    if (nd_opt_given(set, "cache") && strcmp(nd_opt_text(set, "cache"), "none") != 0) {
        return fail_both(j, "cache", "cross-validation needs the rows in memory");
    }
    ND_TRY(nd_ensemble_wanted(j->config, &several));
    if (nd_ensemble_by(j->config, "folds") > 0) {
        return fail_both(j, "ensemble_by",
                         "folds inside the folds of a cross-validation are not dealt; seeds and "
                         "snapshots are");
    }
    return ND_OK;
}

/* ---- Rows */

/* The column that option names; the groups are numbered, and it is no input. */
static nd_status take_column(job *j, const char *option, nd_folds_kind kind)
{
    const char *name = nd_opt_text(&j->config->set, option);
    if (name[0] == '\0') {
        return ND_OK;
    }
    int column = nd_table_find(j->table, name);
    if (column < 0) {
        return nd_fail(j->ctx, ND_ERR_DATA, "%s: %s has no column \"%s\"", option, j->table->path,
                       name);
    }
    for (size_t t = 0; t < j->prep->targets; t++) {
        if (j->prep->target[t].position == (size_t)column) {
            return nd_fail(j->ctx, ND_ERR_OPTION,
                           "%s: column \"%s\" is the target, it cannot say which rows are together",
                           option, name);
        }
    }
    j->drop = name;
    j->folds.kind = kind;
    ND_TRY(nd_folds_number(j->table, (size_t)column, &j->group, &j->folds.groups));
    j->folds.group = j->group;
    j->folds.folds = kind == ND_FOLDS_GIVEN ? j->folds.groups : j->folds.folds;
    return nd_settings_drop(j->ctx, &j->settings, name);
}

/* Task and classes. */
static nd_status find_task(job *j)
{
    nd_log_fn log = j->ctx->log;
    j->ctx->log = NULL; /* the first fold says the same */
    nd_status status = nd_prep_begin(j->ctx, j->table, &j->settings.prep, &j->prep);
    j->ctx->log = log;
    return status;
}

/* What is said of the data is said once. */
static nd_status check_data(const job *j)
{
    nd_parts all = {.train = {j->table, NULL, j->table->rows}};
    return nd_train_check(j->config, &j->settings, j->prep, j->table, &all);
}

static nd_status choose_labels(job *j)
{
    bool asked = nd_opt_choice(&j->config->set, "stratify") == 1;
    if (asked && !nd_task_has_classes(j->prep->task)) {
        return fail_both(j, "stratify", "the target holds no classes");
    }
    if (nd_opt_choice(&j->config->set, "stratify") == 2) {
        return ND_OK;
    }
    ND_TRY(nd_row_labels(j->prep, j->table, &j->labels));
    j->folds.labels = j->labels;
    j->folds.classes = j->labels != NULL ? nd_dict_count(j->prep->classes) : 0;
    return ND_OK;
}

static nd_status copy_names(job *j)
{
    nd_cv *cv = j->cv;
    const nd_prep *prep = j->prep;
    bool values = !nd_task_has_classes(prep->task);
    cv->outputs = nd_prep_outputs(prep);
    cv->labels = prep->task == ND_TASK_MULTILABEL;
    cv->spread = strcmp(nd_opt_text(&j->config->set, "loss"), "gaussian") == 0;
    cv->output = nd_alloc(cv->outputs, sizeof *cv->output);
    cv->target = values ? NULL : nd_strdup(prep->target[0].name);
    bool room = cv->output != NULL && (values || cv->target != NULL);
    for (size_t i = 0; room && i < cv->outputs; i++) {
        size_t pixel;
        cv->output[i] = nd_strdup(nd_prep_output_name(prep, i, &pixel));
        room = cv->output[i] != NULL;
    }
    return room ? ND_OK : nd_fail_memory(j->ctx);
}

static nd_status deal(job *j)
{
    nd_cv *cv = j->cv;
    ND_TRY(copy_names(j));
    ND_TRY(nd_folds_check(j->ctx, &j->folds, (const char *const *)cv->output));
    cv->folds = j->folds.folds;
    cv->repeats = (size_t)nd_opt_int(&j->config->set, "repeats");
    cv->part = nd_alloc(cv->folds, cv->repeats * sizeof *cv->part);
    j->fold = nd_alloc(cv->repeats, j->folds.rows * sizeof *j->fold);
    if (cv->part == NULL || j->fold == NULL) {
        return nd_fail_memory(j->ctx);
    }
    cv->count = cv->folds * cv->repeats;
    for (size_t i = 0; i < cv->repeats; i++) {
        ND_TRY(nd_folds_deal(j->ctx, &j->folds, j->seed, i, j->fold + i * j->folds.rows));
    }
    return ND_OK;
}

static nd_status prepare(job *j)
{
    const nd_optset *set = &j->config->set;
    j->folds =
        (nd_folds){.kind = nd_opt_bool(set, "time_ordered") ? ND_FOLDS_TIME : ND_FOLDS_RANDOM,
                   .rows = j->table->rows,
                   .folds = (size_t)nd_opt_int(set, "folds")};
    j->seed = (uint64_t)nd_opt_int(set, "seed");
    ND_TRY(check_order(j));
    ND_TRY(check_rows(j));
    ND_TRY(nd_settings_from(j->ctx, j->config, &j->settings));
    ND_TRY(find_task(j));
    if (j->prep->window > 0 || j->prep->task == ND_TASK_AUTOENCODER) {
        return nd_fail(j->ctx, ND_ERR_OPTION,
                       "%s not cross-validated; train has a test share for it",
                       j->prep->window > 0 ? "windows of a series are" : "an autoencoder is");
    }
    ND_TRY(take_column(j, "group", ND_FOLDS_GROUP));
    ND_TRY(take_column(j, "fold", ND_FOLDS_GIVEN));
    ND_TRY(check_data(j));
    ND_TRY(choose_labels(j));
    return deal(j);
}

/* ---- Folds, each in a context of its own */

/* A class that the rows to train on lack can only be predicted wrongly. */
static nd_status check_classes(const job *j, nd_ctx *ctx, const nd_split *split)
{
    if (j->labels == NULL) {
        return ND_OK;
    }
    size_t *count = nd_alloc(j->cv->outputs, sizeof *count);
    if (count == NULL) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < split->train; i++) {
        count[(size_t)j->labels[split->index[i]]]++;
    }
    for (size_t c = 0; c < j->cv->outputs; c++) {
        if (count[c] == 0) {
            nd_log(ctx, 1, "no row to train on has class \"%s\"", j->cv->output[c]);
        }
    }
    nd_free(count);
    return ND_OK;
}

static nd_status make_room(nd_cv_part *p, nd_ctx *ctx, bool values, size_t outputs, size_t rows)
{
    p->row = nd_alloc(rows, sizeof *p->row);
    p->y = values ? NULL : nd_alloc_aligned(rows, outputs * sizeof *p->y);
    p->label = values ? NULL : nd_alloc(rows, sizeof *p->label);
    p->value = values ? nd_alloc(rows, outputs * sizeof *p->value) : NULL;
    p->truth = values ? nd_alloc(rows, outputs * sizeof *p->truth) : NULL;
    bool room = p->row != NULL && (values ? p->value && p->truth : p->y && p->label);
    return room ? ND_OK : nd_fail_memory(ctx);
}

/* Values as targets are; what else the model says of a row, a deviation, is left out. */
static nd_status predict_values(nd_model *model, const nd_prep_map *map, const nd_rows *rows,
                                nd_cv_part *p)
{
    size_t outputs = nd_prep_outputs(map->prep), wide = nd_model_outputs(model);
    double *all = nd_alloc(rows->count, wide * sizeof *all);
    if (all == NULL) {
        return nd_fail_memory(model->ctx);
    }
    nd_status status = nd_model_values_map(model, map, rows->index, 0, rows->count, all);
    for (size_t i = 0; status == ND_OK && i < rows->count * outputs; i++) {
        p->value[i] = all[i / outputs * wide + i % outputs];
        p->truth[i] = nd_prep_value_at(map, rows->index[i / outputs], i % outputs);
    }
    nd_free(all);
    return status;
}

/* Labels of 0 and 1, and their probabilities. */
static nd_status predict_labels(nd_model *model, const nd_prep_map *map, const nd_rows *rows,
                                nd_cv_part *p)
{
    size_t n = rows->count * nd_prep_outputs(map->prep);
    nd_real *both = nd_alloc(n, 2 * sizeof *both);
    if (both == NULL) {
        return nd_fail_memory(model->ctx);
    }
    nd_status status = nd_prep_labels(map, rows->index, 0, rows->count, both);
    if (status == ND_OK) {
        status = nd_model_predict_map(model, map, rows->index, 0, rows->count, both + n);
    }
    for (size_t i = 0; status == ND_OK && i < n; i++) {
        p->truth[i] = (double)both[i];
        p->value[i] = (double)both[n + i];
    }
    nd_free(both);
    return status;
}

static nd_status predict(nd_model *model, const nd_prep_map *map, const nd_rows *rows,
                         nd_cv_part *p)
{
    if (p->y != NULL) {
        ND_TRY(nd_prep_labels(map, rows->index, 0, rows->count, p->label));
        return nd_model_predict_map(model, map, rows->index, 0, rows->count, p->y);
    }
    return map->prep->task == ND_TASK_MULTILABEL ? predict_labels(model, map, rows, p)
                                                 : predict_values(model, map, rows, p);
}

/* What the rows held out were predicted to be; and the figures, for the context of the
 * call. */
static nd_status keep_part(const job *j, nd_trained *t, const nd_rows *rows, nd_cv_part *p)
{
    nd_ctx *ctx = t->model->ctx;
    nd_table table = *rows->table;
    nd_prep_map map;
    table.ctx = ctx;
    ND_TRY(make_room(p, ctx, j->cv->target == NULL, j->cv->outputs, rows->count));
    for (size_t i = 0; i < rows->count; i++) {
        p->row[i] = (uint32_t)(nd_table_row(rows->table, rows->index[i]) - 1);
    }
    ND_TRY(nd_prep_map_create(t->model->prep, &table, true, &map));
    nd_status status = predict(t->model, &map, rows, p);
    nd_prep_map_free(&map);
    ND_TRY(status);
    p->epochs = t->fit.epochs;
    p->best_epoch = t->fit.best_epoch;
    p->metrics = t->test;
    p->baseline = t->baseline;
    p->metrics->ctx = p->baseline->ctx = j->ctx;
    t->test = t->baseline = NULL;
    return ND_OK;
}

static nd_status train_fold(const job *j, size_t i, const nd_split *split, const nd_config *config,
                            nd_observe_fn observe, void *watch)
{
    nd_cv_part *p = &j->cv->part[i];
    nd_parts parts = {.split = *split,
                      .train = {j->table, split->index, split->train},
                      .valid = {j->table, split->index + split->train, split->valid},
                      .test = {j->table, split->index + split->train + split->valid, split->test}};
    nd_given given = {.parts = &parts, .seed = j->seed + i / j->cv->folds, .drop = j->drop};
    nd_trained trained;
    p->repeat = i / j->cv->folds + 1;
    p->fold = i % j->cv->folds + 1;
    p->train = split->train;
    p->valid = split->valid;
    nd_status status =
        nd_train_given(config->ctx, config, j->table, &given, observe, watch, &trained);
    if (status == ND_OK) {
        status = keep_part(j, &trained, &parts.test, p);
    }
    nd_trained_free(&trained);
    return status;
}

static nd_status run_fold(void *user, size_t i, nd_ctx *ctx, nd_observe_fn observe, void *watch)
{
    const job *j = user;
    nd_split split;
    nd_config *config;
    size_t repeat = i / j->cv->folds;
    const uint32_t *fold = j->fold + repeat * j->folds.rows;
    ND_TRY(
        nd_folds_split(ctx, &j->folds, fold, i % j->cv->folds, j->valid, j->seed + repeat, &split));
    nd_status status = check_classes(j, ctx, &split);
    if (status == ND_OK) {
        status = nd_config_for(ctx, j->config, "fold", i + 1, &config);
    }
    if (status == ND_OK) {
        status = train_fold(j, i, &split, config, observe, watch);
        nd_config_destroy(config);
    }
    nd_split_free(&split);
    return status;
}

static void tell_fold(void *user, size_t i, nd_text *text)
{
    const job *j = user;
    const nd_cv_part *p = &j->cv->part[i];
    const char *name = j->cv->target != NULL ? "accuracy"
                       : j->cv->labels       ? "subset_accuracy"
                                             : "r2";
    char number[ND_NUM_TEXT];
    if (p->metrics != NULL) {
        nd_num_print_fixed(number, nd_metrics_get(p->metrics, name), 4);
        nd_text_printf(text, ": %ld epoch%s, %s %s", p->epochs, p->epochs == 1 ? "" : "s", name,
                       number);
    }
}

static void tell_plan(void *user, nd_text *text)
{
    static const char *const how[] = {"at random", "by group", "by column", "in the order of time"};
    const job *j = user;
    int threads = nd_ctx_threads(j->ctx);
    size_t at_once = j->cv->count < (size_t)threads ? j->cv->count : (size_t)threads;
    bool dealt = j->folds.kind == ND_FOLDS_RANDOM || j->folds.kind == ND_FOLDS_GROUP;
    nd_text_printf(text, "folds     %zu %s%s", j->cv->folds, how[j->folds.kind],
                   dealt && j->labels != NULL ? ", stratified" : "");
    if (j->cv->repeats > 1) {
        nd_text_printf(text, ", dealt %zu times", j->cv->repeats);
    }
    nd_text_printf(text, "; %zu at a time on %d thread%s (the split above is that of fold 1)\n",
                   at_once, threads, threads == 1 ? "" : "s");
}

static nd_status run(job *j, nd_observe_fn observe, void *user)
{
    j->cv = nd_alloc(1, sizeof *j->cv);
    if (j->cv == NULL) {
        return nd_fail_memory(j->ctx);
    }
    j->cv->ctx = j->ctx;
    ND_TRY(prepare(j));
    ND_TRY(nd_transfer_warn_seen(j->ctx, j->config, j->table));
    nd_side_work work = {"fold", j->cv->count, run_fold, tell_fold, tell_plan, j};
    return nd_side_run(j->ctx, &work, observe, user);
}

nd_status nd_cross_validate(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                            nd_observe_fn observe, void *user, nd_cv **cv)
{
    nd_config *own;
    if (cv != NULL) {
        *cv = NULL;
    }
    if (ctx == NULL || data == NULL || cv == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT,
                       "nd_cross_validate: ctx, data and cv must not be NULL");
    }
    ND_TRY(nd_settings_or_default(ctx, config, ND_VERB_CV, &own, &config));
    job j = {.ctx = ctx, .config = config, .table = data};
    nd_status status = run(&j, observe, user);
    if (status == ND_OK) {
        *cv = j.cv;
    } else {
        nd_cv_destroy(j.cv);
    }
    nd_settings_free(&j.settings);
    nd_prep_destroy(j.prep);
    nd_free(j.labels);
    nd_free(j.group);
    nd_free(j.fold);
    nd_config_destroy(own);
    return status;
}
