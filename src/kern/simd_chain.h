/* A few rows through a chain of small layers and back, in one call: between layers there
 * is nothing but the arithmetic. */
#ifndef ND_KERN_SIMD_CHAIN_H
#define ND_KERN_SIMD_CHAIN_H

#include "kern/simd_rows.h"
#include "kern/simd_small.h"

/* {f(0), f(1), ...}: a vector built of single lanes without a way through memory, where a
 * vector that is read soon after its parts were written waits for all of them. */
#ifdef ND_REAL_DOUBLE
#define ND_LANES (ND_VECTOR_BYTES / 8)
#else
#define ND_LANES (ND_VECTOR_BYTES / 4)
#endif
#define ND_EACH_2(f, i) f(i), f((i) + 1)
#define ND_EACH_4(f, i) ND_EACH_2(f, i), ND_EACH_2(f, (i) + 2)
#define ND_EACH_8(f, i) ND_EACH_4(f, i), ND_EACH_4(f, (i) + 4)
#if ND_LANES == 2
#define ND_EACH(f) ND_EACH_2(f, 0)
#elif ND_LANES == 4
#define ND_EACH(f) ND_EACH_4(f, 0)
#elif ND_LANES == 8
#define ND_EACH(f) ND_EACH_8(f, 0)
#else
#define ND_EACH(f) ND_EACH_8(f, 0), ND_EACH_8(f, 8)
#endif

/* Most outputs of a last layer that one row passes in registers; of these, most for which
 * the way back has them as a constant. */
enum {
    CHAIN_NARROW = (int)SMALL_VL <= (int)ONE_ROW ? (int)SMALL_VL - 1 : (int)ONE_ROW,
    CHAIN_BACK = 4
};

static inline small_vec chain_pick(small_mask mask, small_vec a, small_vec b)
{
    return (small_vec)(((small_mask)a & mask) | ((small_mask)b & ~mask));
}

/* All bits set in the first n lanes. */
static inline small_mask chain_first(size_t n)
{
#define ND_LANE(i) (i)
    const small_mask lane = {ND_EACH(ND_LANE)};
#undef ND_LANE
    return (small_mask)(lane < (small_mask){0} + (__typeof__(lane[0]))n);
}

static inline small_vec chain_largest(small_vec v)
{
    small_vec other;
    size_t half = SMALL_VL;
#define ND_LANE(i) v[(size_t)(i) ^ half]
#pragma GCC unroll 4
    while ((half /= 2) > 0) {
        other = (small_vec){ND_EACH(ND_LANE)};
        v = chain_pick((small_mask)(other > v), other, v);
    }
#undef ND_LANE
    return v;
}

/* The sums of one row of fewer than SMALL_VL outputs, in the order of small_block; what the
 * lanes behind them hold means nothing. */
ND_LOADS_BEYOND static inline __attribute__((always_inline)) small_vec
chain_row_sums(size_t n, const nd_small_dense *d, const nd_real *x)
{
    const nd_real *w = d->weight;
    size_t k = d->in, p = 0;
    small_vec sum0 = d->bias ? *(const small_vec *)d->bias : (small_vec){0};
    small_vec sum1 = {0}, sum2 = {0}, sum3 = {0};
    for (; p + 4 <= k; p += 4, w += 4 * n) {
        sum0 += x[p] * *(const small_vec *)w;
        sum1 += x[p + 1] * *(const small_vec *)(w + n);
        sum2 += x[p + 2] * *(const small_vec *)(w + 2 * n);
        sum3 += x[p + 3] * *(const small_vec *)(w + 3 * n);
    }
    for (; p < k; p++, w += n) {
        sum0 += x[p] * *(const small_vec *)w;
    }
    return sum0 + sum1 + sum2 + sum3;
}

/* one_row_cross_entropy in registers. z: lanes behind the first n do not matter; the
 * gradient is 0 there. */
static inline small_vec chain_softmax(size_t n, small_vec z, size_t class, nd_real scale,
                                      double *loss)
{
    nd_real e[SMALL_VL];
    double total[SMALL_VL];
    const small_mask inside = chain_first(n);
    z = chain_pick(inside, z, (small_vec){0} + z[0]);
    z -= chain_largest(z);
    memcpy(e, &z, sizeof e);
    const double right = (double)e[class];
    for (size_t j = 0; j < SMALL_VL; j++) {
        e[j] = exp_of(e[j]);
    }
    small_vec g;
    memcpy(&g, e, sizeof g);
    g = (small_vec)((small_mask)g & inside);
#pragma GCC unroll 16
    for (size_t j = 0; j < SMALL_VL; j++) {
        total[j] = (double)g[j];
    }
#pragma GCC unroll 4
    for (size_t half = SMALL_VL / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (size_t j = 0; j < half; j++) {
            total[j] += total[j + half];
        }
    }
    *loss = log(total[0]) - right;
    g *= (nd_real)((double)scale / total[0]);
    const small_mask label = chain_first(class + 1) & ~chain_first(class);
    return g - (small_vec)((small_mask)((small_vec){0} + scale) & label);
}

