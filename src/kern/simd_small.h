/* Products of small layers: a block of rows and one or two vectors of columns in
 * registers, read where they are. Rows are written in order, so that a vector that
 * reaches into the next row is put right by that row; only at the end of an array
 * a vector is stored in part. */
#ifndef ND_KERN_SIMD_SMALL_H
#define ND_KERN_SIMD_SMALL_H

#include "kern/simd_map.h"
#include "kern/simd_pack.h"
#include "kern/small.h"

typedef nd_real small_vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

#ifdef ND_REAL_DOUBLE
typedef int64_t small_mask __attribute__((vector_size(ND_VECTOR_BYTES), may_alias));
#else
typedef int32_t small_mask __attribute__((vector_size(ND_VECTOR_BYTES), may_alias));
#endif

enum { SMALL_VL = ND_VECTOR_BYTES / sizeof(nd_real), SMALL_MR = 6 };

/* A vector at the end of a row also loads elements of the next row, which another
 * thread may be writing, and drops them: nothing that is kept depends on them. The
 * thread sanitizer cannot know that. */
#define ND_LOADS_BEYOND __attribute__((no_sanitize("thread")))

/* C [m][n] = A B: A(i,p) = a[i*a_row + p*a_col], B [k][n] and C contiguous. C starts
 * from bias (of a column); with relu it is not below 0; gate > 0 lets an element through. */
typedef struct small_product {
    size_t m, n, k;
    const nd_real *a;
    size_t a_row, a_col;
    const nd_real *b, *bias, *gate;
    nd_real *c, *end; /* end: behind the last row */
    bool relu, add;
} small_product;

/* The first n < SMALL_VL elements of v. */
ND_LOADS_BEYOND static inline void store_part(nd_real *to, small_vec v, size_t n)
{
    nd_real lane[SMALL_VL];
    const nd_real *from = lane;
    memcpy(lane, &v, sizeof lane);
#pragma GCC unroll 4
    for (size_t size = SMALL_VL / 2; size > 0; size /= 2) {
        if (n & size) {
            memcpy(to, from, size * sizeof *to);
            to += size;
            from += size;
        }
    }
}

/* What becomes of the sums of a block, whose vectors are whole where there are several. What
 * does not apply is asked for once a block: a store costs as much as many multiply-adds. */
ND_LOADS_BEYOND static inline __attribute__((always_inline)) void
small_store(size_t rows, size_t nv, const small_product *s, size_t row, size_t column,
            small_vec *total)
{
    const size_t n = s->n, remaining = n - column;
    nd_real *c = s->c + row * n + column, *end = s->end;
    const bool relu = s->relu, add = s->add;
    const nd_real *gate = s->gate ? s->gate + row * n + column : NULL;
    if (relu) {
#pragma GCC unroll 12
        for (size_t i = 0; i < rows * nv; i++) {
            total[i] = (small_vec)((small_mask)total[i] & ~(small_mask)(total[i] < (small_vec){0}));
        }
    }
    if (gate) {
#pragma GCC unroll 12
        for (size_t i = 0; i < rows * nv; i++) {
            small_vec open = *(const small_vec *)(gate + i / nv * n + i % nv * SMALL_VL);
            total[i] = (small_vec)((small_mask)total[i] & (small_mask)(open > (small_vec){0}));
        }
    }
    if (add) {
#pragma GCC unroll 12
        for (size_t i = 0; i < rows * nv; i++) {
            total[i] += *(const small_vec *)(c + i / nv * n + i % nv * SMALL_VL);
        }
    }
#pragma GCC unroll 12
    for (size_t i = 0; i < rows * nv; i++) {
        nd_real *to = c + i / nv * n + i % nv * SMALL_VL;
        if (nv > 1 || remaining >= SMALL_VL || (!add && end - to >= SMALL_VL)) {
            *(small_vec *)to = total[i];
        } else {
            store_part(to, total[i], remaining);
        }
    }
}

/* Rows row .. row + rows - 1, nv vectors from column on. Few sums are split over
 * several accumulators, which then do not wait for each other. rows and nv are
 * constants where this is inlined. */
