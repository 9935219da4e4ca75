#include "kern/kern.h"

#include <math.h>

#include "kern/isa.h"

/* Element-wise work is cut into pieces of PIECE elements, larger ones only when
 * there would be more than PARTS; both follow from n alone. */
enum { PIECE = 16384, PARTS = 256 };

/* In a step of a small network, filling a job takes longer than the arithmetic: what
 * is one piece and lies on such a path calls the kernel itself. */
typedef struct job {
    const nd_isa *isa;
    size_t n; /* elements, or columns where rows are set */
    size_t rows;
    size_t piece; /* elements, rows or columns per task */
    size_t tasks;
    nd_act act;
    nd_real factor; /* slope, scale, deviation */
    const nd_mask *mask;
    const nd_rng *rng;
    const nd_update *update;
    const nd_real *a, *b;
    nd_real *out, *state1, *state2, *state3;
    nd_rule rule;
    bool add, multiply;
    double *part; /* [PARTS], results of a reduction, added in order */
} job;

static size_t pieces_of(size_t n, size_t piece)
{
    return (n + piece - 1) / piece;
}

/* Elements per task for n elements. */
static size_t piece_for(size_t n)
{
    size_t least = pieces_of(n, PARTS);
    return least > PIECE ? pieces_of(least, 64) * 64 : PIECE;
}

size_t nd_k_tasks(size_t n)
{
    return n > PIECE ? pieces_of(n, piece_for(n)) : 1;
}

/* Whether so many rows of n elements are one task, found without a division. */
static bool is_one_piece(size_t rows, size_t n)
{
    return n <= PIECE && rows <= PIECE && rows * n <= PIECE && rows > 0 && n > 0;
}

/* Rows per task when a row has n elements. */
static size_t rows_for(size_t rows, size_t n)
{
    size_t fit = n < PIECE ? PIECE / n : 1;
    size_t least = pieces_of(rows, PARTS);
    return least > fit ? least : fit;
}

/* Cut n units into pieces and run them; without the pool for one task: its caller has
 * entered base/fpenv.h. */
static void run(nd_pool *pool, size_t n, size_t piece, void (*task)(void *, size_t), job *j)
{
    j->piece = piece;
    j->tasks = n > piece ? pieces_of(n, piece) : n > 0;
    if (j->tasks == 1) {
        task(j, 0);
    } else {
        nd_pool_run(pool, j->tasks, task, j);
    }
}

static void run_elements(nd_pool *pool, job *j, void (*task)(void *, size_t))
{
    j->isa = nd_isa_at(0);
    run(pool, j->n, j->n <= PIECE ? PIECE : piece_for(j->n), task, j);
}

static void run_rows(nd_pool *pool, job *j, void (*task)(void *, size_t))
{
    j->isa = nd_isa_at(0);
    if (j->rows == 0 || j->n == 0) {
        return;
    }
    run(pool, j->rows, is_one_piece(j->rows, j->n) ? j->rows : rows_for(j->rows, j->n), task, j);
}

static double total_of(const job *j)
{
    double total = 0;
    for (size_t i = 0; i < j->tasks; i++) {
        total += j->part[i];
    }
    return total;
}

/* First element of task i, and its count. */
static size_t span_of(const job *j, size_t n, size_t i, size_t *count)
{
    size_t at = i * j->piece;
    *count = n - at < j->piece ? n - at : j->piece;
    return at;
}

static nd_real *offset(nd_real *x, size_t at)
{
    return x ? x + at : NULL;
}

static void act_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->act(j->act, j->factor, n, j->a + at, j->out + at);
}

void nd_k_act(nd_pool *pool, nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y)
{
    job j = {.act = act, .factor = slope, .n = n, .a = x, .out = y};
    run_elements(pool, &j, act_task);
}

static void act_back_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->act_back(j->act, j->factor, n, j->a + at, j->b + at, j->out + at);
}

void nd_k_act_back(nd_pool *pool, nd_act act, nd_real slope, size_t n, const nd_real *y,
                   const nd_real *gy, nd_real *gx)
{
    job j = {.act = act, .factor = slope, .n = n, .a = y, .b = gy, .out = gx};
    run_elements(pool, &j, act_back_task);
}

