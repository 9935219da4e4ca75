/* Gaussian noise: standard normal numbers by Box & Muller 1958 from the words of
 * base/rng.h, 64 at a time: number i of 64 uses words i % 32 and 32 + i % 32. */
#ifndef ND_KERN_SIMD_NOISE_H
#define ND_KERN_SIMD_NOISE_H

#include "kern/simd_map.h"

enum { NOISE_CHUNK = 4 * PHILOX_LANES, NOISE_HALF = NOISE_CHUNK / 2 };

#ifdef ND_REAL_DOUBLE

static inline nd_real log_of(nd_real x)
{
    return log(x);
}

static inline void turn_of(nd_real v, nd_real *sine, nd_real *cosine)
{
    *sine = sin(2 * 3.14159265358979323846 * v);
    *cosine = cos(2 * 3.14159265358979323846 * v);
}

#else

/* Logarithm of a normal positive number: x = 2^k m, m in sqrt(1/2) .. sqrt(2);
 * polynomial of Moshier's Cephes (logf). */
static inline float log_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t k = (bits - 0x3f3504f3) >> 23;
    bits -= k * 0x800000;
    float m;
    memcpy(&m, &bits, sizeof m);
    float whole = (float)k, z = m - 1.0f, w = z * z;
    float p = 7.0376836292e-2f;
    p = p * z - 1.1514610310e-1f;
    p = p * z + 1.1676998740e-1f;
    p = p * z - 1.2420140846e-1f;
    p = p * z + 1.4249322787e-1f;
    p = p * z - 1.6668057665e-1f;
    p = p * z + 2.0000714765e-1f;
    p = p * z - 2.4999993993e-1f;
    p = p * z + 3.3333331174e-1f;
    float low = p * z * w - 2.12194440e-4f * whole - 0.5f * w;
    return z + low + 0.693359375f * whole;
}

/* Sine and cosine of 2 pi v, 0 <= v <= 1: the nearest quarter turn, and Taylor series
 * of the rest, at most pi/4. */
static inline void turn_of(float v, float *sine, float *cosine)
{
    float t = 4.0f * v;
    int32_t quarter = (int32_t)(t + 0.5f);
    float r = (t - (float)quarter) * 1.57079632679489662f, z = r * r;
    float s = r + r * z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z / 362880)));
    float c = 1.0f + z * (-0.5f + z * (1.0f / 24 + z * (-1.0f / 720 + z / 40320)));
    bool odd = quarter & 1;
    float first = odd ? c : s, second = odd ? s : c;
    *sine = quarter & 2 ? -first : first;
    *cosine = (quarter + 1) & 2 ? -second : second;
}

#endif

/* Numbers first .. first + NOISE_CHUNK - 1; first is a multiple of NOISE_CHUNK. The upper
 * 24 bits of a word make a uniform number; for the logarithm 23 bits, so that adding a half,
 * which keeps it from 0, is exact in float. */
static void normal_chunk(const nd_rng *rng, uint64_t first, nd_real *out)
{
    const nd_real unit = (nd_real)0x1p-24;
    uint64_t pair[NOISE_HALF];
    uint32_t word[NOISE_CHUNK];
    philox_lanes(rng, first / 4, pair);
    memcpy(word, pair, sizeof word);
    for (size_t i = 0; i < NOISE_HALF; i++) {
        nd_real u = ((nd_real)(int32_t)(word[i] >> 9) + (nd_real)0.5) * (2 * unit);
        nd_real v = (nd_real)(int32_t)(word[NOISE_HALF + i] >> 8) * unit;
        nd_real sine, cosine, square = -2 * log_of(u);
        turn_of(v, &sine, &cosine);
#ifdef ND_REAL_DOUBLE
        nd_real radius = sqrt(square < 0 ? 0 : square);
#else
        nd_real radius = sqrtf(square < 0 ? 0 : square);
#endif
        out[i] = radius * cosine;
        out[NOISE_HALF + i] = radius * sine;
    }
}

/* Elements first .. first + n - 1 of a block; first is a multiple of NOISE_CHUNK. */
static void noise_map(const nd_rng *rng, nd_real deviation, bool multiply, uint64_t first, size_t n,
                      const nd_real *x, nd_real *y)
{
    nd_real normal[NOISE_CHUNK];
    for (size_t i = 0; i < n; i += NOISE_CHUNK) {
        size_t count = n - i < NOISE_CHUNK ? n - i : NOISE_CHUNK;
        normal_chunk(rng, first + i, normal);
        for (size_t j = 0; multiply && j < count; j++) {
            y[i + j] = x[i + j] * (1 + deviation * normal[j]);
        }
        for (size_t j = 0; !multiply && j < count; j++) {
            y[i + j] = x[i + j] + deviation * normal[j];
        }
    }
}

#endif
