/* Matrix product of one piece. Tiles of C stay in registers while the inner
 * dimension runs, panels of B in the first cache, blocks of A in the second (Goto
 * and van de Geijn 2008, "Anatomy of high-performance matrix multiplication").
 * Small products read A and B where they are; larger ones copy them first, so that
 * the tiles read memory in order. */
#ifndef ND_KERN_SIMD_GEMM_H
#define ND_KERN_SIMD_GEMM_H

#include "kern/simd_map.h"
#include "kern/simd_pack.h"
#include "kern/simd_tile.h"
#include "kern/simd_vector.h"

enum {
    NARROW = 12,         /* a weight gradient so narrow is computed turned */
    SMALL_ROWS = 48,     /* pieces of fewer rows read B in place */
    SMALL_BYTES = 32768, /* B at most so large is read in place */
    NEAR = MC / ND_MR,   /* panels of A that stay in the second cache */
    SIDE = 8,            /* panels of A that are copied side by side */
    DISTANT = 4096       /* lines that are a multiple of it apart fight for the cache */
};

/* How A is read: the panel of rows at row r starts at a + r * row. step 0 stands for
 * the number of rows of the panel. */
typedef struct left {
    const nd_real *a;
    size_t row, step;
    bool panel;
} left;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whether panels of B have three vectors: where they fill the columns well, and rows of A are
 * read in lines. A transposed A is copied, which panels of few rows make slower. */
static bool is_wide(const nd_gemm_piece *t)
{
    bool fills = t->n > 5 * VL || (t->n > 2 * VL && t->n <= 3 * VL);
    return WIDEST > 2 && t->a_col == 1 && fills && !t->left;
}

/* m rows are dealt evenly to panels of at most ND_MR, or WIDE_ROWS. */
static size_t panels_of(size_t m, bool wide)
{
    size_t most = wide ? WIDE_ROWS : ND_MR;
    return (m + most - 1) / most;
}

static left in_place(const nd_gemm_piece *t, size_t p)
{
    bool panel = t->a_col != 1;
    const nd_real *a = t->a + p * t->a_col;
    return panel ? (left){a, 1, t->a_col, true} : (left){a, t->a_row, t->a_row, false};
}

/* c[rows][n] = or += the first n columns of a tile. */
static void put_part(size_t rows, size_t n, const nd_real *tile, nd_real *c, size_t ldc, bool add)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < n; j++) {
            c[i * ldc + j] = tile[i * WIDEST * VL + j] + (add ? c[i * ldc + j] : 0);
        }
    }
}

/* Columns j .. j + n - 1 of C, one panel, and panels first .. last - 1 of its rows; B lies
 * at b. */
static void panel_product(const nd_gemm_piece *t, const left *a, size_t first, size_t last,
                          size_t k, const nd_real *b, size_t ldb, size_t j, size_t n, bool add)
{
    size_t panels = panels_of(t->m, is_wide(t)), rows = t->m / panels, more = t->m % panels;
    size_t vectors = (n + VL - 1) / VL;
    bool whole = n == vectors * VL;
    nd_real tile[ND_MR * WIDEST * VL];
    size_t at = first * rows + least(first, more);
    nd_real *c = t->c + at * t->ldc + j;
    for (size_t i = first; i < least(last, panels); i++) {
        size_t count = rows + (i < more), step = a->step ? a->step : count;
        tile_fn *run = tile_of(count, a->panel, vectors);
        if (whole) {
            run(k, a->a + at * a->row, step, b, ldb, c, t->ldc, add);
        } else {
            run(k, a->a + at * a->row, step, b, ldb, tile, WIDEST * VL, false);
            put_part(count, n, tile, c, t->ldc, add);
        }
        at += count;
        c += count * t->ldc;
    }
}

static void finish_rows(const nd_gemm_piece *t, size_t m, size_t n, const nd_real *y, nd_real *c)
{
    for (size_t i = 0; i < m; i++, c += t->ldc, y += y ? t->ldc : 0) {
        if (t->end == ND_END_ACT) {
            act_map(t->act, t->slope, n, c, c);
        } else {
            act_back_map(t->act, t->slope, n, y, c, c);
        }
    }
}

