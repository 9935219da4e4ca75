/* Speed of whole training steps (forward, backward, update) and of inference on
 * five networks, in rows per second, useful GFLOP/s and share of the measured
 * peak of fused multiply-adds. Data is in memory; "gather" adds drawing each batch
 * from a shuffled order. Every figure is a median.
 *   train [network [rule [threads]]]   e.g. train T3 momentum 2; "" takes all */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "data/source.h"
#include "net/net.h"
#include "optim/optim.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { RUNS = 7, LAYERS = 5 };

typedef struct workload {
    const char *name;
    size_t batch, rows, width[LAYERS]; /* inputs, then units; 0 ends */
} workload;

static const workload list[] = {
    {"T1", 1, 150, {4, 16, 3}},
    {"T1", 16, 150, {4, 16, 3}},
    {"T2", 32, 2048, {30, 64, 32, 1}},
    {"T2", 256, 2048, {30, 64, 32, 1}},
    {"T3", 32, 4096, {784, 128, 10}},
    {"T3", 128, 4096, {784, 128, 10}},
    {"T4", 128, 4096, {784, 512, 512, 10}},
    {"T5", 512, 2048, {784, 2048, 2048, 2048, 10}},
};

/* One thread's work is timed by its processor time, which other programs on the
 * machine disturb less; that of several by the clock. */
static double now(int threads)
{
    struct timespec t;
    clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of one call of work. */
static double time_of(int threads, void (*work)(void *), void *user)
{
    double run[RUNS];
    work(user);
    double start = now(threads);
    work(user);
    double once = now(threads) - start;
    size_t repeat = once > 1e-7 ? (size_t)(0.04 / once) + 1 : 400000;
    for (int r = 0; r < RUNS; r++) {
        start = now(threads);
        for (size_t i = 0; i < repeat; i++) {
            work(user);
        }
        run[r] = (now(threads) - start) / (double)repeat;
    }
    qsort(run, RUNS, sizeof run[0], by_value);
    return run[RUNS / 2];
}

/* Multiply-adds that do not wait for each other: 12 chains of 8 floats. */
#if defined(__x86_64__)
enum { CHAINS = 12, ROUNDS = 20000 };

__attribute__((target("avx2,fma"))) static void multiply_adds(void *user)
{
    __m256 sum[CHAINS], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) {
        sum[i] = _mm256_set1_ps((float)i);
    }
    for (int r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = _mm256_fmadd_ps(sum[i], factor, term);
        }
    }
    float *out = user;
    for (int i = 0; i < CHAINS; i++) {
        _mm256_storeu_ps(out + 8 * i, sum[i]);
    }
}

static double peak_of_core(void)
{
    float out[8 * CHAINS];
    return 2.0 * 8 * CHAINS * ROUNDS / time_of(1, multiply_adds, out) * 1e-9;
}
#else
static double peak_of_core(void)
{
    return 0;
}
#endif

typedef struct bench {
    const workload *work;
    const char *rule;
    bool gather;
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_source *source;
    nd_real *x, *y, *batch_x, *batch_y, *out;
    uint32_t *order;
    size_t at, rows; /* first row of the next batch; rows of a call */
} bench;

static void must(nd_ctx *ctx, nd_status status)
{
    if (status != ND_OK) {
        fprintf(stderr, "train: %s\n", ctx ? nd_ctx_message(ctx) : nd_status_text(status));
        exit(1);
    }
}

static size_t layers_of(const workload *w)
{
    size_t n = 0;
    while (n + 1 < LAYERS && w->width[n + 1] > 0) {
        n++;
    }
    return n;
}

static nd_net *make_net(nd_ctx *ctx, const workload *w)
{
    nd_desc *desc;
    nd_net *net;
    size_t layers = layers_of(w);
    must(ctx, nd_desc_create(ctx, w->width[0], &desc));
    for (size_t i = 1; i <= layers; i++) {
        char units[32];
        snprintf(units, sizeof units, "units=%zu", w->width[i]);
        must(ctx, nd_desc_add(desc, "dense", units));
        if (i < layers) {
            must(ctx, nd_desc_add(desc, "relu", ""));
        }
    }
    const char *loss = w->width[layers] == 1 ? "binary_cross_entropy" : "cross_entropy";
    must(ctx, nd_net_create(ctx, desc, loss, w->batch, 1, &net));
    nd_desc_destroy(desc);
    return net;
}

/* Inputs of mean 0, labels that depend on them. */
static void make_data(bench *b)
{
    size_t n = b->work->width[0], classes = b->work->width[layers_of(b->work)];
    nd_rng rng = {.seed = 1, .stream = 7};
    for (size_t i = 0; i < b->work->rows * n; i++) {
        b->x[i] = (nd_real)nd_rng_normal(&rng, i);
    }
    for (size_t r = 0; r < b->work->rows; r++) {
        size_t best = 0, count = classes == 1 ? 2 : classes;
        for (size_t j = 1; j < count; j++) {
            best = b->x[r * n + j] > b->x[r * n + best] ? j : best;
        }
        b->y[r] = (nd_real)best;
        b->order[r] = (uint32_t)r;
    }
    rng.stream = ND_STREAM_SHUFFLE;
    nd_rng_shuffle(&rng, b->order, b->work->rows);
}

