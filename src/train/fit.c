#include "train/fit.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/fpenv.h"
#include "train/average.h"
#include "train/diverge.h"
#include "train/early.h"
#include "train/feed.h"
#include "train/keep.h"
#include "train/score.h"
#include "train/signals.h"
#include "train/step.h"
#include "train/vary.h"

enum { LOOK_STEPS = 16 };

/* Everything one run holds. */
typedef struct fit {
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    const nd_source *train, *valid;
    const nd_fit_params *params;
    nd_fit_result *result;
    nd_early early;
    nd_average average;
    nd_keep keep;
    nd_place *at;            /* where the run stands; in keep */
    size_t batch;            /* rows of a full batch */
    uint64_t batches, steps; /* batches per epoch; steps the schedule runs over */
    uint64_t warmup;         /* steps */
    nd_vary vary;            /* what is done to them */
    nd_feed *feed;           /* order and batches of the rows */
    nd_batch now;            /* the batch of the latest step */
    nd_signals *signals;     /* NULL: not asked for */
    double rows_before;      /* of this epoch, in a run that was interrupted in it */
    uint64_t steps_before;   /* in the runs that this one goes on from */
    long epochs_before;
    bool thawed;                           /* frozen layers learn */
    double start, epoch_start, last_event; /* seconds */
    double clock;                          /* the latest look at it */
    uint64_t until_clock, clock_stride;    /* steps between looks at the clock */
    nd_fp_state outside;                   /* floating-point environment of the caller */
} fit;

/* A last batch of one row gives batch normalization no variance to divide by. */
static bool skips_single_rows(const nd_net *net)
{
    const nd_desc *desc = nd_net_desc(net);
    for (size_t i = 0; i < desc->count; i++) {
        if (desc->layer[i]->class->needs_batch) {
            return true;
        }
    }
    return false;
}

static uint64_t batches_per_epoch(const fit *f)
{
    size_t rest = f->train->rows % f->batch;
    uint64_t full = f->train->rows / f->batch;
    if (rest == 0 || (rest == 1 && full > 0 && skips_single_rows(f->net))) {
        return full;
    }
    return full + 1;
}

static void fit_free(fit *f)
{
    nd_early_free(&f->early);
    nd_average_free(&f->average);
    nd_keep_free(&f->keep);
    nd_feed_destroy(f->feed);
    nd_vary_free(&f->vary, f->net);
    nd_signals_destroy(f->signals);
}

/* A small network leaves threads idle, one of which can gather. Distorting images is work for
 * all of them. */
static nd_status fit_feed(fit *f)
{
    int all = nd_ctx_threads(f->ctx), busy = nd_desc_threads(nd_net_desc(f->net), f->batch, all);
    size_t row = (f->train->features + f->train->label_width) * sizeof(nd_real);
    const nd_fit_params *p = f->params;
    size_t room = nd_net_max_rows(f->net);
    ND_TRY(nd_vary_init(&f->vary, f->net, f->train, p->augment, p->mixup, p->seed, room));
    bool ahead = nd_feed_pays(f->batch * row, busy, all) && p->augment == NULL;
    nd_feed_params params = {.batch = f->batch,
                             .batches = f->batches,
                             .room = room,
                             .seed = p->seed,
                             .vary = &f->vary,
                             .ahead = ahead};
    return nd_feed_create(f->ctx, f->train, &params, &f->feed);
}

static nd_status check_batch(const fit *f)
{
    const nd_optim_class *rule = nd_optimizer_class(f->optimizer);
    if (f->batch < f->train->rows && rule->search != NULL) {
        return nd_fail(f->ctx, ND_ERR_OPTION,
                       "batch_size: %s takes all rows in one batch, not %zu of %zu: %s", rule->name,
                       f->batch, f->train->rows, rule->full_batch);
    }
    bool varies = f->params->augment != NULL || f->params->mixup > 0;
    if (varies && rule->search != NULL) {
        return nd_fail(f->ctx, ND_ERR_OPTION,
                       "%s: %s compares the loss of one step with that of the next, on the same "
                       "rows",
                       f->params->augment != NULL ? "augment" : "mixup", rule->name);
    }
    return ND_OK;
}

