/* What the recurrent layers share: a sequence goes through a cell step by step, and its
 * gradient back through time (Werbos 1990). Inside, arrays are [time][rows][..], so that the
 * inputs of all steps make one matrix product, and so do the gradients of the weights; only
 * the product with the state is one per step. Rows do not need each other: a thread takes some
 * of them through all of time. */
#include <string.h>

#include "base/ctx.h"
#include "kern/small.h"
#include "layer/layer.h"

/* Rows that go through time together, of a small and of a large batch. */
enum { FEW_ROWS = 16, MANY_ROWS = 32 };

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
    nd_real *turned;          /* [wide][units], the recurrent weights transposed */
    const nd_real *weight, *recurrent, *bias, *inner;
    nd_real *gweight, *grecurrent, *gbias, *ginner;
} track;

typedef struct run {
    const nd_layer_io *io;
    const nd_cell *cell;
    sizes size;
    nd_real *x;           /* [time][rows][features] */
    nd_real *sums;        /* [wide], column sums of which a part is wanted */
    track track[2];       /* forwards, backwards */
    size_t chunk, chunks; /* rows of a task, tasks of a direction */
    nd_pool *inside;      /* of the products of a step: none where tasks share the pool */
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
    shape->work = s.wide + s.directions * s.units * s.wide;
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
                 .turned = take(free, s->units * s->wide),
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
    r.chunk = io->rows < 2 * MANY_ROWS ? FEW_ROWS : MANY_ROWS;
    r.chunks = (io->rows + r.chunk - 1) / r.chunk;
    r.inside = r.chunks > 1 ? NULL : io->pool;
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

/* The step of direction d at a time, of the chunk that begins with a row: states lie one
 * slot further on the side that the direction goes to. */
static nd_cell_step step_at(const run *r, size_t d, size_t time, size_t first)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    size_t rows = r->io->rows, now = time * rows + first;
    size_t before = d == 0 ? now : now + rows, after = d == 0 ? now + rows : now;
    bool relu = r->cell->chooses && nd_opt_choice(r->io->shape->attr, "activation") == 1;
    nd_cell_step step = {.rows = rows - first < r->chunk ? rows - first : r->chunk,
                         .units = s->units,
                         .act = relu ? ND_ACT_RELU : ND_ACT_TANH,
                         .bias = t->inner,
                         .gates = t->gates + now * s->wide,
                         .product = t->product ? t->product + now * s->wide : NULL,
                         .before = t->state + before * s->units,
                         .after = t->state + after * s->units,
                         .gafter = t->gafter + first * s->units,
                         .gcell = t->gcell + first * s->units};
    if (r->cell->cell_state) {
        step.cell_before = t->cell + before * s->units;
        step.cell_after = t->cell + after * s->units;
        step.squashed = t->squashed + now * s->units;
    }
    return step;
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

/* After a step, its states go to the result. */
static void put_result(const run *r, const nd_cell_step *step, size_t first, long column)
{
    size_t out = r->io->shape->out, n = step->units;
    for (size_t i = 0; column >= 0 && i < step->rows; i++) {
        memcpy(r->io->y + (first + i) * out + column, step->after + i * n, n * sizeof *step->after);
    }
}

/* A chunk of rows in one direction, which starts with states of 0. */
static void forward_task(void *user, size_t task)
{
    const run *r = user;
    const sizes *s = &r->size;
    size_t d = task / r->chunks, first = task % r->chunks * r->chunk;
    for (size_t k = 0; k < s->time; k++) {
        size_t time = d == 0 ? k : s->time - 1 - k;
        nd_cell_step step = step_at(r, d, time, first);
        nd_real *sum = step.product ? step.product : step.gates;
        nd_gemm_nn(r->inside, step.rows, s->wide, s->units, step.before, r->track[d].recurrent, sum,
                   sum == step.gates);
        r->cell->forward(&step);
        put_result(r, &step, first, column_of(r, d, time));
    }
}

/* All chunks of both directions. */
static void walk(run *r, void (*task)(void *user, size_t i))
{
    size_t tasks = r->size.directions * r->chunks;
    if (r->chunks > 1) {
        nd_pool_run(r->io->pool, tasks, task, r);
        return;
    }
    for (size_t i = 0; i < tasks; i++) {
        task(r, i);
    }
}

/* Gates of the inputs of all steps; and the state that is there before the first. */
static void start_track(const run *r, size_t d)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    size_t rows = r->io->rows, start = d == 0 ? 0 : s->time * rows * s->units;
    nd_gemm_nn_act(r->io->pool, s->time * rows, s->wide, s->features, r->x, t->weight, t->bias,
                   ND_ACT_NONE, 0, t->gates);
    nd_k_fill(0, rows * s->units, t->state + start);
    if (t->cell) {
        nd_k_fill(0, rows * s->units, t->cell + start);
    }
}

