/* Element-wise kernels. */
#ifndef ND_KERN_SIMD_MAP_H
#define ND_KERN_SIMD_MAP_H

#include "kern/simd_math.h"

/* x < 0 rather than x > 0, so that NaN is passed on. */
static void act_map(nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y)
{
    switch (act) {
    case ND_ACT_SIGMOID:
        for (size_t i = 0; i < n; i++) {
            y[i] = logistic_of(x[i]);
        }
        break;
    case ND_ACT_TANH:
        for (size_t i = 0; i < n; i++) {
            y[i] = tanh_of(x[i]);
        }
        break;
    case ND_ACT_RELU:
        for (size_t i = 0; i < n; i++) {
            y[i] = x[i] < 0 ? 0 : x[i];
        }
        break;
    case ND_ACT_LEAKY_RELU:
        for (size_t i = 0; i < n; i++) {
            y[i] = x[i] < 0 ? slope * x[i] : x[i];
        }
        break;
    case ND_ACT_NONE:
        if (y != x) {
            memmove(y, x, n * sizeof *y);
        }
        break;
    }
}

static void act_back_map(nd_act act, nd_real slope, size_t n, const nd_real *y, const nd_real *gy,
                         nd_real *gx)
{
    switch (act) {
    case ND_ACT_SIGMOID:
        for (size_t i = 0; i < n; i++) {
            gx[i] = gy[i] * (y[i] * (1 - y[i]));
        }
        break;
    case ND_ACT_TANH:
        for (size_t i = 0; i < n; i++) {
            gx[i] = gy[i] * (1 - y[i] * y[i]);
        }
        break;
    case ND_ACT_RELU:
        for (size_t i = 0; i < n; i++) {
            gx[i] = y[i] > 0 ? gy[i] : 0;
        }
        break;
    case ND_ACT_LEAKY_RELU:
        for (size_t i = 0; i < n; i++) {
            gx[i] = y[i] > 0 ? gy[i] : slope * gy[i];
        }
        break;
    case ND_ACT_NONE:
        if (gx != gy) {
            memmove(gx, gy, n * sizeof *gx);
        }
        break;
    }
}

static void bias_map(size_t rows, size_t n, const nd_real *restrict bias, nd_real *restrict y)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) {
            y[r * n + j] += bias[j];
        }
    }
}

static void add_map(size_t n, const nd_real *a, const nd_real *b, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = a[i] + b[i];
    }
}

static void scale_map(size_t n, nd_real factor, nd_real *x)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= factor;
    }
}

static void exp_map(size_t n, const nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = exp_of(x[i]);
    }
}

/* Philox blocks side by side: word w of block first + i goes to word[4 * i + w].
 * The counter is laid out in base/rng.c; blocks of one call share its other words.
 * Products of halves of 64-bit lanes: the form that compilers turn into vector
 * code. */
enum { PHILOX_LANES = 16 };

static void philox_lanes(const nd_rng *rng, uint64_t first, uint32_t *restrict word)
{
    uint64_t c0[PHILOX_LANES], c1[PHILOX_LANES], c2[PHILOX_LANES], c3[PHILOX_LANES];
    uint32_t counter[4], key[2];
    nd_rng_counter(rng, first, counter, key);
    for (size_t i = 0; i < PHILOX_LANES; i++) {
        c0[i] = counter[0] + i;
        c1[i] = counter[1];
        c2[i] = counter[2];
        c3[i] = counter[3];
    }
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < PHILOX_LANES; i++) {
            uint64_t p0 = (uint64_t)0xd2511f53u * (c0[i] & 0xffffffffu);
            uint64_t p1 = (uint64_t)0xcd9e8d57u * (c2[i] & 0xffffffffu);
            c0[i] = (p1 >> 32) ^ c1[i] ^ key[0];
            c2[i] = (p0 >> 32) ^ c3[i] ^ key[1];
            c1[i] = p1 & 0xffffffffu;
            c3[i] = p0 & 0xffffffffu;
        }
        key[0] += 0x9e3779b9u;
        key[1] += 0xbb67ae85u;
    }
    for (size_t i = 0; i < PHILOX_LANES; i++) {
        word[4 * i] = (uint32_t)c0[i];
        word[4 * i + 1] = (uint32_t)c1[i];
        word[4 * i + 2] = (uint32_t)c2[i];
        word[4 * i + 3] = (uint32_t)c3[i];
    }
}

/* first is a multiple of 4 * PHILOX_LANES, so the lanes cannot carry. */
static void dropout_map(const nd_rng *rng, double rate, uint64_t first, size_t n, const nd_real *x,
                        nd_real *y)
{
    enum { CHUNK = 4 * PHILOX_LANES };
    uint32_t threshold = (uint32_t)(rate * 4294967296.0);
    nd_real factor = (nd_real)(1 / (1 - rate));
    uint32_t word[CHUNK];
    nd_real mask[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        philox_lanes(rng, (first + i) / 4, word);
        for (size_t j = 0; j < CHUNK; j++) {
            mask[j] = word[j] >= threshold ? factor : 0;
        }
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        for (size_t j = 0; j < count; j++) {
            y[i + j] = x[i + j] * mask[j];
        }
    }
}

#endif
