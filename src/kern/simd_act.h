/* Activations beyond those of simd_map.h, element by element without branches. Errors of
 * the float build are stated in tests/unit/kern/test_act_math.c. */
#ifndef ND_KERN_SIMD_ACT_H
#define ND_KERN_SIMD_ACT_H

#include "kern/simd_math.h"

/* Elements are independent, although y may be x; clang finds out by itself. */
#if defined(__clang__)
#define ND_INDEPENDENT
#else
#define ND_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* sqrt(2/pi) and the cubic term of gelu's tanh form; 1 / sqrt(2 pi). */
#define ND_GELU_INNER ((nd_real)0.79788456080286535588)
#define ND_GELU_CUBE ((nd_real)0.044715)
#define ND_NORMAL_TOP ((nd_real)0.39894228040143267794)
#define ND_SELU_SCALE ((nd_real)1.0507009873554804935)
#define ND_SELU_ALPHA ((nd_real)1.6732632423543772848)

#ifdef ND_REAL_DOUBLE

static inline nd_real expm1_of(nd_real x)
{
    return expm1(x);
}

/* erfc(-x / sqrt 2) / 2. Far out the rounding of the argument t weighs 2 t^2 times, so that it is
 * made up for by the slope -2 / sqrt(pi) exp(-t^2). */
static inline nd_real normal_cdf_of(nd_real x)
{
    const double root = 0.70710678118654752440, rest = -4.833646656726457e-17; /* of 1 / sqrt 2 */
    double t = -x * root, missed = fma(-x, root, -t) - x * rest;
    if (!(fabs(t) < 30)) { /* 0 or 1; infinity has no rest */
        return erfc(t) / 2;
    }
    return (erfc(t) - missed * 1.1283791670955126 * exp(-t * t)) / 2;
}

#else

/* exp(x) - 1 for x <= 0, by the steps of exp_of: 2^k (exp(r) - 1) + (2^k - 1). */
static inline float expm1_of(float x)
{
    const float round = 12582912.0f;
    x = x < -104.0f ? -104.0f : x;
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
    int32_t half = k >> 1;
    float power = power_of_two(half) * power_of_two(k - half);
    return power * p + (power - 1.0f);
}

/* erfc(t) = exp(-t^2) R(u), u = 1 / (1 + 0.375 t), t >= 0; R is u times a polynomial
 * fitted to within 1.2e-8 (relative) up to t = 9.5, where the power leaves the floats. */
static inline float erfc_factor(float t)
{
    float u = 1.0f / (1.0f + 0.375f * t);
    float p = 0.061696608f;
    p = p * u - 0.28807533f;
    p = p * u + 0.43389368f;
    p = p * u - 0.2310763f;
    p = p * u + 0.27484402f;
    p = p * u + 0.121039025f;
    p = p * u + 0.2054304f;
    p = p * u + 0.2106335f;
    p = p * u + 0.21161442f;
    return p * u;
}

/* The normal distribution function, erfc(-x / sqrt 2) / 2. */
static inline float normal_cdf_of(float x)
{
    float tail = 0.5f * exp_of(-0.5f * x * x) * erfc_factor(fabsf(x) * 0.70710678f);
    return x < 0 ? tail : 1.0f - tail;
}

#endif

static inline nd_real at_most_zero(nd_real x)
{
    return x < 0 ? x : 0;
}

/* Between 0 and top; NaN passes. */
static inline nd_real between(nd_real x, nd_real top)
{
    nd_real y = x < 0 ? 0 : x;
    return y > top ? top : y;
}

static inline nd_real softplus_of(nd_real x)
{
    return (x < 0 ? 0 : x) + log1p_of(exp_of(-size_of(x)));
}

static inline nd_real gelu_inner_of(nd_real x)
{
    return ND_GELU_INNER * (x + ND_GELU_CUBE * (x * x * x));
}

static inline nd_real gelu_slope_of(nd_real x)
{
    return normal_cdf_of(x) + x * (ND_NORMAL_TOP * exp_of((nd_real)-0.5 * x * x));
}

/* (1 + tanh u) / 2 = 1 / (1 + exp(-2u)), which does not cancel. */
static inline nd_real gelu_tanh_of(nd_real x)
{
    return x * logistic_of(2 * gelu_inner_of(x));
}

