#include "job/bench_work.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fpenv.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "nadir.h"

enum { FILL = 64 };

static const nd_bench_work table[] = {
    {"T1", "4-16-3", {4, 16, 3}, {1, 16}, 150},
    {"T2", "30-64-32-1", {30, 64, 32, 1}, {32, 256}, 8192},
    {"T3", "784-128-10", {784, 128, 10}, {32, 128}, 8192},
    {"T4", "784-512-512-10", {784, 512, 512, 10}, {128, 0}, 8192},
    {"T5", "784-2048-2048-2048-10", {784, 2048, 2048, 2048, 10}, {512, 0}, 2048},
};

const nd_bench_work *nd_bench_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

static size_t last_width(const nd_bench_work *work)
{
    size_t last = 0;
    for (size_t i = 0; i < ND_BENCH_WIDTHS && work->width[i] > 0; i++) {
        last = work->width[i];
    }
    return last;
}

double nd_bench_flops(const nd_bench_work *work, bool training)
{
    double weights = 0;
    for (size_t i = 0; i + 1 < ND_BENCH_WIDTHS && work->width[i + 1] > 0; i++) {
        weights += (double)work->width[i] * (double)work->width[i + 1];
    }
    double first = (double)work->width[0] * (double)work->width[1];
    return training ? 6 * weights - 2 * first : 2 * weights;
}

/* One network at work. */
typedef struct bench {
    const nd_bench_work *work;
    size_t batch, at; /* at: first row of the next batch */
    int threads;
    nd_real *x, *y, *out;
    nd_net *net;
    nd_optimizer *optimizer; /* NULL: forward only */
} bench;

static void bench_free(bench *b)
{
    nd_optimizer_destroy(b->optimizer);
    nd_net_destroy(b->net);
    nd_free(b->x);
    nd_free(b->y);
    nd_free(b->out);
}

/* Uniform inputs around zero. The class is the largest of the first inputs, or
 * whether the sum of the first two is positive: something that can be learned. */
static void fill_rows(bench *b)
{
    size_t in = b->work->width[0], classes = last_width(b->work);
    nd_rng rng = {.seed = 1, .stream = ND_STREAM_SPLIT};
    for (size_t r = 0; r < b->work->rows; r++) {
        nd_real *x = b->x + r * in;
        for (size_t j = 0; j < in; j += FILL) {
            uint32_t bits[FILL];
            size_t n = in - j < FILL ? in - j : FILL;
            nd_rng_fill(&rng, r * in + j, bits, n);
            for (size_t i = 0; i < n; i++) {
                x[j + i] = (nd_real)(bits[i] * 0x1p-31 - 1);
            }
        }
        size_t best = 0;
        for (size_t j = 1; j < classes; j++) {
            best = x[j] > x[best] ? j : best;
        }
        b->y[r] = classes == 1 ? (nd_real)(x[0] + x[1] > 0) : (nd_real)best;
    }
}

static nd_status add_layers(const nd_bench_work *work, nd_desc *desc)
{
    for (size_t i = 1; i < ND_BENCH_WIDTHS && work->width[i] > 0; i++) {
        nd_text units = {0};
        nd_text_printf(&units, "units=%zu", work->width[i]);
        nd_status status = units.failed ? ND_ERR_MEMORY : nd_desc_add(desc, "dense", units.data);
        nd_text_free(&units);
        ND_TRY(status);
        if (i + 1 < ND_BENCH_WIDTHS && work->width[i + 1] > 0) {
            ND_TRY(nd_desc_add(desc, "relu", NULL));
        }
    }
    return ND_OK;
}

static nd_status make_net(nd_ctx *ctx, bench *b)
{
    nd_desc *desc;
    ND_TRY(nd_desc_create(ctx, b->work->width[0], &desc));
    nd_status status = add_layers(b->work, desc);
    if (status == ND_OK) {
        const char *loss = last_width(b->work) == 1 ? "binary_cross_entropy" : "cross_entropy";
        status = nd_net_create(ctx, desc, loss, b->batch, 1, &b->net);
    }
    nd_desc_destroy(desc);
    return status;
}

static nd_status bench_init(nd_ctx *ctx, bench *b)
{
    b->x = nd_alloc_aligned(b->work->rows, b->work->width[0] * sizeof *b->x);
    b->y = nd_alloc_aligned(b->work->rows, sizeof *b->y);
    b->out = nd_alloc_aligned(b->batch, last_width(b->work) * sizeof *b->out);
    if (!b->x || !b->y || !b->out) {
        return nd_fail_memory(ctx);
    }
    fill_rows(b);
    return make_net(ctx, b);
}

/* The next batch: forward, backward and update, or forward alone. */
static nd_status step(bench *b)
{
    if (b->at + b->batch > b->work->rows) {
        b->at = 0;
    }
    const nd_real *x = b->x + b->at * b->work->width[0], *y = b->y + b->at;
    b->at += b->batch;
    if (b->optimizer == NULL) {
        return nd_net_forward(b->net, x, b->batch, b->out);
    }
    double loss;
    return nd_net_train(b->net, b->optimizer, x, y, b->batch, &loss);
}

static nd_status time_steps(bench *b, size_t steps, double *seconds)
{
    double (*clock)(void) = b->threads > 1 ? nd_seconds : nd_thread_seconds;
    nd_fp_state outside = nd_fp_enter(); /* as nd_fit does */
    nd_status status = ND_OK;
    double start = clock();
    for (size_t i = 0; i < steps && status == ND_OK; i++) {
        status = step(b);
    }
    *seconds = clock() - start;
    nd_fp_leave(outside);
    return status;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static nd_status median_rate(bench *b, nd_bench_pace pace, double *rows_per_s)
{
    double rate[ND_BENCH_MOST_REPEATS], seconds = 0;
    size_t steps = 1;
    ND_TRY(time_steps(b, steps, &seconds));
    do {
        ND_TRY(time_steps(b, steps, &seconds));
        steps = seconds < pace.seconds ? 2 * steps : steps;
    } while (seconds < pace.seconds);
    for (int i = 0; i < pace.repeats; i++) {
        ND_TRY(time_steps(b, steps, &seconds));
        rate[i] = (double)steps * (double)b->batch / seconds;
    }
    qsort(rate, (size_t)pace.repeats, sizeof rate[0], by_value);
    *rows_per_s = rate[pace.repeats / 2];
    return ND_OK;
}

nd_status nd_bench_train(nd_ctx *ctx, const nd_bench_work *work, size_t batch, const char *rule,
                         nd_bench_pace pace, double *rows_per_s)
{
    bench b = {.work = work, .batch = batch, .threads = nd_ctx_threads(ctx)};
    nd_status status = bench_init(ctx, &b);
    if (status == ND_OK) {
        status = nd_optimizer_create(b.net, rule, "lr=0.001", &b.optimizer);
    }
    if (status == ND_OK) {
        status = median_rate(&b, pace, rows_per_s);
    }
    bench_free(&b);
    return status;
}

nd_status nd_bench_forward(nd_ctx *ctx, const nd_bench_work *work, size_t batch, nd_bench_pace pace,
                           double *rows_per_s)
{
    bench b = {.work = work, .batch = batch, .threads = nd_ctx_threads(ctx)};
    nd_status status = bench_init(ctx, &b);
    if (status == ND_OK) {
        status = median_rate(&b, pace, rows_per_s);
    }
    bench_free(&b);
    return status;
}
