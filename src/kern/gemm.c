#include <string.h>

#include "base/pool.h"
#include "kern/isa.h"

/* A product is cut by its shape alone, into a power of two of pieces each way: so
 * many that none has more than ROWS x COLUMNS, and up to SPLIT while its work, in
 * multiply-adds, is worth it. Each cut makes another thread useful, and costs copying
 * and waking: two threads pay from some 5 microseconds on. Columns are cut first,
 * since a piece copies its own columns of B but all of them share the rows of A. */
enum { ROWS = 256, COLUMNS = 512, SPLIT = 8, UNIT = 16, NARROWEST = 32 };
#define SPLIT_WORK 2.5e5

/* Where many columns share the rows of A, these are copied once for all pieces, which may
 * then have more rows, so that fewer of them copy the same columns of B, and only the
 * columns that are copied at a time, so that threads end together. What a piece computes is
 * the same with the copy and without. */
enum { SHARED_COLUMNS = 320, SHARED_ROWS = 48, SHARED_DEPTH = 16, TALL = 1024, NARROW = 64 };
#define SHARED_WORK 4e6
static const size_t shared_most = (size_t)8 << 20; /* bytes */

typedef struct grid {
    nd_gemm_piece whole;
    const nd_isa *isa;
    size_t rows, columns; /* of a piece */
    size_t down, across;  /* pieces */
    nd_real *left;        /* [m][k]: of each row of pieces the blocks of its rows; or NULL */
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

static double work_of(const nd_gemm_piece *t)
{
    return (double)t->m * (double)t->n * (double)t->k;
}

static bool is_shared(const nd_gemm_piece *t)
{
    return t->n >= SHARED_COLUMNS && t->m >= SHARED_ROWS && t->k >= SHARED_DEPTH &&
           work_of(t) >= SHARED_WORK && t->m <= shared_most / sizeof *t->a / t->k;
}

static void cut(grid *g, bool shared)
{
    const nd_gemm_piece *t = &g->whole;
    double work = work_of(t);
    size_t rows = shared ? TALL : t->blocks ? ND_GEMM_BLOCK_ROWS : ROWS;
    size_t down = power_of_two(pieces_of(t->m, rows));
    size_t across = power_of_two(pieces_of(t->n, shared ? NARROW : COLUMNS));
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

/* Rows of pieces number i, all columns. */
static nd_gemm_piece rows_of(const grid *g, size_t i)
{
    nd_gemm_piece piece = g->whole;
    size_t row = i * g->rows;
    piece.m = piece.m - row < g->rows ? piece.m - row : g->rows;
    piece.a += row * piece.a_row;
    piece.c += row * piece.ldc;
    piece.y = piece.y ? piece.y + row * piece.ldc : NULL;
    piece.left = g->left ? g->left + row * piece.k : NULL;
    return piece;
}

static void run_left(void *user, size_t i)
{
    const grid *g = user;
    size_t step = nd_gemm_step(g->whole.k, g->isa->depth), blocks = pieces_of(g->whole.k, step);
    nd_gemm_piece piece = rows_of(g, i / blocks);
    size_t p = i % blocks * step, k = piece.k - p < step ? piece.k - p : step;
    g->isa->gemm_left(&piece, p, k, g->left + i / blocks * g->rows * piece.k + p * piece.m);
}

static void run_piece(void *user, size_t i)
{
    const grid *g = user;
    nd_gemm_piece piece = rows_of(g, i / g->across);
    size_t column = i % g->across * g->columns;
    piece.n = piece.n - column < g->columns ? piece.n - column : g->columns;
    piece.b += column * piece.b_col;
    piece.c += column;
    piece.bias = piece.bias ? piece.bias + column : NULL;
    piece.y = piece.y ? piece.y + column : NULL;
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
    cut(&g, is_shared(&g.whole));
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
    g.whole.blocks = is_shared(t);
    g.left = g.whole.blocks ? nd_pool_room(pool, t->m * t->k * sizeof *t->a) : NULL;
    cut(&g, g.left != NULL);
    if (g.left) {
        nd_pool_run(pool, g.down * pieces_of(t->k, nd_gemm_step(t->k, isa->depth)), run_left, &g);
    }
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
