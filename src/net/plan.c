/* From layers to prepared calls. Times of the layout, for n layers: forward of
 * layer i at i, the loss at n, backward of layer i at 2n - i. */
#include "net/plan.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/chain.h"

enum { RESULT, GRADIENT, WORK, EXTRA, SLOTS = EXTRA + ND_LAYER_INPUTS };

/* What is known of one layer while planning. */
typedef struct plan_node {
    const nd_desc_layer *layer;
    size_t readers;             /* edges that read the result */
    bool trained;               /* it or something below it has parameters */
    bool fused;                 /* an activation that the layer before applies */
    size_t result, gradient;    /* layer whose memory this one's result and gradient share */
    bool kept;                  /* of a result's owner: its value is needed in backward */
    nd_piece piece[SLOTS];      /* RESULT and GRADIENT of owners only */
    bool adds[ND_LAYER_INPUTS]; /* gradient of input k is added to one that is there */
} plan_node;

typedef struct planner {
    nd_ctx *ctx;
    plan_node *node;
    size_t count, max_rows;
} planner;

static size_t later(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t back_time(const planner *p, size_t i)
{
    return 2 * p->count - i;
}

static nd_status connect(planner *p, const nd_desc *desc)
{
    for (size_t i = 0; i < p->count; i++) {
        plan_node *node = &p->node[i];
        node->layer = desc->layer[i];
        node->result = node->gradient = i;
        node->trained = node->layer->shape.params > 0;
        for (size_t k = 0; k < node->layer->inputs; k++) {
            long from = node->layer->input[k];
            if (from >= 0) {
                p->node[from].readers++;
                node->trained = node->trained || p->node[from].trained;
            }
        }
    }
    for (size_t i = 0; i + 1 < p->count; i++) {
        if (p->node[i].readers == 0) {
            return nd_fail(p->ctx, ND_ERR_SHAPE, "layer %zu %s: no later layer uses it", i,
                           p->node[i].layer->name);
        }
    }
    return ND_OK;
}

/* Let layer i share memory with the one it alone reads, where the arithmetic
 * allows: an activation is applied by the layer before, other element-wise
 * layers work in place unless the value they would overwrite is needed later. */
static void share_memory(planner *p, size_t i)
{
    plan_node *node = &p->node[i];
    long from = node->layer->input[0];
    const nd_layer_shape *shape = &node->layer->shape;
    node->kept = shape->back_needs_y;
    if (from < 0 || !node->layer->class->in_place || p->node[from].readers != 1) {
        return;
    }
    plan_node *below = &p->node[from];
    plan_node *owner = &p->node[below->result];
    node->gradient = below->gradient;
    node->fused = nd_act_from_result(node->layer->class->act) && below->layer->class->takes_act;
    if (node->fused || (!owner->kept && !shape->back_needs_x)) {
        node->result = below->result;
        owner->kept = owner->kept || shape->back_needs_y;
    }
}

/* Reals of rows x width; 0 on overflow. */
static size_t batch_size(const planner *p, size_t width)
{
    size_t n;
    return __builtin_mul_overflow(p->max_rows, width, &n) ? 0 : nd_padded(n);
}

static nd_status set_piece(planner *p, size_t i, size_t slot, size_t size, size_t first)
{
    if (size == 0) {
        return nd_fail(p->ctx, ND_ERR_SHAPE, "layer %zu: %zu rows are too many for its width", i,
                       p->max_rows);
    }
    p->node[i].piece[slot] = (nd_piece){.size = size, .first = first, .last = first};
    return ND_OK;
}

static nd_status size_work(planner *p, size_t i)
{
    const nd_layer_shape *shape = &p->node[i].layer->shape;
    if (shape->work_per_row == 0 && shape->work == 0) {
        return ND_OK;
    }
    size_t rows = shape->work_per_row ? batch_size(p, shape->work_per_row) : 0;
    bool fits = (rows > 0 || shape->work_per_row == 0) && rows <= SIZE_MAX - shape->work;
    ND_TRY(set_piece(p, i, WORK, fits ? nd_padded(rows + shape->work) : 0, i));
    p->node[i].piece[WORK].last = back_time(p, i);
    return ND_OK;
}

/* Results: from forward until the last layer that reads them, in forward or
 * backward. The last one, the logits, stays. */
static nd_status size_result(planner *p, size_t i)
{
    plan_node *node = &p->node[i];
    const nd_desc_layer *layer = node->layer;
    if (node->result == i) {
        ND_TRY(set_piece(p, i, RESULT, batch_size(p, layer->shape.out), i));
    }
    nd_piece *piece = &p->node[node->result].piece[RESULT];
    size_t needed = i;
    if (node->trained && layer->shape.back_needs_y) {
        needed = back_time(p, node->fused ? (size_t)layer->input[0] : i);
    }
    if (i + 1 == p->count) {
        needed = 2 * p->count;
    }
    piece->last = later(piece->last, needed);
    for (size_t k = 0; k < layer->inputs; k++) {
        if (layer->input[k] >= 0) {
            bool back = node->trained && layer->shape.back_needs_x;
            nd_piece *x = &p->node[p->node[layer->input[k]].result].piece[RESULT];
            x->last = later(x->last, back ? back_time(p, i) : i);
        }
    }
    return ND_OK;
}

/* Gradients: from the first layer that writes them (the last that reads the
 * result) until the backward call of their owner. Called from the last layer to
 * the first, so the first to come is that writer. */
static nd_status size_gradients(planner *p, size_t i)
{
    const nd_desc_layer *layer = p->node[i].layer;
    for (size_t k = 0; p->node[i].trained && k < layer->inputs; k++) {
        long from = layer->input[k];
        if (from < 0 || !p->node[from].trained || p->node[from].gradient == p->node[i].gradient) {
            continue;
        }
        size_t owner = p->node[from].gradient, size = batch_size(p, layer->shape.in[k]);
        p->node[i].adds[k] = p->node[owner].piece[GRADIENT].size != 0;
        if (p->node[i].adds[k]) {
            ND_TRY(set_piece(p, i, EXTRA + k, size, back_time(p, i)));
        } else {
            ND_TRY(set_piece(p, owner, GRADIENT, size, back_time(p, i)));
            p->node[owner].piece[GRADIENT].last = back_time(p, owner);
        }
    }
    return ND_OK;
}

static nd_status size_pieces(planner *p)
{
    size_t last = p->count - 1, owner = p->node[last].gradient;
    for (size_t i = 0; i < p->count; i++) {
        ND_TRY(size_result(p, i));
        ND_TRY(size_work(p, i));
    }
    if (p->node[last].trained) {
        size_t size = batch_size(p, p->node[last].layer->shape.out);
        ND_TRY(set_piece(p, owner, GRADIENT, size, p->count));
        p->node[owner].piece[GRADIENT].last = back_time(p, owner);
    }
    for (size_t i = p->count; i-- > 0;) {
        ND_TRY(size_gradients(p, i));
    }
    return ND_OK;
}

/* Parts of a batch of a small net go through all layers on their own (chain.h), so
 * that one may be in backward while another is in forward: nothing is shared. */
static bool shares_nothing(const planner *p)
{
    size_t weights = 0;
    for (size_t i = 0; i < p->count; i++) {
        const nd_layer_shape *shape = &p->node[i].layer->shape;
        weights += shape->params ? shape->param[0].rows * shape->param[0].cols : 0;
    }
    return weights <= ND_CHAIN_WEIGHTS;
}

/* Gather all pieces, lay them out and give the offsets back. */
static nd_status lay_out(planner *p, size_t *total)
{
    size_t count = p->count * SLOTS;
    bool apart = shares_nothing(p);
    nd_piece *piece = nd_alloc(count, sizeof *piece);
    if (!piece) {
        return nd_fail_memory(p->ctx);
    }
    for (size_t i = 0; i < count; i++) {
        piece[i] = p->node[i / SLOTS].piece[i % SLOTS];
        piece[i].last = apart ? 2 * p->count : piece[i].last;
        piece[i].first = apart ? 0 : piece[i].first;
    }
    nd_status status = nd_layout(p->ctx, piece, count, total);
    for (size_t i = 0; i < count; i++) {
        p->node[i / SLOTS].piece[i % SLOTS] = piece[i];
    }
    nd_free(piece);
    return status;
}

static nd_real *result_of(const planner *p, const nd_plan *plan, size_t i)
{
    return plan->memory + p->node[p->node[i].result].piece[RESULT].offset;
}

static nd_real *gradient_of(const planner *p, const nd_plan *plan, size_t i)
{
    const nd_piece *piece = &p->node[p->node[i].gradient].piece[GRADIENT];
    return piece->size ? plan->memory + piece->offset : NULL;
}

static void fill_inputs(const planner *p, const nd_plan *plan, size_t i, nd_plan_step *step)
{
    const plan_node *node = &p->node[i];
    for (size_t k = 0; k < node->layer->inputs; k++) {
        long from = node->layer->input[k];
        if (from < 0) {
            continue;
        }
        step->io.x[k] = result_of(p, plan, (size_t)from);
        nd_real *gradient = gradient_of(p, plan, (size_t)from);
        step->sum[k] = node->adds[k] ? gradient : NULL;
        step->io.gx[k] = node->adds[k] ? plan->memory + node->piece[EXTRA + k].offset : gradient;
    }
}

/* Spans stand in the order of layers; *param and *buffer count those used up. */
static void fill_blocks(const nd_blocks *blocks, size_t *param, size_t *buffer, nd_layer_io *io)
{
    for (size_t k = 0; k < io->shape->params; k++, (*param)++) {
        io->param[k] = blocks->param + blocks->span[*param].offset;
        io->grad[k] = blocks->grad + blocks->span[*param].offset;
    }
    for (size_t k = 0; k < io->shape->buffers; k++, (*buffer)++) {
        io->buffer[k] = blocks->buffer + blocks->buffer_span[*buffer].offset;
    }
}

/* A dense layer that alone reads a fused activation takes its input's gradient
 * through it. Activations stand behind the layer that applies them. */
static void fold_derivative(const planner *p, size_t i, nd_plan_step *all)
{
    const plan_node *node = &p->node[i];
    long from = node->layer->input[0];
    if (!node->layer->class->takes_act || from < 0 || !p->node[from].fused ||
        p->node[from].readers != 1 || !all[i].io.gx[0]) {
        return;
    }
    nd_plan_step *below = &all[p->node[from].layer->input[0]];
    all[i].io.x_act = below->io.act;
    all[i].io.x_slope = below->io.slope;
    below->io.gy_of_z = true;
}

static void fill_steps(const planner *p, const nd_blocks *blocks, uint64_t seed, nd_plan *plan)
{
    size_t param = 0, buffer = 0;
    for (size_t i = 0; i < p->count; i++) {
        const plan_node *node = &p->node[i];
        nd_plan_step *step = &plan->step[i];
        step->layer = node->layer;
        step->skip = node->fused;
        step->io.shape = &node->layer->shape;
        step->io.rng = (nd_rng){.seed = seed, .stream = ND_STREAM_LAYER + (uint32_t)i};
        step->io.y = result_of(p, plan, i);
        step->io.gy = gradient_of(p, plan, i);
        step->io.work = node->piece[WORK].size ? plan->memory + node->piece[WORK].offset : NULL;
        fill_inputs(p, plan, i, step);
        fill_blocks(blocks, &param, &buffer, &step->io);
        if (node->fused) {
            nd_plan_step *below = &plan->step[node->layer->input[0]];
            below->io.act = node->layer->class->act;
            below->io.slope = (nd_real)node->layer->shape.slope;
        }
    }
    for (size_t i = 0; i < p->count; i++) {
        fold_derivative(p, i, plan->step);
    }
    for (size_t i = 0; i < p->count; i++) {
        memcpy(plan->step[i].gx, plan->step[i].io.gx, sizeof plan->step[i].gx);
    }
    plan->logits = result_of(p, plan, p->count - 1);
    plan->glogits = gradient_of(p, plan, p->count - 1);
}

static nd_status make_plan(planner *p, const nd_desc *desc, nd_plan *plan)
{
    ND_TRY(connect(p, desc));
    for (size_t i = 0; i < p->count; i++) {
        share_memory(p, i);
    }
    ND_TRY(size_pieces(p));
    ND_TRY(lay_out(p, &plan->size));
    plan->count = p->count;
    plan->step = nd_alloc(p->count, sizeof *plan->step);
    plan->memory = nd_alloc_aligned(plan->size + ND_SMALL_SLACK, sizeof(nd_real));
    return plan->step && plan->memory ? ND_OK : nd_fail_memory(p->ctx);
}

nd_status nd_plan_create(nd_ctx *ctx, const nd_desc *desc, const nd_blocks *blocks, size_t max_rows,
                         uint64_t seed, nd_plan *plan)
{
    planner p = {.ctx = ctx, .count = desc->count, .max_rows = max_rows};
    *plan = (nd_plan){0};
    p.node = nd_alloc(p.count, sizeof *p.node);
    if (!p.node) {
        return nd_fail_memory(ctx);
    }
    nd_status status = make_plan(&p, desc, plan);
    if (status == ND_OK) {
        fill_steps(&p, blocks, seed, plan);
        nd_plan_freeze(plan, false);
        status = nd_chain_create(ctx, plan, blocks, max_rows, &plan->chain);
    }
    if (status != ND_OK) {
        nd_plan_destroy(plan);
    }
    nd_free(p.node);
    return status;
}

/* Whether it or a layer below it is trained; those stand before it. */
static bool learns(const nd_plan *plan, const nd_plan_step *step)
{
    bool any = step->layer->shape.params > 0 && !step->io.frozen;
    for (size_t k = 0; k < step->layer->inputs; k++) {
        long from = step->layer->input[k];
        any = any || (from >= 0 && plan->step[from].trained);
    }
    return any;
}

void nd_plan_freeze(nd_plan *plan, bool thawed)
{
    plan->frozen = false;
    for (size_t i = 0; i < plan->count; i++) {
        nd_plan_step *step = &plan->step[i];
        step->io.frozen = step->layer->frozen && !thawed;
        step->trained = learns(plan, step);
        step->backward = step->trained && !step->skip;
        for (size_t k = 0; k < step->layer->inputs; k++) {
            long from = step->layer->input[k];
            bool wanted = step->trained && from >= 0 && plan->step[from].trained;
            step->io.gx[k] = wanted ? step->gx[k] : NULL;
        }
        plan->frozen = plan->frozen || step->io.frozen;
    }
    if (plan->chain) {
        nd_chain_reach(plan->chain, plan);
    }
}

void nd_plan_destroy(nd_plan *plan)
{
    nd_chain_destroy(plan->chain);
    nd_free(plan->step);
    nd_free(plan->memory);
    *plan = (nd_plan){0};
}