static inline nd_real gelu_tanh_slope_of(nd_real x)
{
    nd_real s = logistic_of(2 * gelu_inner_of(x));
    nd_real inner = ND_GELU_INNER * (1 + 3 * ND_GELU_CUBE * (x * x));
    return s + 2 * (x * inner) * (s * (1 - s));
}

static inline nd_real silu_slope_of(nd_real x)
{
    nd_real s = logistic_of(x);
    return s * (1 + x * (1 - s));
}

/* tanh(log(1 + e)) = n / (n + 2), n = e (e + 2), e = exp(x); it is 1 from x = 40 on. */
static inline nd_real mish_of(nd_real x)
{
    nd_real e = exp_of(x > 40 ? 40 : x);
    nd_real n = e * (e + 2);
    return x * (n / (n + 2));
}

static inline nd_real mish_slope_of(nd_real x)
{
    nd_real e = exp_of(x > 40 ? 40 : x);
    nd_real n = e * (e + 2);
    nd_real t = n / (n + 2);
    /* 1 - t^2 = 4 (n + 1) / (n + 2)^2 */
    nd_real rest = 2 * ((n + 1) / (n + 2)) * (2 / (n + 2));
    return t + x * rest * (e / (1 + e));
}

#define ND_MAP(act, value)               \
    case act:                            \
        ND_INDEPENDENT                   \
        for (size_t i = 0; i < n; i++) { \
            y[i] = (value);              \
        }                                \
        break;

static void more_act_map(nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y)
{
    const nd_real scale = ND_SELU_SCALE, bend = ND_SELU_SCALE * ND_SELU_ALPHA;
    switch (act) {
        ND_MAP(ND_ACT_HARD_SIGMOID, between(x[i] + 3, 6) * ((nd_real)1 / 6))
        ND_MAP(ND_ACT_SOFTSIGN, x[i] / (1 + size_of(x[i])))
        ND_MAP(ND_ACT_SOFTPLUS, softplus_of(x[i]))
        ND_MAP(ND_ACT_RELU6, between(x[i], 6))
        ND_MAP(ND_ACT_ELU, x[i] < 0 ? slope * expm1_of(at_most_zero(x[i])) : x[i])
        ND_MAP(ND_ACT_SELU, x[i] < 0 ? bend * expm1_of(at_most_zero(x[i])) : scale * x[i])
        ND_MAP(ND_ACT_GELU, x[i] * normal_cdf_of(x[i]))
        ND_MAP(ND_ACT_GELU_TANH, gelu_tanh_of(x[i]))
        ND_MAP(ND_ACT_SILU, x[i] * logistic_of(x[i]))
        ND_MAP(ND_ACT_MISH, mish_of(x[i]))
    default:
        break;
    }
}

#undef ND_MAP
#define ND_MAP(act, slope_of_y)           \
    case act:                             \
        ND_INDEPENDENT                    \
        for (size_t i = 0; i < n; i++) {  \
            gx[i] = gy[i] * (slope_of_y); \
        }                                 \
        break;

/* y is x from gelu on (kern.h). */
static void more_act_back_map(nd_act act, nd_real slope, size_t n, const nd_real *y,
                              const nd_real *gy, nd_real *gx)
{
    const nd_real scale = ND_SELU_SCALE, bend = ND_SELU_SCALE * ND_SELU_ALPHA;
    switch (act) {
        ND_MAP(ND_ACT_HARD_SIGMOID, y[i] > 0 && y[i] < 1 ? (nd_real)1 / 6 : 0)
        ND_MAP(ND_ACT_SOFTSIGN, (1 - size_of(y[i])) * (1 - size_of(y[i])))
        ND_MAP(ND_ACT_SOFTPLUS, -expm1_of(-y[i]))
        ND_MAP(ND_ACT_RELU6, y[i] > 0 && y[i] < 6 ? 1 : 0)
        ND_MAP(ND_ACT_ELU, y[i] > 0 ? 1 : y[i] + slope)
        ND_MAP(ND_ACT_SELU, y[i] > 0 ? scale : y[i] + bend)
        ND_MAP(ND_ACT_GELU, gelu_slope_of(y[i]))
        ND_MAP(ND_ACT_GELU_TANH, gelu_tanh_slope_of(y[i]))
        ND_MAP(ND_ACT_SILU, silu_slope_of(y[i]))
        ND_MAP(ND_ACT_MISH, mish_slope_of(y[i]))
    default:
        break;
    }
}

#undef ND_MAP

#endif
