/* What the peers written in C share: the network from the command line, the rows of
 * `nadir bench`, and the time of training. */
#ifndef ND_BENCH_PEER_H
#define ND_BENCH_PEER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LAYERS = 8, REPEATS = 3 };

typedef struct peer_job {
    size_t layers, batch, rows;
    int width[MOST_LAYERS];
    double seconds; /* of one of the repeats */
} peer_job;

/* PROGRAM LAYERS BATCH ROWS SECONDS, such as 4-16-3 16 150 0.05. */
static inline int peer_read(int argc, char **argv, peer_job *job)
{
    if (argc != 5) {
        fprintf(stderr, "%s LAYERS BATCH ROWS SECONDS\n", argv[0]);
        return 0;
    }
    for (char *word = strtok(argv[1], "-"); word && job->layers < MOST_LAYERS;
         word = strtok(NULL, "-")) {
        job->width[job->layers++] = atoi(word);
    }
    job->batch = strtoul(argv[2], NULL, 10);
    job->rows = strtoul(argv[3], NULL, 10);
    job->seconds = strtod(argv[4], NULL);
    return job->layers > 1 && job->batch > 0 && job->rows >= job->batch;
}

/* Inputs in [-1, 1); the class is the largest of the first inputs, or whether the
 * first two add up to more than 0. */
static inline size_t peer_row(const peer_job *job, double *x)
{
    size_t in = (size_t)job->width[0], classes = (size_t)job->width[job->layers - 1], best = 0;
    for (size_t i = 0; i < in; i++) {
        x[i] = 2.0 * rand() / ((double)RAND_MAX + 1) - 1;
    }
    for (size_t i = 1; i < classes; i++) {
        best = x[i] > x[best] ? i : best;
    }
    return classes == 1 ? x[0] + x[1] > 0 : best;
}

/* Processor time with one thread, which other programs disturb less; else the clock. */
static inline double peer_now(void)
{
    struct timespec t;
    const char *threads = getenv("OMP_NUM_THREADS");
    bool one = threads && strcmp(threads, "1") == 0;
    clock_gettime(one ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int peer_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median rows per second of step(user, i), which trains on batch number i. */
static inline double peer_rate(const peer_job *job, void (*step)(void *, size_t), void *user)
{
    double rate[REPEATS], took = 0;
    size_t batches = job->rows / job->batch, steps = 1;
    for (; took < job->seconds; steps *= 2) {
        double start = peer_now();
        for (size_t i = 0; i < steps; i++) {
            step(user, i % batches);
        }
        took = peer_now() - start;
    }
    for (int r = 0; r < REPEATS; r++) {
        double start = peer_now();
        for (size_t i = 0; i < steps; i++) {
            step(user, i % batches);
        }
        rate[r] = (double)(steps * job->batch) / (peer_now() - start);
    }
    qsort(rate, REPEATS, sizeof rate[0], peer_order);
    return rate[REPEATS / 2];
}

#endif