static void bias_act_task(void *user, size_t i)
{
    const job *j = user;
    size_t rows, at = span_of(j, j->rows, i, &rows);
    nd_real *y = j->out + at * j->n;
    if (j->a) {
        j->isa->bias(rows, j->n, j->a, y);
    }
    j->isa->act(j->act, j->factor, rows * j->n, y, y);
}

void nd_k_bias_act(nd_pool *pool, nd_act act, nd_real slope, size_t rows, size_t n,
                   const nd_real *bias, nd_real *y)
{
    job j = {.act = act, .factor = slope, .rows = rows, .n = n, .a = bias, .out = y};
    run_rows(pool, &j, bias_act_task);
}

void nd_k_bytes(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y)
{
    nd_isa_at(0)->bytes(n, x, factor, shift, y);
}

static void add_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->add(n, j->a + at, j->b + at, j->out + at);
}

void nd_k_add(nd_pool *pool, size_t n, const nd_real *a, const nd_real *b, nd_real *y)
{
    job j = {.n = n, .a = a, .b = b, .out = y};
    run_elements(pool, &j, add_task);
}

static void scale_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->scale(n, j->factor, j->out + at);
}

void nd_k_scale(nd_pool *pool, size_t n, nd_real factor, nd_real *x)
{
    job j = {.n = n, .factor = factor, .out = x};
    run_elements(pool, &j, scale_task);
}

void nd_k_fill(nd_real value, size_t n, nd_real *x)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = value;
    }
}

static void mask_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->mask(j->rng, j->mask, at, n, j->a + at, j->out + at);
}

void nd_k_mask(nd_pool *pool, const nd_rng *rng, const nd_mask *mask, size_t n, const nd_real *x,
               nd_real *y)
{
    job j = {.rng = rng, .mask = mask, .n = n, .a = x, .out = y};
    run_elements(pool, &j, mask_task);
}

void nd_k_dropout(nd_pool *pool, const nd_rng *rng, double rate, size_t n, const nd_real *x,
                  nd_real *y)
{
    nd_mask mask = {.rate = rate, .kept = (nd_real)(1 / (1 - rate))};
    nd_k_mask(pool, rng, &mask, n, x, y);
}

static void noise_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->noise(j->rng, j->factor, j->multiply, at, n, j->a + at, j->out + at);
}

void nd_k_noise(nd_pool *pool, const nd_rng *rng, double deviation, bool multiply, size_t n,
                const nd_real *x, nd_real *y)
{
    job j = {.rng = rng, .factor = (nd_real)deviation, .n = n, .a = x, .out = y};
    j.multiply = multiply;
    run_elements(pool, &j, noise_task);
}

static void sum_task(void *user, size_t i)
{
    job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->part[i] = j->isa->sum(n, j->a + at);
}

double nd_k_sum(nd_pool *pool, size_t n, const nd_real *x)
{
    double part[PARTS];
    job j = {.part = part, .n = n, .a = x};
    run_elements(pool, &j, sum_task);
    return total_of(&j);
}

static void dot_task(void *user, size_t i)
{
    job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->part[i] = j->isa->dot(n, j->a + at, j->b + at);
}

double nd_k_dot(nd_pool *pool, size_t n, const nd_real *x, const nd_real *y)
{
    double part[PARTS];
    job j = {.part = part, .n = n, .a = x, .b = y};
    run_elements(pool, &j, dot_task);
    return total_of(&j);
}

double nd_k_sum_squares(nd_pool *pool, size_t n, const nd_real *x)
{
    return nd_k_dot(pool, n, x, x);
}

static void max_abs_task(void *user, size_t i)
{
    job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->part[i] = (double)j->isa->max_abs(n, j->a + at);
}

nd_real nd_k_max_abs(nd_pool *pool, size_t n, const nd_real *x)
{
    double part[PARTS], most = 0;
    if (n <= PIECE) {
        return nd_isa_at(0)->max_abs(n, x);
    }
    job j = {.part = part, .n = n, .a = x};
    run_elements(pool, &j, max_abs_task);
    for (size_t i = 0; i < j.tasks; i++) {
        most = isnan(most) || part[i] <= most ? most : part[i];
    }
    return (nd_real)most;
}