/* The end of the computation of columns j .. j + n - 1, which are still near. */
static void finish(const nd_gemm_piece *t, size_t j, size_t n)
{
    if (t->end == ND_END_NONE) {
        return;
    }
    nd_real *c = t->c + j;
    for (size_t i = 0; t->bias && i < t->m; i++) {
        add_map(n, c + i * t->ldc, t->bias + j, c + i * t->ldc);
    }
    if (t->act == ND_ACT_NONE) {
        return;
    }
    bool flat = n == t->ldc;
    finish_rows(t, flat ? 1 : t->m, flat ? t->m * n : n, t->y ? t->y + j : NULL, c);
}

/* A and B in place, but for columns at the edge and transposed ones. */
static void block_small(const nd_gemm_piece *t, size_t p, size_t k, bool add)
{
    _Alignas(64) nd_real copy[DEEP * WIDEST * VL];
    left a = in_place(t, p);
    bool wide = is_wide(t);
    const nd_real *b = t->b + p * t->b_row;
    for (size_t j = 0, width; j < t->n; j += width) {
        width = panel_columns(wide, t->n - j);
        size_t n = least(width, t->n - j);
        if (t->b_col == 1 && n % VL == 0) {
            panel_product(t, &a, 0, SIZE_MAX, k, b + j, t->b_row, j, n, add);
        } else {
            pack_panel(k, n, width, b + j * t->b_col, t->b_row, t->b_col, copy);
            panel_product(t, &a, 0, SIZE_MAX, k, copy, width, j, n, add);
        }
    }
}

static size_t depth_of(const nd_gemm_piece *t)
{
    return t->blocks ? DEEP : KC;
}

/* A copied into block where it pays. */
static left copy_left(const nd_gemm_piece *t, size_t p, size_t k, nd_real *block)
{
    const nd_real *a = t->a + p * t->a_col;
    size_t line = depth_of(t) + APART;
    if (t->left) {
        return (left){t->left + p * t->m, k, 0, true};
    }
    if (t->a_col == 1) {
        if (t->a_row * sizeof *a % DISTANT != 0) {
            return in_place(t, p);
        }
        for (size_t i = 0; i < t->m; i++) {
            memcpy(block + i * line, a + i * t->a_row, k * sizeof *a);
        }
        return (left){block, line, line, false};
    }
    size_t panels = panels_of(t->m, is_wide(t));
    for (size_t i = 0; i < panels; i += SIDE) {
        pack_panels(t->m, panels, i, least(i + SIDE, panels), k, a, t->a_col, block);
    }
    return (left){block, k, 0, true};
}

static void block_large(const nd_gemm_piece *t, size_t p, size_t k, bool add, bool last)
{
    _Alignas(64) nd_real block[MC * (KC + APART)];
    _Alignas(64) nd_real group[KC * (GROUP > WIDE_GROUP ? GROUP : WIDE_GROUP)];
    left a = copy_left(t, p, k, block);
    bool wide = is_wide(t);
    size_t panels = panels_of(t->m, wide);
    const nd_real *b = t->b + p * t->b_row;
    for (size_t j = 0, columns; j < t->n; j += columns) {
        columns = group_columns(wide, depth_of(t), t->n - j);
        pack_group(k, columns, wide, b + j * t->b_col, t->b_row, t->b_col, group);
        for (size_t i = 0; i < panels; i += NEAR) {
            for (size_t q = 0, width; q < columns; q += width) {
                width = panel_columns(wide, columns - q);
                size_t n = least(width, columns - q);
                panel_product(t, &a, i, i + NEAR, k, group + q * k, width, j + q, n, add);
            }
        }
        if (last) {
            finish(t, j, columns);
        }
    }
}

/* All panels of one block of a whole A. */
static void gemm_left(const nd_gemm_piece *t, size_t p, size_t k, nd_real *out)
{
    const nd_real *a = t->a + p * t->a_col;
    size_t panels = panels_of(t->m, false), few = t->m / panels, more = t->m % panels;
    if (t->a_col != 1) {
        for (size_t i = 0; i < panels; i += SIDE) {
            pack_panels(t->m, panels, i, least(i + SIDE, panels), k, a, t->a_col, out);
        }
        return;
    }
    for (size_t i = 0, at = 0; i < panels; i++) {
        size_t rows = few + (i < more);
        turn_panel(k, rows, a + at * t->a_row, t->a_row, out + at * k);
        at += rows;
    }
}

static void gemm_blocks(const nd_gemm_piece *t)
{
    size_t step = nd_gemm_step(t->k, depth_of(t));
    bool small = !t->left && (t->m < SMALL_ROWS ||
                              (t->b_col == 1 && t->k * t->b_row * sizeof *t->b <= SMALL_BYTES));
    for (size_t p = 0; p < t->k; p += step) {
        size_t k = least(step, t->k - p);
        bool add = t->add || p > 0;
        if (small) {
            block_small(t, p, k, add);
        } else {
            block_large(t, p, k, add, p + step >= t->k);
        }
    }
    if (small || t->k == 0) {
        finish(t, 0, t->n);
    }
}

