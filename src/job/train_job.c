/* The main job: from a table to a trained, measured model. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/augmented.h"
#include "job/build.h"
#include "job/cached.h"
#include "job/check.h"
#include "job/ensemble.h"
#include "job/evaluate.h"
#include "job/plan_text.h"
#include "job/progress.h"
#include "job/record.h"
#include "job/refit.h"
#include "job/settings.h"
#include "job/train.h"
#include "job/transfer.h"
#include "job/verdict.h"

/* Everything one training holds until the model is handed out. */
typedef struct job {
    nd_ctx *ctx;
    nd_config *own_config;
    const nd_config *config;
    const nd_table *table;
    const nd_given *given; /* by a larger job; NULL: all is decided here */
    nd_table mine[4];      /* tables of a larger job, for messages in this context */
    nd_cached cached;      /* cache NULL: the rows are in memory */
    nd_observe_fn observe;
    void *user;
    nd_settings settings;
    nd_prep *prep;
    nd_parts parts;
    nd_setup plan;
    nd_desc *desc;
    nd_augment *augment;
    double mixup;
    nd_net *net;
    nd_curve curve;
    nd_fit_result fit;
    nd_model *model;
    nd_metrics *test, *baseline;
    nd_progress progress; /* what checkpoints need */
    nd_snapshots snapshots;
    nd_transfer transfer; /* what it starts from */
} job;

static void job_free(job *j)
{
    nd_settings_free(&j->settings);
    nd_prep_destroy(j->prep);
    if (j->given == NULL) {
        nd_parts_free(&j->parts);
    }
    nd_snapshots_free(&j->snapshots);
    nd_desc_destroy(j->desc);
    nd_augment_destroy(j->augment);
    nd_net_destroy(j->net);
    nd_curve_free(&j->curve);
    nd_model_destroy(j->model);
    nd_metrics_destroy(j->test);
    nd_metrics_destroy(j->baseline);
    nd_progress_close(&j->progress);
    nd_cached_end(&j->cached);
    nd_transfer_close(&j->transfer);
    nd_config_destroy(j->own_config);
}

/* Note the curve, then show the event to whoever watches. */
static int see_event(void *user, const nd_event *event)
{
    job *j = user;
    if (event->kind == ND_EVENT_EPOCH) {
        nd_curve_add(&j->curve, event->epoch, event->train_loss, event->valid_loss);
        nd_snapshots_see(&j->snapshots, j->net, event->epoch);
    }
    return j->observe == NULL ? 0 : j->observe(j->user, event);
}

static void tell(job *j, nd_event_kind kind, const char *text)
{
    nd_event event = {
        .kind = kind,
        .epoch = j->fit.epochs,
        .epochs = j->plan.epochs,
        .step = j->fit.steps,
        .done = NAN,
        .lr = j->plan.lr,
        .train_loss = j->fit.train_loss,
        .valid_loss = j->parts.valid.count > 0 ? j->fit.best_loss : NAN,
        .valid_metric = j->fit.best_metric,
        .rows_per_s = j->fit.rows_per_s,
        .seconds = j->fit.seconds,
        .seconds_left = NAN,
        .text = text,
        .metrics = j->test,
        .baseline = j->baseline,
    };
    if (j->observe != NULL) {
        j->observe(j->user, &event);
    }
}

/* A validation file stays out of a second fit: its rows may be from elsewhere for a
 * reason. */
static void drop_refit(job *j)
{
    bool wanted = strcmp(nd_opt_text(&j->config->set, "refit"), "yes") == 0;
    j->plan.refit = j->plan.refit && j->parts.split.valid > 0;
    if (wanted && j->parts.split.valid == 0) {
        nd_log(j->ctx, 1, "refit: there is no share of validation rows to train on as well");
    }
}

/* Tables of a larger job, as rows of this context. */
static const nd_table *borrow(job *j, size_t i, const nd_table *table)
{
    if (table == NULL) {
        return NULL;
    }
    j->mine[i] = *table;
    j->mine[i].ctx = j->ctx;
    return &j->mine[i];
}

static nd_status fit_preparation(job *j, const nd_parts *parts)
{
    const nd_weights *from = j->transfer.weights;
    j->settings.prep.like = from != NULL && from->model != NULL ? from->model->prep : NULL;
    ND_TRY(nd_parts_fit(j->config, j->table, parts, &j->settings.prep, j->prep));
    return nd_transfer_prepare(&j->transfer, j->prep);
}