bool nd_k_finite(nd_pool *pool, size_t n, const nd_real *x)
{
    return n <= PIECE ? nd_isa_at(0)->finite(n, x) : isfinite(nd_k_max_abs(pool, n, x));
}

/* Columns are cut so that a task reads about PIECE elements, in steps of a cache
 * line or more. */
static void run_columns(nd_pool *pool, job *j, void (*task)(void *, size_t))
{
    j->isa = nd_isa_at(0);
    size_t fit = PIECE / (j->rows > 0 ? j->rows : 1);
    run(pool, j->n, fit < 32 ? 32 : fit / 32 * 32, task, j);
}

static void column_sums_task(void *user, size_t i)
{
    const job *j = user;
    size_t width, at = span_of(j, j->n, i, &width);
    j->isa->column_sums(j->rows, j->n, width, j->a + at, j->out + at, j->add);
}

void nd_k_column_sums(nd_pool *pool, size_t rows, size_t n, const nd_real *g, nd_real *out,
                      bool add)
{
    job j = {.rows = rows, .n = n, .a = g, .out = out, .add = add};
    run_columns(pool, &j, column_sums_task);
}

static void column_moments_task(void *user, size_t i)
{
    const job *j = user;
    size_t width, at = span_of(j, j->n, i, &width);
    j->isa->column_moments(j->rows, j->n, width, j->a + at, j->state1 + at, j->state2 + at);
}

void nd_k_column_moments(nd_pool *pool, size_t rows, size_t n, const nd_real *x, nd_real *mean,
                         nd_real *variance)
{
    job j = {.rows = rows, .n = n, .a = x, .state1 = mean, .state2 = variance};
    run_columns(pool, &j, column_moments_task);
}

static void softmax_task(void *user, size_t i)
{
    const job *j = user;
    size_t rows, at = span_of(j, j->rows, i, &rows);
    j->isa->softmax(rows, j->n, j->a + at * j->n, j->out + at * j->n);
}

void nd_k_softmax(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    if (is_one_piece(rows, n)) {
        nd_isa_at(0)->softmax(rows, n, logits, p);
        return;
    }
    job j = {.rows = rows, .n = n, .a = logits, .out = p};
    run_rows(pool, &j, softmax_task);
}

void nd_k_sigmoid(nd_pool *pool, size_t n, const nd_real *logits, nd_real *p)
{
    nd_k_act(pool, ND_ACT_SIGMOID, 0, n, logits, p);
}

static void softmax_cross_entropy_task(void *user, size_t i)
{
    job *j = user;
    size_t rows, at = span_of(j, j->rows, i, &rows);
    j->part[i] = j->isa->softmax_cross_entropy(rows, j->n, j->a + at * j->n, j->b + at, j->factor,
                                               offset(j->out, at * j->n));
}

double nd_k_softmax_cross_entropy(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                                  const nd_real *target, nd_real scale, nd_real *grad)
{
    double part[PARTS];
    if (is_one_piece(rows, n)) {
        return nd_isa_at(0)->softmax_cross_entropy(rows, n, logits, target, scale, grad);
    }
    job j = {
        .part = part, .rows = rows, .n = n, .a = logits, .b = target, .factor = scale, .out = grad};
    run_rows(pool, &j, softmax_cross_entropy_task);
    return total_of(&j);
}

static void sigmoid_cross_entropy_task(void *user, size_t i)
{
    job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->part[i] =
        j->isa->sigmoid_cross_entropy(n, j->a + at, j->b + at, j->factor, offset(j->out, at));
}

double nd_k_sigmoid_cross_entropy(nd_pool *pool, size_t n, const nd_real *logits,
                                  const nd_real *target, nd_real scale, nd_real *grad)
{
    double part[PARTS];
    if (n <= PIECE) {
        return nd_isa_at(0)->sigmoid_cross_entropy(n, logits, target, scale, grad);
    }
    job j = {.part = part, .n = n, .a = logits, .b = target, .factor = scale, .out = grad};
    run_elements(pool, &j, sigmoid_cross_entropy_task);
    return total_of(&j);
}

static void squared_error_task(void *user, size_t i)
{
    job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->part[i] = j->isa->squared_error(n, j->a + at, j->b + at, j->factor, offset(j->out, at));
}

