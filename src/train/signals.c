#include "train/signals.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

enum { PROBE_ROWS = 1024 };

/* Nearer to an end than this share of its range a result counts as saturated. */
static const double margin = 0.025;

struct nd_signals {
    nd_net *net;
    nd_layer_signal *signal;
    size_t count;
    size_t *index; /* [layers] of the description */
    nd_real *x;    /* [rows][inputs] */
    size_t rows;
    nd_real *before;       /* parameter block before the step */
    nd_real *ones, *slope; /* [widest layer] */
    bool *alive;           /* [widest layer] */
    bool measured;
};

/* Sums of squares over the parameters of a layer. */
typedef struct squares {
    double gradient, weight, before, step;
} squares;

static bool has_signal(const nd_desc_layer *layer)
{
    return layer->shape.params > 0 || layer->class->act != ND_ACT_NONE;
}

static size_t widest(const nd_desc *desc)
{
    size_t width = 1;
    for (size_t i = 0; i < desc->count; i++) {
        width = desc->layer[i]->shape.out > width ? desc->layer[i]->shape.out : width;
    }
    return width;
}

static nd_status make_room(nd_signals *s, const nd_source *source)
{
    const nd_desc *desc = nd_net_desc(s->net);
    size_t width = widest(desc), most = nd_net_max_rows(s->net);
    most = most < PROBE_ROWS ? most : PROBE_ROWS;
    s->rows = source->rows < most ? source->rows : most;
    s->signal = nd_alloc(desc->count, sizeof *s->signal);
    s->index = nd_alloc(desc->count, sizeof *s->index);
    s->x = nd_alloc_aligned(s->rows, source->features * sizeof *s->x);
    s->before = nd_alloc_aligned(nd_net_size(s->net), sizeof *s->before);
    s->ones = nd_alloc_aligned(width, sizeof *s->ones);
    s->slope = nd_alloc_aligned(width, sizeof *s->slope);
    s->alive = nd_alloc(width, sizeof *s->alive);
    if (!s->signal || !s->index || !s->x || !s->before || !s->ones || !s->slope || !s->alive) {
        return nd_fail_memory(nd_net_ctx(s->net));
    }
    nd_k_fill(1, width, s->ones);
    return ND_OK;
}

static void list_layers(nd_signals *s)
{
    const nd_desc *desc = nd_net_desc(s->net);
    for (size_t i = 0; i < desc->count; i++) {
        s->index[i] = s->count;
        s->count += has_signal(desc->layer[i]);
    }
}

/* Rows spread evenly over the source; of one with blocks, whose numbers have gaps, the
 * first. */
static nd_status take_rows(nd_signals *s, const nd_source *source)
{
    uint32_t *row = nd_alloc(s->rows, sizeof *row);
    if (!row) {
        return nd_fail_memory(nd_net_ctx(s->net));
    }
    for (size_t i = 0; i < s->rows; i++) {
        row[i] = (uint32_t)((uint64_t)i * source->rows / s->rows);
    }
    source->gather(source, source->blocks ? NULL : row, 0, s->rows, s->x, NULL);
    nd_free(row);
    return ND_OK;
}

nd_status nd_signals_create(nd_net *net, const nd_source *source, nd_signals **signals)
{
    nd_signals *s = nd_alloc(1, sizeof *s);
    *signals = NULL;
    if (!s) {
        return nd_fail_memory(nd_net_ctx(net));
    }
    s->net = net;
    nd_status status = make_room(s, source);
    if (status == ND_OK) {
        list_layers(s);
        status = take_rows(s, source);
    }
    if (status != ND_OK) {
        nd_signals_destroy(s);
        return status;
    }
    *signals = s;
    return ND_OK;
}

void nd_signals_destroy(nd_signals *signals)
{
    if (!signals) {
        return;
    }
    nd_free(signals->signal);
    nd_free(signals->index);
    nd_free(signals->x);
    nd_free(signals->before);
    nd_free(signals->ones);
    nd_free(signals->slope);
    nd_free(signals->alive);
    nd_free(signals);
}