/* Columns, task and preparation for rows that a larger job chose and checked. */
static nd_status prepare_given(job *j)
{
    const nd_given *g = j->given;
    ND_TRY(nd_settings_from(j->ctx, j->config, &j->settings));
    if (g->drop != NULL) {
        ND_TRY(nd_settings_drop(j->ctx, &j->settings, g->drop));
    }
    j->parts = *g->parts;
    j->table = borrow(j, 0, j->table);
    j->parts.train.table = borrow(j, 1, g->parts->train.table);
    j->parts.valid.table = borrow(j, 2, g->parts->valid.table);
    j->parts.test.table = borrow(j, 3, g->parts->test.table);
    ND_TRY(nd_prep_begin(j->ctx, j->table, &j->settings.prep, &j->prep));
    nd_parts fitted = j->parts;
    fitted.train = g->fitted.count > 0 ? g->fitted : j->parts.train;
    return fit_preparation(j, &fitted);
}

/* Columns, task, split and preparation. */
static nd_status prepare_rows(job *j)
{
    if (j->given != NULL) {
        return prepare_given(j);
    }
    ND_TRY(nd_settings_from(j->ctx, j->config, &j->settings));
    ND_TRY(nd_prep_begin(j->ctx, j->table, &j->settings.prep, &j->prep));
    ND_TRY(nd_parts_make(j->ctx, j->config, j->prep, j->table, &j->parts));
    if (j->prep->window == 0) { /* rows of a series repeat, and tell of each other */
        ND_TRY(nd_train_check(j->config, &j->settings, j->prep, j->table, &j->parts));
    }
    return fit_preparation(j, &j->parts);
}

/* A row cache was made with all of that. */
static nd_status find_rows(job *j)
{
    if (j->cached.cache == NULL) {
        ND_TRY(nd_transfer_open(j->ctx, j->config, &j->transfer));
        return prepare_rows(j);
    }
    j->table = j->cached.table;
    j->prep = j->cached.prep;
    j->parts = j->cached.parts;
    j->cached.prep = NULL;
    j->cached.parts = (nd_parts){0};
    return ND_OK;
}

/* Members of an ensemble are planned alike, though their rows are not as many. */
static nd_status plan_training(job *j)
{
    const nd_given *g = j->given;
    bool alike = g != NULL && g->train > 0;
    ND_TRY(nd_setup_make(j->config, j->prep, alike ? g->train : j->parts.train.count,
                         alike ? g->valid : j->parts.valid.count, &j->plan));
    if (g != NULL) {
        j->plan.seed = g->seed;
        j->plan.refit = j->plan.refit && !g->no_refit;
    }
    return nd_snapshots_plan(j->config, &j->plan, &j->snapshots);
}

/* Columns, task, split, preparation, network: all that can fail for the data's or
 * the settings' sake happens here, before the first step. */
static nd_status job_prepare(job *j)
{
    ND_TRY(find_rows(j));
    ND_TRY(nd_transfer_layers(&j->transfer, j->prep, &j->config));
    ND_TRY(plan_training(j));
    if (j->cached.cache != NULL) {
        ND_TRY(nd_cached_check_batch(&j->cached, j->plan.batch_size));
    }
    drop_refit(j);
    ND_TRY(nd_build_augment(j->config, j->prep, &j->augment));
    ND_TRY(nd_read_mixup(j->config, &j->plan, &j->mixup));
    return nd_build_desc(j->ctx, j->config, j->prep, &j->plan, &j->desc);
}

/* Rows of parts first..last (ND_CACHE_*) from the cache; without one, those given. */
static nd_status rows_source(const job *j, int first, int last, const nd_rows *rows,
                             nd_source **source)
{
    *source = NULL;
    if (rows->count == 0) {
        return ND_OK;
    }
    if (j->cached.cache != NULL) {
        return nd_cached_source(&j->cached, first, last, source);
    }
    return nd_rows_source(j->prep, rows, source);
}

/* Without validation rows no epoch is known to be better than the last: the training
 * loss is a mean over weights that were changing. So no copy of them is kept. */
