#include "train/lr_range.h"

#include <math.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "train/step.h"
#include "train/vary.h"

/* Share of the old mean kept at each step; growth of the mean that ends the test; fall of
 * it, as a share, that is too little to mean something. */
static const double keep = 0.9, too_high = 4, little = 0.02;

typedef struct test {
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    const nd_source *source;
    const nd_lr_params *params;
    size_t batch, next; /* rows of a batch; first row of the next one in order */
    uint64_t pass;      /* over the rows, from 1 */
    uint32_t *order;    /* [rows] */
    nd_vary vary;
    nd_real *x, *y;
    nd_lr_point *point;
    size_t count;
} test;

static void shuffle(test *t)
{
    for (size_t i = 0; i < t->source->rows; i++) {
        t->order[i] = (uint32_t)i;
    }
    nd_rng rng = {t->params->seed, ND_STREAM_SHUFFLE, ++t->pass};
    nd_rng_shuffle(&rng, t->order, t->source->rows);
    t->next = 0;
}

/* Full batches only, so that their losses compare. */
static void next_batch(test *t)
{
    if (t->pass == 0 || t->next + t->batch > t->source->rows) {
        shuffle(t);
    }
    if (nd_vary_does(&t->vary)) {
        nd_pool *pool = t->ctx->pool;
        nd_vary_gather(&t->vary, pool, t->source, t->order + t->next, 0, t->batch, 0);
        nd_vary_rows(&t->vary, pool, t->pass, t->batch, &t->x, t->y);
    } else {
        t->source->gather(t->source, t->order + t->next, 0, t->batch, t->x, t->y);
    }
    t->next += t->batch;
}

static double rate_at(const nd_lr_params *p, size_t i)
{
    double share = p->steps > 1 ? (double)i / (double)(p->steps - 1) : 0;
    return p->lowest * pow(p->highest / p->lowest, share);
}

static nd_status run(test *t)
{
    double mean = 0, weight = 0, best = INFINITY;
    for (size_t i = 0; i < t->params->steps; i++) {
        double lr = rate_at(t->params, i), loss;
        next_batch(t);
        ND_TRY(nd_source_whole(t->source));
        ND_TRY(nd_optimizer_set_lr(t->optimizer, lr));
        nd_status status = nd_step(t->net, t->optimizer, t->x, t->y, t->batch, &loss);
        if (status == ND_ERR_DIVERGED) {
            return ND_OK;
        }
        ND_TRY(status);
        mean = keep * mean + (1 - keep) * loss;
        weight = keep * weight + (1 - keep);
        double smoothed = mean / weight;
        t->point[t->count++] = (nd_lr_point){lr, loss, smoothed};
        best = fmin(best, smoothed);
        if (smoothed > too_high * best) {
            return ND_OK;
        }
    }
    return ND_OK;
}

static nd_status prepare(test *t)
{
    size_t rows = t->source->rows, asked = t->params->batch_size;
    t->batch = asked == 0 || asked > rows ? rows : asked;
    if (t->batch > nd_net_max_rows(t->net)) {
        return nd_fail(t->ctx, ND_ERR_SHAPE, "batches of %zu rows for a network planned for %zu",
                       t->batch, nd_net_max_rows(t->net));
    }
    const nd_optim_class *rule = nd_optimizer_class(t->optimizer);
    if (rule->own_rate) {
        return nd_fail(t->ctx, ND_ERR_OPTION,
                       "%s finds the length of its steps itself; there is no rate to look for",
                       rule->name);
    }
    ND_TRY(nd_vary_init(&t->vary, t->net, t->source, t->params->augment, t->params->mixup,
                        t->params->seed, t->batch));
    t->x = nd_alloc_aligned(t->batch, t->source->features * sizeof(nd_real));
    t->y = nd_alloc_aligned(t->batch, t->vary.label_width * sizeof(nd_real));
    t->order = nd_alloc(rows, sizeof *t->order);
    return t->x && t->y && t->order ? ND_OK : nd_fail_memory(t->ctx);
}

