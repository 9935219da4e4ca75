/* Loops that do nothing but keep the multiply-add units, or the loads, busy: what
 * the other kernels are measured against. */
#ifndef ND_KERN_SIMD_PROBE_H
#define ND_KERN_SIMD_PROBE_H

#include "kern/simd_gemm.h"

/* As many independent sums as a block of the matrix product has, so that none
 * waits for the one before. */
enum { CHAINS = 2 * ND_MR, LOADS = 8 };

/* x = x * a + b in every chain; the fixed point is 1, so nothing over- or
 * underflows. Returns the floating-point operations done. */
static double probe_fma(size_t rounds, nd_real *result)
{
    vec chain[CHAINS], sum = {0};
    vec a = (vec){0} + (nd_real)0.5, b = (vec){0} + (nd_real)0.5;
#pragma GCC unroll 32
    for (size_t i = 0; i < CHAINS; i++) {
        chain[i] = (vec){0} + (nd_real)i;
    }
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 32
        for (size_t i = 0; i < CHAINS; i++) {
            chain[i] = chain[i] * a + b;
        }
    }
#pragma GCC unroll 32
    for (size_t i = 0; i < CHAINS; i++) {
        sum += chain[i];
    }
    *result = sum[0];
    return 2.0 * CHAINS * VL * (double)rounds;
}

/* Sum of the first whole groups of vectors of x. */
static nd_real probe_read(size_t n, const nd_real *x)
{
    vec sum[LOADS] = {{0}};
    for (size_t i = 0; i + LOADS * VL <= n; i += LOADS * VL) {
#pragma GCC unroll 32
        for (size_t j = 0; j < LOADS; j++) {
            sum[j] += *(const vec *)(x + i + j * VL);
        }
    }
    vec total = {0};
#pragma GCC unroll 32
    for (size_t j = 0; j < LOADS; j++) {
        total += sum[j];
    }
    return total[0];
}

#endif