/* small_gx of one row whose gradient is in g. */
static inline __attribute__((always_inline)) void
chain_gx_row(size_t out, const nd_small_dense *d, small_vec g, const nd_real *x, nd_real *gx)
{
    nd_real factor[CHAIN_BACK];
    const nd_real *w = d->weight;
    const bool relu = d->x_act == ND_ACT_RELU;
    size_t i = 0;
    for (size_t j = 0; j < out; j++) {
        factor[j] = g[j % SMALL_VL];
    }
#define ND_LANE(l) w[(l)*out]
    for (; i + SMALL_VL <= d->in; i += SMALL_VL, w += (SMALL_VL - 1) * out) {
        small_vec sum = {0};
#pragma GCC unroll 4
        for (size_t j = 0; j < out; j++, w++) {
            small_vec column = {ND_EACH(ND_LANE)};
            sum += factor[j] * column;
        }
        small_mask open =
            relu ? (small_mask)(*(const small_vec *)(x + i) > (small_vec){0}) : ~(small_mask){0};
        *(small_vec *)(gx + i) = (small_vec)((small_mask)sum & open);
    }
#undef ND_LANE
    for (; i < d->in; i++) {
        nd_real sum = 0;
        for (size_t j = 0; j < out; j++, w++) {
            sum += factor[j] * *w;
        }
        gx[i] = relu && !(x[i] > 0) ? 0 : sum;
    }
    if (!relu && d->x_act != ND_ACT_NONE) {
        act_back_map(d->x_act, d->x_slope, d->in, x, gx, gx);
    }
}

/* small_gw of one row: rows of the gradient overlap in their vectors but for the last. */
static inline __attribute__((always_inline)) void chain_gw_row(size_t n, const nd_small_dense *d,
                                                               small_vec g, const nd_real *x,
                                                               nd_real *gw, nd_real *gb)
{
    /* rows whose vector ends within the matrix */
    size_t p = 0, whole = d->in * n < SMALL_VL ? 0 : (d->in * n - SMALL_VL) / n + 1;
    for (; p + 4 <= whole; p += 4) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            *(small_vec *)(gw + (p + i) * n) = x[p + i] * g;
        }
    }
    for (; p < whole; p++) {
        *(small_vec *)(gw + p * n) = x[p] * g;
    }
    for (; p < d->in; p++) {
        store_part(gw + p * n, x[p] * g, n);
    }
    if (gb) {
        store_part(gb, g, n);
    }
}

/* The last layer of one row: softmax of n <= CHAIN_NARROW outputs. */
static inline __attribute__((always_inline)) double
chain_narrow_row(size_t n, const nd_small_pass *p, const nd_small_link *l, const nd_real *x)
{
    const nd_small_dense *d = &l->dense;
    double value;
    small_vec z = chain_row_sums(n, d, x);
    store_part(l->y + p->first * n, z, n);
    small_vec g = chain_softmax(n, z, (size_t)*p->target, p->share, &value);
    nd_real *gz = l->gy + p->first * n;
    store_part(gz, g, n);
    chain_gw_row(n, d, g, x, p->grad + l->weight_at, d->bias ? p->grad + l->bias_at : NULL);
    if (l->gx && n <= CHAIN_BACK) {
        chain_gx_row(n, d, g, x, l->gx + p->first * d->in);
    } else if (l->gx) {
        small_gx(d, 1, x, gz, l->gx + p->first * d->in);
    }
    return value;
}

/* The usual counts of classes as constants. */
static double chain_last_row(const nd_small_pass *p, const nd_small_link *l, const nd_real *x)
{
    switch (l->dense.out) {
    case 2:
        return chain_narrow_row(2, p, l, x);
    case 3:
        return chain_narrow_row(3, p, l, x);
    default:
        return chain_narrow_row(l->dense.out, p, l, x);
    }
}

static double chain_loss(const nd_small_pass *p, size_t n, const nd_real *z, nd_real *gz)
{
    switch (p->loss) {
    case ND_LOSS_SOFTMAX:
        return softmax_cross_entropy(p->rows, n, z, p->target, p->share, gz);
    case ND_LOSS_SIGMOID:
        return sigmoid_cross_entropy(p->rows * n, z, p->target, p->share, gz);
    default:
        return squared_error(p->rows * n, z, p->target, p->share, gz);
    }
}

static const nd_real *chain_input(const nd_small_pass *p, const nd_small_link *l)
{
    return l == p->link ? p->x : l->x + p->first * l->dense.in;
}

static void chain_back(const nd_small_pass *p, const nd_small_link *l)
{
    const nd_small_dense *d = &l->dense;
    const nd_real *x = chain_input(p, l), *gz = l->gy + p->first * d->out;
    nd_real *gb = d->bias ? p->grad + l->bias_at : NULL;
    small_gw(d, p->rows, x, gz, p->grad + l->weight_at, gb, p->add);
    if (l->gx) {
        small_gx(d, p->rows, x, gz, l->gx + p->first * d->in);
    }
}

/* The last layer, forward and back. */
static double chain_turn(const nd_small_pass *p, const nd_small_link *l)
{
    const nd_small_dense *d = &l->dense;
    size_t n = d->out;
    bool plain = d->act == ND_ACT_NONE && p->loss == ND_LOSS_SOFTMAX;
    if (p->rows == 1 && !p->add && plain && n <= CHAIN_NARROW) {
        return chain_last_row(p, l, chain_input(p, l));
    }
    nd_real *z = l->y + p->first * n, *gz = l->gy + p->first * n;
    small_forward(d, p->rows, chain_input(p, l), z);
    double value = chain_loss(p, n, z, gz);
    if (d->act != ND_ACT_NONE) {
        act_back_map(d->act, d->slope, p->rows * n, z, gz, gz);
    }
    chain_back(p, l);
    return value;
}

static double chain_pass(const nd_small_pass *p)
{
    const nd_small_link *last = p->link + p->links - 1, *l = p->link;
    for (; l < last; l++) {
        small_forward(&l->dense, p->rows, chain_input(p, l), l->y + p->first * l->dense.out);
    }
    double value = chain_turn(p, last);
    while (l > p->link) {
        chain_back(p, --l);
    }
    return value;
}

#undef ND_EACH
#undef ND_EACH_8
#undef ND_EACH_4
#undef ND_EACH_2
#undef ND_LANES

#endif