ND_LOADS_BEYOND static inline __attribute__((always_inline)) void
small_block(size_t rows, size_t nv, const small_product *s, size_t row, size_t column)
{
    enum { MOST = 2 * SMALL_MR };
    const size_t sums = rows * nv, split = sums <= 2 ? 4 : sums <= 4 ? 2 : 1;
    const nd_real *a = s->a + row * s->a_row, *b = s->b + column;
    size_t k = s->k, n = s->n, a_row = s->a_row, a_col = s->a_col, p = 0;
    small_vec total[MOST];
#pragma GCC unroll 12
    for (size_t i = 0; i < sums * split; i++) {
        total[i] = (small_vec){0};
        if (i < sums && s->bias) {
            total[i] = *(const small_vec *)(s->bias + column + i % nv * SMALL_VL);
        }
    }
    for (; p + split <= k; p += split) {
#pragma GCC unroll 4
        for (size_t q = 0; q < split; q++, a += a_col, b += n) {
#pragma GCC unroll 12
            for (size_t i = 0; i < sums; i++) {
                total[q * sums + i] +=
                    a[i / nv * a_row] * *(const small_vec *)(b + i % nv * SMALL_VL);
            }
        }
    }
    for (; split > 1 && p < k; p++, a += a_col, b += n) {
#pragma GCC unroll 12
        for (size_t i = 0; i < sums; i++) {
            total[i] += a[i / nv * a_row] * *(const small_vec *)(b + i % nv * SMALL_VL);
        }
    }
#pragma GCC unroll 12
    for (size_t i = 0; i < sums; i++) {
#pragma GCC unroll 4
        for (size_t q = 1; q < split; q++) {
            total[i] += total[q * sums + i];
        }
    }
    small_store(rows, nv, s, row, column, total);
}

typedef void small_fn(const small_product *s, size_t row, size_t column);

#define ND_SMALL(rows, nv)                                                              \
    ND_LOADS_BEYOND static void small_##rows##x##nv(const small_product *s, size_t row, \
                                                    size_t column)                      \
    {                                                                                   \
        small_block(rows, nv, s, row, column);                                          \
    }

ND_SMALL(1, 1)
ND_SMALL(1, 2)
ND_SMALL(1, 8)
ND_SMALL(2, 1)
ND_SMALL(2, 2)
ND_SMALL(3, 1)
ND_SMALL(3, 2)
ND_SMALL(4, 1)
ND_SMALL(4, 2)
ND_SMALL(5, 1)
ND_SMALL(5, 2)
ND_SMALL(6, 1)
ND_SMALL(6, 2)

static small_fn *const small_table[SMALL_MR][2] = {
    {small_1x1, small_1x2}, {small_2x1, small_2x2}, {small_3x1, small_3x2},
    {small_4x1, small_4x2}, {small_5x1, small_5x2}, {small_6x1, small_6x2},
};

/* One row takes eight vectors at a time, which reads the weights in long stretches. */
ND_LOADS_BEYOND static inline void small_multiply_row(const small_product *s)
{
    size_t whole = s->n / SMALL_VL * SMALL_VL, column = 0;
    if (whole < s->n) {
        small_block(1, 1, s, 0, whole);
    }
    for (; whole - column >= 8 * SMALL_VL; column += 8 * SMALL_VL) {
        small_1x8(s, 0, column);
    }
    for (; whole - column >= 2 * SMALL_VL; column += 2 * SMALL_VL) {
        small_block(1, 2, s, 0, column);
    }
    if (column < whole) {
        small_block(1, 1, s, 0, column);
    }
}

/* Rows are dealt evenly: 8 as 4 + 4. The last columns come first: what their vectors
 * write into the next row is then written over. */
static void small_multiply(const small_product *s)
{
    if (s->m <= 1) {
        if (s->m == 1) {
            small_multiply_row(s);
        }
        return;
    }
    size_t blocks = (s->m + SMALL_MR - 1) / SMALL_MR, whole = s->n / SMALL_VL * SMALL_VL;
    size_t even = s->m / blocks, larger = s->m - even * blocks;
    for (size_t i = 0, row = 0; i < blocks; i++) {
        size_t rows = even + (i < larger), column = 0;
        small_fn *const *run = small_table[rows - 1];
        if (whole < s->n) {
            run[0](s, row, whole);
        }
        for (; whole - column >= 2 * SMALL_VL; column += 2 * SMALL_VL) {
            run[1](s, row, column);
        }
        if (column < whole) {
            run[0](s, row, column);
        }
        row += rows;
    }
}

static void small_forward(const nd_small_dense *d, size_t rows, const nd_real *x, nd_real *y)
{
    bool fused = d->act == ND_ACT_NONE || d->act == ND_ACT_RELU;
    small_product s = {.m = rows,
                       .n = d->out,
                       .k = d->in,
                       .a = x,
                       .a_row = d->in,
                       .a_col = 1,
                       .b = d->weight,
                       .bias = d->bias,
                       .c = y,
                       .end = y + rows * d->out,
                       .relu = d->act == ND_ACT_RELU};
    small_multiply(&s);
    if (!fused) {
        act_map(d->act, d->slope, rows * d->out, y, y);
    }
}

