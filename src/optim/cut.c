/* What holds where in the block: it is cut where penalties, rate or clipping change. */
#include "base/ctx.h"
#include "base/mem.h"
#include "optim/optim.h"

typedef struct builder {
    const nd_optim_regular *regular;
    nd_optim_cut *cut;
    uint64_t since; /* of the span being added */
} builder;

static bool is_alike(const nd_optim_stretch *a, const nd_optim_stretch *b)
{
    return a->l1 == b->l1 && a->decay == b->decay && a->decoupled == b->decoupled &&
           a->lr == b->lr && a->part == b->part && a->since == b->since;
}

static void add_stretch(builder *b, size_t offset, size_t end, const nd_regular *r, double lr)
{
    bool beside = b->regular->decoupled;
    nd_optim_stretch next = {.offset = offset,
                             .size = end - offset,
                             .l1 = r->l1,
                             .decay = r->l2 + (beside ? 0 : r->weight_decay),
                             .decoupled = beside ? r->weight_decay : 0,
                             .lr = lr,
                             .part = b->cut->parts - 1,
                             .since = b->since};
    nd_optim_stretch *last = b->cut->stretches ? &b->cut->stretch[b->cut->stretches - 1] : NULL;
    if (last && is_alike(last, &next)) {
        last->size = end - last->offset;
    } else if (end > offset) {
        b->cut->stretch[b->cut->stretches++] = next;
    }
}

/* The latest part grows to end, or another begins. */
static void add_part(builder *b, size_t offset, size_t end, bool begin)
{
    if (begin) {
        b->cut->part[b->cut->parts++] = (nd_optim_part){.offset = offset, .scale = 1};
    }
    b->cut->part[b->cut->parts - 1].size = end - b->cut->part[b->cut->parts - 1].offset;
}

static void add_matrix(builder *b, const nd_span *span, const nd_regular *r, bool last_layer)
{
    nd_optim_matrix m = {span->offset,     span->rows,
                         span->cols,       r->max_norm,
                         r->orthogonality, b->regular->clip == ND_CLIP_ADAPTIVE && !last_layer};
    if (span->lr != 0 && (m.max_norm > 0 || m.orthogonality > 0 || m.clip)) {
        b->cut->matrix[b->cut->matrices++] = m;
        b->cut->bounded = b->cut->bounded || m.max_norm > 0;
    }
}

/* Cut the block where penalties, rate or clipping change; a gap goes with the span before
 * it. */
static void cut_block(builder *b, const nd_span *span, size_t spans, size_t size, uint64_t since)
{
    const nd_span whole = {.decay = 0, .rows = 1, .cols = size, .lr = 1};
    bool by_layer = b->regular->clip == ND_CLIP_LAYER;
    if (spans == 0) {
        span = &whole;
        spans = 1;
    }
    size_t last_layer = span[spans - 1].layer, first_layer = span[0].layer;
    for (size_t i = 0; i < spans; i++) {
        size_t offset = i > 0 ? span[i].offset : 0, end = i + 1 < spans ? span[i + 1].offset : size;
        nd_regular r = nd_optim_regular_of(b->regular, &span[i]);
        b->since = span[i].lr != 0 && b->cut->rested && b->cut->rested[i] ? since : 0;
        add_part(b, offset, end, i == 0 || (by_layer && span[i].layer != span[i - 1].layer));
        add_stretch(b, offset, end, &r, span[i].lr);
        add_matrix(b, &span[i], &r, span[i].layer == last_layer && last_layer != first_layer);
    }
}

/* Scratch that the span's penalty on orthogonality needs, now or once it learns. */
static size_t square_of(const nd_optim_regular *regular, const nd_span *span)
{
    nd_optim_matrix m = {.rows = span->rows, .cols = span->cols};
    m.orthogonality = nd_optim_regular_of(regular, span).orthogonality;
    return nd_optim_square(&m);
}

nd_status nd_optim_cut_make(nd_ctx *ctx, const nd_optim_regular *regular, const nd_span *span,
                            size_t spans, size_t size, nd_optim_cut *cut)
{
    cut->stretch = nd_alloc(spans + 1, sizeof *cut->stretch);
    cut->part = nd_alloc(spans + 1, sizeof *cut->part);
    cut->matrix = nd_alloc(spans + 1, sizeof *cut->matrix);
    cut->rested = nd_alloc(spans + 1, sizeof *cut->rested);
    if (!cut->stretch || !cut->part || !cut->matrix || !cut->rested) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < spans; i++) {
        cut->rested[i] = span[i].lr == 0;
        size_t n = square_of(regular, &span[i]);
        cut->square = n > cut->square ? n : cut->square;
    }
    nd_optim_cut_again(regular, span, spans, size, 0, cut);
    return ND_OK;
}

void nd_optim_cut_again(const nd_optim_regular *regular, const nd_span *span, size_t spans,
                        size_t size, uint64_t since, nd_optim_cut *cut)
{
    builder b = {.regular = regular, .cut = cut};
    cut->stretches = cut->parts = cut->matrices = 0;
    cut_block(&b, span, spans, size, since);
}

void nd_optim_cut_free(nd_optim_cut *cut)
{
    nd_free(cut->stretch);
    nd_free(cut->part);
    nd_free(cut->matrix);
    nd_free(cut->rested);
}
