/* Softmax and losses. Exponentials run over many rows at once, so that narrow
 * rows use the full vector width. */
#ifndef ND_KERN_SIMD_ROWS_H
#define ND_KERN_SIMD_ROWS_H

#include "kern/simd_map.h"

enum { ROW_BLOCK = 1024 };

static nd_real row_max(size_t n, const nd_real *x)
{
    nd_real top = x[0];
    for (size_t j = 1; j < n; j++) {
        top = x[j] > top ? x[j] : top;
    }
    return top;
}

/* e[r][j] = exp(x[r][j] - max of row r), as many rows as a block holds. */
static void shifted_exp(size_t rows, size_t n, const nd_real *x, nd_real *top, nd_real *e)
{
    for (size_t r = 0; r < rows; r++) {
        top[r] = row_max(n, x + r * n);
        for (size_t j = 0; j < n; j++) {
            e[r * n + j] = x[r * n + j] - top[r];
        }
    }
    exp_map(rows * n, e, e);
}

static double row_sum(size_t n, const nd_real *e)
{
    double total = 0;
    for (size_t j = 0; j < n; j++) {
        total += (double)e[j];
    }
    return total;
}

static size_t rows_per_block(size_t rows, size_t n)
{
    size_t fit = n < ROW_BLOCK ? ROW_BLOCK / n : 1;
    return fit < rows ? fit : rows;
}

static void softmax(size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    nd_real top[ROW_BLOCK];
    size_t block = rows_per_block(rows, n);
    for (size_t at = 0; at < rows; at += block) {
        size_t count = rows - at < block ? rows - at : block;
        nd_real *e = p + at * n;
        shifted_exp(count, n, logits + at * n, top, e);
        for (size_t r = 0; r < count; r++) {
            nd_real factor = (nd_real)(1 / row_sum(n, e + r * n));
            scale_map(n, factor, e + r * n);
        }
    }
}

/* One row of any width without a place for its exponentials. */
static double log_sum_exp(size_t n, const nd_real *x, nd_real top)
{
    nd_real e[ROW_BLOCK];
    double total = 0;
    for (size_t at = 0; at < n; at += ROW_BLOCK) {
        size_t count = n - at < ROW_BLOCK ? n - at : ROW_BLOCK;
        for (size_t j = 0; j < count; j++) {
            e[j] = x[at + j] - top;
        }
        exp_map(count, e, e);
        total += row_sum(count, e);
    }
    return log(total);
}

/* Loss of row r is log sum exp(x - top) - (x[class] - top). */
static double cross_entropy_only(size_t rows, size_t n, const nd_real *logits,
                                 const nd_real *target)
{
    double loss = 0;
    for (size_t r = 0; r < rows; r++) {
        const nd_real *row = logits + r * n;
        nd_real top = row_max(n, row);
        loss += log_sum_exp(n, row, top) - ((double)row[(size_t)target[r]] - (double)top);
    }
    return loss;
}

/* Rows of at most NARROW_ROW elements in full vectors: the lanes behind a row repeat its
 * first element, and count nothing. */
enum { NARROW_ROW = 8 };

static double narrow_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                   const nd_real *target, nd_real scale, nd_real *grad)
{
    double loss = 0;
    for (size_t r = 0; r < rows; r++, logits += n, grad += n) {
        nd_real z[NARROW_ROW], e[NARROW_ROW], top[NARROW_ROW];
        double total[NARROW_ROW]; /* the logarithm of a sum near 1 needs its low bits */
        for (size_t j = 0; j < NARROW_ROW; j++) {
            z[j] = logits[j < n ? j : 0];
        }
        memcpy(top, z, sizeof top);
        for (size_t half = NARROW_ROW / 2; half > 0; half /= 2) {
            for (size_t j = 0; j < half; j++) {
                top[j] = top[j + half] > top[j] ? top[j + half] : top[j];
            }
        }
        for (size_t j = 0; j < NARROW_ROW; j++) {
            e[j] = exp_of(z[j] - top[0]);
            e[j] = j < n ? e[j] : 0;
            total[j] = (double)e[j];
        }
        for (size_t half = NARROW_ROW / 2; half > 0; half /= 2) {
            for (size_t j = 0; j < half; j++) {
                total[j] += total[j + half];
            }
        }
        size_t class = (size_t)target[r];
        nd_real factor = (nd_real)((double)scale / total[0]);
        loss += log(total[0]) - (double)(z[class] - top[0]);
        for (size_t j = 0; j < n; j++) {
            grad[j] = e[j] * factor;
        }
        grad[class] -= scale;
    }
    return loss;
}

static double softmax_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                    const nd_real *target, nd_real scale, nd_real *grad)
{
    if (!grad) {
        return cross_entropy_only(rows, n, logits, target);
    }
    if (n <= NARROW_ROW) {
        return narrow_cross_entropy(rows, n, logits, target, scale, grad);
    }
    nd_real top[ROW_BLOCK];
    double loss = 0;
    size_t block = rows_per_block(rows, n);
    for (size_t at = 0; at < rows; at += block) {
        size_t count = rows - at < block ? rows - at : block;
        shifted_exp(count, n, logits + at * n, top, grad + at * n);
        for (size_t r = 0; r < count; r++) {
            nd_real *e = grad + (at + r) * n;
            size_t class = (size_t)target[at + r];
            double total = row_sum(n, e);
            loss += log(total) - ((double)logits[(at + r) * n + class] - (double)top[r]);
            scale_map(n, (nd_real)((double)scale / total), e);
            e[class] -= scale;
        }
    }
    return loss;
}

/* -t log s(z) - (1-t) log(1 - s(z)) = max(z, 0) - t z + log(1 + exp(-|z|)). */
static double sigmoid_cross_entropy(size_t n, const nd_real *logits, const nd_real *target,
                                    nd_real scale, nd_real *grad)
{
    nd_real loss[ROW_BLOCK];
    double total = 0;
    for (size_t at = 0; at < n; at += ROW_BLOCK) {
        size_t count = n - at < ROW_BLOCK ? n - at : ROW_BLOCK;
        const nd_real *z = logits + at, *t = target + at;
        for (size_t j = 0; j < count; j++) {
            nd_real over = z[j] < 0 ? 0 : z[j];
            loss[j] = over - t[j] * z[j] + log1p_of(exp_of(-size_of(z[j])));
        }
        total += row_sum(count, loss);
        for (size_t j = 0; grad && j < count; j++) {
            grad[at + j] = scale * (logistic_of(z[j]) - t[j]);
        }
    }
    return total;
}

static double squared_error(size_t n, const nd_real *y, const nd_real *target, nd_real scale,
                            nd_real *grad)
{
    double total = 0;
    nd_real twice = 2 * scale;
    for (size_t i = 0; i < n; i++) {
        double away = (double)y[i] - (double)target[i];
        total += away * away;
    }
    for (size_t i = 0; grad && i < n; i++) {
        grad[i] = twice * (y[i] - target[i]);
    }
    return total;
}

#endif
