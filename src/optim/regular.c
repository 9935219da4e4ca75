/* Penalties on weights, bounds on them, and forms of clipping. What can be done element by
 * element is done by the update itself (nd_update); here stands what goes by units. */
#include <math.h>

#include "base/ctx.h"
#include "optim/optim.h"

/* Least norm of weights that adaptive clipping goes by (Brock et al. 2021, section 4.1). */
static const double least_norm = 1e-3;

static const struct {
    const char *key;
    nd_clip clip;
} forms[] = {{"clip_norm", ND_CLIP_NORM},
             {"clip_value", ND_CLIP_VALUE},
             {"clip_layer_norm", ND_CLIP_LAYER},
             {"clip_adaptive", ND_CLIP_ADAPTIVE}};

static nd_status read_clip(nd_ctx *ctx, const nd_optim_class *class, const nd_optset *common,
                           nd_optim_regular *r)
{
    const char *first = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        double at = nd_opt_real(common, forms[i].key);
        if (!(at > 0)) {
            continue;
        }
        if (first) {
            return nd_fail(ctx, ND_ERR_OPTION,
                           "%s: %s clips the gradient already; give one of them", forms[i].key,
                           first);
        }
        if (class->search) {
            return nd_fail(ctx, ND_ERR_OPTION,
                           "%s: %s compares losses along its direction, a clipped gradient would "
                           "not be theirs; leave it 0",
                           forms[i].key, class->name);
        }
        first = forms[i].key;
        r->clip = forms[i].clip;
        r->clip_at = at;
    }
    return ND_OK;
}

nd_status nd_optim_regular_read(nd_ctx *ctx, const nd_optim_class *class, const nd_optset *common,
                                nd_optim_regular *regular)
{
    *regular =
        (nd_optim_regular){.all = {.l1 = nd_opt_real(common, "l1"),
                                   .l2 = nd_opt_real(common, "l2"),
                                   .weight_decay = nd_opt_real(common, "weight_decay"),
                                   .max_norm = nd_opt_real(common, "max_norm"),
                                   .orthogonality = nd_opt_real(common, "orthogonality")},
                           .decoupled = class->decoupled || nd_opt_bool(common, "decoupled_decay"),
                           .decay_all = nd_opt_bool(common, "decay_all"),
                           .ema = nd_opt_real(common, "ema")};
    if (regular->ema >= 1) {
        return nd_fail(ctx, ND_ERR_OPTION,
                       "ema: at %g the average would stay at the first weights; it must be below "
                       "1, such as 0.999",
                       regular->ema);
    }
    if (regular->decoupled && class->own_rate) {
        return nd_fail(ctx, ND_ERR_OPTION,
                       "decoupled_decay: %s has no rate that the decay could go by; l2 puts a "
                       "penalty into its gradient",
                       class->name);
    }
    return read_clip(ctx, class, common, regular);
}

static double either(double own, double all)
{
    return isnan(own) ? all : own;
}

nd_regular nd_optim_regular_of(const nd_optim_regular *regular, const nd_span *span)
{
    nd_regular r = regular->all;
    const nd_regular *own = span->own;
    if (own) {
        r = (nd_regular){.l1 = either(own->l1, r.l1),
                         .l2 = either(own->l2, r.l2),
                         .weight_decay = either(own->weight_decay, r.weight_decay),
                         .max_norm = either(own->max_norm, r.max_norm),
                         .orthogonality = either(own->orthogonality, r.orthogonality)};
    }
    if (!span->decay) {
        r.max_norm = r.orthogonality = 0;
    }
    if (!span->decay && !regular->decay_all) {
        r.l1 = r.l2 = r.weight_decay = 0;
    }
    return r;
}

static size_t side_of(const nd_optim_matrix *m)
{
    return m->rows < m->cols ? m->rows : m->cols;
}

size_t nd_optim_square(const nd_optim_matrix *m)
{
    return m->orthogonality > 0 ? side_of(m) * side_of(m) : 0;
}

/* W here is [inputs][units]. With G = W^T W - I, or W W^T - I, the smaller of the two, the
 * gradient is 4 lambda W G, or 4 lambda G W. */
double nd_optim_orthogonality(nd_pool *pool, const nd_optim_matrix *m, const nd_real *w,
                              double sign, nd_real *square, nd_real *grad)
{
    size_t n = side_of(m);
    bool by_units = m->cols <= m->rows;
    if (!(m->orthogonality > 0)) {
        return 0;
    }
    w += m->offset;
    grad += m->offset;
    if (by_units) {
        nd_gemm_tn(pool, n, n, m->rows, w, w, square, false);
    } else {
        nd_gemm_nt(pool, n, n, m->cols, w, w, square, false);
    }
    for (size_t i = 0; i < n; i++) {
        square[i * n + i] -= 1;
    }
    double penalty = m->orthogonality * nd_k_sum_squares(pool, n * n, square);
    nd_k_scale(pool, n * n, (nd_real)(4 * sign * m->orthogonality), square);
    if (by_units) {
        nd_gemm_nn(pool, m->rows, n, n, w, square, grad, true);
    } else {
        nd_gemm_nn(pool, n, m->cols, n, square, w, grad, true);
    }
    return penalty;
}

/* A vector is taken as one unit. */
void nd_optim_clip_adaptive(nd_pool *pool, const nd_optim_matrix *m, double share, const nd_real *w,
                            nd_real *grad)
{
    size_t rows = m->rows == 1 ? m->cols : m->rows, cols = m->rows == 1 ? 1 : m->cols;
    if (m->clip) {
        nd_k_clip_columns(pool, rows, cols, share, least_norm, w + m->offset, grad + m->offset);
    }
}
