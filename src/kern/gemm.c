#include <string.h>

#include "kern/isa.h"

/* A product is cut by its shape into pieces of at most ROWS x COLUMNS. A small one
 * is cut further, into two where a piece keeps a million multiply-adds (some 20
 * microseconds), into more where it keeps the more, up to PIECES: each cut makes
 * another thread useful, and costs copying and waking. */
enum { ROWS = 96, COLUMNS = 512, PIECES = 8 };
#define SPLIT_WORK 1e6

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

static void cut(grid *g)
{
    const nd_gemm_piece *t = &g->whole;
    double work = (double)t->m * (double)t->n * (double)t->k;
    size_t down = pieces_of(t->m, ROWS), across = pieces_of(t->n, COLUMNS);
    while (down * across < PIECES) {
        double pieces = (double)(down * across);
        if (work / pieces < SPLIT_WORK * pieces) {
            break;
        }
        if (t->m / down > t->n / across) {
            down *= 2;
        } else {
            across *= 2;
        }
    }
    g->rows = pieces_of(t->m, down);
    g->columns = pieces_of(pieces_of(t->n, across), 32) * 32;
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
    g->isa->gemm(&piece);
}

static void multiply(nd_pool *pool, nd_gemm_piece whole)
{
    if (whole.m == 0 || whole.n == 0) {
        return;
    }
    if (whole.k == 0) {
        if (!whole.add) {
            memset(whole.c, 0, whole.m * whole.n * sizeof *whole.c);
        }
        return;
    }
    grid g = {.whole = whole, .isa = nd_isa_at(0)};
    cut(&g);
    nd_pool_run(pool, g.down * g.across, run_piece, &g);
}

void nd_gemm_nn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add)
{
    multiply(pool, (nd_gemm_piece){.m = m,
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
    multiply(pool, (nd_gemm_piece){.m = m,
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
    multiply(pool, (nd_gemm_piece){.m = m,
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
    nd_gemm_nn(pool, m, n, k, a, b, c, false);
    nd_k_bias_act(pool, act, slope, m, n, bias, c);
}

void nd_gemm_nt_back(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a,
                     const nd_real *b, nd_act act, nd_real slope, const nd_real *y, nd_real *c)
{
    nd_gemm_nt(pool, m, n, k, a, b, c, false);
    nd_k_act_back(pool, act, slope, m * n, y, c, c);
}