double nd_k_squared_error(nd_pool *pool, size_t n, const nd_real *y, const nd_real *target,
                          nd_real scale, nd_real *grad)
{
    double part[PARTS];
    if (n <= PIECE) {
        return nd_isa_at(0)->squared_error(n, y, target, scale, grad);
    }
    job j = {.part = part, .n = n, .a = y, .b = target, .factor = scale, .out = grad};
    run_elements(pool, &j, squared_error_task);
    return total_of(&j);
}

/* The average follows while the parameters of the piece are in the caches. */
static void follow_piece(const nd_isa *isa, const nd_update *u, size_t at, size_t n,
                         const nd_real *w)
{
    if (u->average) {
        isa->follow(n, (nd_real)u->share, w + at, u->average + at);
    }
}

static void follow_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->follow(n, j->factor, j->a + at, j->out + at);
}

void nd_k_follow(nd_pool *pool, size_t n, double share, const nd_real *w, nd_real *average)
{
    job j = {.n = n, .factor = (nd_real)share, .a = w, .out = average};
    run_elements(pool, &j, follow_task);
}

static void sgd_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->sgd(j->update, n, j->a + at, j->out + at);
    follow_piece(j->isa, j->update, at, n, j->out);
}

void nd_k_sgd(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w)
{
    if (n <= PIECE) {
        nd_isa_at(0)->sgd(u, n, grad, w);
        follow_piece(nd_isa_at(0), u, 0, n, w);
        return;
    }
    job j = {.update = u, .n = n, .a = grad, .out = w};
    run_elements(pool, &j, sgd_task);
}

static void momentum_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->momentum(j->update, n, j->a + at, j->out + at, j->state1 + at);
    follow_piece(j->isa, j->update, at, n, j->out);
}

void nd_k_momentum(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *v)
{
    if (n <= PIECE) {
        nd_isa_at(0)->momentum(u, n, grad, w, v);
        follow_piece(nd_isa_at(0), u, 0, n, w);
        return;
    }
    job j = {.update = u, .n = n, .a = grad, .out = w, .state1 = v};
    run_elements(pool, &j, momentum_task);
}

static void adam_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->adam(j->update, n, j->a + at, j->out + at, j->state1 + at, j->state2 + at);
    follow_piece(j->isa, j->update, at, n, j->out);
}

void nd_k_adam(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
               nd_real *m, nd_real *v)
{
    if (n <= PIECE) {
        nd_isa_at(0)->adam(u, n, grad, w, m, v);
        follow_piece(nd_isa_at(0), u, 0, n, w);
        return;
    }
    job j = {.update = u, .n = n, .a = grad, .out = w, .state1 = m, .state2 = v};
    run_elements(pool, &j, adam_task);
}

static void update_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->update(j->rule, j->update, n, j->a + at, j->out + at, offset(j->state1, at),
                   offset(j->state2, at), offset(j->state3, at));
    follow_piece(j->isa, j->update, at, n, j->out);
}

void nd_k_update(nd_pool *pool, nd_rule rule, const nd_update *u, size_t n, const nd_real *grad,
                 nd_real *w, nd_real *const state[3])
{
    job j = {.rule = rule,
             .update = u,
             .n = n,
             .a = grad,
             .out = w,
             .state1 = state[0],
             .state2 = state[1],
             .state3 = state[2]};
    run_elements(pool, &j, update_task);
}

static void look_ahead_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->look_ahead(n, j->factor, j->a + at, j->out + at, j->state1 + at);
}

void nd_k_look_ahead(nd_pool *pool, size_t n, nd_real factor, const nd_real *v, nd_real *w,
                     nd_real *saved)
{
    job j = {.n = n, .factor = factor, .a = v, .out = w, .state1 = saved};
    run_elements(pool, &j, look_ahead_task);
}

static void axpy_task(void *user, size_t i)
{
    const job *j = user;
    size_t n, at = span_of(j, j->n, i, &n);
    j->isa->axpy(n, j->factor, j->a + at, j->out + at);
}

void nd_k_axpy(nd_pool *pool, size_t n, nd_real factor, const nd_real *x, nd_real *y)
{
    job j = {.n = n, .factor = factor, .a = x, .out = y};
    run_elements(pool, &j, axpy_task);
}
