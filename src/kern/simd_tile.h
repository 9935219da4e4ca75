/* The inner loops of the matrix product: a tile of a few rows and vectors of columns
 * of C stays in registers while k runs. Every sum has a name of its own, so that
 * each compiler keeps it in a register. A is read in one of two layouts:
 *   lines  A(i,p) = a[i * step + p]   rows of a row-major matrix, or a copy of them
 *   panel  A(i,p) = a[p * step + i]   rows of a transposed matrix, or a copied panel
 * and B(p,j) = b[p * ldb + j]. */
#ifndef ND_KERN_SIMD_TILE_H
#define ND_KERN_SIMD_TILE_H

#include "kern/isa.h"

typedef nd_real vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

enum {
    VL = ND_VECTOR_BYTES / sizeof(nd_real),
    PANEL = 2 * VL /* columns of a tile */
};

/* Where there are 16 registers, tiles of 4 rows and 3 vectors load less for each product than
 * tiles of 6 and 2: 7 and 8 loads for 12 products. */
#if ND_MR == 6
enum { WIDE_ROWS = 4, WIDEST = 3 };
#else
enum { WIDE_ROWS = ND_MR, WIDEST = 2 };
#endif

typedef void tile_fn(size_t k, const nd_real *a, size_t step, const nd_real *b, size_t ldb,
                     nd_real *c, size_t ldc, bool add);

#define ND_ROWS_1(X) X(0)
#define ND_ROWS_2(X) ND_ROWS_1(X) X(1)
#define ND_ROWS_3(X) ND_ROWS_2(X) X(2)
#define ND_ROWS_4(X) ND_ROWS_3(X) X(3)
#define ND_ROWS_5(X) ND_ROWS_4(X) X(4)
#define ND_ROWS_6(X) ND_ROWS_5(X) X(5)
#define ND_ROWS_7(X) ND_ROWS_6(X) X(6)
#define ND_ROWS_8(X) ND_ROWS_7(X) X(7)
#define ND_ROWS_9(X) ND_ROWS_8(X) X(8)
#define ND_ROWS_10(X) ND_ROWS_9(X) X(9)
#define ND_ROWS_11(X) ND_ROWS_10(X) X(10)
#define ND_ROWS_12(X) ND_ROWS_11(X) X(11)

/* s += f * l. Written as the instruction itself where that is the fast form: gcc 12
 * otherwise moves the sums about and spills some. */
#if defined(__FMA__) && !defined(ND_REAL_DOUBLE)
#define ND_FMA(s, f, l) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(f), "v"(l))
#elif defined(__FMA__)
#define ND_FMA(s, f, l) __asm__ volatile("vfmadd231pd %2, %1, %0" : "+v"(s) : "v"(f), "v"(l))
#else
#define ND_FMA(s, f, l) s += f * l
#endif
/* A vector of one value. */
#define ND_SPLAT(x) ((x) - (vec){0})

/* Rows of A in lines, three to a pointer: what an address can reach. */
#define ND_LINE(i) line[(i) / 3][(i) % 3 * step + at]

