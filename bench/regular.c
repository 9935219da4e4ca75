/* Cost of each penalty, bound, form of clipping and average: the time of a training step with
 * it, over that of a step without. Two networks on one thread; the variants take turns, and
 * every figure is the median of the ratios of neighbours.
 *   regular [rule] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "net/net.h"
#include "optim/optim.h"

enum { ROUNDS = 11 };

static const struct {
    const char *name, *attributes;
} variants[] = {
    {"none", ""},
    {"l1", ", l1=1e-4"},
    {"l2", ", l2=1e-4"},
    {"elastic net", ", l1=1e-4, l2=1e-4"},
    {"decoupled decay", ", weight_decay=1e-4, decoupled_decay=true"},
    {"max_norm", ", max_norm=3"},
    {"orthogonality", ", orthogonality=1e-4"},
    {"clip_value", ", clip_value=1"},
    {"clip_norm", ", clip_norm=1"},
    {"clip_layer_norm", ", clip_layer_norm=1"},
    {"clip_adaptive", ", clip_adaptive=0.01"},
    {"ema", ", ema=0.999"},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

typedef struct workload {
    const char *name;
    size_t rows, width[4];
} workload;

static const workload list[] = {
    {"T2: 30-64-32-2, 32 rows", 32, {30, 64, 32, 2}},
    {"T4: 784-512-512-10, 128 rows", 128, {784, 512, 512, 10}},
};

typedef struct run {
    nd_net *net;
    nd_optimizer *optimizer;
} run;

static void must(nd_ctx *ctx, nd_status status)
{
    if (status != ND_OK) {
        fprintf(stderr, "regular: %s\n", ctx ? nd_ctx_message(ctx) : nd_status_text(status));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static run make(nd_ctx *ctx, const workload *w, const char *rule, const char *attributes)
{
    nd_desc *desc;
    run r;
    char text[128];
    must(ctx, nd_desc_create(ctx, w->width[0], &desc));
    for (size_t i = 1; i < 4; i++) {
        snprintf(text, sizeof text, "units=%zu", w->width[i]);
        must(ctx, nd_desc_add(desc, "dense", text));
        if (i < 3) {
            must(ctx, nd_desc_add(desc, "relu", ""));
        }
    }
    must(ctx, nd_net_create(ctx, desc, "cross_entropy", w->rows, 1, &r.net));
    nd_desc_destroy(desc);
    snprintf(text, sizeof text, "lr=1e-4%s", attributes);
    must(ctx, nd_optimizer_create(r.net, rule, text, &r.optimizer));
    return r;
}

static double time_of(nd_ctx *ctx, const run *r, const workload *w, const nd_real *x,
                      const nd_real *y, size_t repeat)
{
    double start = now(), loss;
    for (size_t i = 0; i < repeat; i++) {
        must(ctx, nd_net_train(r->net, r->optimizer, x, y, w->rows, &loss));
    }
    return (now() - start) / (double)repeat;
}

static void measure(nd_ctx *ctx, const workload *w, const char *rule, const nd_real *x,
                    const nd_real *y)
{
    run runs[VARIANTS];
    static double ratio[VARIANTS][ROUNDS], plain[ROUNDS];
    for (size_t v = 0; v < VARIANTS; v++) {
        runs[v] = make(ctx, w, rule, variants[v].attributes);
    }
    size_t repeat = (size_t)(0.01 / time_of(ctx, &runs[0], w, x, y, 20)) + 1;
    for (size_t k = 0; k < ROUNDS; k++) {
        for (size_t v = 0; v < VARIANTS; v++) {
            double before = time_of(ctx, &runs[0], w, x, y, repeat);
            ratio[v][k] = time_of(ctx, &runs[v], w, x, y, repeat) / before;
            plain[k] = v == 0 ? before : plain[k];
        }
    }
    qsort(plain, ROUNDS, sizeof *plain, by_value);
    printf("%s, %s: %.4g microseconds a step\n", w->name, rule, 1e6 * plain[ROUNDS / 2]);
    for (size_t v = 0; v < VARIANTS; v++) {
        qsort(ratio[v], ROUNDS, sizeof ratio[v][0], by_value);
        printf("  %-16s %+6.1f %%\n", variants[v].name, 100 * (ratio[v][ROUNDS / 2] - 1));
        nd_optimizer_destroy(runs[v].optimizer);
        nd_net_destroy(runs[v].net);
    }
}

int main(int count, char **argument)
{
    nd_ctx *ctx;
    const char *rule = count > 1 ? argument[1] : "adam";
    nd_real *x = nd_alloc_aligned(784 * 128, sizeof *x), *y = nd_alloc_aligned(128, sizeof *y);
    if (!x || !y) {
        return 1;
    }
    nd_rng rng = {.seed = 1, .stream = 7};
    for (size_t i = 0; i < 784 * 128; i++) {
        x[i] = (nd_real)nd_rng_normal(&rng, i);
    }
    for (size_t i = 0; i < 128; i++) {
        y[i] = (nd_real)(i % 2);
    }
    must(NULL, nd_ctx_create(&ctx, 1));
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        measure(ctx, &list[i], rule, x, y);
    }
    nd_ctx_destroy(ctx);
    nd_free(x);
    nd_free(y);
    return 0;
}