static nd_fit_params fit_params(job *j)
{
    const nd_setup *p = &j->plan;
    const nd_setup_regular *r = &p->regular;
    bool clips = p->clip_norm > 0 || r->clip_value > 0 || r->clip_layer_norm > 0;
    return (nd_fit_params){
        .batch_size = p->batch_size,
        .epochs = p->epochs,
        .patience = p->patience,
        .min_delta = p->min_delta,
        .target_loss = p->target_loss,
        .lr = p->lr,
        .schedule = p->schedule,
        .warmup = p->warmup,
        .maximize = p->maximize,
        .seed = p->seed,
        .keep_best = j->parts.valid.count > 0 && r->restore_best && j->snapshots.count == 0,
        .stop_gl = r->gl,
        .stop_pq = r->pq,
        .strip = r->strip,
        .swa_start = r->swa,
        .swa_every = r->swa_every,
        .swa_lr = r->swa_lr,
        .observe = see_event,
        .user = j,
        .saver = nd_progress_saver(&j->progress),
        .resume = nd_progress_resumed(&j->progress),
        .rollbacks = nd_opt_choice(&j->config->set, "on_divergence") == 0
                         ? 0
                         : (long)nd_opt_int(&j->config->set, "rollbacks"),
        .augment = j->augment,
        .mixup = j->mixup,
        .signals = nd_opt_bool(&j->config->set, "signals"),
        .unfreeze_at = (long)nd_opt_int(&j->config->set, "unfreeze_at"),
        .clipped = clips || r->clip_adaptive > 0,
    };
}

/* Train a new network; *net is it, also when training diverged or was interrupted. */
static nd_status fit_sources(job *j, const nd_source *train, const nd_source *valid,
                             const nd_fit_params *params, nd_net **net, nd_fit_result *result)
{
    ND_TRY(nd_build_net(j->desc, &j->plan, j->prep, train, net));
    ND_TRY(nd_transfer_start(&j->transfer, j->config, *net));
    ND_TRY(nd_snapshots_open(&j->snapshots, *net, nd_progress_resumed(&j->progress)));
    nd_optimizer *optimizer;
    ND_TRY(nd_build_optimizer(j->config, &j->plan, *net, &optimizer));
    nd_status status = nd_fit(*net, optimizer, train, valid, params, result);
    nd_optimizer_destroy(optimizer);
    nd_progress_begun(&j->progress);
    return status;
}

static nd_status fit_first(job *j)
{
    nd_source *train = NULL, *valid = NULL;
    nd_status status = rows_source(j, ND_CACHE_TRAIN, ND_CACHE_TRAIN, &j->parts.train, &train);
    if (status == ND_OK) {
        status = rows_source(j, ND_CACHE_VALID, ND_CACHE_VALID, &j->parts.valid, &valid);
    }
    if (status == ND_OK) {
        nd_fit_params params = fit_params(j);
        status = fit_sources(j, train, valid, &params, &j->net, &j->fit);
    }
    nd_source_destroy(train);
    nd_source_destroy(valid);
    return status;
}

/* During the second fit only a wish to stop matters to the outside. */
static int see_refit(void *user, const nd_event *event)
{
    job *j = user;
    if (event->kind != ND_EVENT_STEP || j->observe == NULL) {
        return 0;
    }
    nd_event second = *event;
    second.text = "refit";
    return j->observe(j->user, &second);
}

static nd_status refit_rows(job *j, nd_net **net, nd_fit_result *result)
{
    const nd_split *split = &j->parts.split;
    nd_rows rows = {j->table, split->index, split->train + split->valid};
    nd_source *source;
    ND_TRY(rows_source(j, ND_CACHE_TRAIN, ND_CACHE_VALID, &rows, &source));
    nd_fit_params params = fit_params(j);
    params.stop_after = nd_refit_epochs(&j->fit, &j->plan, j->parts.valid.count);
    params.patience = 0;
    params.stop_gl = params.stop_pq = 0;
    params.keep_best = false;
    params.signals = false;
    params.observe = see_refit;
    nd_status status = fit_sources(j, source, NULL, &params, net, result);
    nd_source_destroy(source);
    return status;
}

/* Early stopping found how long to train; the validation rows now help as well
 * (Goodfellow et al. 2016, algorithm 7.2). The first network stays if the second
 * fit diverges, even if it could go back, or is interrupted. */
static nd_status fit_again(job *j)
{
    nd_net *net = NULL;
    nd_fit_result again;
    nd_status status = refit_rows(j, &net, &again);
    /* Nothing was held out to see what a run that had to go back is worth. */
    bool wild = status == ND_ERR_DIVERGED || (status == ND_OK && again.rollbacks > 0);
    if (wild) {
        nd_log(j->ctx, 1, "the refit diverged: the model is that of the first fit");
    }
    if (status == ND_OK && !again.interrupted && !wild) {
        nd_log(j->ctx, 2, "refit on the %zu training and validation rows: %ld epoch%s",
               j->parts.split.train + j->parts.split.valid, again.epochs,
               again.epochs == 1 ? "" : "s");
        nd_net_destroy(j->net);
        j->net = net;
        return ND_OK;
    }
    nd_net_destroy(net);
    if (status == ND_OK && again.interrupted) {
        j->fit.interrupted = true;
    }
    return wild ? ND_OK : status;
}

