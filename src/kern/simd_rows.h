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

/* The logarithm of a product of sums is taken once for many rows. A sum is between 1
 * and the number of columns. */
typedef struct log_sums {
    double product, total;
} log_sums;

static inline void add_log(log_sums *sums, double sum)
{
    sums->product *= sum;
    if (!(sums->product < 1e250)) {
        sums->total += log(sums->product);
        sums->product = 1;
    }
}

/* Rows of at most NARROW_ROW columns go side by side, one in each lane. */
enum { NARROW_ROW = 16, SIDE_BY_SIDE = 8 };

/* z[j][r] = logits[r][j] for r < count; the lanes behind repeat the first row. */
static inline void turn_rows(size_t count, size_t n, const nd_real *logits,
                             nd_real z[NARROW_ROW][SIDE_BY_SIDE])
{
    for (size_t r = 0; r < SIDE_BY_SIDE; r++) {
        const nd_real *row = logits + (r < count ? r : 0) * n;
        for (size_t j = 0; j < n; j++) {
            z[j][r] = row[j];
        }
    }
}

/* z becomes exp(z - top), where top is a row's largest; sum is that of a row, in
 * double, since the logarithm of a sum near 1 needs its low bits. */
static inline void narrow_exp(size_t n, nd_real z[NARROW_ROW][SIDE_BY_SIDE],
                              nd_real top[SIDE_BY_SIDE], double sum[SIDE_BY_SIDE])
{
    memcpy(top, z[0], sizeof z[0]);
    for (size_t j = 1; j < n; j++) {
        for (size_t r = 0; r < SIDE_BY_SIDE; r++) {
            top[r] = z[j][r] > top[r] ? z[j][r] : top[r];
        }
    }
    for (size_t r = 0; r < SIDE_BY_SIDE; r++) {
        sum[r] = 0;
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t r = 0; r < SIDE_BY_SIDE; r++) {
            z[j][r] = exp_of(z[j][r] - top[r]);
            sum[r] += (double)z[j][r];
        }
    }
}

static double narrow_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                   const nd_real *target, nd_real scale, nd_real *grad)
{
    nd_real z[NARROW_ROW][SIDE_BY_SIDE], top[SIDE_BY_SIDE], factor[SIDE_BY_SIDE];
    double sum[SIDE_BY_SIDE], right = 0;
    log_sums logs = {.product = 1};
    for (size_t at = 0; at < rows; at += SIDE_BY_SIDE) {
        size_t count = rows - at < SIDE_BY_SIDE ? rows - at : SIDE_BY_SIDE;
        const nd_real *row = logits + at * n;
        nd_real *g = grad + at * n;
        turn_rows(count, n, row, z);
        narrow_exp(n, z, top, sum);
        for (size_t r = 0; r < SIDE_BY_SIDE; r++) {
            factor[r] = (nd_real)((double)scale / sum[r]);
        }
        for (size_t r = 0; r < count; r++, row += n, g += n) {
            size_t class = (size_t)target[at + r];
            add_log(&logs, sum[r]);
            right += (double)row[class] - (double)top[r];
            for (size_t j = 0; j < n; j++) {
                g[j] = z[j][r] * factor[r];
            }
            g[class] -= scale;
        }
    }
    return logs.total + log(logs.product) - right;
}

/* A single row of at most ONE_ROW columns in a full vector: the lanes behind it repeat
 * its first element, and count nothing. */
enum { ONE_ROW = 8 };

static double one_row_cross_entropy(size_t n, const nd_real *logits, nd_real target, nd_real scale,
                                    nd_real *grad)
{
    nd_real z[ONE_ROW], e[ONE_ROW], top[ONE_ROW];
    double total[ONE_ROW];
    for (size_t j = 0; j < ONE_ROW; j++) {
        z[j] = logits[j < n ? j : 0];
    }
    memcpy(top, z, sizeof top);
    for (size_t half = ONE_ROW / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            top[j] = top[j + half] > top[j] ? top[j + half] : top[j];
        }
    }
    for (size_t j = 0; j < ONE_ROW; j++) {
        e[j] = exp_of(z[j] - top[0]);
        e[j] = j < n ? e[j] : 0;
        total[j] = (double)e[j];
    }
    for (size_t half = ONE_ROW / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            total[j] += total[j + half];
        }
    }
    size_t class = (size_t)target;
    nd_real factor = (nd_real)((double)scale / total[0]);
    for (size_t j = 0; j < n; j++) {
        grad[j] = e[j] * factor;
    }
    grad[class] -= scale;
    return log(total[0]) - (double)(z[class] - top[0]);
}

static double softmax_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                    const nd_real *target, nd_real scale, nd_real *grad)
{
    if (!grad) {
        return cross_entropy_only(rows, n, logits, target);
    }
    if (rows == 1 && n <= ONE_ROW) {
        return one_row_cross_entropy(n, logits, *target, scale, grad);
    }
    if (n <= NARROW_ROW) {
        return narrow_cross_entropy(rows, n, logits, target, scale, grad);
    }
    nd_real top[ROW_BLOCK];
    double right = 0;
    log_sums logs = {.product = 1};
    size_t block = rows_per_block(rows, n);
    for (size_t at = 0; at < rows; at += block) {
        size_t count = rows - at < block ? rows - at : block;
        shifted_exp(count, n, logits + at * n, top, grad + at * n);
        for (size_t r = 0; r < count; r++) {
            nd_real *e = grad + (at + r) * n;
            size_t class = (size_t)target[at + r];
            double total = row_sum(n, e);
            add_log(&logs, total);
            right += (double)logits[(at + r) * n + class] - (double)top[r];
            scale_map(n, (nd_real)((double)scale / total), e);
            e[class] -= scale;
        }
    }
    return logs.total + log(logs.product) - right;
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
