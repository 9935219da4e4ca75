#include "kern/norm.h"

#include "kern/isa.h"

/* A task reads about PIECE elements, of columns a multiple of LINE. */
enum { PIECE = 16384, LINE = 32 };

typedef void (*kernel)(const nd_norm *norm, size_t first, size_t count);

typedef struct job {
    const nd_norm *norm;
    kernel run;
    size_t units, piece; /* rows or columns, and how many a task takes */
} job;

static void task(void *user, size_t i)
{
    const job *j = user;
    size_t first = i * j->piece, rest = j->units - first;
    j->run(j->norm, first, rest < j->piece ? rest : j->piece);
}

static void over_rows(nd_pool *pool, const nd_norm *norm, kernel run)
{
    size_t piece = norm->n < PIECE ? PIECE / norm->n : 1;
    job j = {.norm = norm, .run = run, .units = norm->rows, .piece = piece};
    nd_pool_run(pool, (norm->rows + piece - 1) / piece, task, &j);
}

static void over_columns(nd_pool *pool, const nd_norm *norm, kernel run)
{
    size_t fit = norm->rows < PIECE ? PIECE / norm->rows : 1;
    size_t piece = fit < LINE ? LINE : fit / LINE * LINE;
    job j = {.norm = norm, .run = run, .units = norm->n, .piece = piece};
    nd_pool_run(pool, (norm->n + piece - 1) / piece, task, &j);
}

void nd_norm_rows(nd_pool *pool, const nd_norm *norm)
{
    over_rows(pool, norm, nd_isa_at(0)->norm_rows);
}

void nd_norm_rows_back(nd_pool *pool, const nd_norm *norm)
{
    over_columns(pool, norm, nd_isa_at(0)->norm_rows_sums);
    if (norm->gx) {
        over_rows(pool, norm, nd_isa_at(0)->norm_rows_back);
    }
}

void nd_norm_columns(nd_pool *pool, const nd_norm *norm)
{
    over_columns(pool, norm, nd_isa_at(0)->norm_columns);
}

void nd_norm_columns_back(nd_pool *pool, const nd_norm *norm)
{
    over_columns(pool, norm, nd_isa_at(0)->norm_columns_back);
}
