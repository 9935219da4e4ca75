#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/chain.h"
#include "net/plan.h"

/* Whether what the last layer does is undone or done again by the loss on logits. */
static bool clashes(const char *type, const char *link)
{
    return strcmp(type, link) == 0 ||
           (strcmp(link, "softmax") == 0 && strcmp(type, "log_softmax") == 0) ||
           (strcmp(link, "sigmoid") == 0 && strcmp(type, "hard_sigmoid") == 0);
}

/* A loss on logits applies its own softmax or sigmoid. */
static nd_status check_loss(nd_ctx *ctx, const nd_desc *desc, const nd_loss_class *loss)
{
    size_t last = desc->count - 1, outputs = nd_desc_outputs(desc);
    const char *type = desc->layer[last]->class->name;
    if (clashes(type, loss->link)) {
        return nd_fail(ctx, ND_ERR_OPTION, "layer %zu %s: loss %s applies %s itself; leave it out",
                       last, type, loss->name, loss->link);
    }
    if (outputs < loss->min_outputs) {
        return nd_fail(ctx, ND_ERR_SHAPE, "loss %s needs at least %zu outputs, not %zu", loss->name,
                       loss->min_outputs, outputs);
    }
    if (loss->spread && outputs % 2 != 0) {
        return nd_fail(ctx, ND_ERR_SHAPE, "loss %s takes two outputs per target, not %zu in all",
                       loss->name, outputs);
    }
    return ND_OK;
}

/* The net's own description speaks to the net's context. */
static nd_status adopt_desc(nd_net *net, const nd_desc *desc)
{
    ND_TRY(nd_desc_copy(desc, &net->desc));
    net->desc->ctx = net->ctx;
    for (size_t i = 0; i < net->desc->count; i++) {
        net->desc->layer[i]->attr.ctx = net->ctx;
    }
    return ND_OK;
}

static nd_status build(nd_net *net, const nd_desc *desc)
{
    ND_TRY(adopt_desc(net, desc));
    ND_TRY(nd_blocks_create(net->ctx, net->desc, &net->blocks));
    ND_TRY(nd_plan_create(net->ctx, net->desc, &net->blocks, net->max_rows, net->seed, &net->plan));
    return nd_blocks_init(net->ctx, net->desc, &net->blocks, net->seed);
}

nd_status nd_net_create(nd_ctx *ctx, const nd_desc *desc, const char *loss, size_t max_rows,
                        uint64_t seed, nd_net **net)
{
    if (net) {
        *net = NULL;
    }
    if (!ctx || !desc || !loss || !net) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_net_create: a null pointer was passed");
    }
    if (max_rows == 0 || desc->count == 0) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_net_create: %s",
                       desc->count ? "max_rows is 0" : "the description has no layer");
    }
    nd_loss found;
    ND_TRY(nd_loss_read(ctx, loss, &found));
    ND_TRY(check_loss(ctx, desc, found.class));
    nd_net *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->ctx = ctx;
    made->loss = found;
    made->max_rows = max_rows;
    made->seed = seed;
    nd_status status = build(made, desc);
    if (status != ND_OK) {
        nd_net_destroy(made);
        return status;
    }
    *net = made;
    return ND_OK;
}

void nd_net_destroy(nd_net *net)
{
    if (!net) {
        return;
    }
    nd_noise_destroy(net->noise);
    nd_plan_destroy(&net->plan);
    nd_blocks_destroy(&net->blocks);
    nd_desc_destroy(net->desc);
    nd_free(net->mixed);
    nd_free(net);
}

nd_status nd_net_replan(nd_net *net, size_t max_rows)
{
    if (max_rows == 0) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "nd_net_replan: max_rows is 0");
    }
    nd_plan plan;
    nd_real *mixed = NULL;
    if (net->mixed) {
        mixed = nd_alloc_aligned(max_rows, nd_net_outputs(net) * sizeof *mixed);
        if (!mixed) {
            return nd_fail_memory(net->ctx);
        }
    }
    nd_status status =
        nd_plan_create(net->ctx, net->desc, &net->blocks, max_rows, net->seed, &plan);
    if (status != ND_OK) {
        nd_free(mixed);
        return status;
    }
    nd_free(net->mixed);
    net->mixed = mixed;
    nd_plan_destroy(&net->plan);
    nd_noise_destroy(net->noise);
    net->noise = NULL;
    net->plan = plan;
    nd_plan_freeze(&net->plan, net->thawed);
    net->max_rows = max_rows;
    net->ran = false;
    return ND_OK;
}