static nd_status fit_init(fit *f)
{
    const nd_fit_params *p = f->params;
    size_t rows = f->train->rows;
    f->batch = p->batch_size == 0 || p->batch_size > rows ? rows : p->batch_size;
    if (f->batch > nd_net_max_rows(f->net)) {
        return nd_fail(f->ctx, ND_ERR_SHAPE, "batches of %zu rows for a network planned for %zu",
                       f->batch, nd_net_max_rows(f->net));
    }
    ND_TRY(check_batch(f));
    f->batches = batches_per_epoch(f);
    f->steps = f->batches * (uint64_t)p->epochs;
    f->warmup = (uint64_t)(p->warmup * (double)f->batches + 0.5);
    f->clock_stride = 1;
    f->start = f->clock = nd_seconds();
    f->at = &f->keep.at;
    nd_early_params early = {p->patience, p->min_delta, p->stop_gl, p->stop_pq,
                             p->strip > 0 ? p->strip : 5};
    ND_TRY(nd_early_init(&f->early, f->net, &early, p->keep_best));
    ND_TRY(nd_average_init(&f->average, f->net, f->optimizer, p->swa_start, p->swa_every,
                           &f->at->averaged));
    ND_TRY(nd_keep_init(&f->keep, f->net, f->optimizer, &f->early, &f->average, f->result, p));
    if ((uint64_t)f->at->batch > f->batches) {
        return nd_fail(f->ctx, ND_ERR_FORMAT, "the checkpoint stands at batch %lld of %llu",
                       (long long)f->at->batch, (unsigned long long)f->batches);
    }
    f->steps_before = f->result->steps;
    f->epochs_before = (long)f->at->epoch - 1;
    if (p->signals) {
        ND_TRY(nd_signals_create(f->net, f->train, &f->signals));
    }
    return fit_feed(f);
}

static nd_event event_at(const fit *f, nd_event_kind kind, long epoch)
{
    return (nd_event){
        .kind = kind,
        .epoch = epoch,
        .epochs = f->params->epochs,
        .step = f->result->steps,
        .done = NAN,
        .lr = f->at->lr,
        .train_loss = NAN,
        .valid_loss = NAN,
        .valid_metric = NAN,
        .metric =
            nd_score_metric(nd_net_loss_class(f->net), nd_net_outputs(f->net), f->train->mirror),
        .rows_per_s = NAN,
        .seconds = nd_seconds() - f->start,
        .seconds_left = NAN,
    };
}

static bool observed_stop(const fit *f, const nd_event *event)
{
    return f->params->observe != NULL && f->params->observe(f->params->user, event) != 0;
}

/* Look at the clock rarely enough to cost nothing, often enough for ten events a
 * second: the stride follows the speed of the steps. */
static bool time_for_event(fit *f, double *now)
{
    if (f->until_clock > 0) {
        f->until_clock--;
        return false;
    }
    double before = f->last_event;
    *now = f->clock = nd_seconds();
    double waited = *now - before;
    if (waited < 0.1) {
        f->clock_stride =
            waited < 0.05 && f->clock_stride < 4096 ? f->clock_stride * 2 : f->clock_stride;
        f->until_clock = f->clock_stride - 1;
        return false;
    }
    f->clock_stride = f->clock_stride > 1 ? f->clock_stride / 2 : 1;
    f->until_clock = f->clock_stride - 1;
    f->last_event = *now;
    return true;
}

static bool step_event(fit *f)
{
    const nd_place *at = f->at;
    double now;
    if (!time_for_event(f, &now)) {
        return false;
    }
    nd_event event = event_at(f, ND_EVENT_STEP, (long)at->epoch);
    event.done = (double)at->batch / (double)f->batches;
    event.train_loss = at->weight > 0 ? at->loss_sum / at->weight : 0;
    event.rows_per_s = (at->rows - f->rows_before) / (now - f->epoch_start);
    double share =
        (double)(f->result->steps - f->steps_before) / (double)(f->steps - f->steps_before);
    event.seconds_left = event.seconds * (1 - share) / share;
    nd_fp_leave(f->outside);
    bool stop = observed_stop(f, &event);
    nd_fp_enter();
    return stop;
}

