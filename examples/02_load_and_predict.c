/* Load a model and predict: the model that the first example saved.
 *
 *   cc 02_load_and_predict.c $(pkg-config --cflags --libs nadir) -o predict
 *   ./predict iris.safetensors */
#include <math.h>
#include <nadir.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4, INPUTS = 4 };

/* Flowers that the model has not seen. NAN stands for what was not measured: the
 * model fills it in as it learned to. */
static const nd_real flower[ROWS][INPUTS] = {
    {5.0f, 3.3f, 1.4f, 0.2f},
    {5.7f, 2.8f, 4.1f, 1.3f},
    {5.9f, 3.0f, 5.1f, 1.8f},
    {5.0f, (nd_real)NAN, 1.4f, 0.2f},
};

/* The preparation travels with the model, so raw centimetres go in, and what
 * comes out are probabilities, one per class. */
static nd_status predict(nd_model *model)
{
    size_t classes = nd_model_outputs(model);
    nd_real *p = malloc(ROWS * classes * sizeof *p);
    if (p == NULL) {
        return ND_ERR_MEMORY;
    }
    nd_status status = nd_model_predict(model, &flower[0][0], ROWS, p);
    for (size_t i = 0; status == ND_OK && i < ROWS; i++) {
        const nd_real *row = p + i * classes;
        size_t best = 0;
        for (size_t c = 1; c < classes; c++) {
            best = row[c] > row[best] ? c : best;
        }
        printf("flower %zu: class %s with probability %.3f\n", i + 1,
               nd_model_output_name(model, best), (double)row[best]);
    }
    free(p);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "iris.safetensors";
    nd_ctx *ctx;
    nd_model *model;
    nd_status status = nd_ctx_create(&ctx, 1);
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_status_text(status));
        return 1;
    }
    /* A file that is cut or changed in any bit is refused here. */
    status = nd_model_load(ctx, path, &model);
    if (status == ND_OK && nd_model_inputs(model) != INPUTS) {
        fprintf(stderr, "%s takes %zu inputs, not %d\n", path, nd_model_inputs(model), INPUTS);
        nd_model_destroy(model);
        nd_ctx_destroy(ctx);
        return 1;
    }
    if (status == ND_OK) {
        status = predict(model);
        nd_model_destroy(model);
    }
    if (status != ND_OK) {
        fprintf(stderr, "%s: %s\n", nd_status_text(status), nd_ctx_message(ctx));
    }
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}