void nd_recurrent_forward(const nd_layer_io *io, const nd_cell *cell)
{
    run r = begin(io, cell);
    nd_pool_run(io->pool, r.size.time, pack_step, &r);
    for (size_t d = 0; d < r.size.directions; d++) {
        start_track(&r, d);
    }
    walk(&r, forward_task);
}

static void add_gradient(const run *r, const nd_cell_step *step, size_t first, long column)
{
    size_t out = r->io->shape->out, n = step->units;
    for (size_t i = 0; column >= 0 && i < step->rows; i++) {
        const nd_real *gy = r->io->gy + (first + i) * out + column;
        for (size_t j = 0; j < n; j++) {
            step->gafter[i * n + j] += gy[j];
        }
    }
}

/* Steps that a gradient goes back from the last, all that are not cut off for good. */
static size_t steps_back(const sizes *s)
{
    bool ends = !s->all && s->truncate > 0 && s->truncate < s->time;
    return ends ? s->truncate : s->time;
}

/* A chunk of rows back through time. */
static void backward_task(void *user, size_t task)
{
    const run *r = user;
    const sizes *s = &r->size;
    size_t d = task / r->chunks, first = task % r->chunks * r->chunk, count = steps_back(s);
    for (size_t done = 0; done < count; done++) {
        size_t time = d == 0 ? s->time - 1 - done : done;
        nd_cell_step step = step_at(r, d, time, first);
        if (done == 0 || (s->truncate > 0 && done % s->truncate == 0)) {
            nd_k_fill(0, step.rows * s->units, step.gafter);
            nd_k_fill(0, step.rows * s->units, step.gcell);
        }
        add_gradient(r, &step, first, column_of(r, d, time));
        r->cell->backward(&step);
        const nd_real *gsum = step.product ? step.product : step.gates;
        if (done + 1 < count) {
            nd_gemm_nn(r->inside, step.rows, s->units, s->wide, gsum, r->track[d].turned,
                       step.gafter, r->cell->carries);
        }
    }
}

/* The lowest time that a gradient reaches. */
static size_t first_of(const sizes *s, size_t d)
{
    return d == 0 ? s->time - steps_back(s) : 0;
}

/* gW = sum over steps of x^T gz, gU of before^T gz, gb of gz. */
static void weight_gradients(const run *r, size_t d)
{
    const sizes *s = &r->size;
    const track *t = &r->track[d];
    nd_pool *pool = r->io->pool;
    size_t rows = r->io->rows, n = steps_back(s) * rows, first = first_of(s, d);
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
static void input_gradient(run *r)
{
    const sizes *s = &r->size;
    size_t rows = r->io->rows, count = steps_back(s);
    bool whole = count == s->time;
    if (!whole) {
        nd_k_fill(0, s->time * rows * s->features, r->x);
    }
    for (size_t d = 0; d < s->directions; d++) {
        size_t first = first_of(s, d);
        nd_gemm_nt(r->io->pool, count * rows, s->features, s->wide,
                   r->track[d].gates + first * rows * s->wide, r->track[d].weight,
                   r->x + first * rows * s->features, d > 0 || !whole);
    }
    nd_pool_run(r->io->pool, s->time, unpack_step, r);
}

void nd_recurrent_backward(const nd_layer_io *io, const nd_cell *cell)
{
    run r = begin(io, cell);
    const sizes *s = &r.size;
    for (size_t d = 0; d < s->directions; d++) {
        nd_small_dense weights = {.in = s->units,
                                  .out = s->wide,
                                  .weight = r.track[d].recurrent,
                                  .turned = r.track[d].turned};
        nd_small_turn(nd_small_kernels(), &weights);
    }
    walk(&r, backward_task);
    for (size_t d = 0; d < s->directions; d++) {
        weight_gradients(&r, d);
    }
    if (io->gx[0]) {
        input_gradient(&r);
    }
}
