/* Any bytes as a model file, with the checksums left out so that what lies behind
 * them is reached. A model that loads must also describe itself and predict. */
#include <stdlib.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "model/model.h"

static int swallow(void *user, const char *text, size_t bytes)
{
    (void)text;
    *(size_t *)user += bytes;
    return 0;
}

static void use(nd_model *model)
{
    size_t written = 0;
    nd_sink sink = {swallow, &written};
    nd_real *x = nd_alloc(nd_model_inputs(model), sizeof *x);
    nd_real *y = nd_alloc(nd_model_outputs(model), sizeof *y);
    if (x != NULL && y != NULL) {
        nd_model_predict(model, x, 1, y);
    }
    nd_model_describe(model, 0, &sink);
    nd_model_describe(model, 1, &sink);
    nd_free(x);
    nd_free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nd_ctx *ctx;
    nd_model *model;
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        abort();
    }
    if (nd_model_parse(ctx, "fuzz", (const char *)data, size, false, &model) == ND_OK) {
        use(model);
        nd_model_destroy(model);
    }
    nd_ctx_destroy(ctx);
    return 0;
}
