/* Time per epoch against the number of rows and of parameters, through the whole
 * training call: shuffling, gathering, steps. Tab-separated, one line per run:
 *   what  rows  parameters  seconds  rows/s  GFLOP/s
 * seconds is the median epoch; GFLOP/s counts 6 operations per weight and row, less 2
 * for the first layer.
 *   growth [most rows]      default 1000000 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "nadir.h"

enum { EPOCHS = 3, FEATURES = 8, WIDE_FEATURES = 64, CLASSES = 10 };

typedef struct run {
    const char *what, *hidden, *batch;
    size_t rows, features;
    double weights, first; /* of all layers, of the first */
    double seconds[EPOCHS];
} run;

static int note_epoch(void *user, const nd_event *event)
{
    run *r = user;
    if (event->kind == ND_EVENT_EPOCH && event->epoch <= EPOCHS) {
        r->seconds[event->epoch - 1] = (double)r->rows / event->rows_per_s;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(run *r)
{
    qsort(r->seconds, EPOCHS, sizeof r->seconds[0], by_value);
    double seconds = r->seconds[EPOCHS / 2], rate = (double)r->rows / seconds;
    double flops = rate * (6 * r->weights - 2 * r->first);
    printf("%s\t%zu\t%.0f\t%.4g\t%.4g\t%.3g\n", r->what, r->rows, r->weights, seconds, rate,
           flops / 1e9);
    fflush(stdout);
}

/* Numbers from a small congruential generator: a million rows a moment. */
static nd_status make_rows(const run *r, nd_real **x, nd_real **y)
{
    *x = malloc(r->rows * r->features * sizeof **x);
    *y = malloc(r->rows * sizeof **y);
    if (!*x || !*y) {
        return ND_ERR_MEMORY;
    }
    uint32_t bits = 1;
    for (size_t i = 0; i < r->rows * r->features; i++) {
        bits = bits * 1664525u + 1013904223u;
        (*x)[i] = (nd_real)((bits >> 8) * 0x1p-23 - 1);
    }
    for (size_t i = 0; i < r->rows; i++) {
        nd_real share = ((*x)[i * r->features] + 1) / 2;
        (*y)[i] = (nd_real)floor((double)share * CLASSES);
    }
    return ND_OK;
}

static nd_status configure(nd_ctx *ctx, const run *r, nd_config **config)
{
    char epochs[8];
    snprintf(epochs, sizeof epochs, "%d", EPOCHS);
    const char *const option[][2] = {
        {"hidden", r->hidden},  {"batch_size", r->batch},
        {"epochs", epochs},     {"valid", "0"},
        {"test", "0"},          {"dropout", "0"},
        {"activation", "relu"}, {"task", "multiclass"},
    };
    nd_status status = nd_config_create(ctx, ND_VERB_TRAIN, config);
    for (size_t i = 0; status == ND_OK && i < sizeof option / sizeof option[0]; i++) {
        status = nd_config_set(*config, option[i][0], option[i][1]);
    }
    return status;
}

static nd_status train(nd_ctx *ctx, run *r)
{
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    nd_real *x = NULL, *y = NULL;
    nd_status status = make_rows(r, &x, &y);
    if (status == ND_OK) {
        status = configure(ctx, r, &config);
    }
    if (status == ND_OK) {
        status = nd_table_from_arrays(ctx, x, r->rows, r->features, y, 1, &table);
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, note_epoch, r, &model);
    }
    if (status == ND_OK) {
        print(r);
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    free(x);
    free(y);
    return status;
}

static nd_status grow_rows(nd_ctx *ctx, size_t most)
{
    nd_status status = ND_OK;
    for (size_t rows = 10000; rows <= most && status == ND_OK; rows *= 10) {
        run r = {.what = "rows",
                 .hidden = "32",
                 .batch = "256",
                 .rows = rows,
                 .features = FEATURES,
                 .first = FEATURES * 32,
                 .weights = FEATURES * 32 + 32 * CLASSES};
        status = train(ctx, &r);
    }
    return status;
}

/* Two hidden layers of one width, so that weights grow with its square. */
static nd_status grow_parameters(nd_ctx *ctx)
{
    static const int width[] = {11, 70, 280, 960, 3120};
    nd_status status = ND_OK;
    for (size_t i = 0; i < sizeof width / sizeof width[0] && status == ND_OK; i++) {
        char hidden[32];
        double w = width[i];
        snprintf(hidden, sizeof hidden, "%d,%d", width[i], width[i]);
        run r = {.what = "parameters",
                 .hidden = hidden,
                 .batch = "128",
                 .rows = 4096,
                 .features = WIDE_FEATURES,
                 .first = WIDE_FEATURES * w,
                 .weights = WIDE_FEATURES * w + w * w + w * CLASSES};
        status = train(ctx, &r);
    }
    return status;
}

int main(int argc, char **argv)
{
    nd_ctx *ctx;
    size_t most = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (nd_ctx_create(&ctx, 0) != ND_OK) {
        return 1;
    }
    printf("what\trows\tparameters\tseconds\trows/s\tGFLOP/s\n");
    nd_status status = grow_rows(ctx, most);
    if (status == ND_OK) {
        status = grow_parameters(ctx);
    }
    if (status != ND_OK) {
        fprintf(stderr, "%s: %s\n", nd_status_text(status), nd_ctx_message(ctx));
    }
    nd_ctx_destroy(ctx);
    return status != ND_OK;
}
