/* Train a classifier from arrays in memory, look at its figures, save it.
 *
 *   cc 01_train_from_arrays.c $(pkg-config --cflags --libs nadir) -o train
 *   ./train iris.safetensors
 *
 * The data are 72 of Fisher's irises (1936): length and width of sepal and petal
 * in cm, for 24 flowers of each of three species. */
#include <nadir.h>
#include <stdio.h>

enum { ROWS = 72, INPUTS = 4, PER_SPECIES = 24, SPECIES = 3 };

/* One row per flower, the features side by side: that is [rows][n_in]. */
static const nd_real flower[ROWS][INPUTS] = {
    {5.1f, 3.5f, 1.4f, 0.2f}, {4.9f, 3.0f, 1.4f, 0.2f}, {4.7f, 3.2f, 1.3f, 0.2f},
    {4.6f, 3.1f, 1.5f, 0.2f}, {5.0f, 3.6f, 1.4f, 0.2f}, {5.4f, 3.9f, 1.7f, 0.4f},
    {4.6f, 3.4f, 1.4f, 0.3f}, {5.0f, 3.4f, 1.5f, 0.2f}, {4.4f, 2.9f, 1.4f, 0.2f},
    {4.9f, 3.1f, 1.5f, 0.1f}, {5.4f, 3.7f, 1.5f, 0.2f}, {4.8f, 3.4f, 1.6f, 0.2f},
    {4.8f, 3.0f, 1.4f, 0.1f}, {4.3f, 3.0f, 1.1f, 0.1f}, {5.8f, 4.0f, 1.2f, 0.2f},
    {5.7f, 4.4f, 1.5f, 0.4f}, {5.4f, 3.9f, 1.3f, 0.4f}, {5.1f, 3.5f, 1.4f, 0.3f},
    {5.7f, 3.8f, 1.7f, 0.3f}, {5.1f, 3.8f, 1.5f, 0.3f}, {5.4f, 3.4f, 1.7f, 0.2f},
    {5.1f, 3.7f, 1.5f, 0.4f}, {4.6f, 3.6f, 1.0f, 0.2f}, {5.1f, 3.3f, 1.7f, 0.5f},
    {7.0f, 3.2f, 4.7f, 1.4f}, {6.4f, 3.2f, 4.5f, 1.5f}, {6.9f, 3.1f, 4.9f, 1.5f},
    {5.5f, 2.3f, 4.0f, 1.3f}, {6.5f, 2.8f, 4.6f, 1.5f}, {5.7f, 2.8f, 4.5f, 1.3f},
    {6.3f, 3.3f, 4.7f, 1.6f}, {4.9f, 2.4f, 3.3f, 1.0f}, {6.6f, 2.9f, 4.6f, 1.3f},
    {5.2f, 2.7f, 3.9f, 1.4f}, {5.0f, 2.0f, 3.5f, 1.0f}, {5.9f, 3.0f, 4.2f, 1.5f},
    {6.0f, 2.2f, 4.0f, 1.0f}, {6.1f, 2.9f, 4.7f, 1.4f}, {5.6f, 2.9f, 3.6f, 1.3f},
    {6.7f, 3.1f, 4.4f, 1.4f}, {5.6f, 3.0f, 4.5f, 1.5f}, {5.8f, 2.7f, 4.1f, 1.0f},
    {6.2f, 2.2f, 4.5f, 1.5f}, {5.6f, 2.5f, 3.9f, 1.1f}, {5.9f, 3.2f, 4.8f, 1.8f},
    {6.1f, 2.8f, 4.0f, 1.3f}, {6.3f, 2.5f, 4.9f, 1.5f}, {6.1f, 2.8f, 4.7f, 1.2f},
    {6.3f, 3.3f, 6.0f, 2.5f}, {5.8f, 2.7f, 5.1f, 1.9f}, {7.1f, 3.0f, 5.9f, 2.1f},
    {6.3f, 2.9f, 5.6f, 1.8f}, {6.5f, 3.0f, 5.8f, 2.2f}, {7.6f, 3.0f, 6.6f, 2.1f},
    {4.9f, 2.5f, 4.5f, 1.7f}, {7.3f, 2.9f, 6.3f, 1.8f}, {6.7f, 2.5f, 5.8f, 1.8f},
    {7.2f, 3.6f, 6.1f, 2.5f}, {6.5f, 3.2f, 5.1f, 2.0f}, {6.4f, 2.7f, 5.3f, 1.9f},
    {6.8f, 3.0f, 5.5f, 2.1f}, {5.7f, 2.5f, 5.0f, 2.0f}, {5.8f, 2.8f, 5.1f, 2.4f},
    {6.4f, 3.2f, 5.3f, 2.3f}, {6.5f, 3.0f, 5.5f, 1.8f}, {7.7f, 3.8f, 6.7f, 2.2f},
    {7.7f, 2.6f, 6.9f, 2.3f}, {6.0f, 2.2f, 5.0f, 1.5f}, {6.9f, 3.2f, 5.7f, 2.3f},
    {5.6f, 2.8f, 4.9f, 2.0f}, {7.7f, 2.8f, 6.7f, 2.0f}, {6.3f, 2.7f, 4.9f, 1.8f},
};

