/* What gathering the next batch ahead of time buys: rows per second of training with it
 * and without, taken in turns, for sources of images (MNIST), of floats in memory and of
 * a row cache. The rule of nd_feed_pays is to follow these figures.
 *   feed [SECONDS]    of each turn, 0.4 unless given */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/cache.h"
#include "data/idx.h"
#include "net/net.h"
#include "train/feed.h"

enum { TURNS = 5, ROWS = 60000, CLASSES = 10 };

typedef struct workload {
    const char *name;
    size_t inputs, hidden[2], batch;
} workload;

static const workload list[] = {
    {"T2 30-64-10, 32", 30, {64, 0}, 32},        {"T2 30-64-10, 256", 30, {64, 0}, 256},
    {"100-64-10, 128", 100, {64, 0}, 128},       {"784-16-10, 32", 784, {16, 0}, 32},
    {"T3 784-128-10, 32", 784, {128, 0}, 32},    {"T3 784-128-10, 128", 784, {128, 0}, 128},
    {"T4 784-512-512-10", 784, {512, 512}, 128},
};

static nd_net *make_net(nd_ctx *ctx, const workload *w)
{
    nd_desc *desc;
    nd_net *net = NULL;
    char units[32];
    if (nd_desc_create(ctx, w->inputs, &desc) != ND_OK) {
        return NULL;
    }
    for (int i = 0; i < 2 && w->hidden[i] > 0; i++) {
        snprintf(units, sizeof units, "units=%zu", w->hidden[i]);
        nd_desc_add(desc, "dense", units);
        nd_desc_add(desc, "relu", NULL);
    }
    nd_desc_add(desc, "dense", "units=10");
    if (nd_net_create(ctx, desc, "cross_entropy", w->batch, 1, &net) != ND_OK) {
        fprintf(stderr, "%s\n", nd_ctx_message(ctx));
    }
    nd_desc_destroy(desc);
    return net;
}

static nd_source *float_source(nd_ctx *ctx, size_t inputs, nd_real **x, nd_real **y)
{
    nd_source *source = NULL;
    nd_rng rng = {.seed = 1, .stream = ND_STREAM_NOISE};
    *x = nd_alloc_aligned(ROWS, inputs * sizeof **x);
    *y = nd_alloc_aligned(ROWS, sizeof **y);
    for (size_t i = 0; *x && i < ROWS * inputs; i++) {
        (*x)[i] = (nd_real)(nd_rng_bits(&rng, i) >> 8) * (nd_real)1e-7;
    }
    for (size_t i = 0; *y && i < ROWS; i++) {
        (*y)[i] = (nd_real)(i % CLASSES);
    }
    return *x && *y && nd_source_from_arrays(ctx, *x, *y, ROWS, inputs, 1, &source) == ND_OK
               ? source
               : NULL;
}

static nd_cache *make_cache(nd_ctx *ctx, const char *path, size_t inputs, const nd_real *x,
                            const nd_real *y)
{
    nd_cache_writer *writer;
    nd_cache *cache = NULL;
    nd_cache_head head = {.rows = {ROWS}, .features = inputs, .label_width = 1};
    head.block_rows = nd_cache_block_rows(inputs, 1);
    if (nd_cache_create(ctx, path, true, &head, "", 0, &writer) != ND_OK) {
        return NULL;
    }
    return nd_cache_add(writer, ND_CACHE_TRAIN, x, y, ROWS) == ND_OK &&
                   nd_cache_commit(writer) == ND_OK && nd_cache_open(ctx, path, &cache) == ND_OK
               ? cache
               : NULL;
}

