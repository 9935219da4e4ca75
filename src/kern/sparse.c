#include "kern/sparse.h"

#include "kern/isa.h"

/* Rows that are looked at; tasks that a batch is cut into, of at least so many rows. */
enum { SAMPLE = 8, TASKS = 8, TASK_ROWS = 32 };

/* Below so many inputs or outputs there is nothing to gain; for the weight gradient, below
 * so many rows: all of it is written anyway, and lists of so few elements cost more. */
enum { LEAST_INPUTS = 32, LEAST_OUTPUTS = 8, LEAST_GW_ROWS = 24 };

bool nd_sparse_pays(size_t rows, size_t n, size_t outputs, const nd_real *x)
{
    if (n < LEAST_INPUTS || outputs < LEAST_OUTPUTS || rows == 0) {
        return false;
    }
    const nd_isa *isa = nd_isa_at(0);
    size_t sample = rows < SAMPLE ? rows : SAMPLE, most = sample * n / 4, count = 0;
    for (size_t i = 0; i < sample; i++) {
        count += isa->count_nonzero(n, x + i * (rows / sample) * n);
        if (count > most) {
            return false;
        }
    }
    return true;
}

typedef struct job {
    const nd_isa *isa;
    const nd_small_dense *dense;
    size_t rows, piece;
    const nd_real *x, *gz;
    nd_real *out;
    bool add;
} job;

static void forward_task(void *user, size_t i)
{
    const job *j = user;
    size_t at = i * j->piece, rest = j->rows - at;
    j->isa->sparse_forward(j->dense, rest < j->piece ? rest : j->piece, j->x + at * j->dense->in,
                           j->out + at * j->dense->out);
}

void nd_sparse_forward(nd_pool *pool, const nd_small_dense *d, size_t rows, const nd_real *x,
                       nd_real *y)
{
    size_t piece = (rows + TASKS - 1) / TASKS;
    job j = {.isa = nd_isa_at(0), .dense = d, .rows = rows, .x = x, .out = y};
    j.piece = piece < TASK_ROWS ? TASK_ROWS : piece;
    nd_pool_run(pool, (rows + j.piece - 1) / j.piece, forward_task, &j);
}

static void gw_task(void *user, size_t i)
{
    const job *j = user;
    size_t first = i * ND_SPARSE_COLUMNS, rest = j->dense->in - first;
    j->isa->sparse_gw(j->dense, first, rest < ND_SPARSE_COLUMNS ? rest : ND_SPARSE_COLUMNS, j->rows,
                      j->x, j->gz, j->out, j->add);
}

void nd_sparse_gw(nd_pool *pool, const nd_small_dense *d, size_t rows, const nd_real *x,
                  const nd_real *gz, nd_real *gw, bool add)
{
    if (rows < LEAST_GW_ROWS) {
        nd_gemm_tn(pool, d->in, d->out, rows, x, gz, gw, add);
        return;
    }
    job j = {
        .isa = nd_isa_at(0), .dense = d, .rows = rows, .x = x, .gz = gz, .out = gw, .add = add};
    nd_pool_run(pool, (d->in + ND_SPARSE_COLUMNS - 1) / ND_SPARSE_COLUMNS, gw_task, &j);
}
