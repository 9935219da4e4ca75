/* What the recurrent layers share: a sequence goes through a cell step by step, and its
 * gradient back through time (Werbos 1990). Inside, arrays are [time][rows][..], so that the
 * inputs of all steps make one matrix product, and so do the gradients of the weights; only
 * the product with the state is one per step. */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

/* Rows of one task of a step. */
enum { ROWS = 16 };

/* Sizes of a layer, by its attributes. */
typedef struct sizes {
    size_t time, features, units, wide; /* wide: all gates */
    size_t directions, truncate;
    bool all, bias;
} sizes;

/* Work space of one direction. */
typedef struct track {
    nd_real *gates, *product; /* [time][rows][wide] */
    nd_real *state, *cell;    /* [time + 1][rows][units], one of them before the first step */
    nd_real *squashed;        /* [time][rows][units] */
    nd_real *gafter, *gcell;  /* [rows][units] */
    const nd_real *weight, *recurrent, *bias, *inner;
    nd_real *gweight, *grecurrent, *gbias, *ginner;
} track;

typedef struct run {
    const nd_layer_io *io;
    const nd_cell *cell;
    sizes size;
    nd_real *x;        /* [time][rows][features] */
    nd_real *sums;     /* [wide], column sums of which a part is wanted */
    track track[2];    /* forwards, backwards */
    nd_cell_step step; /* of the task in hand, rows 0 on */
} run;

static sizes sizes_of(const nd_layer_shape *shape, const nd_cell *cell)
{
    const nd_optset *attr = shape->attr;
    size_t units = (size_t)nd_opt_int(attr, "units");
    return (sizes){.time = shape->times,
                   .features = shape->in[0] / shape->times,
                   .units = units,
                   .wide = cell->gates * units,
                   .directions = nd_opt_bool(attr, "bidirectional") ? 2 : 1,
                   .truncate = (size_t)nd_opt_int(attr, "truncate"),
                   .all = nd_opt_choice(attr, "return") == 1,
                   .bias = nd_opt_bool(attr, "bias")};
}

/* ---- Shape */

/* Steps by what is said of them; 0 if the inputs do not divide so. */
static size_t steps_of(const nd_layer_shape *shape)
{
    const nd_optset *attr = shape->attr;
    size_t in = shape->in[0];
    size_t features = nd_opt_auto(attr, "features") ? 1 : (size_t)nd_opt_int(attr, "features");
    if (nd_opt_auto(attr, "time")) {
        return in % features == 0 ? in / features : 0;
    }
    size_t time = (size_t)nd_opt_int(attr, "time");
    bool fits =
        nd_opt_auto(attr, "features") ? in % time == 0 : in % time == 0 && in / time == features;
    return fits ? time : 0;
}

static nd_status fail_steps(nd_ctx *ctx, const nd_layer_shape *shape)
{
    const nd_optset *attr = shape->attr;
    long time = nd_opt_auto(attr, "time") ? 0 : (long)nd_opt_int(attr, "time");
    long features = nd_opt_auto(attr, "features") ? 0 : (long)nd_opt_int(attr, "features");
    const char *none = shape->in[0] == 1 ? " does not" : "s do not";
    if (time && features) {
        return nd_fail(ctx, ND_ERR_SHAPE, "recurrent layer: %zu input%s make %ld steps of %ld",
                       shape->in[0], none, time, features);
    }
    return nd_fail(ctx, ND_ERR_SHAPE, "recurrent layer: %zu input%s make steps: %s=%ld",
                   shape->in[0], none, time ? "time" : "features", time ? time : features);
}

static nd_init input_init(const nd_optset *attr)
{
    static const nd_init init[] = {
        ND_INIT_GLOROT_UNIFORM, ND_INIT_GLOROT_NORMAL, ND_INIT_HE_UNIFORM, ND_INIT_HE_NORMAL,
        ND_INIT_LECUN_UNIFORM,  ND_INIT_LECUN_NORMAL,  ND_INIT_ORTHOGONAL,
    };
    return init[nd_opt_choice(attr, "init")];
}

static nd_init state_init(const nd_optset *attr)
{
    static const nd_init init[] = {ND_INIT_ORTHOGONAL, ND_INIT_IDENTITY, ND_INIT_GLOROT_UNIFORM,
                                   ND_INIT_GLOROT_NORMAL};
    return init[nd_opt_choice(attr, "recurrent_init")];
}

static void add_param(nd_layer_shape *shape, nd_tensor_spec spec)
{
    shape->param[shape->params++] = spec;
}