/* One row: the outer product of x and gz, one vector of columns after the other, the
 * last first as in small_multiply. */
static void small_gw_of_row(const nd_small_dense *d, const nd_real *x, const nd_real *gz,
                            nd_real *gw)
{
    size_t n = d->out, whole = n / SMALL_VL * SMALL_VL;
    if (whole < n) {
        const small_vec g = *(const small_vec *)(gz + whole);
        nd_real *to = gw + whole, *end = gw + d->in * n;
        size_t p = 0;
        for (; end - to >= SMALL_VL; p++, to += n) {
            *(small_vec *)to = x[p] * g;
        }
        for (; p < d->in; p++, to += n) {
            store_part(to, x[p] * g, n - whole);
        }
    }
    for (size_t j = 0; j < whole; j += SMALL_VL) {
        const small_vec g = *(const small_vec *)(gz + j);
        for (size_t p = 0; p < d->in; p++) {
            *(small_vec *)(gw + p * n + j) = x[p] * g;
        }
    }
}

static void small_gw(const nd_small_dense *d, size_t rows, const nd_real *x, const nd_real *gz,
                     nd_real *gw, nd_real *gb, bool add)
{
    static const nd_real one = 1;
    if (rows == 1 && !add) {
        small_gw_of_row(d, x, gz, gw);
        memcpy(gb ? gb : gw, gz, (gb ? d->out : 0) * sizeof *gz);
        return;
    }
    small_product s = {.m = d->in,
                       .n = d->out,
                       .k = rows,
                       .a = x,
                       .a_row = 1,
                       .a_col = d->in,
                       .b = gz,
                       .c = gw,
                       .end = gw + d->in * d->out,
                       .add = add};
    /* Turned, so that vectors run along the inputs, but not beyond them. */
    if (d->out == 1 && d->in % SMALL_VL == 0) {
        s.m = 1;
        s.n = d->in;
        s.a = gz;
        s.a_col = 1;
        s.b = x;
    }
    small_multiply(&s);
    if (gb) {
        s.m = 1;
        s.n = d->out;
        s.b = gz;
        s.a = &one;
        s.a_col = 0;
        s.c = gb;
        s.end = gb + d->out;
        small_multiply(&s);
    }
}

static void small_turn(const nd_small_dense *d)
{
    turn(d->out, d->in, d->weight, d->out, d->turned, d->in);
}

/* Without the transposed weights: each element is a product along a row of them. */
static inline __attribute__((always_inline)) void
small_gx_of_row(size_t out, const nd_small_dense *d, const nd_real *gz, nd_real *gx)
{
    size_t whole = out / SMALL_VL * SMALL_VL;
    const nd_real *w = d->weight;
    for (size_t i = 0; i < d->in; i++, w += out) {
        nd_real total = 0;
        if (whole > 0) {
            small_vec sum = {0};
            for (size_t j = 0; j < whole; j += SMALL_VL) {
                sum += *(const small_vec *)(gz + j) * *(const small_vec *)(w + j);
            }
            for (size_t j = 0; j < SMALL_VL; j++) {
                total += sum[j];
            }
        }
#pragma GCC unroll 4
        for (size_t j = whole; j < out; j++) {
            total += gz[j] * w[j];
        }
        gx[i] = total;
    }
}

/* The widths of small output layers are constants. */
static void small_gx_in_place(const nd_small_dense *d, const nd_real *gz, nd_real *gx)
{
    switch (d->out) {
    case 1:
        small_gx_of_row(1, d, gz, gx);
        break;
    case 2:
        small_gx_of_row(2, d, gz, gx);
        break;
    case 3:
        small_gx_of_row(3, d, gz, gx);
        break;
    default:
        small_gx_of_row(d->out, d, gz, gx);
    }
}

static void small_gx(const nd_small_dense *d, size_t rows, const nd_real *x, const nd_real *gz,
                     nd_real *gx)
{
    bool turned = rows >= ND_SMALL_TURN_ROWS;
    small_product s = {.m = rows,
                       .n = d->in,
                       .k = d->out,
                       .a = gz,
                       .a_row = d->out,
                       .a_col = 1,
                       .b = d->turned,
                       .gate = d->x_act == ND_ACT_RELU ? x : NULL,
                       .c = gx,
                       .end = gx + rows * d->in};
    if (turned) {
        small_multiply(&s);
    } else {
        for (size_t r = 0; r < rows; r++) {
            small_gx_in_place(d, gz + r * d->out, gx + r * d->in);
        }
    }
    if (d->x_act != ND_ACT_NONE && (!turned || d->x_act != ND_ACT_RELU)) {
        act_back_map(d->x_act, d->x_slope, rows * d->in, x, gx, gx);
    }
}

#endif
