/* What a layer behind each hidden layer adds to a training step of T4 (784-512-512-10,
 * batches of 128, adam, one thread): networks that differ in it take turns, processor
 * time, median of the rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nadir.h"

enum { BATCH = 128, INPUTS = 784, KINDS = 8, ROUNDS = 25, STEPS = 6 };

/* Layers after a dense layer; NULL: none. */
typedef struct kind {
    const char *name, *before, *act, *after, *options;
} kind;

static const kind kinds[KINDS] = {
    {"plain", NULL, "relu", NULL, NULL},
    {"batch normalization", "batchnorm", "relu", NULL, NULL},
    {"layer normalization", "layernorm", "relu", NULL, NULL},
    {"RMS normalization", "rmsnorm", "relu", NULL, NULL},
    {"dropout", NULL, "relu", "dropout", "rate=0.5"},
    {"Gaussian dropout", NULL, "relu", "gaussian_dropout", "rate=0.5"},
    {"gelu for relu", NULL, "gelu", NULL, NULL},
    {"gelu_tanh for relu", NULL, "gelu_tanh", NULL, NULL},
};

typedef struct bench {
    nd_net *net;
    nd_optimizer *optimizer;
    double seconds[ROUNDS], ratio[ROUNDS];
} bench;

static void expect(nd_ctx *ctx, nd_status status)
{
    if (status != ND_OK) {
        fprintf(stderr, "layers: %s\n", nd_ctx_message(ctx));
        exit(1);
    }
}

static void add_block(nd_ctx *ctx, nd_desc *desc, const kind *k)
{
    expect(ctx, nd_desc_add(desc, "dense", "units=512"));
    if (k->before) {
        expect(ctx, nd_desc_add(desc, k->before, NULL));
    }
    expect(ctx, nd_desc_add(desc, k->act, NULL));
    if (k->after) {
        expect(ctx, nd_desc_add(desc, k->after, k->options));
    }
}

static void make(nd_ctx *ctx, const kind *k, bench *b)
{
    nd_desc *desc;
    expect(ctx, nd_desc_create(ctx, INPUTS, &desc));
    add_block(ctx, desc, k);
    add_block(ctx, desc, k);
    expect(ctx, nd_desc_add(desc, "dense", "units=10"));
    expect(ctx, nd_net_create(ctx, desc, "cross_entropy", BATCH, 1, &b->net));
    expect(ctx, nd_optimizer_create(b->net, "adam", "lr=0.001", &b->optimizer));
    nd_desc_destroy(desc);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_steps(nd_ctx *ctx, bench *b, const nd_real *x, const nd_real *y)
{
    double loss, start = 0;
    for (int i = 0; i <= STEPS; i++) { /* the first brings the network into the caches */
        expect(ctx, nd_net_train(b->net, b->optimizer, x, y, BATCH, &loss));
        start = i == 0 ? now() : start;
    }
    return (now() - start) / STEPS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value)
{
    qsort(value, ROUNDS, sizeof *value, by_value);
    return value[ROUNDS / 2];
}

int main(void)
{
    static nd_real x[BATCH * INPUTS], y[BATCH];
    static bench all[KINDS];
    nd_ctx *ctx;
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    for (int i = 0; i < BATCH * INPUTS; i++) {
        x[i] = (nd_real)(2.0 * rand() / RAND_MAX - 1);
    }
    for (int i = 0; i < BATCH; i++) {
        y[i] = (nd_real)(i % 10);
    }
    for (int k = 0; k < KINDS; k++) {
        make(ctx, &kinds[k], &all[k]);
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (int k = 0; k < KINDS; k++) {
            all[k].seconds[r] = time_steps(ctx, &all[k], x, y);
            all[k].ratio[r] = all[k].seconds[r] / all[0].seconds[r];
        }
    }
    for (int k = 0; k < KINDS; k++) {
        printf("%-22s %6.2f ms  %+5.1f %%\n", kinds[k].name, 1e3 * median(all[k].seconds),
               100 * (median(all[k].ratio) - 1));
        nd_optimizer_destroy(all[k].optimizer);
        nd_net_destroy(all[k].net);
    }
    nd_ctx_destroy(ctx);
    return 0;
}
