/* Arithmetic on arrays. Row-major, nd_real, contiguous unless said; arrays do
 * not overlap unless said. Every function gives the same bits for any number of
 * threads: work is cut by shape alone and sums have one order.
 * The plain reference of each fast kernel is declared in ref.h. */
#ifndef ND_KERN_KERN_H
#define ND_KERN_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/rng.h"
#include "nadir.h"

/* Name of the instruction set that was picked: "avx512", "avx2", "neon", "plain". */
const char *nd_kern_isa(void);

/* ---- Matrix products. C is [m][n]; with add, C += product, else C = product. */
void nd_gemm_nn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add); /* A [m][k], B [k][n] */
void nd_gemm_tn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add); /* A [k][m], B [k][n] : C = A^T B */
void nd_gemm_nt(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                nd_real *c, bool add); /* A [m][k], B [n][k] : C = A B^T */

/* Tasks that the product of these sizes is cut into, and a pass over n elements: as many
 * threads can be of use. */
size_t nd_gemm_tasks(size_t m, size_t n, size_t k);
size_t nd_k_tasks(size_t n);

typedef enum nd_act {
    ND_ACT_NONE,
    ND_ACT_SIGMOID,
    ND_ACT_TANH,
    ND_ACT_RELU,
    ND_ACT_LEAKY_RELU,
    ND_ACT_HARD_SIGMOID,
    ND_ACT_SOFTSIGN,
    ND_ACT_SOFTPLUS,
    ND_ACT_RELU6,
    ND_ACT_ELU,
    ND_ACT_SELU,
    /* From here on the derivative is a function of x, not of y. */
    ND_ACT_GELU,
    ND_ACT_GELU_TANH,
    ND_ACT_SILU,
    ND_ACT_MISH,
    ND_ACTS
} nd_act;

/* Whether f'(x) follows from y = f(x) alone: what can be applied to a layer's result in
 * place, and undone from it. */
static inline bool nd_act_from_result(nd_act act)
{
    return act != ND_ACT_NONE && act < ND_ACT_GELU;
}

/* C = f(A B + bias) in one pass over C: A [m][k], B [k][n], bias [n] or NULL; slope
 * is that of leaky_relu. The bits are those of nd_gemm_nn and then nd_k_bias_act. */
void nd_gemm_nn_act(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a, const nd_real *b,
                    const nd_real *bias, nd_act act, nd_real slope, nd_real *c);

/* C = (A B^T) * f'(z), from y = f(z): A [m][k], B [n][k], y [m][n]; y is not read
 * with ND_ACT_NONE. The gradient of a layer's input, brought
 * through the activation that made it: A its gy, B its weights, y its input. */
void nd_gemm_nt_back(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a,
                     const nd_real *b, nd_act act, nd_real slope, const nd_real *y, nd_real *c);

/* ---- Element-wise */

/* y = f(x); y may be x. slope is that of leaky_relu below zero, and alpha of elu. */
void nd_k_act(nd_pool *pool, nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y);

/* gx = gy * f'(x), from y = f(x), or, where not nd_act_from_result(act), from x in the
 * place of y; gx may be gy. */
void nd_k_act_back(nd_pool *pool, nd_act act, nd_real slope, size_t n, const nd_real *y,
                   const nd_real *gy, nd_real *gx);

/* y[r][j] = f(y[r][j] + bias[j]) in one pass; bias may be NULL. */
void nd_k_bias_act(nd_pool *pool, nd_act act, nd_real slope, size_t rows, size_t n,
                   const nd_real *bias, nd_real *y);

/* y[i] = x[i] * factor + shift, on the calling thread. */
void nd_k_bytes(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y);

void nd_k_add(nd_pool *pool, size_t n, const nd_real *a, const nd_real *b,
              nd_real *y); /* y = a+b, y may be a or b */