/* The tensors of one direction: [features][wide], [units][wide], [1][wide], [1][units]. */
static void add_params(nd_layer_shape *shape, const nd_cell *cell, const sizes *s, bool reverse)
{
    const nd_optset *attr = shape->attr;
    add_param(shape, (nd_tensor_spec){.name = reverse ? "reverse_weight" : "weight",
                                      .rows = s->features,
                                      .cols = s->wide,
                                      .init = input_init(attr),
                                      .fan_in = s->features,
                                      .fan_out = s->units,
                                      .decay = true,
                                      .gain = 1,
                                      .blocks = cell->gates});
    add_param(shape, (nd_tensor_spec){.name = reverse ? "reverse_recurrent" : "recurrent",
                                      .rows = s->units,
                                      .cols = s->wide,
                                      .init = state_init(attr),
                                      .fan_in = s->units,
                                      .fan_out = s->units,
                                      .decay = true,
                                      .gain = 1,
                                      .blocks = cell->gates});
    if (!s->bias) {
        return;
    }
    bool lifts = cell->lifted < cell->gates;
    add_param(shape, (nd_tensor_spec){.name = reverse ? "reverse_bias" : "bias",
                                      .rows = 1,
                                      .cols = s->wide,
                                      .init = ND_INIT_BLOCK,
                                      .value = lifts ? nd_opt_real(attr, "forget_bias") : 0,
                                      .blocks = cell->gates,
                                      .block = cell->lifted});
    if (cell->apart) {
        add_param(shape,
                  (nd_tensor_spec){.name = reverse ? "reverse_recurrent_bias" : "recurrent_bias",
                                   .rows = 1,
                                   .cols = s->units});
    }
}

/* Reals of a row in one direction. */
static double track_reals(const nd_cell *cell, const sizes *s)
{
    double time = (double)s->time, units = (double)s->units, wide = (double)s->wide;
    return time * wide * (cell->apart ? 2 : 1) + (time + 1) * units * (cell->cell_state ? 2 : 1) +
           (cell->cell_state ? time * units : 0) + 2 * units;
}

nd_status nd_recurrent_shape(nd_ctx *ctx, nd_layer_shape *shape, const nd_cell *cell)
{
    shape->times = steps_of(shape);
    if (shape->times == 0) {
        return fail_steps(ctx, shape);
    }
    sizes s = sizes_of(shape, cell);
    double reals = (double)shape->in[0] + (double)s.directions * track_reals(cell, &s);
    if (reals > 1e15) {
        return nd_fail(ctx, ND_ERR_SHAPE, "recurrent layer: %zu steps of %zu units are too many",
                       s.time, s.units);
    }
    shape->params = 0;
    for (size_t d = 0; d < s.directions; d++) {
        add_params(shape, cell, &s, d == 1);
    }
    shape->out = (s.all ? s.time : 1) * s.directions * s.units;
    shape->time = s.all ? s.time : 0;
    shape->work_per_row = (size_t)reals;
    shape->work = s.wide;
    shape->back_needs_x = false;
    return ND_OK;
}

/* ---- The walk */

static nd_real *take(nd_real **free, size_t reals)
{
    nd_real *taken = *free;
    *free += reals;
    return taken;
}

static void lay_track(run *r, size_t d, nd_real **free)
{
    const sizes *s = &r->size;
    const nd_layer_io *io = r->io;
    size_t rows = io->rows, k = d * (io->shape->params / s->directions);
    track *t = &r->track[d];
    *t = (track){.gates = take(free, s->time * rows * s->wide),
                 .product = r->cell->apart ? take(free, s->time * rows * s->wide) : NULL,
                 .state = take(free, (s->time + 1) * rows * s->units),
                 .gafter = take(free, rows * s->units),
                 .gcell = take(free, rows * s->units),
                 .weight = io->param[k],
                 .recurrent = io->param[k + 1],
                 .gweight = io->grad[k],
                 .grecurrent = io->grad[k + 1]};
    if (r->cell->cell_state) {
        t->cell = take(free, (s->time + 1) * rows * s->units);
        t->squashed = take(free, s->time * rows * s->units);
    }
    if (s->bias) {
        t->bias = io->param[k + 2];
        t->gbias = io->grad[k + 2];
    }
    if (s->bias && r->cell->apart) {
        t->inner = io->param[k + 3];
        t->ginner = io->grad[k + 3];
    }
}

static run begin(const nd_layer_io *io, const nd_cell *cell)
{
    run r = {.io = io, .cell = cell, .size = sizes_of(io->shape, cell)};
    nd_real *free = io->work;
    r.sums = take(&free, r.size.wide);
    r.x = take(&free, io->rows * io->shape->in[0]);
    for (size_t d = 0; d < r.size.directions; d++) {
        lay_track(&r, d, &free);
    }
    return r;
}

