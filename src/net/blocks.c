/* Parameter, gradient and buffer blocks: spans start at 64-byte boundaries. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "kern/small.h"
#include "net/plan.h"

size_t nd_padded(size_t n)
{
    size_t unit = 64 / sizeof(nd_real);
    return n > SIZE_MAX / sizeof(nd_real) - unit ? 0 : (n + unit - 1) / unit * unit;
}

static size_t count_tensors(const nd_desc *desc, bool buffers)
{
    size_t count = 0;
    for (size_t i = 0; i < desc->count; i++) {
        count += buffers ? desc->layer[i]->shape.buffers : desc->layer[i]->shape.params;
    }
    return count;
}

/* Append one span at *size and move *size behind it. */
static nd_status add_span(nd_ctx *ctx, const nd_tensor_spec *spec, size_t layer,
                          const nd_desc_layer *desc, size_t *size, nd_span *span)
{
    size_t n = 0;
    bool fits = !__builtin_mul_overflow(spec->rows, spec->cols, &n);
    size_t padded = fits ? nd_padded(n) : 0;
    size_t end = 0;
    if (padded == 0 || __builtin_add_overflow(*size, padded, &end) ||
        end > PTRDIFF_MAX / sizeof(nd_real)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "layer %zu: %s of %zu x %zu is too large", layer,
                       spec->name, spec->rows, spec->cols);
    }
    nd_text name = {0};
    nd_text_printf(&name, "layers.%zu.%s", layer, spec->name);
    if (name.failed) {
        return nd_fail_memory(ctx);
    }
    *span = (nd_span){.name = name.data,
                      .offset = *size,
                      .rows = spec->rows,
                      .cols = spec->cols,
                      .layer = layer,
                      .decay = spec->decay,
                      .lr = desc->frozen ? 0 : desc->lr,
                      .own = &desc->own};
    *size = end;
    return ND_OK;
}

static nd_status make_spans(nd_ctx *ctx, const nd_desc *desc, bool buffers, nd_span **spans,
                            size_t *count, size_t *size)
{
    *spans = nd_alloc(count_tensors(desc, buffers), sizeof **spans);
    if (!*spans) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < desc->count; i++) {
        const nd_layer_shape *shape = &desc->layer[i]->shape;
        const nd_tensor_spec *spec = buffers ? shape->buffer : shape->param;
        size_t tensors = buffers ? shape->buffers : shape->params;
        for (size_t k = 0; k < tensors; k++) {
            ND_TRY(add_span(ctx, &spec[k], i, desc->layer[i], size, &(*spans)[*count]));
            (*count)++;
        }
    }
    return ND_OK;
}

nd_status nd_blocks_create(nd_ctx *ctx, const nd_desc *desc, nd_blocks *b)
{
    ND_TRY(make_spans(ctx, desc, false, &b->span, &b->spans, &b->size));
    ND_TRY(make_spans(ctx, desc, true, &b->buffer_span, &b->buffer_spans, &b->buffer_size));
    b->param = nd_alloc_aligned(b->size + ND_SMALL_SLACK, sizeof(nd_real));
    b->grad = nd_alloc_aligned(b->size, sizeof(nd_real));
    b->buffer = nd_alloc_aligned(b->buffer_size, sizeof(nd_real));
    return b->param && b->grad && b->buffer ? ND_OK : nd_fail_memory(ctx);
}

static void free_spans(nd_span *span, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nd_free((char *)span[i].name);
    }
    nd_free(span);
}

void nd_blocks_destroy(nd_blocks *b)
{
    free_spans(b->span, b->spans);
    free_spans(b->buffer_span, b->buffer_spans);
    nd_free(b->param);
    nd_free(b->grad);
    nd_free(b->buffer);
}