/* rows 0: noticed between steps. */
static nd_status diverged(const fit *f, size_t rows)
{
    nd_diverge at = {
        .epoch = (long)f->at->epoch,
        .steps = f->result->steps,
        .lr = f->at->lr,
        .clipped = f->params->clipped,
        .x = rows > 0 ? f->now.x : NULL,
        .values = rows * f->train->features,
    };
    return nd_diverge_fail(f->net, &at);
}

/* Whether the rate stands still for the mean of weights: what is averaged should come from
 * steps of one length (Izmailov et al. 2018, section 3.2). */
static bool holds_rate(const fit *f)
{
    const nd_fit_params *p = f->params;
    return p->swa_start > 0 && f->at->epoch >= p->swa_start && (p->swa_every <= 1 || p->swa_lr > 0);
}

static nd_status set_lr(fit *f)
{
    nd_moment at = {f->result->steps, f->steps, f->batches, f->warmup};
    bool held = holds_rate(f);
    at.step = held ? (uint64_t)(f->params->swa_start - 1) * f->batches : at.step;
    double lr = nd_schedule_rate(&f->params->schedule, f->params->lr, &at);
    lr = held && f->params->swa_lr > 0 ? f->params->swa_lr : lr;
    lr *= f->at->plateau.scale * f->at->lr_scale;
    if (lr == f->at->lr) {
        return ND_OK;
    }
    f->at->lr = lr;
    return lr > 0 ? nd_optimizer_set_lr(f->optimizer, lr) : ND_OK;
}

/* One step on the next batch; adds to the sums of the epoch. */
static nd_status train_batch(fit *f)
{
    nd_place *at = f->at;
    nd_feed_batch(f->feed, (long)at->epoch, (uint64_t)at->batch, &f->now);
    ND_TRY(nd_source_whole(f->train));
    ND_TRY(set_lr(f));
    bool measure = f->signals != NULL && (uint64_t)at->batch + 1 == f->batches;
    if (measure) {
        nd_signals_before(f->signals);
    }
    double loss;
    nd_status status = nd_step(f->net, f->optimizer, f->now.x, f->now.y, f->now.rows, &loss);
    if (status != ND_OK) {
        return status == ND_ERR_DIVERGED ? diverged(f, f->now.rows) : status;
    }
    if (measure) {
        nd_signals_after(f->signals);
    }
    f->result->steps++;
    nd_average_step(&f->average);
    at->batch++;
    double weight = nd_net_train_weight(f->net, f->now.y, f->now.rows);
    at->loss_sum += loss * weight;
    at->weight += weight;
    at->rows += (double)f->now.rows;
    return ND_OK;
}

static nd_status train_batches(fit *f, bool *stop)
{
    while ((uint64_t)f->at->batch < f->batches && !*stop) {
        ND_TRY(train_batch(f));
        *stop = step_event(f);
        nd_status status = nd_keep_step(&f->keep, *stop, f->clock);
        if (status != ND_OK) {
            return diverged(f, 0);
        }
    }
    return ND_OK;
}

/* From where the run stands to the end of the epoch. The environment is switched once: for
 * every step it would cost a small network a tenth. */
static nd_status train_epoch(fit *f, bool *stop)
{
    nd_place *at = f->at;
    f->epoch_start = nd_seconds();
    f->rows_before = at->rows;
    f->outside = nd_fp_enter();
    nd_status status = train_batches(f, stop);
    nd_fp_leave(f->outside);
    ND_TRY(status);
    f->result->train_loss = at->weight > 0 ? at->loss_sum / at->weight : 0;
    f->result->rows_per_s = (at->rows - f->rows_before) / (nd_seconds() - f->epoch_start);
    f->result->epochs = (long)at->epoch;
    return ND_OK;
}

