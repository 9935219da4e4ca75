/* Matrix product of one piece. A block of ND_MR rows and two vectors of columns
 * stays in registers while the inner dimension runs (Goto and van de Geijn 2008,
 * "Anatomy of high-performance matrix multiplication"). Small products read A and
 * B where they are; larger ones copy a panel of each first, so that the inner loop
 * reads memory in order. */
#ifndef ND_KERN_SIMD_GEMM_H
#define ND_KERN_SIMD_GEMM_H

#include "kern/simd_math.h"

typedef nd_real vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

enum {
    VL = ND_VECTOR_BYTES / sizeof(nd_real),
    WIDE = 8,                        /* most vectors of columns in a block */
    PANEL = 2 * VL,                  /* columns of a copied panel of B */
    KC = 2048 / sizeof(nd_real) / 2, /* inner dimension of a block */
    MC = 96,                         /* rows of a copied block of A */
    GROUP = 64,                      /* columns of B that are copied at a time */
    DIRECT_BYTES = 131072            /* B at most so large is read in place */
};

/* C[rows][nv vectors] = or += the product over k. rows and nv are constants where
 * this is inlined. */
static inline __attribute__((always_inline)) void
product_block(size_t rows, size_t nv, size_t k, const nd_real *a, size_t a_row, size_t a_col,
              const nd_real *b, size_t ldb, nd_real *c, size_t ldc, bool add)
{
    vec total[ND_MR * 2 > WIDE ? ND_MR * 2 : WIDE];
#pragma GCC unroll 32
    for (size_t i = 0; i < rows * nv; i++) {
        total[i] = (vec){0};
    }
    for (size_t p = 0; p < k; p++, a += a_col, b += ldb) {
        vec line[WIDE];
#pragma GCC unroll 32
        for (size_t j = 0; j < nv; j++) {
            line[j] = *(const vec *)(b + j * VL);
        }
#pragma GCC unroll 32
        for (size_t i = 0; i < rows; i++) {
            nd_real factor = a[i * a_row];
#pragma GCC unroll 32
            for (size_t j = 0; j < nv; j++) {
                total[i * nv + j] += factor * line[j];
            }
        }
    }
#pragma GCC unroll 32
    for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 32
        for (size_t j = 0; j < nv; j++) {
            vec *out = (vec *)(c + i * ldc + j * VL);
            if (add) {
                *out += total[i * nv + j];
            } else {
                *out = total[i * nv + j];
            }
        }
    }
}

typedef void block_fn(size_t k, const nd_real *a, size_t a_row, size_t a_col, const nd_real *b,
                      size_t ldb, nd_real *c, size_t ldc, bool add);

#define ND_BLOCK(rows, nv)                                                                  \
    static void block_##rows##x##nv(size_t k, const nd_real *a, size_t a_row, size_t a_col, \
                                    const nd_real *b, size_t ldb, nd_real *c, size_t ldc,   \
                                    bool add)                                               \
    {                                                                                       \
        product_block(rows, nv, k, a, a_row, a_col, b, ldb, c, ldc, add);                   \
    }

ND_BLOCK(1, 1)
ND_BLOCK(1, 2)
ND_BLOCK(1, 4)
ND_BLOCK(1, 8)
ND_BLOCK(2, 1)
ND_BLOCK(2, 2)
ND_BLOCK(2, 4)
ND_BLOCK(3, 1)
ND_BLOCK(3, 2)
ND_BLOCK(3, 4)
ND_BLOCK(4, 1)
ND_BLOCK(4, 2)
ND_BLOCK(5, 1)
ND_BLOCK(5, 2)
ND_BLOCK(6, 1)
ND_BLOCK(6, 2)
#if ND_MR >= 8
ND_BLOCK(7, 1)
ND_BLOCK(7, 2)
ND_BLOCK(8, 1)
ND_BLOCK(8, 2)
#endif
#if ND_MR >= 12
ND_BLOCK(9, 1)
ND_BLOCK(9, 2)
ND_BLOCK(10, 1)
ND_BLOCK(10, 2)
ND_BLOCK(11, 1)
ND_BLOCK(11, 2)
ND_BLOCK(12, 1)
ND_BLOCK(12, 2)
#endif

