/* A few random inputs for each unit. */
#include "net/init.h"

/* Non-zero weights into a unit. */
enum { SPARSE = 15 };

/* SPARSE different inputs of each unit by Floyd's sampling (Bentley & Floyd 1987): of those
 * up to i, one at random, or i itself if that one is taken. */
static nd_status fill(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    (void)ctx;
    size_t in = spec->rows, n = in < SPARSE ? in : SPARSE;
    nd_k_fill(0, in * spec->cols, w);
    for (size_t j = 0; j < spec->cols; j++) {
        for (size_t k = 0; k < n; k++) {
            size_t i = in - n + k, at = j * SPARSE + k;
            size_t pick = (size_t)(nd_rng_uniform(rng, at) * (double)(i + 1));
            nd_real *chosen = &w[pick * spec->cols + j];
            chosen = *chosen != 0 ? &w[i * spec->cols + j] : chosen;
            *chosen = (nd_real)(spec->gain * nd_rng_normal(rng, spec->cols * SPARSE + at));
        }
    }
    return ND_OK;
}

const nd_init_class nd_init_sparse_class = {
    .name = "sparse",
    .formula = "15 inputs per unit, gain N; 0 elsewhere",
    .source = "Martens 2010, section 5",
    .fill = fill,
};
