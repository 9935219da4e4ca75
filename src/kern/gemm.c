#include <string.h>

#include "kern/isa.h"

/* A product is cut by its shape alone, into a power of two of pieces each way: so
 * many that none has more than ROWS x COLUMNS, and up to SPLIT while its work, in
 * multiply-adds, is worth it. Each cut makes another thread useful, and costs copying
 * and waking: two threads pay from some 5 microseconds on. Columns are cut first,
 * since a piece copies its own columns of B but all of them share the rows of A. */
enum { ROWS = 256, COLUMNS = 512, SPLIT = 8, UNIT = 16, NARROWEST = 32 };
#define SPLIT_WORK 2.5e5

typedef struct grid {
    nd_gemm_piece whole;
    const nd_isa *isa;
    size_t rows, columns; /* of a piece */
    size_t down, across;  /* pieces */
} grid;

static size_t pieces_of(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

static size_t power_of_two(size_t least)
{
    size_t power = 1;
    while (power < least) {
        power *= 2;
    }
    return power;
}

static void cut(grid *g)
{
    const nd_gemm_piece *t = &g->whole;
    double work = (double)t->m * (double)t->n * (double)t->k;
    size_t down = power_of_two(pieces_of(t->m, ROWS));
    size_t across = power_of_two(pieces_of(t->n, COLUMNS));
    while (down * across < SPLIT) {
        double pieces = (double)(down * across);
        if (work < SPLIT_WORK * pieces * pieces * pieces) {
            break;
        }
        if (t->n / across >= 2 * NARROWEST) {
            across *= 2;
        } else {
            down *= 2;
        }
    }
    g->rows = pieces_of(t->m, down);
    g->columns = pieces_of(pieces_of(t->n, across), UNIT) * UNIT;
    g->down = pieces_of(t->m, g->rows);
    g->across = pieces_of(t->n, g->columns);
}

static void run_piece(void *user, size_t i)
{
    const grid *g = user;
    nd_gemm_piece piece = g->whole;
    size_t row = i / g->across * g->rows, column = i % g->across * g->columns;
    piece.m = piece.m - row < g->rows ? piece.m - row : g->rows;
    piece.n = piece.n - column < g->columns ? piece.n - column : g->columns;
    piece.a += row * piece.a_row;
    piece.b += column * piece.b_col;
    piece.c += row * piece.ldc + column;
    piece.bias = piece.bias ? piece.bias + column : NULL;
    piece.y = piece.y ? piece.y + row * piece.ldc + column : NULL;
    g->isa->gemm(&piece);
}

static bool is_small(size_t m, size_t n, size_t k)
{
    return m <= ROWS && n <= COLUMNS && (double)m * (double)n * (double)k < SPLIT_WORK;
}

size_t nd_gemm_tasks(size_t m, size_t n, size_t k)
{
    if (m == 0 || n == 0 || is_small(m, n, k)) {
        return 1;
    }
    grid g = {.whole = {.m = m, .n = n, .k = k}};
    cut(&g);
    return g.down * g.across;
}

/* A small product runs at once, without a word to the pool. */
static void multiply(nd_pool *pool, const nd_gemm_piece *t)
{
    if (t->m == 0 || t->n == 0) {
        return;
    }
    if (t->k == 0 && !t->add) {
        memset(t->c, 0, t->m * t->n * sizeof *t->c);
    }
    const nd_isa *isa = nd_isa_at(0);
    if (is_small(t->m, t->n, t->k)) {
        isa->gemm(t);
        return;
    }
    grid g = {.whole = *t, .isa = isa};
    cut(&g);
    nd_pool_run(pool, g.down * g.across, run_piece, &g);
}

void nd_gemm_nn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add)
{
    multiply(pool, &(nd_gemm_piece){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .a_row = k,
                                    .a_col = 1,
                                    .b = b,
                                    .b_row = n,
                                    .b_col = 1,
                                    .c = c,
                                    .ldc = n,
                                    .add = add});
}

void nd_gemm_tn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add)
{
    multiply(pool, &(nd_gemm_piece){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .a_row = 1,
                                    .a_col = m,
                                    .b = b,
                                    .b_row = n,
                                    .b_col = 1,
                                    .c = c,
                                    .ldc = n,
                                    .add = add});
}

void nd_gemm_nt(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add)
{
    multiply(pool, &(nd_gemm_piece){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .a_row = k,
                                    .a_col = 1,
                                    .b = b,
                                    .b_row = 1,
                                    .b_col = k,
                                    .c = c,
                                    .ldc = n,
                                    .add = add});
}

void nd_gemm_nn_act(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                    const nd_real *bias, nd_act act, nd_real slope, nd_real *c)
{
    multiply(pool, &(nd_gemm_piece){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .a_row = k,
                                    .a_col = 1,
                                    .b = b,
                                    .b_row = n,
                                    .b_col = 1,
                                    .c = c,
                                    .ldc = n,
                                    .end = ND_END_ACT,
                                    .act = act,
                                    .slope = slope,
                                    .bias = bias});
}

void nd_gemm_nt_back(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a,
                     const nd_real *b, nd_act act, nd_real slope, const nd_real *y, nd_real *c)
{
    multiply(pool, &(nd_gemm_piece){.m = m,
                                    .n = n,
                                    .k = k,
                                    .a = a,
                                    .a_row = k,
                                    .a_col = 1,
                                    .b = b,
                                    .b_row = 1,
                                    .b_col = k,
                                    .c = c,
                                    .ldc = n,
                                    .end = ND_END_BACK,
                                    .act = act,
                                    .slope = slope,
                                    .y = y});
}
