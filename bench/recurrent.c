/* Time of a training step of recurrent layers: forward, back-propagation through all of
 * time, update by Adam. bench/peers/torch_recurrent.py does the same with PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "nadir.h"

enum { ROUNDS = 7, WARM = 3 };

/* Sequences of so many steps of so many features, rows of a batch. */
typedef struct sequences {
    const char *layer;
    size_t steps, features, units, rows;
} sequences;

static const sequences list[] = {
    {"lstm", 100, 2, 32, 64}, {"lstm", 50, 8, 64, 32}, {"gru", 50, 8, 64, 32},
    {"rnn", 50, 8, 64, 32},   {"lstm", 12, 1, 32, 16}, {"lstm", 28, 28, 128, 128},
};

typedef struct setup {
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_real *x, *y;
    size_t rows;
} setup;

/* One thread is timed by its processor time, which other programs disturb less. */
static double now(int threads)
{
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static nd_status make_net(setup *s, const sequences *shape)
{
    char text[64];
    nd_desc *desc = NULL;
    snprintf(text, sizeof text, "units=%zu, features=%zu", shape->units, shape->features);
    nd_status status = nd_desc_create(s->ctx, shape->steps * shape->features, &desc);
    if (status == ND_OK) {
        status = nd_desc_add(desc, shape->layer, text);
    }
    if (status == ND_OK) {
        status = nd_desc_add(desc, "dense", "units=1");
    }
    if (status == ND_OK) {
        status = nd_net_create(s->ctx, desc, "mse", shape->rows, 1, &s->net);
    }
    nd_desc_destroy(desc);
    return status == ND_OK ? nd_optimizer_create(s->net, "adam", "lr=0.001", &s->optimizer)
                           : status;
}

static nd_status fill(setup *s, const sequences *shape)
{
    size_t n = shape->rows * shape->steps * shape->features;
    s->rows = shape->rows;
    s->x = malloc(n * sizeof *s->x);
    s->y = malloc(s->rows * sizeof *s->y);
    if (!s->x || !s->y) {
        return ND_ERR_MEMORY;
    }
    srand(1);
    for (size_t i = 0; i < n; i++) {
        s->x[i] = (nd_real)rand() / (nd_real)RAND_MAX;
    }
    for (size_t i = 0; i < s->rows; i++) {
        s->y[i] = s->x[i * shape->steps * shape->features];
    }
    return ND_OK;
}

/* The best of some rounds, seconds a step. */
static nd_status time_steps(setup *s, int threads, double *best)
{
    double loss;
    nd_status status = ND_OK;
    for (int round = -1; round < ROUNDS && status == ND_OK; round++) {
        long steps = 0;
        double start = now(threads), passed = 0;
        do {
            status = nd_net_train(s->net, s->optimizer, s->x, s->y, s->rows, &loss);
            passed = now(threads) - start;
            steps++;
        } while (status == ND_OK && (steps < WARM || passed < 0.05));
        double seconds = passed / (double)steps;
        *best = round <= 0 || seconds < *best ? seconds : *best;
    }
    return status;
}

static nd_status measure(const sequences *shape, int threads)
{
    setup s = {0};
    double seconds = 0;
    nd_status status = nd_ctx_create(&s.ctx, threads);
    if (status == ND_OK) {
        status = make_net(&s, shape);
    }
    if (status == ND_OK) {
        status = fill(&s, shape);
    }
    if (status == ND_OK) {
        status = time_steps(&s, threads, &seconds);
    }
    printf("%-4s %3zu steps of %2zu, %3zu units, %3zu rows, %d thread%s: %8.3f ms\n", shape->layer,
           shape->steps, shape->features, shape->units, shape->rows, threads,
           threads == 1 ? " " : "s", seconds * 1e3);
    nd_optimizer_destroy(s.optimizer);
    nd_net_destroy(s.net);
    nd_ctx_destroy(s.ctx);
    free(s.x);
    free(s.y);
    return status;
}

int main(void)
{
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        for (int threads = 1; threads <= 2; threads++) {
            if (measure(&list[i], threads) != ND_OK) {
                return 1;
            }
        }
    }
    return 0;
}
