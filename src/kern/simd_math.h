/* exp, tanh, logistic and log1p of one element, without branches, so that loops
 * over them become vector code. Errors in units of the last place against long
 * double where the result is a normal float (tests/unit/kern/test_math.c): exp 1.0,
 * tanh 1.3, logistic 2.0. The double build takes libm. */
#ifndef ND_KERN_SIMD_MATH_H
#define ND_KERN_SIMD_MATH_H

#include <math.h>
#include <string.h>

#include "kern/isa.h"

#ifdef ND_REAL_DOUBLE

static inline nd_real exp_of(nd_real x)
{
    return exp(x);
}

static inline nd_real tanh_of(nd_real x)
{
    return tanh(x);
}

static inline nd_real log1p_of(nd_real x)
{
    return log1p(x);
}

#else

static inline float power_of_two(int32_t k)
{
    uint32_t bits = (uint32_t)(k + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* exp(x) = 2^k exp(r), r = x - k ln 2 in +-ln(2)/2; polynomial of Moshier's
 * Cephes (expf). Adding 1.5 * 2^23 rounds to a whole number in the low bits. The
 * power is applied in two halves, since 2^128 is no float. */
static inline float exp_of(float x)
{
    const float round = 12582912.0f;
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    float shifted = x * 1.44269504088896341f + round;
    int32_t k;
    memcpy(&k, &shifted, sizeof k);
    k -= 0x4b400000;
    float whole = shifted - round;
    float r = x - whole * 0.693359375f;
    r = r + whole * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    p = p + 1.0f;
    int32_t half = k >> 1;
    return p * power_of_two(half) * power_of_two(k - half);
}

/* Cephes (tanhf): an odd polynomial up to 0.625, beyond it
 * tanh |x| = 1 - 2 / (exp(2|x|) + 1). */
static inline float tanh_of(float x)
{
    float size = fabsf(x);
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z + -5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z + -3.33332819422e-1f;
    float near = p * z * x + x;
    float far = copysignf(1.0f - 2.0f / (exp_of(size + size) + 1.0f), x);
    return size < 0.625f ? near : far;
}

/* log(1 + x) for 0 <= x <= 1: 2 artanh(s), s = x / (2 + x) <= 1/3, by its series
 * 2 s (1 + s^2/3 + s^4/5 + ...). */
static inline float log1p_of(float x)
{
    float s = x / (2.0f + x);
    float z = s * s;
    float p = 1.0f / 17;
    p = p * z + 1.0f / 15;
    p = p * z + 1.0f / 13;
    p = p * z + 1.0f / 11;
    p = p * z + 1.0f / 9;
    p = p * z + 1.0f / 7;
    p = p * z + 1.0f / 5;
    p = p * z + 1.0f / 3;
    return 2 * s + 2 * s * (z * p);
}

#endif

/* 1 / (1 + exp(-x)). */
static inline nd_real logistic_of(nd_real x)
{
    return 1 / (1 + exp_of(-x));
}

static inline nd_real size_of(nd_real x)
{
    return x < 0 ? -x : x;
}

#endif
