/* Optimizer updates: one pass over the block. */
#ifndef ND_KERN_SIMD_UPDATE_H
#define ND_KERN_SIMD_UPDATE_H

#include "kern/simd_math.h"

static inline nd_real root_of(nd_real x)
{
#ifdef ND_REAL_DOUBLE
    return sqrt(x);
#else
    return sqrtf(x);
#endif
}

/* -1, 0 or 1 */
static inline nd_real sign_of(nd_real x)
{
    return (nd_real)(x > 0) - (nd_real)(x < 0);
}

/* What every rule makes of a gradient before its own step. */
typedef struct parts {
    nd_real scale, clip, decay, l1;
} parts;

static inline parts parts_of(const nd_update *u)
{
    return (parts){.scale = (nd_real)u->grad_scale,
                   .clip = u->clip > 0 ? (nd_real)u->clip : (nd_real)INFINITY,
                   .decay = (nd_real)u->decay,
                   .l1 = (nd_real)u->l1};
}

/* Without these two a loop is shorter, which a small network would notice. */
static inline bool is_plain(const nd_update *u)
{
    return !(u->l1 > 0) && !(u->clip > 0);
}

static inline nd_real plain_slope(const parts *p, nd_real grad, nd_real w)
{
    return grad * p->scale + p->decay * w;
}

/* g = scale clip(grad) + decay w + l1 sign(w) */
static inline nd_real penalized(const parts *p, nd_real grad, nd_real w)
{
    nd_real g = grad < p->clip ? grad : p->clip;
    g = g > -p->clip ? g : -p->clip;
    return g * p->scale + p->decay * w + p->l1 * sign_of(w);
}

static void sgd(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    if (is_plain(u)) {
        for (size_t i = 0; i < n; i++) {
            w[i] = w[i] * keep - lr * plain_slope(&part, grad[i], w[i]);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        w[i] = w[i] * keep - lr * g;
    }
}

static void momentum(const nd_update *u, size_t n, const nd_real *restrict grad,
                     nd_real *restrict w, nd_real *restrict v)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real gamma = (nd_real)u->momentum;
    if (is_plain(u)) {
        for (size_t i = 0; i < n; i++) {
            v[i] = gamma * v[i] + lr * plain_slope(&part, grad[i], w[i]);
            w[i] = w[i] * keep - v[i];
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        v[i] = gamma * v[i] + lr * g;
        w[i] = w[i] * keep - v[i];
    }
}

/* What adam's loop needs beside the arrays. */
typedef struct adam_parts {
    nd_real keep, eps, beta1, rest1, beta2, rest2, step, root;
} adam_parts;

static inline void adam_one(const adam_parts *p, nd_real g, nd_real *restrict w,
                            nd_real *restrict m, nd_real *restrict v)
{
    *m = p->beta1 * *m + p->rest1 * g;
    *v = p->beta2 * *v + p->rest2 * (g * g);
    *w = *w * p->keep - p->step * *m / (root_of(*v) * p->root + p->eps);
}

static void adam(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                 nd_real *restrict m, nd_real *restrict v)
{
    const parts part = parts_of(u);
    const adam_parts p = {.keep = (nd_real)(1 - u->lr * u->decoupled),
                          .eps = (nd_real)u->eps,
                          .beta1 = (nd_real)u->beta1,
                          .rest1 = (nd_real)(1 - u->beta1),
                          .beta2 = (nd_real)u->beta2,
                          .rest2 = (nd_real)(1 - u->beta2),
                          .step = (nd_real)(u->lr / u->correction1),
                          .root = (nd_real)(1 / sqrt(u->correction2))};
    if (is_plain(u)) {
        for (size_t i = 0; i < n; i++) {
            adam_one(&p, plain_slope(&part, grad[i], w[i]), &w[i], &m[i], &v[i]);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        adam_one(&p, penalized(&part, grad[i], w[i]), &w[i], &m[i], &v[i]);
    }
}

static void look_ahead(size_t n, nd_real factor, const nd_real *restrict v, nd_real *restrict w,
                       nd_real *restrict saved)
{
    for (size_t i = 0; i < n; i++) {
        saved[i] = w[i];
        w[i] -= factor * v[i];
    }
}

static void nesterov(const nd_update *u, size_t n, const nd_real *restrict grad,
                     nd_real *restrict w, nd_real *restrict v, const nd_real *restrict saved)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real gamma = (nd_real)u->momentum;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        v[i] = gamma * v[i] + lr * g;
        w[i] = saved[i] * keep - v[i];
    }
}

static void nesterov_pytorch(const nd_update *u, size_t n, const nd_real *restrict grad,
                             nd_real *restrict w, nd_real *restrict v)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real gamma = (nd_real)u->momentum;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        v[i] = gamma * v[i] + g;
        w[i] = w[i] * keep - lr * (g + gamma * v[i]);
    }
}

static void adagrad(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                    nd_real *restrict total)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real eps = (nd_real)u->eps;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        total[i] += g * g;
        w[i] = w[i] * keep - lr * g / (root_of(total[i]) + eps);
    }
}

static void rmsprop(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                    nd_real *restrict square, nd_real *restrict speed)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real alpha = (nd_real)u->beta2, rest = (nd_real)(1 - u->beta2), eps = (nd_real)u->eps;
    nd_real gamma = (nd_real)u->momentum;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        square[i] = alpha * square[i] + rest * (g * g);
        speed[i] = gamma * speed[i] + g / (root_of(square[i]) + eps);
        w[i] = w[i] * keep - lr * speed[i];
    }
}

