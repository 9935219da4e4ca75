/* The networks that nadir bench measures, and how long their steps take. */
#ifndef ND_JOB_BENCH_WORK_H
#define ND_JOB_BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ctx.h"

enum { ND_BENCH_WIDTHS = 5, ND_BENCH_BATCHES = 2 };

/* Dense layers with relu between them, a cross-entropy loss on the last. */
typedef struct nd_bench_work {
    const char *name;              /* "T1" */
    const char *layers;            /* "4-16-3" */
    size_t width[ND_BENCH_WIDTHS]; /* from inputs to outputs, 0 behind the last */
    size_t batch[ND_BENCH_BATCHES];
    size_t rows; /* of the data that the steps walk through */
} nd_bench_work;

const nd_bench_work *nd_bench_table(size_t *count);

/* Useful operations per row: 6 per weight, less 2 per weight of the first layer,
 * whose input needs no gradient; forward alone 2 per weight. */
double nd_bench_flops(const nd_bench_work *work, bool training);

/* How a rate is taken: the median of repeats stretches of at least seconds, of
 * processor time on one thread, of the clock on several. */
typedef struct nd_bench_pace {
    double seconds;
    int repeats;
} nd_bench_pace;

enum { ND_BENCH_MOST_REPEATS = 9 };

/* Rows per second of forward, backward and update with rule "momentum" or "adam". */
nd_status nd_bench_train(nd_ctx *ctx, const nd_bench_work *work, size_t batch, const char *rule,
                         nd_bench_pace pace, double *rows_per_s);

/* Rows per second of nd_net_forward on batches of a size. */
nd_status nd_bench_forward(nd_ctx *ctx, const nd_bench_work *work, size_t batch, nd_bench_pace pace,
                           double *rows_per_s);

#endif