static void bench_open(bench *b, int threads)
{
    const workload *w = b->work;
    size_t n = w->width[0], outputs = w->width[layers_of(w)];
    b->rows = w->batch;
    b->x = nd_alloc_aligned(w->rows * n, sizeof(nd_real));
    b->y = nd_alloc_aligned(w->rows, sizeof(nd_real));
    b->batch_x = nd_alloc_aligned(w->batch * n, sizeof(nd_real));
    b->batch_y = nd_alloc_aligned(w->batch, sizeof(nd_real));
    b->out = nd_alloc_aligned(w->batch * outputs, sizeof(nd_real));
    b->order = nd_alloc(w->rows, sizeof *b->order);
    if (!b->x || !b->y || !b->batch_x || !b->batch_y || !b->out || !b->order) {
        exit(1);
    }
    make_data(b);
    must(NULL, nd_ctx_create(&b->ctx, threads));
    b->net = make_net(b->ctx, w);
    must(b->ctx, nd_optimizer_create(b->net, b->rule, "lr=1e-4", &b->optimizer));
    must(b->ctx, nd_source_from_arrays(b->ctx, b->x, b->y, w->rows, n, 1, &b->source));
}

static void bench_close(bench *b)
{
    nd_source_destroy(b->source);
    nd_optimizer_destroy(b->optimizer);
    nd_net_destroy(b->net);
    nd_ctx_destroy(b->ctx);
    nd_free(b->order);
    nd_free(b->out);
    nd_free(b->batch_y);
    nd_free(b->batch_x);
    nd_free(b->y);
    nd_free(b->x);
}

static void train_step(void *user)
{
    bench *b = user;
    const nd_real *x = b->x + b->at * b->work->width[0], *y = b->y + b->at;
    double loss;
    if (b->gather) {
        b->source->gather(b->source, b->order + b->at, 0, b->rows, b->batch_x, b->batch_y);
        x = b->batch_x;
        y = b->batch_y;
    }
    must(b->ctx, nd_net_train(b->net, b->optimizer, x, y, b->rows, &loss));
    b->at = b->at + 2 * b->rows <= b->work->rows ? b->at + b->rows : 0;
}

static void infer(void *user)
{
    bench *b = user;
    must(b->ctx, nd_net_forward(b->net, b->x + b->at * b->work->width[0], b->rows, b->out));
    b->at = b->at + 2 * b->rows <= b->work->rows ? b->at + b->rows : 0;
}

/* 6 per weight, less the gradient of the first layer's input. */
static double useful_flops(const workload *w)
{
    double sum = -2.0 * (double)w->width[0] * (double)w->width[1];
    for (size_t i = 0; i < layers_of(w); i++) {
        sum += 6.0 * (double)w->width[i] * (double)w->width[i + 1];
    }
    return sum;
}

static void bench_training(const workload *w, const char *rule, int threads, double peak)
{
    bench b = {.work = w, .rule = rule};
    bench_open(&b, threads);
    double direct = (double)w->batch / time_of(threads, train_step, &b);
    b.gather = true;
    double gather = (double)w->batch / time_of(threads, train_step, &b);
    double speed = direct * useful_flops(w) * 1e-9;
    printf("%-3s %5zu  %-9s %d  %12.0f  %12.0f  %8.2f  %5.1f%%\n", w->name, w->batch, rule, threads,
           direct, gather, speed, peak > 0 ? 100 * speed / (peak * threads) : 0);
    fflush(stdout);
    bench_close(&b);
}

static void bench_inference(const workload *w, int threads)
{
    bench b = {.work = w, .rule = "sgd"};
    bench_open(&b, threads);
    double batch = (double)w->batch / time_of(threads, infer, &b);
    b.rows = 1;
    double one = time_of(threads, infer, &b);
    printf("%-3s inference on %d: one row %.3f us, batches of %zu %.0f rows/s\n", w->name, threads,
           one * 1e6, w->batch, batch);
    fflush(stdout);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    static const char *const rules[] = {"sgd", "momentum", "adam"};
    const char *only = argc > 1 ? argv[1] : "", *rule = argc > 2 ? argv[2] : "";
    int asked = argc > 3 ? atoi(argv[3]) : 0;
    double peak = peak_of_core();
    printf("instruction set %s; peak of one core %.1f GFLOP/s\n", nd_kern_isa(), peak);
    printf("net batch  rule  threads      rows/s   with gather   GFLOP/s  of peak\n");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        for (int threads = 1; threads <= 2; threads++) {
            if (!strstr(list[i].name, only) || (asked && asked != threads)) {
                continue;
            }
            for (size_t k = 0; k < 3; k++) {
                if (strstr(rules[k], rule)) {
                    bench_training(&list[i], rules[k], threads, peak);
                }
            }
            if (!*rule && (i + 1 == sizeof list / sizeof list[0] || i % 2)) {
                bench_inference(&list[i], threads);
            }
        }
    }
    return 0;
}
