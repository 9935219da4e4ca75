/* What a checkpoint costs: the training thread's time for checking and copying the state,
 * and the processor time that the writer takes, for networks trained with Adam that keep
 * their best weights. The share is that of one checkpoint in ten seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "job/saver.h"
#include "train/keep.h"

enum { ROUNDS = 11 };
static const double interval = 10; /* seconds, the default of --every */

static void check(nd_ctx *ctx, nd_status status)
{
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_ctx_message(ctx));
        exit(1);
    }
}

static double process_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool always(void *user, uint64_t steps, double now)
{
    (void)user, (void)steps, (void)now;
    return true;
}

static void save(void *user, const nd_state *state, uint64_t steps, bool last)
{
    nd_saver_save(user, state, steps, last);
}

/* A folder for the files; the network with in inputs, two hidden layers of width. */
static void measure(nd_ctx *ctx, const char *folder, size_t in, size_t width)
{
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_early early;
    nd_keep keep;
    nd_saver *saver;
    nd_checkpoint *none;
    nd_fit_result result = {0};
    nd_average average = {0};
    nd_every every = {.steps = 1};
    char units[32];
    double copy[ROUNDS], write[ROUNDS];
    snprintf(units, sizeof units, "units=%zu", width);
    check(ctx, nd_desc_create(ctx, in, &desc));
    check(ctx, nd_desc_add(desc, "dense", units));
    check(ctx, nd_desc_add(desc, "dense", units));
    check(ctx, nd_desc_add(desc, "dense", "units=10"));
    check(ctx, nd_net_create(ctx, desc, "cross_entropy", 64, 1, &net));
    check(ctx, nd_optimizer_create(net, "adam", NULL, &optimizer));
    check(ctx, nd_early_init(&early, net, &(nd_early_params){0}, true));
    check(ctx, nd_saver_create(ctx, folder, &every, false, true, &none, &saver));
    check(ctx, nd_saver_describe(saver, "", "", ""));
    nd_fit_saver hook = {always, save, saver};
    nd_fit_params params = {.epochs = 1, .saver = &hook};
    check(ctx, nd_keep_init(&keep, net, optimizer, &early, &average, &result, &params));
    for (int i = 0; i < ROUNDS; i++) {
        double wall = nd_seconds(), all = process_seconds();
        check(ctx, nd_keep_step(&keep, false, 0));
        copy[i] = nd_seconds() - wall;
        check(ctx, nd_saver_describe(saver, "", "", "")); /* waits for the writer */
        write[i] = process_seconds() - all - copy[i];
    }
    qsort(copy, ROUNDS, sizeof *copy, by_value);
    qsort(write, ROUNDS, sizeof *write, by_value);
    double share = copy[ROUNDS / 2] / interval, both = share + write[ROUNDS / 2] / interval;
    printf("%zu > %zu > %zu > 10: %.1f MB, copy %.2f ms (%.3f%% of 10 s), write %.1f ms of another "
           "thread (together %.3f%% of one core)\n",
           in, width, width, (double)nd_state_bytes(&keep.state) / 1e6, copy[ROUNDS / 2] * 1e3,
           share * 100, write[ROUNDS / 2] * 1e3, both * 100);
    nd_saver_destroy(saver);
    nd_keep_free(&keep);
    nd_early_free(&early);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
}

int main(void)
{
    static const size_t size[][2] = {{4, 16}, {784, 128}, {784, 512}, {784, 2048}};
    char folder[] = "/tmp/nadir-bench-XXXXXX";
    nd_ctx *ctx;
    if (mkdtemp(folder) == NULL || nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        measure(ctx, folder, size[i][0], size[i][1]);
    }
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(folder, file);
        unlink(path);
        nd_free(path);
    }
    nd_ctx_destroy(ctx);
    return rmdir(folder);
}