/* Rows per second of a stretch of training; *epoch goes on from turn to turn. */
static double turn(nd_net *net, nd_optimizer *optimizer, nd_feed *feed, uint64_t batches,
                   long *epoch, double seconds)
{
    double start = nd_seconds(), rows = 0, loss;
    while (nd_seconds() - start < seconds) {
        for (uint64_t b = 0; b < batches; b++) {
            nd_batch batch;
            nd_feed_batch(feed, *epoch, b, &batch);
            nd_net_train(net, optimizer, batch.x, batch.y, batch.rows, &loss);
            rows += (double)batch.rows;
        }
        ++*epoch;
    }
    return rows / (nd_seconds() - start);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(nd_ctx *ctx, const workload *w, const char *kind, const nd_source *source,
                    double seconds)
{
    nd_net *net = make_net(ctx, w);
    nd_optimizer *optimizer;
    nd_feed *feed[2];
    double speed[2][TURNS];
    long epoch[2] = {1, 1};
    if (!net || nd_optimizer_create(net, "momentum", "lr=0.001", &optimizer) != ND_OK) {
        return;
    }
    nd_feed_params params = {
        .batch = w->batch, .batches = source->rows / w->batch, .room = w->batch, .seed = 1};
    for (int i = 0; i < 2; i++) {
        params.ahead = i;
        nd_feed_create(ctx, source, &params, &feed[i]);
    }
    for (int t = 0; t < TURNS; t++) {
        for (int i = 0; i < 2; i++) {
            speed[i][t] = turn(net, optimizer, feed[i], params.batches, &epoch[i], seconds);
        }
    }
    for (int i = 0; i < 2; i++) {
        qsort(speed[i], TURNS, sizeof(double), by_size);
        nd_feed_destroy(feed[i]);
    }
    int all = nd_ctx_threads(ctx), busy = nd_desc_threads(nd_net_desc(net), w->batch, all);
    bool pays = nd_feed_pays(w->batch * (w->inputs + 1) * sizeof(nd_real), busy, all);
    printf("%-20s %-7s %d of %d threads  %9.0f  ahead %9.0f rows/s  x%.2f  %s\n", w->name, kind,
           busy, all, speed[0][TURNS / 2], speed[1][TURNS / 2],
           speed[1][TURNS / 2] / speed[0][TURNS / 2], pays ? "used" : "not used");
    fflush(stdout);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
}

static nd_source *image_source(nd_ctx *ctx, nd_table **table)
{
    char path[512];
    const char *data = getenv("NADIR_DATA");
    const nd_prep_params params = {.scaling = ND_SCALING_STANDARD};
    nd_prep *prep = NULL;
    nd_prep_map map;
    nd_source *source = NULL;
    snprintf(path, sizeof path, "%s/mnist/train-images-idx3-ubyte.gz", data ? data : "");
    if (nd_idx_read(ctx, path, NULL, table) == ND_OK &&
        nd_prep_begin(ctx, *table, &params, &prep) == ND_OK &&
        nd_prep_fit(prep, *table, NULL, (*table)->rows, &params) == ND_OK &&
        nd_prep_map_create(prep, *table, true, &map) == ND_OK) {
        nd_source_from_table(&map, NULL, (*table)->rows, &source);
        nd_prep_map_free(&map);
    }
    nd_prep_destroy(prep);
    return source;
}

static void measure_all(nd_ctx *ctx, const workload *w, const char *path, const nd_source *images,
                        double seconds)
{
    nd_real *x, *y;
    nd_source *source = float_source(ctx, w->inputs, &x, &y), *cached = NULL;
    nd_cache *cache = source ? make_cache(ctx, path, w->inputs, x, y) : NULL;
    if (images && w->inputs == images->features) {
        measure(ctx, w, "images", images, seconds);
    }
    if (source) {
        measure(ctx, w, "floats", source, seconds);
    }
    if (cache && nd_source_from_cache(cache, 0, 0, (size_t)64 << 20, &cached) == ND_OK) {
        measure(ctx, w, "cache", cached, seconds);
    }
    nd_source_destroy(cached);
    nd_source_destroy(source);
    nd_cache_close(cache);
    nd_free(x);
    nd_free(y);
    unlink(path);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.4;
    char path[] = "/tmp/nadir-feed-XXXXXX";
    nd_table *table = NULL;
    nd_ctx *ctx;
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0 || nd_ctx_create(&ctx, 0) != ND_OK) {
        return 1;
    }
    nd_source *images = image_source(ctx, &table);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        measure_all(ctx, &list[i], path, images, seconds);
    }
    nd_source_destroy(images);
    nd_table_destroy(table);
    nd_ctx_destroy(ctx);
    return 0;
}