/* [rows - 1][log2 of the vectors]; NULL where the registers would not do. */
static block_fn *const block_table[ND_MR][4] = {
    {block_1x1, block_1x2, block_1x4, block_1x8}, {block_2x1, block_2x2, block_2x4, NULL},
    {block_3x1, block_3x2, block_3x4, NULL},      {block_4x1, block_4x2, NULL, NULL},
    {block_5x1, block_5x2, NULL, NULL},           {block_6x1, block_6x2, NULL, NULL},
#if ND_MR >= 8
    {block_7x1, block_7x2, NULL, NULL},           {block_8x1, block_8x2, NULL, NULL},
#endif
#if ND_MR >= 12
    {block_9x1, block_9x2, NULL, NULL},           {block_10x1, block_10x2, NULL, NULL},
    {block_11x1, block_11x2, NULL, NULL},         {block_12x1, block_12x2, NULL, NULL},
#endif
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows of panel i when m rows are dealt evenly to panels of at most ND_MR. */
static size_t panel_rows(size_t m, size_t i)
{
    size_t panels = (m + ND_MR - 1) / ND_MR;
    return m / panels + (i < m % panels);
}

/* out[p * width + j] = in[j * step + p] for p < k, j < n: eight lines are read side
 * by side, so that each cache line of out is written whole. */
static void turn(size_t k, size_t n, const nd_real *restrict in, size_t step, nd_real *restrict out,
                 size_t width)
{
    enum { SIDE = 8 };
    size_t j = 0;
    for (; j + SIDE <= n; j += SIDE) {
        size_t p = 0;
        for (; p + SIDE <= k; p += SIDE) {
            nd_real tile[SIDE][SIDE];
            for (size_t r = 0; r < SIDE; r++) {
                memcpy(tile[r], in + (j + r) * step + p, sizeof tile[r]);
            }
            for (size_t q = 0; q < SIDE; q++) {
                for (size_t r = 0; r < SIDE; r++) {
                    out[(p + q) * width + j + r] = tile[r][q];
                }
            }
        }
        for (; p < k; p++) {
            for (size_t r = 0; r < SIDE; r++) {
                out[p * width + j + r] = in[(j + r) * step + p];
            }
        }
    }
    for (; j < n; j++) {
        for (size_t p = 0; p < k; p++) {
            out[p * width + j] = in[j * step + p];
        }
    }
}

/* Copy rows p = 0 .. k-1 of B, columns 0 .. n-1, into a panel that is width wide;
 * the columns behind n become zero. */
static void pack_b(size_t k, size_t n, size_t width, const nd_real *b, size_t b_row, size_t b_col,
                   nd_real *panel)
{
    if (b_col != 1) {
        turn(k, n, b, b_col, panel, width);
    }
    for (size_t p = 0; p < k; p++) {
        if (b_col == 1) {
            memcpy(panel + p * width, b + p * b_row, n * sizeof *b);
        }
        for (size_t j = n; j < width; j++) {
            panel[p * width + j] = 0;
        }
    }
}

/* Copy rows of A so that those of one panel lie side by side for each p. */
static void pack_a(size_t m, size_t k, const nd_real *a, size_t a_row, size_t a_col, nd_real *out)
{
    for (size_t i = 0, at = 0; at < m; i++) {
        size_t rows = panel_rows(m, i);
        if (a_col == 1) {
            turn(k, rows, a + at * a_row, a_row, out, rows);
        } else {
            for (size_t p = 0; p < k; p++) {
                memcpy(out + p * rows, a + at + p * a_col, rows * sizeof *a);
            }
        }
        at += rows;
        out += rows * k;
    }
}

/* The last columns, fewer than a vector: the product goes to a spare block. */
static void narrow_block(size_t rows, size_t n, size_t k, const nd_real *a, size_t a_row,
                         size_t a_col, const nd_real *b, size_t ldb, nd_real *c, size_t ldc,
                         bool add)
{
    nd_real spare[ND_MR * PANEL];
    size_t width = n > VL ? PANEL : VL;
    block_table[rows - 1][n > VL](k, a, a_row, a_col, b, ldb, spare, width, false);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < n; j++) {
            c[i * ldc + j] = spare[i * width + j] + (add ? c[i * ldc + j] : 0);
        }
    }
}