nd_status nd_lr_range_test(nd_net *net, nd_optimizer *optimizer, const nd_source *source,
                           const nd_lr_params *params, nd_lr_point *point, size_t *count)
{
    test t = {.ctx = nd_net_ctx(net),
              .net = net,
              .optimizer = optimizer,
              .source = source,
              .params = params,
              .point = point};
    nd_status status = prepare(&t);
    if (status == ND_OK) {
        status = run(&t);
    }
    nd_vary_free(&t.vary, net);
    nd_free(t.x);
    nd_free(t.y);
    nd_free(t.order);
    *count = t.count;
    return status;
}

/* Slope of the loss over the logarithm of the rate, by least squares over the points
 * within wide steps of i: single batches are too noisy to differ. */
static double slope_at(const nd_lr_point *point, size_t count, size_t i, size_t wide)
{
    size_t from = i > wide ? i - wide : 0, end = i + wide < count ? i + wide + 1 : count;
    double n = (double)(end - from), x = 0, y = 0, xx = 0, xy = 0;
    for (size_t k = from; k < end; k++) {
        double at = log(point[k].lr / point[i].lr);
        x += at;
        y += point[k].loss;
        xx += at * at;
        xy += at * point[k].loss;
    }
    return (n * xy - x * y) / (n * xx - x * x);
}

/* Steps within a factor of 3 on the rate, at least 2. */
static size_t steps_wide(const nd_lr_params *p)
{
    double steps = log(3) / log(p->highest / p->lowest) * (double)p->steps;
    return steps > 2 ? (size_t)steps : 2;
}

/* Mean loss of the first steps; *noise gets three deviations of the running mean, which
 * weighs about (1 + keep) / (1 - keep) batches (of independent ones, its variance is that
 * share of theirs). */
static double first_losses(const nd_lr_point *point, size_t steps, double *noise)
{
    double n = (double)steps, mean = 0, squares = 0;
    for (size_t i = 0; i < steps; i++) {
        mean += point[i].loss / n;
    }
    for (size_t i = 0; i < steps; i++) {
        squares += (point[i].loss - mean) * (point[i].loss - mean) / n;
    }
    *noise = 3 * sqrt(squares * (1 - keep) / (1 + keep));
    return mean;
}

/* A network that cannot learn has a lowest loss as well, and it means nothing. */
static void doubt(nd_ctx *ctx, const nd_lr_range *range, double noise, const nd_lr_params *params)
{
    if (range->start - range->least <= fmax(noise, little * fabs(range->start))) {
        nd_log(ctx, 1,
               "the loss hardly fell, from %.4g to %.4g: the suggested rate means little; look at "
               "network and data, or raise lr_max",
               range->start, range->least);
    } else if (isnan(range->diverged) && range->lowest >= params->highest / 2) {
        nd_log(ctx, 1, "the loss still fell at the highest rate, %g: raise lr_max",
               params->highest);
    }
}

nd_status nd_lr_range_judge(nd_ctx *ctx, const nd_lr_point *point, size_t count,
                            const nd_lr_params *params, nd_lr_range *range)
{
    size_t low = 0, steep = 0;
    for (size_t i = 1; i < count; i++) {
        low = point[i].smoothed < point[low].smoothed ? i : low;
    }
    size_t wide = steps_wide(params);
    double least = 0;
    for (size_t i = wide; i < low; i++) {
        double slope = slope_at(point, low, i, wide);
        steep = slope < least ? i : steep;
        least = fmin(slope, least);
    }
    if (steep == 0) {
        return nd_fail(ctx, ND_ERR_DATA,
                       "the loss did not fall at any rate from %g to %g; look at the data, or try "
                       "other bounds (lr_min, lr_max)",
                       params->lowest, params->highest);
    }
    bool whole = count == params->steps && point[count - 1].smoothed <= 2 * point[low].smoothed;
    double noise;
    size_t first = wide < count ? wide : count;
    *range = (nd_lr_range){.steps = count,
                           .start = first_losses(point, first, &noise),
                           .least = point[low].smoothed,
                           .lowest = point[low].lr,
                           .steepest = point[steep].lr,
                           .diverged = whole ? NAN : point[count - 1].lr,
                           .suggested = point[low].lr / 10};
    doubt(ctx, range, noise, params);
    return ND_OK;
}
