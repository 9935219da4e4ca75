#include "job/ensemble.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/folds.h"
#include "job/check.h"
#include "job/evaluate.h"
#include "job/side.h"
#include "job/snapshots.h"
#include "report/metrics_json.h"

/* What a member leaves behind when its context goes. */
typedef struct member {
    bool there; /* it has begun */
    nd_real *parameters, *buffers;
    nd_fit_result fit;
    nd_metrics *test; /* its figures on the test rows; NULL without */
    json_t *record;
} member;

/* One ensemble. */
typedef struct ensemble {
    nd_ctx *ctx;
    const nd_config *config;
    const nd_table *table;
    const nd_given *given; /* of a larger job, or NULL */
    size_t count;
    uint64_t seed;
    bool by_folds;
    nd_prep *prep; /* targets and classes */
    nd_parts own;  /* rows, where no larger job gives them */
    const nd_parts *parts;
    uint32_t *pool; /* [pool_rows] rows to train and validate on, of the table */
    size_t pool_rows;
    nd_parts *part;  /* [count] rows of each member, by folds */
    member *members; /* [count] */
    nd_model *model; /* of the first, then of all */
    nd_metrics *test, *baseline;
} ensemble;

nd_status nd_ensemble_wanted(const nd_config *config, bool *several)
{
    const nd_optset *set = &config->set;
    int64_t count = nd_opt_int(set, "ensemble");
    *several = count > 1 && nd_ensemble_by(config, "snapshots") == 0;
    if (count == 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ensemble: one network is no ensemble: there is nothing to average; give 2 "
                       "or more, or 0");
    }
    if (count == 0 && nd_opt_origin(set, "ensemble_by") == ND_FROM_CALL) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ensemble_by: needs the number of members (ensemble)");
    }
    return ND_OK;
}

/* ---- Rows */

static nd_status find_rows(ensemble *e)
{
    nd_settings settings;
    if (e->given != NULL) {
        e->parts = e->given->parts;
        return ND_OK;
    }
    ND_TRY(nd_settings_from(e->ctx, e->config, &settings));
    nd_log_fn log = e->ctx->log;
    e->ctx->log = NULL; /* the first member says the same */
    nd_status status = nd_prep_begin(e->ctx, e->table, &settings.prep, &e->prep);
    e->ctx->log = log;
    if (status == ND_OK && e->by_folds && e->prep->window > 0) {
        status = nd_fail(e->ctx, ND_ERR_OPTION,
                         "ensemble_by: the windows of a series stay in the order of time, they "
                         "are not dealt to folds; by seeds or snapshots");
    }
    if (status == ND_OK) {
        status = nd_parts_make(e->ctx, e->config, e->prep, e->table, &e->own);
    }
    if (status == ND_OK && e->prep->window == 0) {
        status = nd_train_check(e->config, &settings, e->prep, e->table, &e->own);
    }
    nd_settings_free(&settings);
    e->parts = &e->own;
    return status;
}

/* Classes of the rows of the pool; NULL for a regression. */
static nd_status pool_labels(ensemble *e, nd_real **labels)
{
    nd_real *all;
    ND_TRY(nd_row_labels(e->prep, e->table, &all));
    *labels = all != NULL ? nd_alloc(e->pool_rows, sizeof **labels) : NULL;
    for (size_t i = 0; *labels != NULL && i < e->pool_rows; i++) {
        (*labels)[i] = all[e->pool[i]];
    }
    bool lost = all != NULL && *labels == NULL;
    nd_free(all);
    return lost ? nd_fail_memory(e->ctx) : ND_OK;
}

/* Rows of fold k of the pool validate member k, the others train it. */
static nd_status member_rows(ensemble *e, const nd_folds *folds, const uint32_t *fold, size_t k)
{
    nd_parts *p = &e->part[k];
    *p = *e->parts;
    ND_TRY(nd_folds_split(e->ctx, folds, fold, k, 0, e->seed, &p->split));
    nd_split *split = &p->split;
    for (size_t i = 0; i < e->pool_rows; i++) {
        split->index[i] = e->pool[split->index[i]];
    }
    split->valid = split->test;
    split->test = 0;
    p->train = (nd_rows){e->table, split->index, split->train};
    p->valid = (nd_rows){e->table, split->index + split->train, split->valid};
    return ND_OK;
}

static const char **class_names(const nd_prep *prep)
{
    size_t classes = prep->classes != NULL ? nd_dict_count(prep->classes) : 0;
    const char **name = nd_alloc(classes + 1, sizeof *name);
    for (size_t c = 0; name != NULL && c < classes; c++) {
        name[c] = nd_dict_word(prep->classes, (uint32_t)c, NULL);
    }
    return name;
}