void nd_net_thaw(nd_net *net, bool thawed)
{
    nd_blocks *b = &net->blocks;
    net->thawed = thawed;
    for (size_t i = 0; i < b->spans; i++) {
        const nd_desc_layer *layer = net->desc->layer[b->span[i].layer];
        b->span[i].lr = layer->frozen && !thawed ? 0 : layer->lr;
    }
    memset(b->grad, 0, b->size * sizeof *b->grad);
    nd_plan_freeze(&net->plan, thawed);
}

size_t nd_net_inputs(const nd_net *net)
{
    return net ? net->desc->n_in : 0;
}

size_t nd_net_outputs(const nd_net *net)
{
    return net ? nd_desc_outputs(net->desc) : 0;
}

size_t nd_net_size(const nd_net *net)
{
    return net ? net->blocks.size : 0;
}

nd_real *nd_net_parameters(nd_net *net)
{
    return net ? net->blocks.param : NULL;
}

nd_real *nd_net_gradients(nd_net *net)
{
    return net ? net->blocks.grad : NULL;
}

const nd_span *nd_net_spans(const nd_net *net, size_t *count)
{
    if (count) {
        *count = net ? net->blocks.spans : 0;
    }
    return net ? net->blocks.span : NULL;
}

size_t nd_net_buffer_size(const nd_net *net)
{
    return net->blocks.buffer_size;
}

nd_real *nd_net_buffers(nd_net *net)
{
    return net->blocks.buffer;
}

const nd_span *nd_net_buffer_spans(const nd_net *net, size_t *count)
{
    *count = net->blocks.buffer_spans;
    return net->blocks.buffer_span;
}

const nd_desc *nd_net_desc(const nd_net *net)
{
    return net->desc;
}

const nd_loss_class *nd_net_loss_class(const nd_net *net)
{
    return net->loss.class;
}

const nd_loss *nd_net_loss_in_force(const nd_net *net)
{
    return &net->loss;
}

nd_ctx *nd_net_ctx(const nd_net *net)
{
    return net->ctx;
}

size_t nd_net_max_rows(const nd_net *net)
{
    return net->max_rows;
}

nd_status nd_net_set_weighted(nd_net *net, int weighted)
{
    if (!net) {
        return ND_ERR_ARGUMENT;
    }
    net->weighted = weighted != 0;
    return ND_OK;
}

nd_status nd_net_set_mixed(nd_net *net, int mixed)
{
    if (!net) {
        return ND_ERR_ARGUMENT;
    }
    if (!mixed) {
        nd_free(net->mixed);
        net->mixed = NULL;
        return ND_OK;
    }
    if (!net->mixed) {
        net->mixed = nd_alloc_aligned(net->max_rows, nd_net_outputs(net) * sizeof *net->mixed);
    }
    return net->mixed ? ND_OK : nd_fail_memory(net->ctx);
}

double nd_net_train_weight(const nd_net *net, const nd_real *y, size_t rows)
{
    return net->mixed ? nd_loss_weight(&net->loss, 2 * rows, nd_net_outputs(net), y)
                      : nd_net_weight(net, y, rows);
}

double nd_net_weight(const nd_net *net, const nd_real *y, size_t rows)
{
    return net->weighted ? nd_loss_weight(&net->loss, rows, nd_net_outputs(net), y) : (double)rows;
}

size_t nd_net_label_width(const nd_net *net)
{
    return net->loss.class->label_width(nd_net_outputs(net)) + net->weighted;
}

void nd_net_set_step(nd_net *net, uint64_t step)
{
    net->step = step;
}

size_t nd_net_parameter_count(const nd_net *net)
{
    size_t count = 0;
    for (size_t i = 0; i < net->blocks.spans; i++) {
        count += net->blocks.span[i].rows * net->blocks.span[i].cols;
    }
    return count;
}

/* A weight multiplies once forward, once for its own gradient, and once for the
 * gradient of its input where that is wanted. */
double nd_net_flops(const nd_net *net, bool training)
{
    double sum = 0;
    for (size_t i = 0; i < net->plan.count; i++) {
        const nd_plan_step *step = &net->plan.step[i];
        const nd_layer_shape *shape = &step->layer->shape;
        double steps = shape->times ? (double)shape->times : 1;
        for (size_t k = 0; k < shape->params; k++) {
            double own = training && step->backward && !step->io.frozen;
            double times = 1 + own + (training && step->io.gx[0] ? 1 : 0);
            times *= steps;
            sum += shape->param[k].fan_in
                       ? times * (double)shape->param[k].rows * (double)shape->param[k].cols
                       : 0;
        }
    }
    return sum;
}

size_t nd_net_bytes(const nd_net *net)
{
    const nd_blocks *b = &net->blocks;
    return (net->plan.size + 2 * b->size + b->buffer_size) * sizeof(nd_real);
}
