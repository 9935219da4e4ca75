#include "kern/ref.h"

#include <math.h>

void nd_ref_gemm(bool a_turned, bool b_turned, size_t m, size_t n, size_t k, const nd_real *a,
                 const nd_real *b, nd_real *c, bool add)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            long double total = add ? (long double)c[i * n + j] : 0;
            for (size_t p = 0; p < k; p++) {
                nd_real left = a_turned ? a[p * m + i] : a[i * k + p];
                nd_real right = b_turned ? b[j * k + p] : b[p * n + j];
                total += (long double)left * (long double)right;
            }
            c[i * n + j] = (nd_real)total;
        }
    }
}

/* lambda and alpha of Klambauer et al. 2017, eq. 2. */
static const long double selu_scale = 1.0507009873554804934193349852946L;
static const long double selu_alpha = 1.6732632423543772848170429916717L;

static long double normal_cdf(long double x)
{
    return erfcl(-x * sqrtl(0.5L)) / 2;
}

/* sqrt(2/pi) (x + 0.044715 x^3): Hendrycks & Gimpel 2016, section 2. */
static long double gelu_inner(long double x)
{
    return sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x);
}

static long double logistic(long double x)
{
    return 1 / (1 + expl(-x));
}

static long double softplus(long double x)
{
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}

/* Of activations whose derivative follows from their result. */
static long double bent_value(nd_act act, long double slope, long double x)
{
    switch (act) {
    case ND_ACT_HARD_SIGMOID:
        return fminl(fmaxl(x + 3, 0), 6) / 6;
    case ND_ACT_SOFTSIGN:
        return x / (1 + fabsl(x));
    case ND_ACT_SOFTPLUS:
        return softplus(x);
    case ND_ACT_RELU6:
        return fminl(fmaxl(x, 0), 6);
    case ND_ACT_ELU:
        return x < 0 ? slope * expm1l(x) : x;
    case ND_ACT_SELU:
        return selu_scale * (x < 0 ? selu_alpha * expm1l(x) : x);
    default:
        return x;
    }
}

static long double bent_slope(nd_act act, long double slope, long double y)
{
    switch (act) {
    case ND_ACT_HARD_SIGMOID:
        return y > 0 && y < 1 ? 1.0L / 6 : 0;
    case ND_ACT_SOFTSIGN:
        return (1 - fabsl(y)) * (1 - fabsl(y));
    case ND_ACT_SOFTPLUS:
        return -expm1l(-y);
    case ND_ACT_RELU6:
        return y > 0 && y < 6 ? 1 : 0;
    case ND_ACT_ELU:
        return y > 0 ? 1 : y + slope;
    case ND_ACT_SELU:
        return y > 0 ? selu_scale : y + selu_scale * selu_alpha;
    default:
        return 1;
    }
}

static long double gated_value(nd_act act, long double x)
{
    switch (act) {
    case ND_ACT_GELU:
        return x * normal_cdf(x);
    case ND_ACT_GELU_TANH:
        return x * logistic(2 * gelu_inner(x)); /* (1 + tanh u) / 2 without cancelling */
    case ND_ACT_SILU:
        return x * logistic(x);
    default:
        return x * tanhl(softplus(x));
    }
}

static long double gated_slope(nd_act act, long double x)
{
    long double pi = acosl(-1), t;
    switch (act) {
    case ND_ACT_GELU:
        return normal_cdf(x) + x * expl(-x * x / 2) / sqrtl(2 * pi);
    case ND_ACT_GELU_TANH:
        t = logistic(2 * gelu_inner(x));
        return t + 2 * x * t * (1 - t) * sqrtl(2 / pi) * (1 + 3 * 0.044715L * x * x);
    case ND_ACT_SILU:
        return logistic(x) * (1 + x * (1 - logistic(x)));
    default:
        t = tanhl(softplus(x));
        return t + x * (1 - t * t) * logistic(x);
    }
}

long double nd_ref_act_value(nd_act act, long double slope, long double x)
{
    switch (act) {
    case ND_ACT_SIGMOID:
        return 1 / (1 + expl(-x));
    case ND_ACT_TANH:
        return tanhl(x);
    case ND_ACT_RELU:
        return x < 0 ? 0 : x;
    case ND_ACT_LEAKY_RELU:
        return x < 0 ? slope * x : x;
    default:
        break;
    }
    return act >= ND_ACT_GELU ? gated_value(act, x) : bent_value(act, slope, x);
}

