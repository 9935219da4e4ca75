#include <stdlib.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/plan.h"

/* Largest first; ties keep their order, so that the layout is one only. */
static int by_size(const void *a, const void *b)
{
    const nd_piece *x = *(nd_piece *const *)a, *y = *(nd_piece *const *)b;
    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* Lowest offset for piece among the placed ones, which are sorted by offset. */
static bool place(nd_piece *const *placed, size_t count, nd_piece *piece)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const nd_piece *p = placed[i];
        if (p->first > piece->last || p->last < piece->first) {
            continue;
        }
        if (p->offset >= at && p->offset - at >= piece->size) {
            break;
        }
        size_t end = p->offset + p->size;
        at = end > at ? end : at;
    }
    piece->offset = at;
    return at <= SIZE_MAX - piece->size;
}

static void insert(nd_piece **placed, size_t count, nd_piece *piece)
{
    size_t i = count;
    for (; i > 0 && placed[i - 1]->offset > piece->offset; i--) {
        placed[i] = placed[i - 1];
    }
    placed[i] = piece;
}

nd_status nd_layout(nd_ctx *ctx, nd_piece *piece, size_t count, size_t *total)
{
    nd_status status = ND_OK;
    nd_piece **order = nd_alloc(count, sizeof(nd_piece *));
    nd_piece **placed = nd_alloc(count, sizeof(nd_piece *));
    if (!order || !placed) {
        status = nd_fail_memory(ctx);
        goto done;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (piece[i].size) {
            order[used++] = &piece[i];
        }
    }
    qsort(order, used, sizeof(nd_piece *), by_size);
    *total = 0;
    for (size_t i = 0; i < used; i++) {
        if (!place(placed, i, order[i])) {
            status = nd_fail(ctx, ND_ERR_SHAPE, "the network is too large for this machine");
            goto done;
        }
        insert(placed, i, order[i]);
        size_t end = order[i]->offset + order[i]->size;
        *total = end > *total ? end : *total;
    }
done:
    nd_free(placed);
    nd_free(order);
    return status;
}
