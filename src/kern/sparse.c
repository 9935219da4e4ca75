#include "kern/sparse.h"

#include <math.h>

#include "kern/isa.h"
#include "kern/kern.h"

/* Rows that are looked at; tasks that a batch is cut into, of at least so many rows. */
enum { SAMPLE = 8, TASKS = 8, TASK_ROWS = 16 };

/* Below so many inputs or outputs there is nothing to gain; for the weight gradient, below
 * so many rows: all of it is written anyway, and lists of so few elements cost more. */
enum { LEAST_INPUTS = 32, LEAST_OUTPUTS = 8, LEAST_GW_ROWS = 24 };

static bool pays(size_t rows, size_t n, const nd_real *x, nd_real base)
{
    const nd_isa *isa = nd_isa_at(0);
    size_t sample = rows < SAMPLE ? rows : SAMPLE, most = sample * n / 4, count = 0;
    for (size_t i = 0; i < sample; i++) {
        count += isa->count_other(n, base, x + i * (rows / sample) * n);
        if (count > most) {
            return false;
        }
    }
    return true;
}

static bool large_enough(size_t rows, size_t n, size_t outputs)
{
    return n >= LEAST_INPUTS && outputs >= LEAST_OUTPUTS && rows > 0;
}

bool nd_sparse_pays(size_t rows, size_t n, size_t outputs, const nd_real *x)
{
    return large_enough(rows, n, outputs) && pays(rows, n, x, 0);
}

/* Where an image or a list of marks begins and ends there is usually nothing. */
bool nd_sparse_base(size_t rows, size_t n, size_t outputs, const nd_real *x, nd_real *base)
{
    *base = 0;
    if (!large_enough(rows, n, outputs)) {
        return false;
    }
    if (pays(rows, n, x, 0)) {
        return true;
    }
    const nd_real edge[] = {x[0], x[n - 1]};
    for (size_t i = 0; rows >= ND_SPARSE_BASE_ROWS && outputs <= ND_SPARSE_OUTPUTS && i < 2; i++) {
        if (edge[i] != 0 && isfinite(edge[i]) && pays(rows, n, x, edge[i])) {
            *base = edge[i];
            return true;
        }
    }
    return false;
}

typedef struct job {
    const nd_isa *isa;
    const nd_small_dense *dense;
    size_t rows, piece;
    nd_real base;
    const nd_real *x, *gz, *start;
    nd_real *out;
    bool add;
} job;

static void forward_task(void *user, size_t i)
{
    const job *j = user;
    size_t at = i * j->piece, rest = j->rows - at;
    j->isa->sparse_forward(j->dense, j->base, rest < j->piece ? rest : j->piece,
                           j->x + at * j->dense->in, j->out + at * j->dense->out);
}

/* x W + b = (x - base) W + (b + base * sums of the columns of W) */
static void base_of_forward(nd_pool *pool, const nd_small_dense *d, nd_real base, nd_real *start)
{
    nd_k_column_sums(pool, d->in, d->out, d->weight, start, false);
    for (size_t j = 0; j < d->out; j++) {
        start[j] = base * start[j] + (d->bias ? d->bias[j] : 0);
    }
}

void nd_sparse_forward(nd_pool *pool, const nd_small_dense *d, nd_real base, size_t rows,
                       const nd_real *x, nd_real *y)
{
    nd_real start[ND_SPARSE_OUTPUTS];
    nd_small_dense shifted = *d;
    size_t piece = (rows + TASKS - 1) / TASKS;
    if (base != 0) {
        base_of_forward(pool, d, base, start);
        shifted.bias = start;
    }
    job j = {.isa = nd_isa_at(0), .dense = &shifted, .rows = rows, .base = base, .x = x, .out = y};
    j.piece = piece < TASK_ROWS ? TASK_ROWS : piece;
    nd_pool_run(pool, (rows + j.piece - 1) / j.piece, forward_task, &j);
}

static void gw_task(void *user, size_t i)
{
    const job *j = user;
    size_t first = i * ND_SPARSE_COLUMNS, rest = j->dense->in - first;
    j->isa->sparse_gw(j->dense, j->base, j->start, first,
                      rest < ND_SPARSE_COLUMNS ? rest : ND_SPARSE_COLUMNS, j->rows, j->x, j->gz,
                      j->out, j->add);
}

/* x^T gz = (x - base)^T gz + base * sums of the columns of gz, in every row */
void nd_sparse_gw(nd_pool *pool, const nd_small_dense *d, nd_real base, const nd_real *sums,
                  size_t rows, const nd_real *x, const nd_real *gz, nd_real *gw, bool add)
{
    nd_real start[ND_SPARSE_OUTPUTS];
    if (rows < LEAST_GW_ROWS) {
        nd_gemm_tn(pool, d->in, d->out, rows, x, gz, gw, add);
        return;
    }
    for (size_t i = 0; base != 0 && i < d->out; i++) {
        start[i] = base * sums[i];
    }
    job j = {.isa = nd_isa_at(0),
             .dense = d,
             .rows = rows,
             .base = base,
             .x = x,
             .gz = gz,
             .start = base != 0 ? start : NULL,
             .out = gw,
             .add = add};
    nd_pool_run(pool, (d->in + ND_SPARSE_COLUMNS - 1) / ND_SPARSE_COLUMNS, gw_task, &j);
}