static nd_status deal_pool(ensemble *e, const nd_real *labels)
{
    nd_folds folds = {.kind = ND_FOLDS_RANDOM,
                      .rows = e->pool_rows,
                      .folds = e->count,
                      .labels = labels,
                      .classes = labels != NULL ? nd_dict_count(e->prep->classes) : 0};
    uint32_t *fold = nd_alloc(e->pool_rows, sizeof *fold);
    const char **name = class_names(e->prep);
    e->part = nd_alloc(e->count, sizeof *e->part);
    nd_status status = fold && name && e->part ? ND_OK : nd_fail_memory(e->ctx);
    if (status == ND_OK) {
        status = nd_folds_check(e->ctx, &folds, name);
    }
    if (status == ND_OK) {
        status = nd_folds_deal(e->ctx, &folds, e->seed, 0, fold);
    }
    for (size_t k = 0; status == ND_OK && k < e->count; k++) {
        status = member_rows(e, &folds, fold, k);
    }
    nd_free(fold);
    nd_free(name);
    return status;
}

static nd_status check_folds(const ensemble *e)
{
    if (e->given != NULL) {
        return nd_fail(e->ctx, ND_ERR_OPTION,
                       "ensemble_by: folds inside the folds of a cross-validation are not dealt; "
                       "seeds and snapshots are");
    }
    if (e->parts->valid_file != NULL) {
        return nd_fail(e->ctx, ND_ERR_OPTION,
                       "valid: members by folds validate on the fold that each leaves out, a file "
                       "has no part in it");
    }
    if (strcmp(nd_opt_text(&e->config->set, "refit"), "yes") == 0) {
        return nd_fail(e->ctx, ND_ERR_OPTION,
                       "refit: it would train every member on the fold that it leaves out");
    }
    if (nd_opt_origin(&e->config->set, "valid") == ND_FROM_CALL && e->parts->split.valid > 0) {
        nd_log(
            e->ctx, 1,
            "valid: members by folds validate on the fold that each leaves out, the share is not "
            "used");
    }
    return ND_OK;
}

/* All rows that are not tested: each member leaves out a fold of them. */
static nd_status make_pool(ensemble *e)
{
    nd_real *labels = NULL;
    const nd_split *split = &e->parts->split;
    ND_TRY(check_folds(e));
    e->pool_rows = split->train + split->valid;
    e->pool = nd_alloc(e->pool_rows, sizeof *e->pool);
    if (e->pool == NULL) {
        return nd_fail_memory(e->ctx);
    }
    memcpy(e->pool, split->index, e->pool_rows * sizeof *e->pool);
    nd_status status = pool_labels(e, &labels);
    if (status == ND_OK) {
        status = deal_pool(e, labels);
    }
    nd_free(labels);
    return status;
}

/* ---- Members, each in a context of its own */

static nd_given given_of(const ensemble *e, size_t i)
{
    nd_given g = e->given != NULL ? *e->given : (nd_given){.parts = e->parts};
    g.seed = e->seed + i;
    if (e->by_folds) {
        g.parts = &e->part[i];
        g.fitted = (nd_rows){e->table, e->pool, e->pool_rows};
        g.train = e->part[0].train.count;
        g.valid = e->part[0].valid.count;
        g.no_refit = true;
    }
    return g;
}

/* Keep what outlives the member's context. */
static nd_status keep_member(member *m, nd_trained *t)
{
    nd_ctx *ctx = t->model->ctx;
    nd_net *net = t->model->net;
    size_t params = nd_net_size(net), buffers = nd_net_buffer_size(net);
    m->parameters = nd_alloc(params, sizeof *m->parameters);
    m->buffers = nd_alloc(buffers + 1, sizeof *m->buffers);
    m->record = json_loads(t->model->record, 0, NULL);
    if (!m->parameters || !m->buffers || !m->record) {
        return nd_fail_memory(ctx);
    }
    memcpy(m->parameters, nd_net_parameters(net), params * sizeof *m->parameters);
    memcpy(m->buffers, nd_net_buffers(net), buffers * sizeof *m->buffers);
    m->fit = t->fit;
    m->test = t->test;
    t->test = NULL;
    m->there = true;
    return ND_OK;
}

/* The network and the preparation that all members share go to the context of the call:
 * one item does so, once, while nobody else uses that. */
