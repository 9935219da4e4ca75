/* Any bytes as a checkpoint, with the checksums left out so that what lies behind them is
 * reached. One that loads must also be refused or taken by a state of its own kind. */
#include <stdlib.h>

#include "base/ctx.h"
#include "model/checkpoint.h"

static void use(nd_ctx *ctx, const nd_checkpoint *checkpoint)
{
    int64_t place[5];
    double sums[8];
    nd_real parameters[16];
    nd_state live = {0};
    nd_state_add(&live, "place", ND_STATE_I64, place, 5);
    nd_state_add(&live, "sums", ND_STATE_F64, sums, 8);
    nd_state_add(&live, "parameters", ND_STATE_REAL, parameters, 16);
    nd_state_restore(ctx, &live, &checkpoint->state);
    unsigned char *copy = malloc(nd_state_bytes(&checkpoint->state) + 1);
    if (copy) {
        nd_state_copy(&checkpoint->state, copy);
        nd_state_paste(&checkpoint->state, copy);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nd_ctx *ctx;
    nd_checkpoint *checkpoint;
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        abort();
    }
    if (nd_checkpoint_parse(ctx, "fuzz", (const char *)data, size, false, &checkpoint) == ND_OK) {
        use(ctx, checkpoint);
        nd_checkpoint_destroy(checkpoint);
    }
    nd_ctx_destroy(ctx);
    return 0;
}
