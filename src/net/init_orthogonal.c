/* Orthogonal rows or columns. */
#include <math.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/init.h"

static double dot(size_t n, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Make count vectors of n orthonormal, in order; each pass is repeated, since one leaves
 * rounding behind (Giraud et al. 2005). */
static void orthonormalize(size_t count, size_t n, double *q)
{
    for (size_t i = 0; i < count; i++) {
        double *v = q + i * n;
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t j = 0; j < i; j++) {
                double share = dot(n, q + j * n, v);
                for (size_t k = 0; k < n; k++) {
                    v[k] -= share * q[j * n + k];
                }
            }
        }
        double scale = 1 / sqrt(dot(n, v, v));
        for (size_t k = 0; k < n; k++) {
            v[k] *= scale;
        }
    }
}

/* Rows or columns of a block, whichever are fewer, orthogonal with norm gain: normal vectors
 * made orthonormal are spread evenly over all directions. */
static nd_status fill_block(nd_ctx *ctx, const nd_tensor_spec *spec, size_t block,
                            const nd_rng *rng, nd_real *w)
{
    size_t width = nd_init_width(spec);
    bool wide = width > spec->rows;
    size_t count = wide ? spec->rows : width, n = wide ? width : spec->rows;
    double *q = nd_alloc(count, n * sizeof *q);
    if (!q) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < count * n; i++) {
        q[i] = nd_rng_normal(rng, block * count * n + i);
    }
    orthonormalize(count, n, q);
    for (size_t i = 0; i < count * n; i++) {
        size_t row = wide ? i / n : i % n, column = wide ? i % n : i / n;
        w[row * spec->cols + block * width + column] = (nd_real)(spec->gain * q[i]);
    }
    nd_free(q);
    return ND_OK;
}

nd_status nd_init_orthonormal(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng,
                              nd_real *w)
{
    for (size_t b = 0; b < spec->cols / nd_init_width(spec); b++) {
        ND_TRY(fill_block(ctx, spec, b, rng, w));
    }
    return ND_OK;
}

const nd_init_class nd_init_orthogonal_class = {
    .name = "orthogonal",
    .formula = "columns (rows, where fewer) at right angles, each of length gain",
    .source = "Saxe, McClelland & Ganguli 2014",
    .fill = nd_init_orthonormal,
};
