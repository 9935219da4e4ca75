/* Copies of parts of A and B in the order in which the tiles read them. */
#ifndef ND_KERN_SIMD_PACK_H
#define ND_KERN_SIMD_PACK_H

#include <string.h>

#include "kern/simd_tile.h"

enum {
    KC = 1024 / sizeof(nd_real),               /* of the inner dimension, at a time; */
    DEEP = ND_VECTOR_BYTES > 32 ? 2 * KC : KC, /* of a product in blocks (nd_isa.depth) */
    APART = 16,                                /* behind a copied line: apart in the cache */
    MC = 256,                                  /* rows of a piece at most */
    GROUP = 4 * PANEL,                         /* columns of B that are copied at a time, */
    WIDE_GROUP = 3 * WIDEST * VL               /* and where panels are wide */
};

/* Copied lines of either kind fit in the same place. */
_Static_assert(ND_GEMM_BLOCK_ROWS *(DEEP + APART) <= MC * (KC + APART), "rows of a deep block");

typedef nd_real quad
    __attribute__((vector_size(4 * sizeof(nd_real)), aligned(__alignof__(nd_real)), may_alias));

#if defined(__clang__) || __GNUC__ >= 12
#define ND_PICK(x, y, i, j, k, l) __builtin_shufflevector(x, y, i, j, k, l)
#elif defined(ND_REAL_DOUBLE)
#define ND_PICK(x, y, i, j, k, l) \
    __builtin_shuffle(x, y, (int64_t __attribute__((vector_size(32)))){i, j, k, l})
#else
#define ND_PICK(x, y, i, j, k, l) \
    __builtin_shuffle(x, y, (int32_t __attribute__((vector_size(16)))){i, j, k, l})
#endif

/* out[p * width + j] = in[j * step + p] for p, j < 4. */
static inline void turn_square(const nd_real *in, size_t step, nd_real *out, size_t width)
{
    quad a = *(const quad *)in, b = *(const quad *)(in + step);
    quad c = *(const quad *)(in + 2 * step), d = *(const quad *)(in + 3 * step);
    quad ab = ND_PICK(a, b, 0, 4, 1, 5), ab2 = ND_PICK(a, b, 2, 6, 3, 7);
    quad cd = ND_PICK(c, d, 0, 4, 1, 5), cd2 = ND_PICK(c, d, 2, 6, 3, 7);
    *(quad *)out = ND_PICK(ab, cd, 0, 1, 4, 5);
    *(quad *)(out + width) = ND_PICK(ab, cd, 2, 3, 6, 7);
    *(quad *)(out + 2 * width) = ND_PICK(ab2, cd2, 0, 1, 4, 5);
    *(quad *)(out + 3 * width) = ND_PICK(ab2, cd2, 2, 3, 6, 7);
}

/* out[p * width + j] = in[j * step + p] for p < k, j < n; four lines at a time, since
 * many that are a power of two apart would push each other out of the cache. */
static void turn(size_t k, size_t n, const nd_real *restrict in, size_t step, nd_real *restrict out,
                 size_t width)
{
    size_t j = 0, square = k / 4 * 4;
    for (; j + 4 <= n; j += 4) {
        for (size_t p = 0; p < square; p += 4) {
            turn_square(in + j * step + p, step, out + p * width + j, width);
        }
        for (size_t p = square; p < k; p++) {
            for (size_t q = j; q < j + 4; q++) {
                out[p * width + q] = in[q * step + p];
            }
        }
    }
    for (; j < n; j++) {
        for (size_t p = 0; p < k; p++) {
            out[p * width + j] = in[j * step + p];
        }
    }
}

/* Copy n columns of B into a panel of width; those behind n hold anything, as nothing of
 * what they give is kept. Whole vectors are read while B goes on behind them. */
static void pack_columns(size_t k, size_t n, size_t width, const nd_real *b, size_t b_row,
                         nd_real *panel)
{
    size_t p = 0, end = (k - 1) * b_row + n;
    for (; p * b_row + width <= end; p++) {
        for (size_t j = 0; j < width; j += VL) {
            *(vec *)(panel + p * width + j) = *(const vec *)(b + p * b_row + j);
        }
    }
    for (; p < k; p++) {
        for (size_t j = 0; j < width; j++) {
            panel[p * width + j] = j < n ? b[p * b_row + j] : 0;
        }
    }
}

static void pack_panel(size_t k, size_t n, size_t width, const nd_real *b, size_t b_row,
                       size_t b_col, nd_real *panel)
{
    if (b_col == 1) {
        pack_columns(k, n, width, b, b_row, panel);
        return;
    }
    for (size_t at = 0; n < width && at < k * width; at += VL) {
        *(vec *)(panel + at) = (vec){0};
    }
    turn(k, n, b, b_col, panel, width);
}

/* Columns of the next panel where rest are left: 3 vectors for wide tiles, but for the last
 * ones, so that none has a single vector. */
static size_t panel_columns(bool wide, size_t rest)
{
    size_t vectors = (rest + VL - 1) / VL;
    return wide && vectors != 4 && vectors > 2 ? WIDEST * VL : PANEL;
}

/* Columns that are copied together, depth deep: all panels that they give are whole, or the
 * last. */