long double nd_ref_act_slope(nd_act act, long double slope, long double y)
{
    switch (act) {
    case ND_ACT_SIGMOID:
        return y * (1 - y);
    case ND_ACT_TANH:
        return 1 - y * y;
    case ND_ACT_RELU:
        return y > 0 ? 1 : 0;
    case ND_ACT_LEAKY_RELU:
        return y > 0 ? 1 : slope;
    default:
        break;
    }
    return act >= ND_ACT_GELU ? gated_slope(act, y) : bent_slope(act, slope, y);
}

void nd_ref_act(nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (nd_real)nd_ref_act_value(act, (long double)slope, (long double)x[i]);
    }
}

void nd_ref_act_back(nd_act act, nd_real slope, size_t n, const nd_real *y, const nd_real *gy,
                     nd_real *gx)
{
    for (size_t i = 0; i < n; i++) {
        long double f = nd_ref_act_slope(act, (long double)slope, (long double)y[i]);
        gx[i] = (nd_real)((long double)gy[i] * f);
    }
}

void nd_ref_bias_act(nd_act act, nd_real slope, size_t rows, size_t n, const nd_real *bias,
                     nd_real *y)
{
    for (size_t i = 0; i < rows * n; i++) {
        long double x = (long double)y[i] + (bias ? (long double)bias[i % n] : 0);
        y[i] = (nd_real)nd_ref_act_value(act, (long double)slope, x);
    }
}

void nd_ref_dropout(const nd_rng *rng, double rate, size_t n, const nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        bool keep = nd_rng_bits(rng, i) >= (uint32_t)(rate * 4294967296.0);
        y[i] = (nd_real)(keep ? (long double)x[i] / (1 - rate) : 0);
    }
}

void nd_ref_mask(const nd_rng *rng, const nd_mask *mask, size_t n, const nd_real *x, nd_real *y)
{
    uint32_t threshold = (uint32_t)(mask->rate * 4294967296.0);
    for (size_t i = 0; i < n; i++) {
        bool keep = nd_rng_bits(rng, i) >= threshold;
        long double value = (long double)mask->kept * (long double)x[i] + (long double)mask->offset;
        y[i] = keep ? (nd_real)value : mask->dropped;
    }
}

/* Box & Muller 1958: radius sqrt(-2 log u), angle 2 pi v; the cosine for the first half of
 * each 64 numbers, the sine for the second. */
static long double normal_number(const nd_rng *rng, uint64_t i)
{
    uint64_t at = i / 64 * 64 + i % 32;
    long double u = ((long double)(nd_rng_bits(rng, at) >> 9) + 0.5L) * 0x1p-23L;
    long double v = (long double)(nd_rng_bits(rng, at + 32) >> 8) * 0x1p-24L;
    long double angle = 2 * 3.14159265358979323846264L * v;
    return sqrtl(-2 * logl(u)) * (i % 64 < 32 ? cosl(angle) : sinl(angle));
}

void nd_ref_noise(const nd_rng *rng, double deviation, bool multiply, size_t n, const nd_real *x,
                  nd_real *y)
{
    for (size_t i = 0; i < n; i++) {
        long double noise = (long double)deviation * normal_number(rng, i);
        long double value = (long double)x[i];
        y[i] = (nd_real)(multiply ? value * (1 + noise) : value + noise);
    }
}

double nd_ref_sum(size_t n, const nd_real *x)
{
    long double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += (long double)x[i];
    }
    return (double)total;
}

double nd_ref_dot(size_t n, const nd_real *x, const nd_real *y)
{
    long double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += (long double)x[i] * (long double)y[i];
    }
    return (double)total;
}

bool nd_ref_finite(size_t n, const nd_real *x)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

void nd_ref_column_sums(size_t rows, size_t n, const nd_real *g, nd_real *out, bool add)
{
    for (size_t j = 0; j < n; j++) {
        long double total = add ? (long double)out[j] : 0;
        for (size_t r = 0; r < rows; r++) {
            total += (long double)g[r * n + j];
        }
        out[j] = (nd_real)total;
    }
}

