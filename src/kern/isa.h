/* One instruction set's kernels: plain functions on one thread's piece of work.
 * The same source (simd.h and the files it includes) is compiled once per set
 * with its flags; the API in kern.h cuts work into pieces by shape and calls the
 * best set that the processor has. */
#ifndef ND_KERN_ISA_H
#define ND_KERN_ISA_H

#include "kern/kern.h"
#include "kern/norm.h"
#include "kern/small.h"
#include "kern/sparse.h"
#include "kern/warp.h"

/* What is done to C once its sums are complete. */
typedef enum nd_gemm_end {
    ND_END_NONE,
    ND_END_ACT, /* c = f(c + bias[j]) */
    ND_END_BACK /* c = c * f'(z), from y = f(z) */
} nd_gemm_end;

/* Rows of a piece of a product in blocks without left, at most. */
enum { ND_GEMM_BLOCK_ROWS = 128 };

/* C[m][n] (rows ldc apart) = or += A B, where A(i,p) = a[i*a_row + p*a_col] and
 * B(p,j) = b[p*b_row + j*b_col]; one stride of each is 1. */
typedef struct nd_gemm_piece {
    size_t m, n, k;
    const nd_real *a;
    size_t a_row, a_col;
    const nd_real *b;
    size_t b_row, b_col;
    nd_real *c;
    size_t ldc;
    bool add;
    nd_gemm_end end;
    nd_act act;
    nd_real slope;
    const nd_real *bias; /* [n] or NULL */
    const nd_real *y;    /* [m][n], rows ldc apart */
    bool blocks;         /* of a large product, summed block by block at any shape of the piece */
    const nd_real *left; /* ... A as gemm_left copies it, or NULL */
} nd_gemm_piece;

/* The inner dimension is dealt evenly to blocks of at most depth; of how many. */
static inline size_t nd_gemm_step(size_t k, size_t depth)
{
    size_t blocks = (k + depth - 1) / depth;
    size_t even = blocks ? ((k + blocks - 1) / blocks + 3) / 4 * 4 : 1;
    return even < depth ? even : depth;
}