void nd_signals_before(nd_signals *s)
{
    memcpy(s->before, nd_net_parameters(s->net), nd_net_size(s->net) * sizeof *s->before);
}

static void add_span(const nd_signals *s, const nd_span *span, squares *sum)
{
    size_t n = span->rows * span->cols;
    const nd_real *after = nd_net_parameters(s->net) + span->offset;
    nd_real *before = s->before + span->offset;
    sum->gradient += nd_k_sum_squares(NULL, n, nd_net_gradients(s->net) + span->offset);
    sum->weight += nd_k_sum_squares(NULL, n, after);
    sum->before += nd_k_sum_squares(NULL, n, before);
    nd_k_axpy(NULL, n, -1, after, before);
    sum->step += nd_k_sum_squares(NULL, n, before);
}

static nd_layer_signal measure_layer(const nd_signals *s, size_t layer)
{
    const nd_desc_layer *l = nd_net_desc(s->net)->layer[layer];
    size_t spans;
    const nd_span *span = nd_net_spans(s->net, &spans);
    bool trained = l->shape.params > 0;
    squares sum = {0};
    for (size_t i = 0; i < spans; i++) {
        if (span[i].layer == layer) {
            add_span(s, &span[i], &sum);
        }
    }
    return (nd_layer_signal){
        .name = l->name,
        .gradient = trained ? sqrt(sum.gradient) : NAN,
        .weight = trained ? sqrt(sum.weight) : NAN,
        .update = sum.before > 0 ? sqrt(sum.step / sum.before) : NAN,
        .dead = NAN,
        .saturated = NAN,
    };
}

void nd_signals_after(nd_signals *s)
{
    const nd_desc *desc = nd_net_desc(s->net);
    for (size_t i = 0; i < desc->count; i++) {
        if (has_signal(desc->layer[i])) {
            s->signal[s->index[i]] = measure_layer(s, i);
        }
    }
    s->measured = true;
}

/* Units whose derivative is 0 for every row. */
static double dead_share(nd_signals *s, const nd_desc_layer *layer, const nd_real *y, size_t rows)
{
    size_t width = layer->shape.out, dead = 0;
    nd_act act = layer->class->act;
    memset(s->alive, 0, width * sizeof *s->alive);
    for (size_t r = 0; r < rows; r++) {
        nd_k_act_back(NULL, act, (nd_real)layer->shape.slope, width, y + r * width, s->ones,
                      s->slope);
        for (size_t j = 0; j < width; j++) {
            s->alive[j] = s->alive[j] || s->slope[j] != 0;
        }
    }
    for (size_t j = 0; j < width; j++) {
        dead += !s->alive[j];
    }
    return (double)dead / (double)width;
}

/* NaN for an activation that has not two ends. */
static double saturated_share(nd_act act, const nd_real *y, size_t n)
{
    bool unit = act == ND_ACT_SIGMOID || act == ND_ACT_HARD_SIGMOID;
    if (!unit && act != ND_ACT_TANH && act != ND_ACT_SOFTSIGN) {
        return NAN;
    }
    double low = unit ? 0 : -1, near = margin * (1 - low);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += (double)y[i] <= low + near || (double)y[i] >= 1 - near;
    }
    return (double)count / (double)n;
}

static void see_layer(void *user, size_t i, const nd_real *y, size_t rows)
{
    nd_signals *s = user;
    const nd_desc_layer *layer = nd_net_desc(s->net)->layer[i];
    if (nd_act_from_result(layer->class->act)) {
        nd_layer_signal *signal = &s->signal[s->index[i]];
        signal->dead = dead_share(s, layer, y, rows);
        signal->saturated = saturated_share(layer->class->act, y, rows * layer->shape.out);
    }
}

const nd_layer_signal *nd_signals_take(nd_signals *s, size_t *count)
{
    *count = 0;
    if (!s->measured || nd_net_watch(s->net, s->x, s->rows, see_layer, s) != ND_OK) {
        return NULL;
    }
    s->measured = false;
    *count = s->count;
    return s->signal;
}
