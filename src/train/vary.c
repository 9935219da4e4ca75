#include "train/vary.h"

#include <string.h>

#include "base/mem.h"

static nd_status check(const nd_net *net, const nd_source *source, const nd_augment *augment)
{
    if (augment != NULL && augment->size != source->features) {
        return nd_fail(nd_net_ctx(net), ND_ERR_SHAPE,
                       "images of %zu numbers in rows of %zu features", augment->size,
                       source->features);
    }
    return ND_OK;
}

static nd_status set_mixup(nd_vary *v, nd_net *net, const nd_source *source, double alpha)
{
    const nd_loss_class *loss = nd_net_loss_class(net);
    size_t width = loss->label_width(nd_net_outputs(net));
    if (!(alpha > 0)) {
        return ND_OK;
    }
    v->mixup = (nd_mixup){.alpha = alpha,
                          .features = source->features,
                          .width = width,
                          .weighted = source->label_width > width,
                          .values = !loss->classes};
    v->label_width = nd_mixup_width(&v->mixup);
    return v->mixup.values ? ND_OK : nd_net_set_mixed(net, 1);
}

nd_status nd_vary_init(nd_vary *vary, nd_net *net, const nd_source *source, nd_augment *augment,
                       double alpha, uint64_t seed, size_t room)
{
    const nd_source_blocks *blocks = source->blocks;
    *vary = (nd_vary){.augment = augment,
                      .seed = seed,
                      .span = blocks != NULL ? blocks->count * blocks->full : source->rows,
                      .label_width = source->label_width};
    ND_TRY(check(net, source, augment));
    ND_TRY(set_mixup(vary, net, source, alpha));
    if (!nd_vary_does(vary)) {
        return ND_OK;
    }
    vary->x = nd_alloc_aligned(room, source->features * sizeof *vary->x);
    vary->y = nd_alloc_aligned(room, source->label_width * sizeof *vary->y);
    vary->number = nd_alloc(room, sizeof *vary->number);
    return vary->x && vary->y && vary->number ? ND_OK : nd_fail_memory(nd_net_ctx(net));
}

void nd_vary_free(nd_vary *vary, nd_net *net)
{
    if (vary->mixup.alpha > 0) {
        nd_net_set_mixed(net, 0);
    }
    nd_free(vary->x);
    nd_free(vary->y);
    nd_free(vary->number);
    *vary = (nd_vary){0};
}

bool nd_vary_does(const nd_vary *vary)
{
    return vary->augment != NULL || vary->mixup.alpha > 0;
}

void nd_vary_gather(nd_vary *v, nd_pool *pool, const nd_source *source, const uint32_t *index,
                    size_t first, size_t count, size_t at)
{
    nd_source_gather(source, pool, index, first, count, v->x + at * source->features,
                     v->y + at * source->label_width);
    for (size_t i = 0; i < count; i++) {
        v->number[at + i] = index != NULL ? index[i] : (uint32_t)(first + i);
    }
}

void nd_vary_rows(nd_vary *v, nd_pool *pool, uint64_t epoch, size_t rows, nd_real **x, nd_real *y)
{
    const nd_augment_keys keys = {.seed = v->seed, .step = epoch * v->span, .index = v->number};
    if (v->augment != NULL) {
        nd_augment_batch(v->augment, pool, &keys, v->x, rows, *x);
        nd_real *distorted = *x;
        *x = v->x;
        v->x = distorted;
    }
    if (v->mixup.alpha > 0) {
        nd_mixup_batch(&v->mixup, pool, &keys, v->x, v->y, rows, *x, y);
        return;
    }
    nd_real *done = v->x;
    v->x = *x;
    *x = done;
    memcpy(y, v->y, rows * v->label_width * sizeof *y);
}
