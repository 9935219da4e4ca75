/* What distorting images costs: rows per second of training on MNIST with and without, taken
 * in turns, for T3 (784-128-10) and T4; and the microseconds an image takes by itself.
 *   augment [SECONDS [THREADS]]    of each turn, 0.4 unless given; threads, all unless given
 * One thread is timed by its processor time, several by the clock. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/idx.h"
#include "net/net.h"
#include "train/feed.h"

enum { TURNS = 5, IMAGES = 4096, KINDS = 6 };

typedef struct kind {
    const char *name, *attributes;
    double mixup;
} kind;

static const kind list[KINDS] = {
    {"plain", NULL, 0},
    {"affine", "shift=2,rotate=10,scale=0.1,shear=0.1", 0},
    {"elastic 6:36", "elastic=6:36", 0},
    {"affine + elastic 6:36", "shift=2,rotate=10,scale=0.1,shear=0.1,elastic=6:36", 0},
    {"affine + elastic 4:34", "shift=2,rotate=10,scale=0.1,shear=0.1,elastic=4:34", 0},
    {"mixup 0.2", NULL, 0.2},
};

typedef struct workload {
    const char *name;
    size_t hidden[2], batch;
} workload;

static const workload workloads[] = {
    {"T3 784-128-10, 32", {128, 0}, 32},
    {"T3 784-128-10, 128", {128, 0}, 128},
    {"T4 784-512-512-10, 128", {512, 512}, 128},
};

static nd_net *make_net(nd_ctx *ctx, const workload *w)
{
    nd_desc *desc;
    nd_net *net = NULL;
    char units[32];
    if (nd_desc_create(ctx, 784, &desc) != ND_OK) {
        return NULL;
    }
    for (int i = 0; i < 2 && w->hidden[i] > 0; i++) {
        snprintf(units, sizeof units, "units=%zu", w->hidden[i]);
        nd_desc_add(desc, "dense", units);
        nd_desc_add(desc, "relu", NULL);
    }
    nd_desc_add(desc, "dense", "units=10");
    nd_net_create(ctx, desc, "cross_entropy", w->batch, 1, &net);
    nd_desc_destroy(desc);
    return net;
}

static nd_source *image_source(nd_ctx *ctx, nd_table **table, double *background)
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
        *background = 0 - prep->column[0].center / prep->column[0].scale;
        nd_source_from_table(&map, NULL, (*table)->rows, &source);
        nd_prep_map_free(&map);
    }
    nd_prep_destroy(prep);
    return source;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static nd_augment *make_augment(nd_ctx *ctx, const kind *k, double background)
{
    const nd_image image = {.rows = 28, .cols = 28, .channels = 1};
    nd_augment *augment = NULL;
    if (k->attributes) {
        nd_augment_create(ctx, &image, k->attributes, background, &augment);
    }
    return augment;
}

static double now_of(const nd_net *net)
{
    return nd_ctx_threads(nd_net_ctx(net)) > 1 ? nd_seconds() : nd_thread_seconds();
}

/* Rows per second of a stretch of training; *epoch goes on from turn to turn. A net has
 * labels in two forms, with mixup and without, so what varies is set up for each turn. */
static double turn(nd_net *net, nd_optimizer *optimizer, const nd_source *source, size_t batch,
                   nd_augment *augment, double mixup, long *epoch, double seconds)
{
    nd_feed *feed;
    nd_vary vary;
    nd_feed_params params = {
        .batch = batch, .batches = source->rows / batch, .room = batch, .seed = 1, .vary = &vary};
    double rows = 0, loss;
    if (nd_vary_init(&vary, net, source, augment, mixup, 1, batch) != ND_OK ||
        nd_feed_create(nd_net_ctx(net), source, &params, &feed) != ND_OK) {
        return 0;
    }
    double start = now_of(net);
    for (uint64_t b = 0; now_of(net) - start < seconds; b++) {
        nd_batch now;
        *epoch += b % params.batches == 0;
        nd_feed_batch(feed, *epoch, b % params.batches, &now);
        nd_net_train(net, optimizer, now.x, now.y, now.rows, &loss);
        rows += (double)now.rows;
    }
    double speed = rows / (now_of(net) - start);
    nd_feed_destroy(feed);
    nd_vary_free(&vary, net);
    return speed;
}

static void measure(nd_ctx *ctx, const workload *w, const nd_source *source, double background,
                    double seconds)
{
    nd_net *net = make_net(ctx, w);
    nd_optimizer *optimizer;
    nd_augment *augment[KINDS];
    double speed[KINDS][TURNS];
    long epoch = 0;
    if (!net || nd_optimizer_create(net, "momentum", "lr=0.001", &optimizer) != ND_OK) {
        return;
    }
    for (int k = 0; k < KINDS; k++) {
        augment[k] = make_augment(ctx, &list[k], background);
    }
    for (int t = 0; t < TURNS; t++) {
        for (int k = 0; k < KINDS; k++) {
            speed[k][t] =
                turn(net, optimizer, source, w->batch, augment[k], list[k].mixup, &epoch, seconds);
        }
    }
    for (int k = 0; k < KINDS; k++) {
        qsort(speed[k], TURNS, sizeof(double), by_size);
        printf("%-23s %d threads  %-22s %9.0f rows/s  %3.0f %%\n", w->name, nd_ctx_threads(ctx),
               list[k].name, speed[k][TURNS / 2], 100 * speed[k][TURNS / 2] / speed[0][TURNS / 2]);
        nd_augment_destroy(augment[k]);
    }
    fflush(stdout);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
}

/* One thread, one image after the other. */
static void measure_images(nd_ctx *ctx, const nd_source *source, double background)
{
    nd_real *x = nd_alloc_aligned(IMAGES, source->features * sizeof *x);
    nd_real *y = nd_alloc_aligned(IMAGES, source->features * sizeof *y);
    for (int k = 1; x && y && k < KINDS; k++) {
        nd_augment *augment = make_augment(ctx, &list[k], background);
        nd_augment_keys keys = {.seed = 1};
        double best = 1e9;
        nd_source_gather(source, NULL, NULL, 0, IMAGES, x, NULL);
        for (int t = 0; augment && t < TURNS; t++) {
            double start = nd_thread_seconds();
            nd_augment_batch(augment, NULL, &keys, x, IMAGES, y);
            double taken = nd_thread_seconds() - start;
            best = taken < best ? taken : best;
        }
        if (augment) {
            printf("one image, one thread    %-22s %.2f us\n", list[k].name, best / IMAGES * 1e6);
        }
        nd_augment_destroy(augment);
    }
    nd_free(x);
    nd_free(y);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0.4, background;
    nd_table *table = NULL;
    nd_ctx *ctx;
    if (nd_ctx_create(&ctx, argc > 2 ? atoi(argv[2]) : 0) != ND_OK) {
        return 1;
    }
    nd_source *source = image_source(ctx, &table, &background);
    if (!source) {
        fprintf(stderr, "no MNIST in $NADIR_DATA/mnist\n");
        return 1;
    }
    measure_images(ctx, source, background);
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        measure(ctx, &workloads[i], source, background, seconds);
    }
    nd_source_destroy(source);
    nd_table_destroy(table);
    nd_ctx_destroy(ctx);
    return 0;
}