static size_t group_columns(bool wide, size_t depth, size_t rest)
{
    size_t most = (wide ? WIDE_GROUP : GROUP) * KC / depth, vectors = (rest + VL - 1) / VL;
    bool single = wide && vectors * VL == most + VL;
    return single ? most - WIDEST * VL : rest < most ? rest : most;
}

/* One row of so many panels, all of them whole. */
static inline void copy_row(size_t panels, size_t width, size_t k, const nd_real *row, nd_real *to)
{
    for (size_t i = 0; i < panels; i++, row += width, to += width * k) {
#pragma GCC unroll 4
        for (size_t c = 0; c < width; c += VL) {
            *(vec *)(to + c) = *(const vec *)(row + c);
        }
    }
}

/* Panels of the width of the first, all of them whole, that n columns begin with. */
static size_t leading_panels(bool wide, size_t n, size_t width)
{
    size_t count = 0;
    while (n >= width && panel_columns(wide, n) == width) {
        n -= width;
        count++;
    }
    return count;
}

/* Copy a group of columns as panels. Where rows of B are contiguous it goes row by
 * row, so that B is read in long stretches. */
static void pack_group(size_t k, size_t n, bool wide, const nd_real *b, size_t b_row, size_t b_col,
                       nd_real *group)
{
    enum { AHEAD = 8 };
    size_t width = panel_columns(wide, n);
    size_t count = b_col == 1 ? leading_panels(wide, n, width) : 0, done = count * width;
    for (size_t p = 0; count > 0 && p < k; p++) {
        const nd_real *row = b + p * b_row;
        for (size_t c = 0; c < done; c += 64 / sizeof *b) {
            __builtin_prefetch(row + (p + AHEAD < k ? AHEAD * b_row : 0) + c);
        }
        if (width == PANEL) {
            copy_row(count, PANEL, k, row, group + p * PANEL);
        } else {
            copy_row(count, WIDEST * VL, k, row, group + p * WIDEST * VL);
        }
    }
    for (size_t j = done; j < n; j += width) {
        width = panel_columns(wide, n - j);
        size_t columns = n - j < width ? n - j : width;
        pack_panel(k, columns, width, b + j * b_col, b_row, b_col, group + j * k);
    }
}

/* out[p * n + j] = in[j * step + p] for p < k, j < n: by squares, of which the last covers
 * rows again where n is no multiple of 4. */
static void turn_panel(size_t k, size_t n, const nd_real *restrict in, size_t step,
                       nd_real *restrict out)
{
    size_t square = n < 4 ? 0 : k / 4 * 4;
    for (size_t p = 0; p < square; p += 4) {
        for (size_t j = 0; j + 4 <= n; j += 4) {
            turn_square(in + j * step + p, step, out + p * n + j, n);
        }
        if (n % 4 != 0) {
            turn_square(in + (n - 4) * step + p, step, out + p * n + n - 4, n);
        }
    }
    for (size_t p = square; p < k; p++) {
        for (size_t j = 0; j < n; j++) {
            out[p * n + j] = in[j * step + p];
        }
    }
}

/* Line p of panels first .. last - 1, out of m rows dealt to panels. */
static void pack_line(size_t m, size_t panels, size_t first, size_t last, size_t k, size_t p,
                      const nd_real *a, nd_real *out)
{
    size_t few = m / panels, more = m % panels;
    size_t at = first * few + (first < more ? first : more);
    for (size_t i = first; i < last; i++) {
        size_t rows = few + (i < more);
        memcpy(out + at * k + p * rows, a + at, rows * sizeof *a);
        at += rows;
    }
}

/* The same line of n panels of so many rows, which begin at a and at out, in whole vectors:
 * what is too much is written over by the next line. */
static inline void pack_whole(size_t n, size_t rows, size_t k, const nd_real *a, nd_real *out)
{
    for (size_t i = 0; i < n; i++, a += rows, out += rows * k) {
#pragma GCC unroll 2
        for (size_t r = 0; r < ND_MR; r += VL) {
            *(vec *)(out + r) = *(const vec *)(a + r);
        }
    }
}

/* Rows of a transposed matrix, those of one panel and one p side by side: panels
 * first .. last - 1 of m rows dealt to panels. */
static void pack_panels(size_t m, size_t panels, size_t first, size_t last, size_t k,
                        const nd_real *a, size_t step, nd_real *out)
{
    enum { WHOLE = (ND_MR + VL - 1) / VL * VL };
    size_t few = m / panels, more = m % panels;
    size_t inner = last < panels ? last : panels - 1; /* behind these so much can be read */
    bool whole = 2 * few >= WHOLE && first < inner;
    size_t turn_at = more < first ? first : more < inner ? more : inner;
    size_t large = turn_at - first, start = first * few + (first < more ? first : more);
    for (size_t p = 0; p < k; p++, a += step) {
        if (whole && p + 1 < k) {
            nd_real *to = out + start * k;
            size_t behind = large * (few + 1);
            pack_whole(large, few + 1, k, a + start, to + p * (few + 1));
            pack_whole(inner - turn_at, few, k, a + start + behind, to + behind * k + p * few);
            pack_line(m, panels, inner, last, k, p, a, out);
        } else {
            pack_line(m, panels, first, last, k, p, a, out);
        }
    }
}

#endif