static nd_status keep_model(ensemble *e, nd_model *model)
{
    nd_net *net = NULL;
    nd_text loss = {0};
    nd_loss_write(nd_net_loss_in_force(model->net), &loss);
    nd_status status = loss.failed ? nd_fail_memory(model->ctx)
                                   : nd_net_create(e->ctx, nd_net_desc(model->net), loss.data,
                                                   nd_net_max_rows(model->net), e->seed, &net);
    nd_text_free(&loss);
    ND_TRY(status);
    nd_prep *prep = model->prep;
    model->prep = NULL;
    prep->ctx = e->ctx;
    return nd_model_create(e->ctx, net, prep, NULL, &e->model);
}

static nd_status run_member(void *user, size_t i, nd_ctx *ctx, nd_observe_fn observe, void *watch)
{
    ensemble *e = user;
    nd_config *config;
    nd_trained trained = {0};
    nd_given given = given_of(e, i);
    ND_TRY(nd_config_for(ctx, e->config, "member", i + 1, &config));
    nd_status status = nd_train_one(ctx, config, e->table, &given, observe, watch, &trained);
    if (trained.model != NULL) {
        nd_status kept = keep_member(&e->members[i], &trained);
        status = kept != ND_OK ? kept : status;
    }
    if (i == 0 && e->members[0].there) {
        nd_status kept = keep_model(e, trained.model);
        status = kept != ND_OK ? kept : status;
    }
    nd_trained_free(&trained);
    nd_config_destroy(config);
    return status;
}

static void put_number(nd_text *text, const char *before, double value)
{
    char number[ND_NUM_TEXT];
    nd_num_print_general(number, value, 4);
    nd_text_printf(text, "%s%s", before, number);
}

static void tell_member(void *user, size_t i, nd_text *text)
{
    const ensemble *e = user;
    const member *m = &e->members[i];
    if (!m->there) {
        return;
    }
    nd_text_printf(text, ": seed %llu, %ld epoch%s", (unsigned long long)e->seed + i, m->fit.epochs,
                   m->fit.epochs == 1 ? "" : "s");
    if (!isnan(m->fit.best_metric)) {
        put_number(text, ", validation loss ", m->fit.best_loss);
        nd_text_printf(text, " in epoch %ld", m->fit.best_epoch);
    }
}

static void tell_plan(void *user, nd_text *text)
{
    const ensemble *e = user;
    int threads = nd_ctx_threads(e->ctx);
    size_t at_once = e->count < (size_t)threads ? e->count : (size_t)threads;
    nd_text_printf(
        text, "ensemble  %zu members by %s, seeds %llu to %llu, %zu at a time on %d thread%s\n",
        e->count, e->by_folds ? "folds" : "seeds", (unsigned long long)e->seed,
        (unsigned long long)(e->seed + e->count - 1), at_once, threads, threads == 1 ? "" : "s");
}

/* ---- The model of all */

/* Members that have begun, as one model. */
static nd_status join(ensemble *e)
{
    nd_net *net = e->model->net;
    const member *first = &e->members[0];
    memcpy(nd_net_parameters(net), first->parameters, nd_net_size(net) * sizeof(nd_real));
    memcpy(nd_net_buffers(net), first->buffers, nd_net_buffer_size(net) * sizeof(nd_real));
    for (size_t k = 1; k < e->count; k++) {
        const member *m = &e->members[k];
        if (m->there) {
            ND_TRY(nd_model_add_member(e->model, m->parameters, m->buffers));
        }
    }
    return ND_OK;
}

static nd_status measure(ensemble *e)
{
    nd_rows rows = e->parts->test;
    if (rows.count == 0) {
        return ND_OK;
    }
    nd_table table = *rows.table;
    table.ctx = e->ctx;
    rows.table = &table;
    return nd_evaluate_rows(e->model, &rows, &e->test, &e->baseline);
}

static json_t *figures(const nd_metrics *metrics, bool alone)
{
    size_t count;
    const char *const *name = nd_metrics_figures(&count);
    json_t *object = json_object();
    for (size_t i = 0; metrics != NULL && i < count; i++) {
        double value =
            alone ? nd_metrics_alone(metrics, name[i]) : nd_metrics_get(metrics, name[i]);
        if (isfinite(value)) {
            nd_json_set(&object, name[i], json_real(value));
        }
    }
    return object;
}

static json_t *members_json(const ensemble *e)
{
    json_t *list = json_array();
    for (size_t k = 0; k < e->count; k++) {
        const member *m = &e->members[k];
        if (m->there) {
            json_t *one = json_object();
            nd_json_set(&one, "seed", json_integer((json_int_t)e->seed + (json_int_t)k));
            nd_json_set(&one, "fit", json_incref(json_object_get(m->record, "fit")));
            nd_json_set(&one, "test", figures(m->test, false));
            nd_json_append(&list, one);
        }
    }
    return list;
}