#define ND_ZERO_1(i) vec s##i = {0};
#define ND_LINE_1(i)                  \
    {                                 \
        vec f = ND_SPLAT(ND_LINE(i)); \
        ND_FMA(s##i, f, l0);          \
    }
#define ND_PLACE_1(i)           \
    {                           \
        vec f = ND_SPLAT(a[i]); \
        ND_FMA(s##i, f, l0);    \
    }
#define ND_STORE_1(i)                    \
    {                                    \
        vec *out = (vec *)(c + (i)*ldc); \
        if (add) {                       \
            s##i += *out;                \
        }                                \
        *out = s##i;                     \
    }

#define ND_ZERO_2(i) vec s##i = {0}, t##i = {0};
#define ND_LINE_2(i)                  \
    {                                 \
        vec f = ND_SPLAT(ND_LINE(i)); \
        ND_FMA(s##i, f, l0);          \
        ND_FMA(t##i, f, l1);          \
    }
#define ND_PLACE_2(i)           \
    {                           \
        vec f = ND_SPLAT(a[i]); \
        ND_FMA(s##i, f, l0);    \
        ND_FMA(t##i, f, l1);    \
    }
#define ND_STORE_2(i)                             \
    {                                             \
        vec *out = (vec *)(c + (i)*ldc);          \
        vec *more = (vec *)((nd_real *)out + VL); \
        if (add) {                                \
            s##i += *out;                         \
            t##i += *more;                        \
        }                                         \
        *out = s##i;                              \
        *more = t##i;                             \
    }

/* C comes near while the sums are made: its first lines, and where vectors are lines the next. */
#if ND_VECTOR_BYTES == 64
#define ND_AHEAD(i)                     \
    __builtin_prefetch(c + (i)*ldc, 1); \
    __builtin_prefetch(c + (i)*ldc + VL, 1);
#else
#define ND_AHEAD(i) __builtin_prefetch(c + (i)*ldc, 1);
#endif

#define ND_ZERO_3(i) ND_ZERO_2(i) vec u##i = {0};
#define ND_LINE_3(i)                  \
    {                                 \
        vec f = ND_SPLAT(ND_LINE(i)); \
        ND_FMA(s##i, f, l0);          \
        ND_FMA(t##i, f, l1);          \
        ND_FMA(u##i, f, l2);          \
    }
#define ND_PLACE_3(i)           \
    {                           \
        vec f = ND_SPLAT(a[i]); \
        ND_FMA(s##i, f, l0);    \
        ND_FMA(t##i, f, l1);    \
        ND_FMA(u##i, f, l2);    \
    }
#define ND_STORE_3(i)                              \
    {                                              \
        ND_STORE_2(i)                              \
        vec *last = (vec *)(c + (i)*ldc + 2 * VL); \
        if (add) {                                 \
            u##i += *last;                         \
        }                                          \
        *last = u##i;                              \
    }

#define ND_LOAD_1 vec l0 = *(const vec *)b;
#define ND_LOAD_2 ND_LOAD_1 vec l1 = *(const vec *)(b + VL);
#define ND_LOAD_3 ND_LOAD_2 vec l2 = *(const vec *)(b + 2 * VL);

/* One step of p in each layout. The empty statements keep the steps apart: mixed,
 * they need more registers than there are. */
#define ND_BEGIN_lines const nd_real *line[4] = {a, a + 3 * step, a + 6 * step, a + 9 * step};
#define ND_STEP_lines(ROWS, nv, offset)           \
    {                                             \
        enum { at = offset };                     \
        ND_LOAD_##nv ROWS(ND_LINE_##nv) b += ldb; \
    }
#define ND_NEXT_lines(steps) \
    line[0] += steps;        \
    line[1] += steps;        \
    line[2] += steps;        \
    line[3] += steps;

#define ND_BEGIN_panel
#define ND_STEP_panel(ROWS, nv, offset)             \
    {                                               \
        ND_LOAD_##nv ROWS(ND_PLACE_##nv) a += step; \
        b += ldb;                                   \
    }
#define ND_NEXT_panel(steps)

#define ND_TILE(layout, rows, nv)                                                                 \
    static void layout##_##rows##x##nv(size_t k, const nd_real *a, size_t step, const nd_real *b, \
                                       size_t ldb, nd_real *c, size_t ldc, bool add)              \
    {                                                                                             \
        ND_BEGIN_##layout ND_ROWS_##rows(ND_ZERO_##nv) size_t p = 0;                              \
        ND_ROWS_##rows(ND_AHEAD) for (; p + 4 <= k; p += 4)                                       \
        {                                                                                         \
            ND_STEP_##layout(ND_ROWS_##rows, nv, 0) ND_STEP_##layout(ND_ROWS_##rows, nv, 1)       \
                ND_STEP_##layout(ND_ROWS_##rows, nv, 2) ND_STEP_##layout(ND_ROWS_##rows, nv, 3)   \
                    ND_NEXT_##layout(4)                                                           \
        }                                                                                         \
        for (; p < k; p++) {                                                                      \
            ND_STEP_##layout(ND_ROWS_##rows, nv, 0) ND_NEXT_##layout(1)                           \
        }                                                                                         \
        ND_ROWS_##rows(ND_STORE_##nv)                                                             \
    }

#define ND_TILES(rows) \
    ND_TILE(lines, rows, 1) ND_TILE(lines, rows, 2) ND_TILE(panel, rows, 1) ND_TILE(panel, rows, 2)

/* Written out, a tile is long: that is its purpose. NOLINTBEGIN(readability-function-size) */
ND_TILES(1)
ND_TILES(2)
ND_TILES(3)
ND_TILES(4)
ND_TILES(5)
ND_TILES(6)
#if ND_MR >= 8
ND_TILES(7)
ND_TILES(8)
#endif
#if ND_MR >= 12
ND_TILES(9)
ND_TILES(10)
ND_TILES(11)
ND_TILES(12)
#endif

#if ND_MR == 6
#define ND_WIDE_TILES(rows) ND_TILE(lines, rows, 3) ND_TILE(panel, rows, 3)
ND_WIDE_TILES(1)
ND_WIDE_TILES(2)
ND_WIDE_TILES(3)
ND_WIDE_TILES(4)
#endif

/* NOLINTEND(readability-function-size) */

#define ND_TILE_ROW(rows)                      \
    {                                          \
        {lines_##rows##x1, lines_##rows##x2},  \
        {                                      \
            panel_##rows##x1, panel_##rows##x2 \
        }                                      \
    }

/* [rows - 1][panel?][vectors - 1] */
static tile_fn *const tile_table[ND_MR][2][2] = {
    ND_TILE_ROW(1), ND_TILE_ROW(2),  ND_TILE_ROW(3),  ND_TILE_ROW(4),
    ND_TILE_ROW(5), ND_TILE_ROW(6),
#if ND_MR >= 8
    ND_TILE_ROW(7), ND_TILE_ROW(8),
#endif
#if ND_MR >= 12
    ND_TILE_ROW(9), ND_TILE_ROW(10), ND_TILE_ROW(11), ND_TILE_ROW(12),
#endif
};

/* The tile of so many rows and vectors. */
static inline tile_fn *tile_of(size_t rows, bool panel, size_t vectors)
{
#if ND_MR == 6
    static tile_fn *const wide[WIDE_ROWS][2] = {{lines_1x3, panel_1x3},
                                                {lines_2x3, panel_2x3},
                                                {lines_3x3, panel_3x3},
                                                {lines_4x3, panel_4x3}};
    if (vectors > 2) {
        return wide[rows - 1][panel];
    }
#endif
    return tile_table[rows - 1][panel][vectors - 1];
}

#endif