void nd_ref_column_moments(size_t rows, size_t n, const nd_real *x, nd_real *mean,
                           nd_real *variance)
{
    for (size_t j = 0; j < n; j++) {
        long double total = 0, square = 0;
        for (size_t r = 0; r < rows; r++) {
            total += (long double)x[r * n + j];
        }
        long double center = total / (long double)rows;
        for (size_t r = 0; r < rows; r++) {
            long double away = (long double)x[r * n + j] - center;
            square += away * away;
        }
        mean[j] = (nd_real)center;
        variance[j] = (nd_real)(square / (long double)rows);
    }
}

/* log sum over j of expl(x[j]), by way of the largest. */
static long double log_sum_exp(size_t n, const nd_real *x)
{
    long double top = (long double)x[0], total = 0;
    for (size_t j = 1; j < n; j++) {
        top = fmaxl(top, (long double)x[j]);
    }
    for (size_t j = 0; j < n; j++) {
        total += expl((long double)x[j] - top);
    }
    return top + logl(total);
}

void nd_ref_softmax(size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    for (size_t r = 0; r < rows; r++) {
        long double whole = log_sum_exp(n, logits + r * n);
        for (size_t j = 0; j < n; j++) {
            p[r * n + j] = (nd_real)expl((long double)logits[r * n + j] - whole);
        }
    }
}

double nd_ref_softmax_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                    const nd_real *target, nd_real scale, nd_real *grad)
{
    long double loss = 0;
    for (size_t r = 0; r < rows; r++) {
        const nd_real *row = logits + r * n;
        long double whole = log_sum_exp(n, row);
        size_t class = (size_t)target[r];
        loss += whole - (long double)row[class];
        for (size_t j = 0; grad && j < n; j++) {
            long double p = expl((long double)row[j] - whole);
            grad[r * n + j] = (nd_real)((long double)scale * (p - (j == class)));
        }
    }
    return (double)loss;
}

double nd_ref_sigmoid_cross_entropy(size_t n, const nd_real *logits, const nd_real *target,
                                    nd_real scale, nd_real *grad)
{
    long double loss = 0;
    for (size_t i = 0; i < n; i++) {
        long double z = (long double)logits[i], t = (long double)target[i];
        loss += fmaxl(z, 0) - t * z + log1pl(expl(-fabsl(z)));
        if (grad) {
            grad[i] = (nd_real)((long double)scale * (1 / (1 + expl(-z)) - t));
        }
    }
    return (double)loss;
}

double nd_ref_squared_error(size_t n, const nd_real *y, const nd_real *target, nd_real scale,
                            nd_real *grad)
{
    long double loss = 0;
    for (size_t i = 0; i < n; i++) {
        long double away = (long double)y[i] - (long double)target[i];
        loss += away * away;
        if (grad) {
            grad[i] = (nd_real)(2 * (long double)scale * away);
        }
    }
    return (double)loss;
}

/* What decoupled decay leaves of w before the step. */
static long double decayed(const nd_update *u, nd_real w)
{
    return (long double)w - u->lr * u->decoupled * (long double)w;
}

void nd_ref_sgd(const nd_update *u, size_t n, const nd_real *grad, nd_real *w)
{
    for (size_t i = 0; i < n; i++) {
        w[i] = (nd_real)(decayed(u, w[i]) - u->lr * nd_ref_slope(u, grad[i], w[i]));
    }
}

void nd_ref_momentum(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *v)
{
    for (size_t i = 0; i < n; i++) {
        long double speed =
            u->momentum * (long double)v[i] + u->lr * nd_ref_slope(u, grad[i], w[i]);
        w[i] = (nd_real)(decayed(u, w[i]) - speed);
        v[i] = (nd_real)speed;
    }
}

void nd_ref_adam(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *m,
                 nd_real *v)
{
    for (size_t i = 0; i < n; i++) {
        long double g = nd_ref_slope(u, grad[i], w[i]);
        long double first = u->beta1 * (long double)m[i] + (1 - u->beta1) * g;
        long double second = u->beta2 * (long double)v[i] + (1 - u->beta2) * g * g;
        long double step = first / u->correction1 / (sqrtl(second / u->correction2) + u->eps);
        w[i] = (nd_real)(decayed(u, w[i]) - u->lr * step);
        m[i] = (nd_real)first;
        v[i] = (nd_real)second;
    }
}