/* Validation loss and metric of the net as it stands; both NaN without validation. */
static nd_status validate(fit *f, double *loss, double *metric)
{
    *loss = *metric = NAN;
    if (f->valid == NULL) {
        return ND_OK;
    }
    nd_real *x, *y;
    nd_feed_room(f->feed, &x, &y);
    return nd_fit_score(f->net, f->valid, x, y, loss, metric);
}

/* Validate, and let early stopping look: at the moving average, where there is one. */
static nd_status judge_epoch(fit *f, long epoch, nd_event *event)
{
    double loss, metric;
    nd_average_swap(&f->average);
    nd_status status = validate(f, &loss, &metric);
    if (status == ND_OK) {
        double watched = f->valid != NULL ? loss : f->result->train_loss;
        f->result->last_loss = watched;
        watched = f->params->maximize ? -watched : watched;
        if (!holds_rate(f)) {
            nd_plateau_see(&f->at->plateau, &f->params->schedule, watched);
        }
        event->valid_loss = loss;
        event->valid_metric = metric;
        event->best = nd_early_see(&f->early, epoch, watched, f->result->train_loss, metric);
    }
    nd_average_swap(&f->average);
    return status;
}

/* Judge the epoch, tell the observer. */
static nd_status finish_epoch(fit *f, long epoch, bool *stop)
{
    nd_average_epoch(&f->average, epoch);
    nd_event event = event_at(f, ND_EVENT_EPOCH, epoch);
    event.done = 1;
    event.train_loss = f->result->train_loss;
    ND_TRY(judge_epoch(f, epoch, &event));
    event.rows_per_s = f->result->rows_per_s;
    event.seconds_left =
        event.seconds / (double)(epoch - f->epochs_before) * (double)(f->params->epochs - epoch);
    if (f->signals != NULL) {
        event.layers = nd_signals_take(f->signals, &event.layer_count);
    }
    if (observed_stop(f, &event)) {
        *stop = true;
    }
    return ND_OK;
}

/* Why to end after this epoch; NULL to go on. */
static const char *reason_to_end(const fit *f, long epoch, bool stop)
{
    const nd_fit_params *p = f->params;
    long last = p->stop_after > 0 && p->stop_after < p->epochs ? p->stop_after : p->epochs;
    if (stop) {
        return "interrupted";
    }
    if (p->target_loss > 0 && f->result->train_loss <= p->target_loss) {
        return "the training loss reached its target";
    }
    const char *early = nd_early_reason(&f->early, epoch, f->valid != NULL);
    return early != NULL ? early : epoch >= last ? "all epochs are done" : NULL;
}

/* Frozen layers as the epoch wants them: going back may cross the border again. */
static void set_frozen(fit *f)
{
    long border = f->params->unfreeze_at;
    bool thawed = border > 0 && (long)f->at->epoch >= border;
    if (thawed == f->thawed) {
        return;
    }
    size_t spans;
    nd_net_thaw(f->net, thawed);
    const nd_span *span = nd_net_spans(f->net, &spans);
    nd_optimizer_respan(f->optimizer, span, spans, (uint64_t)(border - 1) * f->batches);
    f->thawed = thawed;
    nd_log(f->ctx, 2, "epoch %lld: the frozen layers %s", (long long)f->at->epoch,
           thawed ? "learn from here on" : "are frozen again");
}

/* Moments and running statistics that are not finite do not show in the loss. To look at
 * all of them costs about a step. */
static bool time_to_look(const fit *f)
{
    return f->batches >= LOOK_STEPS || f->at->epoch % LOOK_STEPS == 0;
}