/* Rounding can bring the variance below 0. */
static void rmsprop_centered(const nd_update *u, size_t n, const nd_real *restrict grad,
                             nd_real *restrict w, nd_real *restrict square, nd_real *restrict mean,
                             nd_real *restrict speed)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real alpha = (nd_real)u->beta2, rest = (nd_real)(1 - u->beta2), eps = (nd_real)u->eps;
    nd_real gamma = (nd_real)u->momentum;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        square[i] = alpha * square[i] + rest * (g * g);
        mean[i] = alpha * mean[i] + rest * g;
        nd_real variance = square[i] - mean[i] * mean[i];
        variance = variance > 0 ? variance : 0;
        speed[i] = gamma * speed[i] + g / (root_of(variance) + eps);
        w[i] = w[i] * keep - lr * speed[i];
    }
}

static void adadelta(const nd_update *u, size_t n, const nd_real *restrict grad,
                     nd_real *restrict w, nd_real *restrict square, nd_real *restrict change)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real rho = (nd_real)u->beta2, rest = (nd_real)(1 - u->beta2), eps = (nd_real)u->eps;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        square[i] = rho * square[i] + rest * (g * g);
        nd_real step = root_of(change[i] + eps) / root_of(square[i] + eps) * g;
        change[i] = rho * change[i] + rest * (step * step);
        w[i] = w[i] * keep - lr * step;
    }
}

static void amsgrad(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                    nd_real *restrict m, nd_real *restrict v, nd_real *restrict largest)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real eps = (nd_real)u->eps;
    nd_real beta1 = (nd_real)u->beta1, rest1 = (nd_real)(1 - u->beta1);
    nd_real beta2 = (nd_real)u->beta2, rest2 = (nd_real)(1 - u->beta2);
    nd_real step = (nd_real)(u->lr / u->correction1);
    nd_real root = (nd_real)(1 / sqrt(u->correction2));
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        largest[i] = largest[i] > v[i] ? largest[i] : v[i];
        w[i] = w[i] * keep - step * m[i] / (root_of(largest[i]) * root + eps);
    }
}

static void nadam(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                  nd_real *restrict m, nd_real *restrict v)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real eps = (nd_real)u->eps;
    nd_real beta1 = (nd_real)u->beta1, rest1 = (nd_real)(1 - u->beta1);
    nd_real beta2 = (nd_real)u->beta2, rest2 = (nd_real)(1 - u->beta2);
    nd_real of_grad = (nd_real)u->of_grad, of_mean = (nd_real)u->of_mean;
    nd_real root = (nd_real)(1 / sqrt(u->correction2));
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * (g * g);
        w[i] = w[i] * keep - (of_grad * g + of_mean * m[i]) / (root_of(v[i]) * root + eps);
    }
}

static void lion(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                 nd_real *restrict m)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real lr = (nd_real)u->lr;
    nd_real beta1 = (nd_real)u->beta1, rest1 = (nd_real)(1 - u->beta1);
    nd_real beta2 = (nd_real)u->beta2, rest2 = (nd_real)(1 - u->beta2);
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        w[i] = w[i] * keep - lr * sign_of(beta1 * m[i] + rest1 * g);
        m[i] = beta2 * m[i] + rest2 * g;
    }
}

/* The signs are multiplied, not the gradients, whose product may be too small for a
 * number. After a change of sign the last change is taken back and the gradient is
 * forgotten, so that the next step neither grows nor shrinks. */
static void rprop(const nd_update *u, size_t n, const nd_real *restrict grad, nd_real *restrict w,
                  nd_real *restrict step, nd_real *restrict last, nd_real *restrict change)
{
    const parts part = parts_of(u);
    nd_real keep = (nd_real)(1 - u->lr * u->decoupled);
    nd_real grow = (nd_real)u->grow, shrink = (nd_real)u->shrink;
    nd_real most = (nd_real)u->most, least = (nd_real)u->least;
    for (size_t i = 0; i < n; i++) {
        nd_real g = penalized(&part, grad[i], w[i]);
        nd_real turn = sign_of(g) * sign_of(last[i]);
        nd_real longer = step[i] * grow < most ? step[i] * grow : most;
        nd_real shorter = step[i] * shrink > least ? step[i] * shrink : least;
        step[i] = turn > 0 ? longer : turn < 0 ? shorter : step[i];
        change[i] = turn < 0 ? -change[i] : -sign_of(g) * step[i];
        last[i] = turn < 0 ? 0 : g;
        w[i] = w[i] * keep + change[i];
    }
}

/* average += share (w - average) */
static void follow(size_t n, nd_real share, const nd_real *restrict w, nd_real *restrict average)
{
    for (size_t i = 0; i < n; i++) {
        average[i] += share * (w[i] - average[i]);
    }
}

static void update(nd_rule rule, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *s0, nd_real *s1, nd_real *s2)
{
    switch (rule) {
    case ND_RULE_NESTEROV:
        nesterov(u, n, grad, w, s0, s1);
        break;
    case ND_RULE_NESTEROV_PYTORCH:
        nesterov_pytorch(u, n, grad, w, s0);
        break;
    case ND_RULE_ADAGRAD:
        adagrad(u, n, grad, w, s0);
        break;
    case ND_RULE_RMSPROP:
        rmsprop(u, n, grad, w, s0, s2);
        break;
    case ND_RULE_RMSPROP_CENTERED:
        rmsprop_centered(u, n, grad, w, s0, s1, s2);
        break;
    case ND_RULE_ADADELTA:
        adadelta(u, n, grad, w, s0, s1);
        break;
    case ND_RULE_AMSGRAD:
        amsgrad(u, n, grad, w, s0, s1, s2);
        break;
    case ND_RULE_NADAM:
        nadam(u, n, grad, w, s0, s1);
        break;
    case ND_RULE_LION:
        lion(u, n, grad, w, s0);
        break;
    case ND_RULE_RPROP:
        rprop(u, n, grad, w, s0, s1, s2);
        break;
    }
}

#endif