/* A narrow weight gradient: rows of C^T = B^T A, whose vectors run along the rows of
 * A; the tiles are put back turned. Returns the rows of C that are done. */
static size_t gemm_turned(const nd_gemm_piece *t)
{
    nd_real tile[ND_MR * PANEL];
    size_t panels = panels_of(t->n, false), whole = t->m / PANEL * PANEL;
    for (size_t i = 0; i < whole; i += PANEL) {
        for (size_t q = 0, at = 0; q < panels; q++) {
            size_t rows = t->n / panels + (q < t->n % panels);
            tile_table[rows - 1][1][1](t->k, t->b + at, t->b_row, t->a + i, t->a_col, tile, PANEL,
                                       false);
            for (size_t r = 0; r < PANEL; r++) {
                nd_real *c = t->c + (i + r) * t->ldc + at;
                for (size_t s = 0; s < rows; s++) {
                    c[s] = tile[s * PANEL + r] + (t->add ? c[s] : 0);
                }
            }
            at += rows;
        }
    }
    return whole;
}

static void gemm_narrow(const nd_gemm_piece *t)
{
    size_t done = gemm_turned(t);
    nd_gemm_piece rest = *t;
    rest.m -= done;
    rest.a += done;
    rest.c += done * t->ldc;
    rest.end = ND_END_NONE;
    if (rest.m > 0) {
        gemm_blocks(&rest);
    }
    finish(t, 0, t->n);
}

/* C^T = B^T A^T; for C of one column, whose rows are then contiguous. */
static nd_gemm_piece turned(const nd_gemm_piece *t)
{
    nd_gemm_piece other = *t;
    other.m = t->n;
    other.n = t->m;
    other.a = t->b;
    other.a_row = t->b_col;
    other.a_col = t->b_row;
    other.b = t->a;
    other.b_row = t->a_col;
    other.b_col = t->a_row;
    return other;
}

static void gemm_one_row(const nd_gemm_piece *t)
{
    if (t->b_col == 1) {
        row_times_rows(t->n, t->k, t->a, t->b, t->b_row, t->c, t->add);
    } else {
        row_times_columns(t->n, t->k, t->a, t->b, t->b_col, t->c, t->add);
    }
}

/* So small that choosing would cost as much as computing. */
static bool is_tiny(const nd_gemm_piece *t)
{
    return t->b_col == 1 && (t->n == VL || t->n == PANEL) && t->k <= KC && t->m < SMALL_ROWS;
}

/* One panel of columns of B in place. */
static void gemm_tiny(const nd_gemm_piece *t)
{
    bool panel = t->a_col != 1;
    size_t row = panel ? 1 : t->a_row, step = panel ? t->a_col : t->a_row;
    const nd_real *a = t->a;
    nd_real *c = t->c;
    for (size_t rest = t->m, rows; rest > 0; rest -= rows) {
        rows = rest >= 2 * ND_MR ? ND_MR : rest > ND_MR ? (rest + 1) / 2 : rest;
        tile_table[rows - 1][panel][t->n > VL](t->k, a, step, t->b, t->b_row, c, t->ldc, t->add);
        a += rows * row;
        c += rows * t->ldc;
    }
}

static void gemm(const nd_gemm_piece *t)
{
    if (t->blocks) {
        gemm_blocks(t);
        return;
    }
    if (is_tiny(t) && t->m > 1) {
        gemm_tiny(t);
        finish(t, 0, t->n);
    } else if (t->m == 1 && t->a_col == 1) {
        gemm_one_row(t);
        finish(t, 0, t->n);
    } else if (t->n == 1 && t->ldc == 1 && t->b_row == 1) {
        nd_gemm_piece other = turned(t);
        gemm_one_row(&other);
        finish(t, 0, t->n);
    } else if (t->k == 1 && t->b_col == 1) {
        outer_product(t->m, t->n, t->a, t->a_row, t->b, t->c, t->ldc, t->add);
        finish(t, 0, t->n);
    } else if (t->a_row == 1 && t->b_col == 1 && t->n <= NARROW && t->m >= PANEL) {
        gemm_narrow(t);
    } else {
        gemm_blocks(t);
    }
}

#endif
