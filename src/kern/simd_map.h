/* Element-wise kernels. */
#ifndef ND_KERN_SIMD_MAP_H
#define ND_KERN_SIMD_MAP_H

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "kern/simd_act.h"

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
    default:
        more_act_map(act, slope, n, x, y);
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
    default:
        more_act_back_map(act, slope, n, y, gy, gx);
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

static void axpy_map(size_t n, nd_real factor, const nd_real *restrict x, nd_real *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += factor * x[i];
    }
}

static void bytes_map(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (nd_real)x[i] * factor + shift;
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

/* Philox blocks side by side, one in each 64-bit lane, of which the low half counts. */
typedef uint64_t pair_vec __attribute__((vector_size(ND_VECTOR_BYTES), may_alias));

enum { PHILOX_LANES = 16, PAIR_LANES = ND_VECTOR_BYTES / 8, PAIR_VECS = PHILOX_LANES / PAIR_LANES };

/* Products of the low halves of lanes; the compiler does not find the instruction. */
static inline pair_vec pair_product(pair_vec a, pair_vec b)
{
#if defined(__AVX512F__) && ND_VECTOR_BYTES == 64
    return (pair_vec)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && ND_VECTOR_BYTES == 32
    return (pair_vec)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__) && ND_VECTOR_BYTES == 16
    return (pair_vec)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

/* word[2 i], word[2 i + 1] = lane i of low and of high. */
static inline void store_pairs(pair_vec low, pair_vec high, uint64_t *word)
{
#if ND_VECTOR_BYTES == 64
    pair_vec first = __builtin_shufflevector(low, high, 0, 8, 1, 9, 2, 10, 3, 11);
    pair_vec second = __builtin_shufflevector(low, high, 4, 12, 5, 13, 6, 14, 7, 15);
#elif ND_VECTOR_BYTES == 32
    pair_vec first = __builtin_shufflevector(low, high, 0, 4, 1, 5);
    pair_vec second = __builtin_shufflevector(low, high, 2, 6, 3, 7);
#else
    pair_vec first = __builtin_shufflevector(low, high, 0, 2);
    pair_vec second = __builtin_shufflevector(low, high, 1, 3);
#endif
    memcpy(word, &first, sizeof first);
    memcpy(word + PAIR_LANES, &second, sizeof second);
}

/* Words of blocks first .. first + PHILOX_LANES - 1, two to an element of word, in
 * order. The counter is laid out in base/rng.c; blocks of one call share all of it
 * but the low word. */
static void philox_lanes(const nd_rng *rng, uint64_t first, uint64_t *word)
{
    pair_vec c0[PAIR_VECS], c1[PAIR_VECS], c2[PAIR_VECS], c3[PAIR_VECS], lane;
    const pair_vec m0 = (pair_vec){0} + 0xd2511f53u, m1 = (pair_vec){0} + 0xcd9e8d57u;
    uint32_t counter[4], key[2];
    nd_rng_counter(rng, first, counter, key);
    for (size_t i = 0; i < PAIR_LANES; i++) {
        lane[i] = i;
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < PAIR_VECS; i++) {
        c0[i] = lane + (counter[0] + i * PAIR_LANES);
        c1[i] = (pair_vec){0} + counter[1];
        c2[i] = (pair_vec){0} + counter[2];
        c3[i] = (pair_vec){0} + counter[3];
    }
    pair_vec k0 = (pair_vec){0} + key[0], k1 = (pair_vec){0} + key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
#pragma GCC unroll 8
        for (size_t i = 0; i < PAIR_VECS; i++) {
            pair_vec p0 = pair_product(c0[i], m0), p1 = pair_product(c2[i], m1);
            c0[i] = (p1 >> 32) ^ (c1[i] ^ k0);
            c2[i] = (p0 >> 32) ^ (c3[i] ^ k1);
            c1[i] = p1;
            c3[i] = p0;
        }
        k0 += 0x9e3779b9u; /* may carry into the high half, which does not count */
        k1 += 0xbb67ae85u;
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < PAIR_VECS; i++) {
        pair_vec low = (c0[i] & 0xffffffffu) | (c1[i] << 32);
        pair_vec high = (c2[i] & 0xffffffffu) | (c3[i] << 32);
        store_pairs(low, high, word + 2 * i * PAIR_LANES);
    }
}

/* first is a multiple of 4 * PHILOX_LANES, so the lanes cannot carry. */
static inline void masked(const nd_rng *rng, const nd_mask *m, bool add, uint64_t first, size_t n,
                          const nd_real *x, nd_real *y)
{
    enum { CHUNK = 4 * PHILOX_LANES };
    uint32_t threshold = (uint32_t)(m->rate * 4294967296.0);
    nd_real factor = m->kept;
    uint64_t pair[CHUNK / 2];
    uint32_t word[CHUNK];
    nd_real mask[CHUNK], plus[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        philox_lanes(rng, (first + i) / 4, pair);
        memcpy(word, pair, sizeof word);
        for (size_t j = 0; j < CHUNK; j++) {
            mask[j] = word[j] >= threshold ? factor : 0;
            plus[j] = word[j] >= threshold ? m->offset : m->dropped;
        }
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        if (count == CHUNK) {
            for (size_t j = 0; j < CHUNK; j++) {
                y[i + j] = add ? x[i + j] * mask[j] + plus[j] : x[i + j] * mask[j];
            }
        } else {
            for (size_t j = 0; j < count; j++) {
                y[i + j] = add ? x[i + j] * mask[j] + plus[j] : x[i + j] * mask[j];
            }
        }
    }
}

static void mask_map(const nd_rng *rng, const nd_mask *mask, uint64_t first, size_t n,
                     const nd_real *x, nd_real *y)
{
    bool zeros = !(mask->offset < 0 || mask->offset > 0 || mask->dropped < 0 || mask->dropped > 0);
    if (zeros) {
        masked(rng, mask, false, first, n, x, y);
    } else {
        masked(rng, mask, true, first, n, x, y);
    }
}

#endif