/* A run that was interrupted in its second fit: what came out of the first. */
static nd_status fit_resumed(job *j)
{
    ND_TRY(nd_net_create(j->ctx, j->desc, j->plan.loss_text,
                         nd_planned_rows(&j->plan, j->parts.train.count), j->plan.seed, &j->net));
    return nd_progress_take_first(&j->progress, j->net, j->plan.epochs, &j->fit);
}

static nd_status job_fit(job *j)
{
    ND_TRY(nd_progress_in_refit(&j->progress) ? fit_resumed(j) : fit_first(j));
    tell(j, ND_EVENT_STOP, j->fit.why);
    if (!nd_refit_follows(j->ctx, &j->fit, &j->plan)) {
        return ND_OK;
    }
    ND_TRY(nd_progress_begin_refit(&j->progress, j->net, &j->fit));
    return fit_again(j);
}

static nd_status measure_test(job *j)
{
    if (j->cached.cache == NULL) {
        return nd_evaluate_rows(j->model, &j->parts.test, &j->test, &j->baseline);
    }
    nd_source *source;
    ND_TRY(nd_cached_source(&j->cached, ND_CACHE_TEST, ND_CACHE_TEST, &source));
    nd_status status = nd_evaluate_source(j->model, source, &j->test, &j->baseline);
    nd_source_destroy(source);
    return status;
}

static nd_status job_test(job *j)
{
    if (j->parts.test.count == 0) {
        return ND_OK;
    }
    ND_TRY(measure_test(j));
    tell(j, ND_EVENT_TEST, NULL);
    if (j->plan.maximize) {
        return ND_OK;
    }
    const nd_rows *rows = j->cached.cache == NULL ? &j->parts.train : NULL;
    return nd_verdict_tell(&(nd_verdict){j->model, rows, &j->fit, j->test, j->baseline});
}

/* The model takes over net and prep; the record comes last, with the test's figures. */
static nd_status job_model(job *j)
{
    nd_net *net = j->net;
    nd_prep *prep = j->prep;
    j->net = NULL;
    j->prep = NULL;
    nd_net_set_weighted(net, 0);
    nd_net_set_noise(net, NULL);
    ND_TRY(nd_model_create(j->ctx, net, prep, NULL, &j->model));
    return nd_snapshots_join(&j->snapshots, j->fit.epochs, j->model);
}

static nd_status job_record(job *j)
{
    nd_record record = {
        .config = j->config,
        .table = j->table,
        .parts = &j->parts,
        .plan = &j->plan,
        .fit = &j->fit,
        .curve = &j->curve,
        .test = j->test,
        .baseline = j->baseline,
    };
    char *text;
    ND_TRY(nd_record_write(j->ctx, &record, &text));
    nd_free(j->model->record);
    j->model->record = text;
    return ND_OK;
}

static nd_status job_plan_event(job *j)
{
    nd_text text = {0};
    nd_plan_text(&text, j->config, j->table, j->prep, &j->parts, &j->plan, j->desc);
    if (j->snapshots.count > 0) {
        nd_text_printf(&text, "ensemble  %zu snapshots, one every %ld epochs\n", j->snapshots.count,
                       j->snapshots.cycle);
    }
    if (j->given == NULL) {
        nd_plan_threads(&text, nd_ctx_threads(j->ctx), j->parts.train.count, &j->plan, j->desc);
    }
    if (text.failed) {
        nd_text_free(&text);
        return nd_fail_memory(j->ctx);
    }
    tell(j, ND_EVENT_PLAN, text.data);
    nd_text_free(&text);
    return ND_OK;
}

static nd_status job_run(job *j)
{
    ND_TRY(job_prepare(j));
    nd_progress_rows rows = {.table = j->table, .parts = &j->parts};
    if (j->cached.cache != NULL) {
        rows.cache = nd_cache_get_head(j->cached.cache);
    }
    rows.from = j->transfer.weights != NULL ? j->transfer.weights->mark : 0;
    ND_TRY(nd_progress_open(&j->progress, j->config, &rows, &j->curve, j->plan.refit));
    j->progress.snapshots = &j->snapshots;
    ND_TRY(job_plan_event(j));
    nd_progress_tell(&j->progress);
    ND_TRY(job_fit(j));
    ND_TRY(job_model(j));
    ND_TRY(job_test(j));
    ND_TRY(job_record(j));
    return j->fit.interrupted ? nd_fail(j->ctx, ND_ERR_INTERRUPTED,
                                        "interrupted in epoch %ld; the model is that of epoch %ld",
                                        j->fit.epochs, j->fit.best_epoch)
                              : ND_OK;
}