/* [rows][time][features] to [time][rows][features], one step a task. */
static void pack_step(void *user, size_t time)
{
    const run *r = user;
    size_t rows = r->io->rows, n = r->size.features, stride = r->io->shape->in[0];
    for (size_t i = 0; i < rows; i++) {
        memcpy(r->x + (time * rows + i) * n, r->io->x[0] + i * stride + time * n, n * sizeof *r->x);
    }
}

static void unpack_step(void *user, size_t time)
{
    const run *r = user;
    size_t rows = r->io->rows, n = r->size.features, stride = r->io->shape->in[0];
    for (size_t i = 0; i < rows; i++) {
        memcpy(r->io->gx[0] + i * stride + time * n, r->x + (time * rows + i) * n,
               n * sizeof *r->x);
    }
}

/* The step of direction d at a time: states lie one slot further on the side that the
 * direction goes to. */
static nd_cell_step step_at(const run *r, size_t d, size_t time)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    size_t rows = r->io->rows, small = rows * s->units, wide = rows * s->wide;
    size_t before = d == 0 ? time : time + 1, after = d == 0 ? time + 1 : time;
    bool relu = r->cell->chooses && nd_opt_choice(r->io->shape->attr, "activation") == 1;
    nd_cell_step step = {.rows = rows,
                         .units = s->units,
                         .act = relu ? ND_ACT_RELU : ND_ACT_TANH,
                         .bias = t->inner,
                         .gates = t->gates + time * wide,
                         .product = t->product ? t->product + time * wide : NULL,
                         .before = t->state + before * small,
                         .after = t->state + after * small,
                         .gafter = t->gafter,
                         .gcell = t->gcell};
    if (r->cell->cell_state) {
        step.cell_before = t->cell + before * small;
        step.cell_after = t->cell + after * small;
        step.squashed = t->squashed + time * small;
    }
    return step;
}

/* Some rows of the step in hand. */
static nd_cell_step part_of(const run *r, size_t task)
{
    nd_cell_step p = r->step;
    size_t first = task * ROWS, small = first * p.units, wide = first * r->size.wide;
    p.rows = p.rows - first < ROWS ? p.rows - first : ROWS;
    p.gates += wide;
    p.product = p.product ? p.product + wide : NULL;
    p.before += small;
    p.after += small;
    p.gafter += small;
    p.gcell += small;
    if (p.squashed) {
        p.cell_before += small;
        p.cell_after += small;
        p.squashed += small;
    }
    return p;
}

/* Columns of the result that the step of a direction fills or that its gradient is in;
 * -1 where only the last step is a result and this is another. */
static long column_of(const run *r, size_t d, size_t time)
{
    const sizes *s = &r->size;
    size_t last = d == 0 ? s->time - 1 : 0;
    if (!s->all && time != last) {
        return -1;
    }
    return (long)(((s->all ? time : 0) * s->directions + d) * s->units);
}

static void forward_task(void *user, size_t task)
{
    const run *r = user;
    nd_cell_step part = part_of(r, task);
    r->cell->forward(&part);
}

/* After a step, its states go to the result. */
static void put_result(const run *r, const nd_cell_step *step, long column)
{
    size_t out = r->io->shape->out, n = step->units;
    for (size_t i = 0; column >= 0 && i < step->rows; i++) {
        memcpy(r->io->y + i * out + column, step->after + i * n, n * sizeof *step->after);
    }
}

static size_t tasks_of(const run *r)
{
    return (r->io->rows + ROWS - 1) / ROWS;
}

/* Gates of the inputs of all steps, then step by step with the state, which starts at 0. */
static void forward_track(run *r, size_t d)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    nd_pool *pool = r->io->pool;
    size_t rows = r->io->rows, start = d == 0 ? 0 : s->time * rows * s->units;
    nd_gemm_nn_act(pool, s->time * rows, s->wide, s->features, r->x, t->weight, t->bias,
                   ND_ACT_NONE, 0, t->gates);
    nd_k_fill(0, rows * s->units, t->state + start);
    if (t->cell) {
        nd_k_fill(0, rows * s->units, t->cell + start);
    }
    for (size_t k = 0; k < s->time; k++) {
        size_t time = d == 0 ? k : s->time - 1 - k;
        r->step = step_at(r, d, time);
        nd_real *sum = r->step.product ? r->step.product : r->step.gates;
        nd_gemm_nn(pool, rows, s->wide, s->units, r->step.before, t->recurrent, sum,
                   sum == r->step.gates);
        nd_pool_run(pool, tasks_of(r), forward_task, r);
        put_result(r, &r->step, column_of(r, d, time));
    }
}

