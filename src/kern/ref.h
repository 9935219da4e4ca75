/* Plain reference of every kernel in kern.h: the formula as a loop, in long
 * double, rounded once at the end. Tests compare the fast kernels with these; nothing
 * else calls them. */
#ifndef ND_KERN_REF_H
#define ND_KERN_REF_H

#include "kern/kern.h"
#include "kern/warp.h"

/* C[m][n] = or += A B; A is [m][k], or [k][m] if a_turned; B is [k][n], or [n][k]
 * if b_turned. */
void nd_ref_gemm(bool a_turned, bool b_turned, size_t m, size_t n, size_t k, const nd_real *a,
                 const nd_real *b, nd_real *c, bool add);

long double nd_ref_act_value(nd_act act, long double slope, long double x);
/* Derivative in terms of y = f(x), or of x where not nd_act_from_result(act). */
long double nd_ref_act_slope(nd_act act, long double slope, long double y);

void nd_ref_act(nd_act act, nd_real slope, size_t n, const nd_real *x, nd_real *y);
void nd_ref_act_back(nd_act act, nd_real slope, size_t n, const nd_real *y, const nd_real *gy,
                     nd_real *gx);
void nd_ref_bias_act(nd_act act, nd_real slope, size_t rows, size_t n, const nd_real *bias,
                     nd_real *y);
void nd_ref_dropout(const nd_rng *rng, double rate, size_t n, const nd_real *x, nd_real *y);
void nd_ref_mask(const nd_rng *rng, const nd_mask *mask, size_t n, const nd_real *x, nd_real *y);
void nd_ref_noise(const nd_rng *rng, double deviation, bool multiply, size_t n, const nd_real *x,
                  nd_real *y);

/* Images bent: nd_warp_places and nd_warp_sample in one; and nd_warp_field. */
void nd_ref_warp(const nd_warp *warp, size_t step, const nd_real *x, nd_real *y);
void nd_ref_warp_field(double sigma, double alpha, const nd_rng *rng, uint64_t first, size_t rows,
                       size_t cols, nd_real *field);

double nd_ref_sum(size_t n, const nd_real *x);
double nd_ref_dot(size_t n, const nd_real *x, const nd_real *y);
bool nd_ref_finite(size_t n, const nd_real *x);
void nd_ref_column_sums(size_t rows, size_t n, const nd_real *g, nd_real *out, bool add);
void nd_ref_column_moments(size_t rows, size_t n, const nd_real *x, nd_real *mean,
                           nd_real *variance);

void nd_ref_softmax(size_t rows, size_t n, const nd_real *logits, nd_real *p);
double nd_ref_softmax_cross_entropy(size_t rows, size_t n, const nd_real *logits,
                                    const nd_real *target, nd_real scale, nd_real *grad);
double nd_ref_sigmoid_cross_entropy(size_t n, const nd_real *logits, const nd_real *target,
                                    nd_real scale, nd_real *grad);
double nd_ref_squared_error(size_t n, const nd_real *y, const nd_real *target, nd_real scale,
                            nd_real *grad);

/* What every rule makes of a gradient: clipped, scaled, with the penalties'. */
long double nd_ref_slope(const nd_update *u, nd_real grad, nd_real w);
void nd_ref_sgd(const nd_update *u, size_t n, const nd_real *grad, nd_real *w);
void nd_ref_momentum(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *v);
void nd_ref_adam(const nd_update *u, size_t n, const nd_real *grad, nd_real *w, nd_real *m,
                 nd_real *v);
void nd_ref_update(nd_rule rule, const nd_update *u, size_t n, const nd_real *grad, nd_real *w,
                   nd_real *s0, nd_real *s1, nd_real *s2);
void nd_ref_follow(size_t n, double share, const nd_real *w, nd_real *average);
void nd_ref_bound_columns(size_t rows, size_t n, double most, nd_real *w);
void nd_ref_clip_columns(size_t rows, size_t n, double share, double least, const nd_real *w,
                         nd_real *g);
void nd_ref_bytes(size_t n, const uint8_t *x, nd_real factor, nd_real shift, nd_real *y);
void nd_ref_axpy(size_t n, nd_real factor, const nd_real *x, nd_real *y);
void nd_ref_look_ahead(size_t n, nd_real factor, const nd_real *v, nd_real *w, nd_real *saved);

#endif