/* The record of the first member, its own course and figures replaced by those of all. */
static nd_status write_record(ensemble *e)
{
    json_t *root = e->members[0].record;
    e->members[0].record = NULL;
    json_t *fit = json_incref(json_object_get(root, "fit"));
    e->members[0].record = json_pack("{s:o}", "fit", fit);
    json_object_del(root, "fit");
    nd_json_set(&root, "test", figures(e->test, false));
    nd_json_set(&root, "member_mean", figures(e->test, true));
    nd_json_set(&root, "baseline", figures(e->baseline, false));
    nd_json_set(&root, "members", members_json(e));
    nd_text dump = {0};
    nd_json_dump(&dump, root, JSON_COMPACT);
    if (dump.failed) {
        nd_text_free(&dump);
        return nd_fail_memory(e->ctx);
    }
    nd_free(e->model->record);
    e->model->record = dump.data;
    return ND_OK;
}

static void tell(const ensemble *e, nd_observe_fn observe, void *user, nd_event_kind kind)
{
    nd_text text = {0};
    nd_text_printf(&text, "an ensemble of %zu", nd_model_members(e->model));
    nd_event event = {.kind = kind,
                      .done = NAN,
                      .lr = NAN,
                      .train_loss = NAN,
                      .valid_loss = NAN,
                      .valid_metric = NAN,
                      .rows_per_s = NAN,
                      .seconds = NAN,
                      .seconds_left = NAN,
                      .text = kind == ND_EVENT_STOP && !text.failed ? text.data : NULL,
                      .metrics = e->test,
                      .baseline = e->baseline,
                      .members = e->count};
    if (observe != NULL) {
        observe(user, &event);
    }
    nd_text_free(&text);
}

static nd_status finish(ensemble *e, nd_observe_fn observe, void *user)
{
    ND_TRY(join(e));
    tell(e, observe, user, ND_EVENT_STOP);
    ND_TRY(measure(e));
    if (e->test != NULL) {
        tell(e, observe, user, ND_EVENT_TEST);
    }
    return write_record(e);
}

static nd_status train_all(ensemble *e, nd_observe_fn observe, void *user)
{
    ND_TRY(find_rows(e));
    if (e->by_folds) {
        ND_TRY(make_pool(e));
    }
    e->members = nd_alloc(e->count, sizeof *e->members);
    if (e->members == NULL) {
        return nd_fail_memory(e->ctx);
    }
    nd_side_work work = {"member", e->count, run_member, tell_member, tell_plan, e};
    nd_status status = nd_side_run(e->ctx, &work, observe, user);
    if (status != ND_OK && (status != ND_ERR_INTERRUPTED || e->model == NULL)) {
        return status;
    }
    nd_status made = finish(e, observe, user);
    if (made == ND_OK && status == ND_ERR_INTERRUPTED) {
        return nd_fail(e->ctx, status, "interrupted; the model has the %zu members that had begun",
                       nd_model_members(e->model));
    }
    return made;
}

static void free_members(ensemble *e)
{
    for (size_t k = 0; e->members != NULL && k < e->count; k++) {
        nd_free(e->members[k].parameters);
        nd_free(e->members[k].buffers);
        nd_metrics_destroy(e->members[k].test);
        json_decref(e->members[k].record);
    }
    for (size_t k = 0; e->part != NULL && k < e->count; k++) {
        nd_split_free(&e->part[k].split);
    }
    nd_free(e->members);
    nd_free(e->part);
}

nd_status nd_ensemble_train(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                            const nd_given *given, nd_observe_fn observe, void *user,
                            nd_trained *trained)
{
    ensemble e = {.ctx = ctx,
                  .config = config,
                  .table = data,
                  .given = given,
                  .count = (size_t)nd_opt_int(&config->set, "ensemble"),
                  .by_folds = nd_ensemble_by(config, "folds") > 0,
                  .seed = given != NULL ? given->seed : (uint64_t)nd_opt_int(&config->set, "seed")};
    nd_status status = train_all(&e, observe, user);
    if (status == ND_OK || status == ND_ERR_INTERRUPTED) {
        *trained = (nd_trained){.model = e.model, .test = e.test, .baseline = e.baseline};
        trained->fit = e.members[0].fit;
    } else {
        nd_model_destroy(e.model);
        nd_metrics_destroy(e.test);
        nd_metrics_destroy(e.baseline);
    }
    free_members(&e);
    nd_free(e.pool);
    nd_parts_free(&e.own);
    nd_prep_destroy(e.prep);
    return status;
}