/* One epoch, or what is left of it; *why gets the reason to end after it. */
static nd_status run_epoch(fit *f, bool *stop, const char **why)
{
    nd_place *at = f->at;
    set_frozen(f);
    ND_TRY(train_epoch(f, stop));
    bool saved = *stop;
    ND_TRY(finish_epoch(f, (long)at->epoch, stop));
    *why = reason_to_end(f, (long)at->epoch, *stop);
    if ((*why != NULL || time_to_look(f)) && !nd_keep_finite(&f->keep)) {
        *why = NULL;
        return diverged(f, 0);
    }
    at->epoch++;
    at->batch = 0;
    at->loss_sum = at->rows = at->weight = 0;
    if (*stop && !saved) {
        nd_keep_save(&f->keep);
    }
    return ND_OK;
}

/* Go back, or end with the last finite state in the saver's hands. */
static nd_status recover(fit *f)
{
    if (!nd_keep_back(&f->keep)) {
        nd_keep_save(&f->keep);
        return ND_ERR_DIVERGED;
    }
    f->result->rollbacks = (long)f->at->rollbacks;
    nd_log(f->ctx, 1, "%s; back to step %llu at a tenth of the rate (%ld of at most %ld times)",
           nd_ctx_message(f->ctx), (unsigned long long)f->result->steps, f->result->rollbacks,
           f->params->rollbacks);
    return ND_OK;
}

/* A run that was interrupted after its last epoch has nothing left to do. */
static nd_status fit_run(fit *f)
{
    bool stop = false;
    const char *why = NULL;
    if (f->at->batch == 0 && f->at->epoch > 1) {
        why = reason_to_end(f, (long)f->at->epoch - 1, false);
    }
    while (why == NULL) {
        nd_status status = run_epoch(f, &stop, &why);
        if (status == ND_ERR_DIVERGED) {
            status = recover(f);
        }
        ND_TRY(status);
    }
    f->result->why = why;
    f->result->interrupted = stop;
    return ND_OK;
}

static void take_best(fit *f, bool whole)
{
    bool restored = nd_early_restore(&f->early);
    if (!restored && whole) {
        nd_average_swap(&f->average);
    }
    f->result->best_epoch = f->params->keep_best ? f->early.best_epoch : f->result->epochs;
    f->result->best_loss = f->params->maximize ? -f->early.best : f->early.best;
    f->result->best_metric = f->early.metric;
}

/* The mean of weights takes the place of the best ones. */
static nd_status take_mean(fit *f)
{
    double loss, metric, before = f->result->last_loss;
    ND_TRY(validate(f, &loss, &metric));
    f->result->best_epoch = f->result->epochs;
    if (f->valid != NULL) {
        f->result->best_loss = f->result->last_loss = loss;
        f->result->best_metric = metric;
        nd_log(f->ctx, 2,
               "swa: the mean of %lld epochs' weights has validation loss %.4g, the last epoch's "
               "have %.4g",
               (long long)f->at->averaged, loss, before);
    }
    return ND_OK;
}

/* whole: training did not diverge. */
static nd_status fit_finish(fit *f, bool whole)
{
    take_best(f, whole);
    nd_status status = ND_OK;
    if (whole && nd_average_take(&f->average, f->feed, f->result->epochs, f->batches)) {
        ND_TRY(nd_source_whole(f->train));
        status = take_mean(f);
    }
    f->result->seconds = nd_seconds() - f->start;
    return status;
}

nd_status nd_fit(nd_net *net, nd_optimizer *optimizer, const nd_source *train,
                 const nd_source *valid, const nd_fit_params *params, nd_fit_result *result)
{
    *result =
        (nd_fit_result){.train_loss = NAN, .best_loss = NAN, .last_loss = NAN, .best_metric = NAN};
    fit f = {
        .ctx = nd_net_ctx(net),
        .net = net,
        .optimizer = optimizer,
        .train = train,
        .valid = valid,
        .params = params,
        .result = result,
    };
    nd_status status = fit_init(&f);
    if (status == ND_OK) {
        status = fit_run(&f);
        nd_status ended = fit_finish(&f, status == ND_OK);
        status = status == ND_OK ? ended : status;
    }
    if (status == ND_ERR_DIVERGED) {
        result->why = "diverged";
    }
    fit_free(&f);
    return status;
}