void nd_k_scale(nd_pool *pool, size_t n, nd_real factor, nd_real *x);
void nd_k_fill(nd_real value, size_t n, nd_real *x);
void nd_k_axpy(nd_pool *pool, size_t n, nd_real factor, const nd_real *x,
               nd_real *y); /* y += factor*x */

/* Inverted dropout: keep[i] with probability 1 - rate, y = x/(1-rate) or 0.
 * Element i uses random word i of rng. The backward pass calls it
 * again on the gradient with the same rng. y may be x. */
void nd_k_dropout(nd_pool *pool, const nd_rng *rng, double rate, size_t n, const nd_real *x,
                  nd_real *y);

/* The mask of dropout with other numbers: with probability rate y = dropped, else
 * y = kept x + offset. y may be x. */
typedef struct nd_mask {
    double rate;
    nd_real kept, offset, dropped;
} nd_mask;

void nd_k_mask(nd_pool *pool, const nd_rng *rng, const nd_mask *mask, size_t n, const nd_real *x,
               nd_real *y);

/* Gaussian noise: y = x + deviation N, or with multiply y = x (1 + deviation N). Number N
 * of element i depends on rng and i alone (simd_noise.h). y may be x. */
void nd_k_noise(nd_pool *pool, const nd_rng *rng, double deviation, bool multiply, size_t n,
                const nd_real *x, nd_real *y);

/* ---- Reductions (double accumulators, fixed order) */
double nd_k_sum(nd_pool *pool, size_t n, const nd_real *x);
double nd_k_dot(nd_pool *pool, size_t n, const nd_real *x, const nd_real *y);
double nd_k_sum_squares(nd_pool *pool, size_t n, const nd_real *x);
bool nd_k_finite(nd_pool *pool, size_t n, const nd_real *x);

/* Largest |x|, 0 if n is 0; NaN or infinite if any element is. */
nd_real nd_k_max_abs(nd_pool *pool, size_t n, const nd_real *x);

/* out[j] = sum over rows of g[r][j]; with add, out += . */
void nd_k_column_sums(nd_pool *pool, size_t rows, size_t n, const nd_real *g, nd_real *out,
                      bool add);

/* ---- Units: columns of a matrix [rows][n], whose norm is that of the column. */

/* Scale columns that are longer than most down to it. */
void nd_k_bound_columns(nd_pool *pool, size_t rows, size_t n, double most, nd_real *w);

/* Scale columns of g that are longer than share * max(norm of w's column, least) down to
 * that. */
void nd_k_clip_columns(nd_pool *pool, size_t rows, size_t n, double share, double least,
                       const nd_real *w, nd_real *g);

/* ---- Batch statistics: mean[j], variance[j] (biased) over rows */
void nd_k_column_moments(nd_pool *pool, size_t rows, size_t n, const nd_real *x, nd_real *mean,
                         nd_real *variance);

/* ---- Outputs and losses, row by row, stable for logits of any size */
void nd_k_softmax(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p);
void nd_k_sigmoid(nd_pool *pool, size_t n, const nd_real *logits, nd_real *p);

/* The three below, as a step of a small network has them built in (small.h). */
typedef enum nd_loss_kernel {
    ND_LOSS_OTHER,
    ND_LOSS_SOFTMAX, /* nd_k_softmax_cross_entropy, one label a row */
    ND_LOSS_SIGMOID, /* nd_k_sigmoid_cross_entropy; as many labels as outputs, and */
    ND_LOSS_SQUARED  /* nd_k_squared_error; of both the mean over the outputs */
} nd_loss_kernel;

/* Sum over rows of -log softmax(logits)[class]; class[r] is a whole number in
 * 0..n-1 held as nd_real (checked by the caller). grad (may be NULL) gets
 * scale * (softmax - onehot). One pass. */
double nd_k_softmax_cross_entropy(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                                  const nd_real *target, nd_real scale, nd_real *grad);

/* Sum over elements of -t log s(z) - (1-t) log(1 - s(z)); grad = scale*(s(z)-t). */
double nd_k_sigmoid_cross_entropy(nd_pool *pool, size_t n, const nd_real *logits,
                                  const nd_real *target, nd_real scale, nd_real *grad);

