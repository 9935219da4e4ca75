/* safetensors files that nadir did not write, and what is taken from them into a network. */
#include <stdlib.h>

#include "base/ctx.h"
#include "model/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static nd_net *make_net(nd_ctx *ctx)
{
    nd_desc *desc = NULL;
    nd_net *net = NULL;
    bool made = nd_desc_create(ctx, 5, &desc) == ND_OK &&
                nd_desc_add(desc, "dense", "units=6") == ND_OK &&
                nd_desc_add(desc, "batchnorm", NULL) == ND_OK &&
                nd_desc_add(desc, "dense", "units=3") == ND_OK;
    if (made && nd_net_create(ctx, desc, "mse", 1, 1, &net) != ND_OK) {
        net = NULL;
    }
    nd_desc_destroy(desc);
    return net;
}

static void take_all(const nd_weights *weights, nd_net *net)
{
    const nd_desc *desc = nd_net_desc(net);
    for (size_t g = 0; g < weights->groups; g++) {
        char shape[ND_WEIGHTS_SHAPE];
        nd_weights_shape(&weights->group[g], shape);
        for (size_t i = 0; i < desc->count; i++) {
            if (nd_weights_fit(&weights->group[g], desc->layer[i])) {
                (void)nd_weights_copy(weights, &weights->group[g], net, i);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nd_ctx *ctx;
    static nd_net *net;
    nd_weights *weights;
    if (!ctx && (nd_ctx_create(&ctx, 1) != ND_OK || !(net = make_net(ctx)))) {
        return 0;
    }
    if (nd_weights_parse(ctx, "fuzz", (const char *)data, size, false, &weights) == ND_OK) {
        nd_weights_sort(weights, size & 1);
        take_all(weights, net);
        nd_weights_destroy(weights);
    }
    return 0;
}