/* One panel of rows against B in place; edge holds the copied last columns. */
static void direct_rows(size_t rows, size_t n, size_t k, const nd_real *a, size_t a_row,
                        size_t a_col, const nd_real *b, size_t ldb, const nd_real *edge, nd_real *c,
                        size_t ldc, bool add)
{
    size_t j = 0;
    for (size_t power = 4; power-- > 0;) {
        size_t width = (size_t)VL << power;
        block_fn *run = block_table[rows - 1][power];
        for (; run && n - j >= width; j += width) {
            run(k, a, a_row, a_col, b + j, ldb, c + j, ldc, add);
        }
    }
    if (j < n) {
        narrow_block(rows, n - j, k, a, a_row, a_col, edge, VL, c + j, ldc, add);
    }
}

static void gemm_direct(const nd_gemm_piece *t, size_t k, const nd_real *a, const nd_real *b,
                        bool add)
{
    nd_real edge[KC * VL];
    size_t whole = t->n / VL * VL;
    if (whole < t->n) {
        pack_b(k, t->n - whole, VL, b + whole, t->b_row, 1, edge);
    }
    for (size_t i = 0, at = 0; at < t->m; i++) {
        size_t rows = panel_rows(t->m, i);
        direct_rows(rows, t->n, k, a + at * t->a_row, t->a_row, t->a_col, b, t->b_row, edge,
                    t->c + at * t->ldc, t->ldc, add);
        at += rows;
    }
}

/* One panel of columns for a block of rows that lies copied in a. */
static void panel_product(size_t m, size_t n, size_t k, const nd_real *a, const nd_real *panel,
                          nd_real *c, size_t ldc, bool add)
{
    for (size_t i = 0, at = 0; at < m; i++) {
        size_t rows = panel_rows(m, i);
        nd_real *out = c + at * ldc;
        if (n == PANEL) {
            block_table[rows - 1][1](k, a + at * k, 1, rows, panel, PANEL, out, ldc, add);
        } else {
            narrow_block(rows, n, k, a + at * k, 1, rows, panel, PANEL, out, ldc, add);
        }
        at += rows;
    }
}

/* Copy a group of columns as panels, row by row: B is read in long stretches. */
static void pack_group(size_t k, size_t n, const nd_real *b, size_t b_row, size_t b_col,
                       nd_real *group)
{
    size_t whole = b_col == 1 ? n / PANEL : 0;
    for (size_t p = 0; whole > 0 && p < k; p++) {
        for (size_t j = 0; j < whole; j++) {
            memcpy(group + (j * k + p) * PANEL, b + p * b_row + j * PANEL, PANEL * sizeof *b);
        }
    }
    for (size_t j = whole * PANEL; j < n; j += PANEL) {
        pack_b(k, least(PANEL, n - j), PANEL, b + j * b_col, b_row, b_col, group + j * k);
    }
}

static void gemm_packed(const nd_gemm_piece *t, size_t k, const nd_real *a, const nd_real *b,
                        bool add)
{
    _Alignas(64) nd_real block_a[MC * KC];
    _Alignas(64) nd_real group[KC * GROUP];
    for (size_t i = 0; i < t->m; i += MC) {
        size_t rows = least(MC, t->m - i);
        pack_a(rows, k, a + i * t->a_row, t->a_row, t->a_col, block_a);
        for (size_t j = 0; j < t->n; j += GROUP) {
            size_t columns = least(GROUP, t->n - j);
            pack_group(k, columns, b + j * t->b_col, t->b_row, t->b_col, group);
            for (size_t q = 0; q < columns; q += PANEL) {
                panel_product(rows, least(PANEL, columns - q), k, block_a, group + q * k,
                              t->c + i * t->ldc + j + q, t->ldc, add);
            }
        }
    }
}

static void gemm(const nd_gemm_piece *t)
{
    size_t bytes = t->b_row * least(t->k, KC) * sizeof(nd_real);
    bool small = t->m <= 2 * ND_MR || bytes <= DIRECT_BYTES;
    for (size_t p = 0; p < t->k; p += KC) {
        size_t k = least(KC, t->k - p);
        const nd_real *a = t->a + p * t->a_col, *b = t->b + p * t->b_row;
        bool add = t->add || p > 0;
        if (t->b_col == 1 && small) {
            gemm_direct(t, k, a, b, add);
        } else {
            gemm_packed(t, k, a, b, add);
        }
    }
}

#endif