static job new_job(nd_ctx *ctx, const nd_table *table, nd_observe_fn observe, void *user)
{
    return (job){
        .ctx = ctx,
        .table = table,
        .observe = observe,
        .user = user,
        .fit = {.train_loss = NAN, .best_loss = NAN, .best_metric = NAN, .rows_per_s = NAN},
    };
}

/* Hand out the model, if there is one, and free the job. */
static nd_status end_job(job *j, nd_status status, nd_model **model)
{
    if (status == ND_OK || status == ND_ERR_INTERRUPTED) {
        *model = j->model;
        j->model = NULL;
    }
    job_free(j);
    return status;
}

nd_status nd_train_one(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                       const nd_given *given, nd_observe_fn observe, void *user,
                       nd_trained *trained)
{
    job j = new_job(ctx, data, observe, user);
    j.config = config;
    j.given = given;
    *trained = (nd_trained){0};
    nd_status status = job_run(&j);
    if (status == ND_OK || status == ND_ERR_INTERRUPTED) {
        *trained = (nd_trained){.test = j.test, .baseline = j.baseline, .fit = j.fit};
        trained->fit.why = NULL;
        j.test = j.baseline = NULL;
    }
    return end_job(&j, status, &trained->model);
}

nd_status nd_train_given(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                         const nd_given *given, nd_observe_fn observe, void *user,
                         nd_trained *trained)
{
    bool several;
    *trained = (nd_trained){0};
    ND_TRY(nd_ensemble_wanted(config, &several));
    return several ? nd_ensemble_train(ctx, config, data, given, observe, user, trained)
                   : nd_train_one(ctx, config, data, given, observe, user, trained);
}

/* Settings of the verb train, which goes by the table. */
static nd_status train_table(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                             nd_observe_fn observe, void *user, nd_model **model)
{
    nd_trained trained;
    nd_status status = nd_train_given(ctx, config, data, NULL, observe, user, &trained);
    *model = trained.model;
    trained.model = NULL;
    nd_trained_free(&trained);
    return status;
}

nd_status nd_train(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                   nd_observe_fn observe, void *user, nd_model **model)
{
    nd_config *own;
    if (model != NULL) {
        *model = NULL;
    }
    if (ctx == NULL || data == NULL || model == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_train: ctx, data and model must not be NULL");
    }
    nd_status status = nd_settings_or_default(ctx, config, ND_VERB_TRAIN, &own, &config);
    if (status == ND_OK) {
        status = train_table(ctx, config, data, observe, user, model);
    }
    nd_config_destroy(own);
    return status;
}

/* From the row cache if there is one to use, else from the whole file in memory. */
static nd_status run_file(job *j, const char *path, nd_model **model)
{
    bool several;
    ND_TRY(nd_ensemble_wanted(j->config, &several));
    ND_TRY(nd_cached_choose(j->ctx, j->config, path, &j->cached));
    if (j->cached.name != NULL) {
        ND_TRY(several ? nd_fail(j->ctx, ND_ERR_OPTION,
                                 "ensemble: members by seeds or folds need the rows in memory; "
                                 "ensemble_by snapshots, or cache none, does without")
                       : nd_transfer_open(j->ctx, j->config, &j->transfer));
        ND_TRY(nd_transfer_check_cached(&j->transfer, j->ctx));
        ND_TRY(nd_cached_begin(j->ctx, j->config, path, &j->cached));
        return job_run(j);
    }
    nd_table *table;
    ND_TRY(nd_table_read(j->ctx, j->config, path, &table));
    nd_status status = train_table(j->ctx, j->config, table, j->observe, j->user, model);
    nd_table_destroy(table);
    return status;
}

nd_status nd_train_file(nd_ctx *ctx, const nd_config *config, const char *path,
                        nd_observe_fn observe, void *user, nd_model **model)
{
    if (model != NULL) {
        *model = NULL;
    }
    if (ctx == NULL || path == NULL || model == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_train_file: ctx, path and model must not be NULL");
    }
    job j = new_job(ctx, NULL, observe, user);
    nd_status status = nd_settings_or_default(ctx, config, ND_VERB_TRAIN, &j.own_config, &j.config);
    status = status == ND_OK ? run_file(&j, path, model) : status;
    if (*model != NULL) {
        job_free(&j);
        return status;
    }
    return end_job(&j, status, model);
}