static const char *const species[SPECIES] = {"setosa", "versicolor", "virginica"};

/* Called while the training goes on. Returning 1 instead of 0 would end it, with
 * the best weights so far. */
static int watch(void *user, const nd_event *event)
{
    (void)user;
    if (event->kind == ND_EVENT_EPOCH && event->epoch % 50 == 0) {
        printf("epoch %ld: training loss %.4f\n", event->epoch, event->train_loss);
    }
    if (event->kind == ND_EVENT_STOP && event->text != NULL) {
        printf("stopped: %s\n", event->text);
    }
    return 0;
}

/* Share of the rows where the most probable class is the right one. */
static nd_status measure(nd_model *model, const nd_real *label)
{
    static nd_real p[ROWS][SPECIES];
    int right = 0;
    nd_status status = nd_model_predict(model, &flower[0][0], ROWS, &p[0][0]);
    if (status != ND_OK) {
        return status;
    }
    for (int i = 0; i < ROWS; i++) {
        int best = 0;
        for (int c = 1; c < SPECIES; c++) {
            best = p[i][c] > p[i][best] ? c : best;
        }
        right += best == (int)label[i];
    }
    printf("right on %d of %d flowers\n", right, ROWS);
    return ND_OK;
}

static nd_status run(nd_ctx *ctx, nd_config *config, nd_table *table, const nd_real *label,
                     const char *path)
{
    nd_model *model;
    /* Everything that is not set keeps its default: the network's size, the split
     * into training and validation rows, the optimizer, early stopping. */
    nd_status status = nd_config_set(config, "seed", "1");
    if (status == ND_OK) {
        status = nd_config_set(config, "test", "0");
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, watch, NULL, &model);
    }
    if (status != ND_OK) {
        return status;
    }
    status = measure(model, label);
    if (status == ND_OK) {
        status = nd_model_save(model, path, 1);
    }
    if (status == ND_OK) {
        printf("saved %s\n", path);
    }
    nd_model_destroy(model);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "iris.safetensors";
    nd_real label[ROWS];
    nd_ctx *ctx;
    nd_config *config = NULL;
    nd_table *table = NULL;

    /* Classes are whole numbers from 0: the flowers come species by species. */
    for (int i = 0; i < ROWS; i++) {
        label[i] = (nd_real)(i / PER_SPECIES);
    }
    printf("species 0 is %s, 1 is %s, 2 is %s\n", species[0], species[1], species[2]);

    /* A context has its own worker threads; 0 means one for every core. */
    nd_status status = nd_ctx_create(&ctx, 0);
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_status_text(status));
        return 1;
    }
    status = nd_config_create(ctx, ND_VERB_TRAIN, &config);
    if (status == ND_OK) {
        status = nd_table_from_arrays(ctx, &flower[0][0], ROWS, INPUTS, label, 1, &table);
    }
    if (status == ND_OK) {
        status = run(ctx, config, table, label, path);
    }
    if (status != ND_OK) {
        /* The status says what kind of failure, the message what exactly. */
        fprintf(stderr, "%s: %s\n", nd_status_text(status), nd_ctx_message(ctx));
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}
