/* Plain references of nd_k_update: one element at a time, in long double. */
#include <math.h>

#include "kern/ref.h"

typedef long double wide;

/* One parameter with its gradient and states. */
typedef struct element {
    wide g, w, s0, s1, s2;
} element;

long double nd_ref_slope(const nd_update *u, nd_real grad, nd_real w)
{
    wide g = (wide)grad, clip = u->clip;
    if (clip > 0) {
        g = fminl(fmaxl(g, -clip), clip);
    }
    return u->grad_scale * g + u->decay * (wide)w + u->l1 * ((w > 0) - (w < 0));
}

static wide mean_of(wide beta, wide mean, wide value)
{
    return beta * mean + (1 - beta) * value;
}

static void nesterov(const nd_update *u, element *e)
{
    e->s0 = u->momentum * e->s0 + u->lr * e->g;
    e->w = e->s1 - e->s0;
}

static void nesterov_pytorch(const nd_update *u, element *e)
{
    e->s0 = u->momentum * e->s0 + e->g;
    e->w -= u->lr * (e->g + u->momentum * e->s0);
}

static void adagrad(const nd_update *u, element *e)
{
    e->s0 += e->g * e->g;
    e->w -= u->lr * e->g / (sqrtl(e->s0) + u->eps);
}

static void rmsprop(const nd_update *u, element *e)
{
    e->s0 = mean_of(u->beta2, e->s0, e->g * e->g);
    e->s2 = u->momentum * e->s2 + e->g / (sqrtl(e->s0) + u->eps);
    e->w -= u->lr * e->s2;
}

static void rmsprop_centered(const nd_update *u, element *e)
{
    e->s0 = mean_of(u->beta2, e->s0, e->g * e->g);
    e->s1 = mean_of(u->beta2, e->s1, e->g);
    e->s2 = u->momentum * e->s2 + e->g / (sqrtl(fmaxl(e->s0 - e->s1 * e->s1, 0)) + u->eps);
    e->w -= u->lr * e->s2;
}

static void adadelta(const nd_update *u, element *e)
{
    e->s0 = mean_of(u->beta2, e->s0, e->g * e->g);
    wide step = sqrtl(e->s1 + u->eps) / sqrtl(e->s0 + u->eps) * e->g;
    e->s1 = mean_of(u->beta2, e->s1, step * step);
    e->w -= u->lr * step;
}

static void amsgrad(const nd_update *u, element *e)
{
    e->s0 = mean_of(u->beta1, e->s0, e->g);
    e->s1 = mean_of(u->beta2, e->s1, e->g * e->g);
    e->s2 = fmaxl(e->s2, e->s1);
    e->w -= u->lr * (e->s0 / u->correction1) / (sqrtl(e->s2 / u->correction2) + u->eps);
}

static void nadam(const nd_update *u, element *e)
{
    e->s0 = mean_of(u->beta1, e->s0, e->g);
    e->s1 = mean_of(u->beta2, e->s1, e->g * e->g);
    e->w -= (u->of_grad * e->g + u->of_mean * e->s0) / (sqrtl(e->s1 / u->correction2) + u->eps);
}

static void lion(const nd_update *u, element *e)
{
    wide c = mean_of(u->beta1, e->s0, e->g);
    e->w -= u->lr * ((c > 0) - (c < 0));
    e->s0 = mean_of(u->beta2, e->s0, e->g);
}

static void rprop(const nd_update *u, element *e)
{
    if (e->g * e->s1 < 0) {
        e->s0 = fmaxl(e->s0 * u->shrink, u->least);
        e->s2 = -e->s2;
        e->s1 = 0;
    } else {
        e->s0 = e->g * e->s1 > 0 ? fminl(e->s0 * u->grow, u->most) : e->s0;
        e->s2 = e->g > 0 ? -e->s0 : e->g < 0 ? e->s0 : 0;
        e->s1 = e->g;
    }
    e->w += e->s2;
}

static void (*const reference[])(const nd_update *, element *) = {
    [ND_RULE_NESTEROV] = nesterov, [ND_RULE_NESTEROV_PYTORCH] = nesterov_pytorch,
    [ND_RULE_ADAGRAD] = adagrad,   [ND_RULE_RMSPROP] = rmsprop,
    [ND_RULE_ADADELTA] = adadelta, [ND_RULE_RMSPROP_CENTERED] = rmsprop_centered,
    [ND_RULE_AMSGRAD] = amsgrad,   [ND_RULE_NADAM] = nadam,
    [ND_RULE_LION] = lion,         [ND_RULE_RPROP] = rprop,
};

void nd_ref_update(nd_rule rule, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *s0, nd_real *s1, nd_real *s2)
{
    for (size_t i = 0; i < n; i++) {
        element e = {nd_ref_slope(u, grad[i], w[i]), (wide)w[i], (wide)s0[i], (wide)s1[i],
                     (wide)s2[i]};
        wide lost = u->lr * u->decoupled * (rule == ND_RULE_NESTEROV ? e.s1 : e.w);
        reference[rule](u, &e);
        e.w -= lost;
        w[i] = (nd_real)e.w;
        s0[i] = (nd_real)e.s0;
        s1[i] = (nd_real)e.s1;
        s2[i] = (nd_real)e.s2;
    }
}

void nd_ref_look_ahead(size_t n, nd_real factor, const nd_real *v, nd_real *w, nd_real *saved)
{
    for (size_t i = 0; i < n; i++) {
        saved[i] = w[i];
        w[i] = (nd_real)((wide)w[i] - (wide)factor * (wide)v[i]);
    }
}

void nd_ref_bytes(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (nd_real)((wide)x[i] * (wide)factor + (wide)shift);
    }
}

void nd_ref_axpy(size_t n, nd_real factor, const nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (nd_real)((wide)y[i] + (wide)factor * (wide)x[i]);
    }
}

void nd_ref_follow(size_t n, double share, const nd_real *w, nd_real *average)
{
    for (size_t i = 0; i < n; i++) {
        average[i] = (nd_real)((1 - (wide)share) * (wide)average[i] + (wide)share * (wide)w[i]);
    }
}

static wide norm_of(size_t rows, size_t n, const nd_real *column)
{
    wide square = 0;
    for (size_t r = 0; r < rows; r++) {
        square += (wide)column[r * n] * (wide)column[r * n];
    }
    return sqrtl(square);
}

static void shorten(size_t rows, size_t n, wide bound, nd_real *column)
{
    wide norm = norm_of(rows, n, column);
    for (size_t r = 0; norm > bound && r < rows; r++) {
        column[r * n] = (nd_real)((wide)column[r * n] * bound / norm);
    }
}

void nd_ref_bound_columns(size_t rows, size_t n, double most, nd_real *w)
{
    for (size_t j = 0; j < n; j++) {
        shorten(rows, n, most, w + j);
    }
}

void nd_ref_clip_columns(size_t rows, size_t n, double share, double least, const nd_real *w,
                         nd_real *g)
{
    for (size_t j = 0; j < n; j++) {
        shorten(rows, n, share * fmaxl(norm_of(rows, n, w + j), least), g + j);
    }
}