typedef struct nd_isa {
    const char *name;
    size_t depth; /* for nd_gemm_step, of products in blocks */
    void (*gemm)(const nd_gemm_piece *piece);
    /* Copy A(:, p .. p + k - 1) in the order in which gemm reads it; left holds the copies of
     * all blocks of nd_gemm_step one after the other. */
    void (*gemm_left)(const nd_gemm_piece *piece, size_t p, size_t k, nd_real *out);
    void (*act)(nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y);
    void (*act_back)(nd_act act, nd_real slope, size_t n, const nd_real *y, const nd_real *gy,
                     nd_real *gx);
    void (*bias)(size_t rows, size_t n, const nd_real *bias, nd_real *y);
    void (*add)(size_t n, const nd_real *a, const nd_real *b, nd_real *y);
    void (*bytes)(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y);
    void (*scale)(size_t n, nd_real factor, nd_real *x);
    void (*axpy)(size_t n, nd_real factor, const nd_real *x, nd_real *y);
    void (*exp)(size_t n, const nd_real *x, nd_real *y);
    /* Elements first .. first + n - 1 of a block; first is a multiple of 4. */
    void (*mask)(const nd_rng *rng, const nd_mask *mask, uint64_t first, size_t n, const nd_real *x,
                 nd_real *y);
    /* Of these first is a multiple of 64. */
    void (*noise)(const nd_rng *rng, nd_real deviation, bool multiply, uint64_t first, size_t n,
                  const nd_real *x, nd_real *y);
    /* As in warp.h; rows of padded are stride apart. */
    void (*warp_noise)(const nd_rng *rng, uint64_t first, nd_real alpha, size_t rows, size_t cols,
                       nd_real *field);
    void (*warp_places)(const nd_warp *warp, const nd_warp_room *room);
    void (*warp_blend)(const nd_warp_room *room, size_t stride, size_t n, size_t step, nd_real *y);
    /* Rows, or columns, first .. first + count - 1. */
    void (*norm_rows)(const nd_norm *norm, size_t first, size_t count);
    void (*norm_rows_back)(const nd_norm *norm, size_t first, size_t count);
    void (*norm_rows_sums)(const nd_norm *norm, size_t first, size_t count);
    void (*norm_columns)(const nd_norm *norm, size_t first, size_t count);
    void (*norm_columns_back)(const nd_norm *norm, size_t first, size_t count);
    double (*sum)(size_t n, const nd_real *x);
    double (*dot)(size_t n, const nd_real *x, const nd_real *y);
    bool (*finite)(size_t n, const nd_real *x);
    nd_real (*max_abs)(size_t n, const nd_real *x);
    /* Columns 0 .. width - 1 of rows that are n apart. */
    void (*column_sums)(size_t rows, size_t n, size_t width, const nd_real *g, nd_real *out,
                        bool add);
    void (*column_moments)(size_t rows, size_t n, size_t width, const nd_real *x, nd_real *mean,
                           nd_real *variance);
    void (*column_squares)(size_t rows, size_t n, size_t width, const nd_real *x, double *out);
    void (*shrink_columns)(size_t rows, size_t n, size_t width, const nd_real *factor, nd_real *x);
    void (*softmax)(size_t rows, size_t n, const nd_real *logits, nd_real *p);
    double (*softmax_cross_entropy)(size_t rows, size_t n, const nd_real *logits,
                                    const nd_real *target, nd_real scale, nd_real *grad);
    double (*sigmoid_cross_entropy)(size_t n, const nd_real *logits, const nd_real *target,
                                    nd_real scale, nd_real *grad);
    double (*squared_error)(size_t n, const nd_real *y, const nd_real *target, nd_real scale,
                            nd_real *grad);
    void (*sgd)(const nd_update *u, size_t n, const nd_real *grad, nd_real *w);
    void (*momentum)(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *v);
    void (*adam)(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *m,
                 nd_real *v);
    void (*update)(nd_rule rule, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *s0, nd_real *s1, nd_real *s2);
    void (*follow)(size_t n, nd_real share, const nd_real *w, nd_real *average);
    void (*look_ahead)(size_t n, nd_real factor, const nd_real *v, nd_real *w, nd_real *saved);
    /* As in small.h. */
    void (*small_forward)(const nd_small_dense *d, size_t rows, const nd_real *x, nd_real *y);
    void (*small_turn)(const nd_small_dense *d);
    void (*small_gw)(const nd_small_dense *d, size_t rows, const nd_real *x, const nd_real *gz,
                     nd_real *gw, nd_real *gb, bool add);
    void (*small_gx)(const nd_small_dense *d, size_t rows, const nd_real *x, const nd_real *gz,
                     nd_real *gx);
    double (*chain_pass)(const nd_small_pass *pass);
    /* With x - base in place of x: y = f((x - base) W + bias); rows first .. first + n - 1 of
     * gw = (x - base)^T gz, n <= ND_SPARSE_COLUMNS, to which start [out] is added (NULL: zero),
     * or with add gw itself. How many elements are not base. */
    void (*sparse_forward)(const nd_small_dense *d, nd_real base, size_t rows, const nd_real *x,
                           nd_real *y);
    void (*sparse_gw)(const nd_small_dense *d, nd_real base, const nd_real *start, size_t first,
                      size_t n, size_t rows, const nd_real *x, const nd_real *gz, nd_real *gw,
                      bool add);
    size_t (*count_other)(size_t n, nd_real base, const nd_real *x);
    /* For machine.h: keep the multiply-add units busy, returning the operations done;
     * read n elements. */
    double (*probe_fma)(size_t rounds, nd_real *result);
    nd_real (*probe_read)(size_t n, const nd_real *x);
} nd_isa;

extern const nd_isa nd_isa_plain, nd_isa_avx2, nd_isa_avx512;

/* Set i of those that this processor runs, the best first; NULL behind the last. */
const nd_isa *nd_isa_at(size_t i);

#endif
