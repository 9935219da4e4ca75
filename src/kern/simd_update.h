/* Optimizer updates: one pass over the block. */
#ifndef ND_KERN_SIMD_UPDATE_H
#define ND_KERN_SIMD_UPDATE_H

#include "kern/simd_math.h"

static void sgd(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w)
{
    nd_real lr = (nd_real)u->lr, decay = (nd_real)u->decay, scale = (nd_real)u->grad_scale;
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    for (size_t i = 0; i < n; i++) {
        nd_real g = grad[i] * scale + decay * w[i];
        w[i] = w[i] * keep - lr * g;
    }
}

static void momentum(const nd_update *u, size_t n, const nd_real *restrict grad,
                     nd_real *restrict w, nd_real *restrict v)
{
    nd_real lr = (nd_real)u->lr, decay = (nd_real)u->decay, scale = (nd_real)u->grad_scale;
    nd_real gamma = (nd_real)u->momentum;
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    for (size_t i = 0; i < n; i++) {
        nd_real g = grad[i] * scale + decay * w[i];
        v[i] = gamma * v[i] + lr * g;
        w[i] = w[i] * keep - v[i];
    }
}

static void adam(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                 nd_real *restrict m, nd_real *restrict v)
{
    nd_real decay = (nd_real)u->decay, scale = (nd_real)u->grad_scale, eps = (nd_real)u->eps;
    nd_real beta1 = (nd_real)u->beta1, rest1 = (nd_real)(1 - u->beta1);
    nd_real beta2 = (nd_real)u->beta2, rest2 = (nd_real)(1 - u->beta2);
    nd_real step = (nd_real)(u->lr / u->correction1);
    nd_real root = (nd_real)(1 / sqrt(u->correction2));
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    for (size_t i = 0; i < n; i++) {
        nd_real g = grad[i] * scale + decay * w[i];
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
#ifdef ND_REAL_DOUBLE
        w[i] = w[i] * keep - step * m[i] / (sqrt(v[i]) * root + eps);
#else
        w[i] = w[i] * keep - step * m[i] / (sqrtf(v[i]) * root + eps);
#endif
    }
}

#endif