/* Sum over elements of (y - t)^2; grad = scale * 2 * (y - t). */
double nd_k_squared_error(nd_pool *pool, size_t n, const nd_real *y, const nd_real *target,
                          nd_real scale, nd_real *grad);

/* ---- Optimizer updates over n parameters, in place, one pass. Every rule takes
 * g = grad_scale*clip(grad) + decay*w + l1*sign(w), and keeps the share 1 - lr*decoupled of
 * w before its step. */
typedef struct nd_update {
    double lr, decay, grad_scale;
    double l1;
    double clip;                     /* to -clip .. clip; 0: not */
    double momentum;                 /* momentum */
    double beta1, beta2, eps;        /* adam */
    double correction1, correction2; /* 1 - beta1^t, 1 - beta2^t */
    double decoupled;                /* decoupled decay: w -= lr*decoupled*w first */
    nd_real *average;                /* [n] or NULL: average += share*(w - average) at the end */
    double share;
    double of_grad, of_mean;          /* nadam: rates of its two parts */
    double grow, shrink, most, least; /* rprop: factors on a step, and its bounds */
} nd_update;

/* The rules of nd_k_update; s0, s1, s2 are the state arrays that each keeps. */
typedef enum nd_rule {
    ND_RULE_NESTEROV,         /* v s0, w before the look-ahead s1; grad is of w - momentum*v:
                                 v = momentum*v + lr*g ; w = s1 - v */
    ND_RULE_NESTEROV_PYTORCH, /* v s0: v = momentum*v + g ; w -= lr*(g + momentum*v) */
    ND_RULE_ADAGRAD,          /* n s0: n += g^2 ; w -= lr*g / (sqrt(n) + eps) */
    ND_RULE_RMSPROP,          /* n s0, u s2: n = b2 n + (1-b2) g^2 ;
                                 u = momentum*u + g / (sqrt(n) + eps) ; w -= lr*u */
    ND_RULE_RMSPROP_CENTERED, /* mean m s1: sqrt(n - m^2) in place of sqrt(n) */
    ND_RULE_ADADELTA,         /* n s0, d s1: n = b2 n + (1-b2) g^2 ;
                                 u = sqrt(d+eps)/sqrt(n+eps) g ; w -= lr*u ;
                                 d = b2 d + (1-b2) u^2 */
    ND_RULE_AMSGRAD,          /* adam with the largest v so far (s2) in the divisor */
    ND_RULE_NADAM,            /* m s0, v s1: w -= (of_grad*g + of_mean*m) / (sqrt(v/c2) + eps) */
    ND_RULE_LION,             /* m s0: w -= lr*sign(b1 m + (1-b1) g) ; m = b2 m + (1-b2) g */
    ND_RULE_RPROP             /* step s0, last g s1, last change s2: Riedmiller & Braun 1993 */
} nd_rule;

void nd_k_sgd(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w);
/* v = momentum*v + lr*g ; w -= v */
void nd_k_momentum(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *v);
/* m = b1 m + (1-b1) g ; v = b2 v + (1-b2) g^2 ; w -= lr * (m/c1) / (sqrt(v/c2) + eps) */
void nd_k_adam(nd_pool *pool, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
               nd_real *m, nd_real *v);
/* state[3]: arrays of n elements, those that the rule does not keep NULL. */
void nd_k_update(nd_pool *pool, nd_rule rule, const nd_update *u, size_t n, const nd_real *grad,
                 nd_real *w, nd_real *const state[3]);
/* average += share*(w - average) */
void nd_k_follow(nd_pool *pool, size_t n, double share, const nd_real *w, nd_real *average);
/* saved = w ; w -= factor*v : to the point that Nesterov's gradient is taken at. */
void nd_k_look_ahead(nd_pool *pool, size_t n, nd_real factor, const nd_real *v, nd_real *w,
                     nd_real *saved);

#endif