void nd_recurrent_forward(const nd_layer_io *io, const nd_cell *cell)
{
    run r = begin(io, cell);
    nd_pool_run(io->pool, r.size.time, pack_step, &r);
    for (size_t d = 0; d < r.size.directions; d++) {
        forward_track(&r, d);
    }
}

static void backward_task(void *user, size_t task)
{
    const run *r = user;
    nd_cell_step part = part_of(r, task);
    r->cell->backward(&part);
}

static void add_gradient(const run *r, const nd_cell_step *step, long column)
{
    size_t out = r->io->shape->out, n = step->units;
    for (size_t i = 0; column >= 0 && i < step->rows; i++) {
        const nd_real *gy = r->io->gy + i * out + column;
        for (size_t j = 0; j < n; j++) {
            step->gafter[i * n + j] += gy[j];
        }
    }
}

/* Back through time from the last step to the first that has a gradient; *first gets the
 * lowest time of those, the result is their number. */
static size_t walk_back(run *r, size_t d, size_t *first)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    size_t rows = r->io->rows, done = 0;
    bool ends = !s->all && s->truncate > 0 && s->truncate < s->time;
    size_t count = ends ? s->truncate : s->time;
    for (; done < count; done++) {
        size_t time = d == 0 ? s->time - 1 - done : done;
        if (done == 0 || (s->truncate > 0 && done % s->truncate == 0)) {
            nd_k_fill(0, rows * s->units, t->gafter);
            nd_k_fill(0, rows * s->units, t->gcell);
        }
        r->step = step_at(r, d, time);
        add_gradient(r, &r->step, column_of(r, d, time));
        nd_pool_run(r->io->pool, tasks_of(r), backward_task, r);
        const nd_real *gsum = r->step.product ? r->step.product : r->step.gates;
        if (done + 1 == count) {
            continue;
        }
        nd_gemm_nt(r->io->pool, rows, s->units, s->wide, gsum, t->recurrent, t->gafter,
                   r->cell->carries);
    }
    *first = d == 0 ? s->time - count : 0;
    return count;
}

/* gW = sum over steps of x^T gz, gU of before^T gz, gb of gz. */
static void weight_gradients(const run *r, size_t d, size_t first, size_t count)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    nd_pool *pool = r->io->pool;
    size_t rows = r->io->rows, n = count * rows;
    const nd_real *gates = t->gates + first * rows * s->wide;
    const nd_real *sums = t->product ? t->product + first * rows * s->wide : gates;
    const nd_real *before = t->state + (first + d) * rows * s->units;
    nd_gemm_tn(pool, s->features, s->wide, n, r->x + first * rows * s->features, gates, t->gweight,
               false);
    nd_gemm_tn(pool, s->units, s->wide, n, before, sums, t->grecurrent, false);
    if (t->gbias) {
        nd_k_column_sums(pool, n, s->wide, gates, t->gbias, false);
    }
    if (t->ginner) {
        nd_k_column_sums(pool, n, s->wide, sums, r->sums, false);
        memcpy(t->ginner, r->sums + s->wide - s->units, s->units * sizeof *t->ginner);
    }
}

/* gx of all steps, 0 where truncation let none through; in the place of the inputs. */
static void input_gradient(run *r, const size_t *first, const size_t *count)
{
    const sizes *s = &r->size;
    size_t rows = r->io->rows;
    bool whole = count[0] == s->time;
    if (!whole) {
        nd_k_fill(0, s->time * rows * s->features, r->x);
    }
    for (size_t d = 0; d < s->directions; d++) {
        nd_gemm_nt(r->io->pool, count[d] * rows, s->features, s->wide,
                   r->track[d].gates + first[d] * rows * s->wide, r->track[d].weight,
                   r->x + first[d] * rows * s->features, d > 0 || !whole);
    }
    nd_pool_run(r->io->pool, s->time, unpack_step, r);
}

void nd_recurrent_backward(const nd_layer_io *io, const nd_cell *cell)
{
    run r = begin(io, cell);
    size_t first[2], count[2];
    for (size_t d = 0; d < r.size.directions; d++) {
        count[d] = walk_back(&r, d, &first[d]);
        weight_gradients(&r, d, first[d], count[d]);
    }
    if (io->gx[0]) {
        input_gradient(&r, first, count);
    }
}
