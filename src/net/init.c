/* Initial values of parameters and buffers. Every number is a function of (seed, tensor,
 * element). */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/plan.h"

/* Non-zero weights into a unit of a sparse layer (Martens 2010, section 5). */
enum { SPARSE = 15 };

/* The first layer that reads layer i, or NULL. */
static const nd_desc_layer *reader_of(const nd_desc *desc, size_t i, size_t *index)
{
    for (size_t j = i + 1; j < desc->count; j++) {
        for (size_t k = 0; k < desc->layer[j]->inputs; k++) {
            if (desc->layer[j]->input[k] == (long)i) {
                *index = j;
                return desc->layer[j];
            }
        }
    }
    return NULL;
}

/* The class that layer i feeds, through layers that keep columns apart; NULL at the end. */
static const nd_layer_class *class_after(const nd_desc *desc, size_t i)
{
    const nd_desc_layer *reader = reader_of(desc, i, &i);
    while (reader && reader->class->act == ND_ACT_NONE && reader->class->column_wise) {
        reader = reader_of(desc, i, &i);
    }
    return reader ? reader->class : NULL;
}

/* The spec with what goes by the activation behind it filled in. */
static nd_tensor_spec resolve(const nd_desc *desc, size_t layer, const nd_tensor_spec *given)
{
    nd_tensor_spec spec = *given;
    const nd_layer_class *after = class_after(desc, layer);
    if (spec.init == ND_INIT_AUTO) {
        bool suits = after && after->suits != ND_INIT_ZEROS;
        spec.init = suits ? after->suits : ND_INIT_GLOROT_UNIFORM;
    }
    if (spec.gain == 0) {
        /* LSUV finds its own factor. */
        bool has = spec.init == ND_INIT_ORTHOGONAL && after && after->gain > 0;
        spec.gain = has ? after->gain : 1;
    }
    return spec;
}

/* Variance of the weights: 2/in (He), 2/(in+out) (Glorot), 1/in (LeCun). */
static double variance_of(const nd_tensor_spec *spec)
{
    double in = (double)spec->fan_in, out = (double)spec->fan_out;
    switch (spec->init) {
    case ND_INIT_HE_NORMAL:
    case ND_INIT_HE_UNIFORM:
        return 2 / in;
    case ND_INIT_GLOROT_NORMAL:
    case ND_INIT_GLOROT_UNIFORM:
        return 2 / (in + out);
    case ND_INIT_LECUN_NORMAL:
    case ND_INIT_LECUN_UNIFORM:
        return 1 / in;
    case ND_INIT_NORMAL:
        return spec->value * spec->value;
    case ND_INIT_UNIFORM:
        return spec->value * spec->value / 3;
    default:
        return 0;
    }
}

/* A uniform number in [-a, a) has variance a^2/3. */
static void fill_random(const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    nd_init init = spec->init;
    bool normal = init == ND_INIT_HE_NORMAL || init == ND_INIT_GLOROT_NORMAL ||
                  init == ND_INIT_LECUN_NORMAL || init == ND_INIT_NORMAL;
    double variance = variance_of(spec);
    double deviation = sqrt(variance), bound = sqrt(3 * variance);
    for (size_t i = 0; i < spec->rows * spec->cols; i++) {
        w[i] = (nd_real)(normal ? deviation * nd_rng_normal(rng, i)
                                : bound * (2 * nd_rng_uniform(rng, i) - 1));
    }
}

static size_t block_width(const nd_tensor_spec *spec)
{
    return spec->cols / (spec->blocks ? spec->blocks : 1);
}

static void fill_identity(const nd_tensor_spec *spec, nd_real *w)
{
    size_t width = block_width(spec);
    nd_k_fill(0, spec->rows * spec->cols, w);
    for (size_t j = 0; j < spec->cols; j++) {
        if (j % width < spec->rows) {
            w[j % width * spec->cols + j] = (nd_real)spec->gain;
        }
    }
}

static void fill_block(const nd_tensor_spec *spec, nd_real *w)
{
    size_t width = block_width(spec), first = spec->block * width;
    for (size_t i = 0; i < spec->rows * spec->cols; i++) {
        size_t j = i % spec->cols;
        w[i] = j >= first && j - first < width ? (nd_real)spec->value : 0;
    }
}

/* SPARSE different inputs of each unit by Floyd's sampling (Bentley & Floyd 1987): of those
 * up to i, one at random, or i itself if that one is taken. */
static void fill_sparse(const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
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
}

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
static nd_status fill_orthogonal_block(nd_ctx *ctx, const nd_tensor_spec *spec, size_t block,
                                       const nd_rng *rng, nd_real *w)
{
    size_t width = block_width(spec);
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

static nd_status fill_orthogonal(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng,
                                 nd_real *w)
{
    for (size_t b = 0; b < spec->cols / block_width(spec); b++) {
        ND_TRY(fill_orthogonal_block(ctx, spec, b, rng, w));
    }
    return ND_OK;
}

static nd_status init_tensor(nd_ctx *ctx, const nd_tensor_spec *spec, const nd_rng *rng, nd_real *w)
{
    size_t n = spec->rows * spec->cols;
    switch (spec->init) {
    case ND_INIT_ZEROS:
        nd_k_fill(0, n, w);
        return ND_OK;
    case ND_INIT_ONES:
        nd_k_fill(1, n, w);
        return ND_OK;
    case ND_INIT_CONSTANT:
        nd_k_fill((nd_real)spec->value, n, w);
        return ND_OK;
    case ND_INIT_BLOCK:
        fill_block(spec, w);
        return ND_OK;
    case ND_INIT_IDENTITY:
        fill_identity(spec, w);
        return ND_OK;
    case ND_INIT_SPARSE:
        fill_sparse(spec, rng, w);
        return ND_OK;
    case ND_INIT_ORTHOGONAL:
    case ND_INIT_LSUV:
        return fill_orthogonal(ctx, spec, rng, w);
    default:
        fill_random(spec, rng, w);
        return ND_OK;
    }
}

nd_status nd_blocks_init(nd_ctx *ctx, const nd_desc *desc, nd_blocks *b, uint64_t seed)
{
    size_t p = 0, q = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_layer_shape *shape = &desc->layer[i]->shape;
        for (size_t k = 0; k < shape->params; k++, p++) {
            nd_rng rng = {.seed = seed, .stream = ND_STREAM_INIT + (uint32_t)p};
            nd_tensor_spec spec = resolve(desc, i, &shape->param[k]);
            ND_TRY(init_tensor(ctx, &spec, &rng, b->param + b->span[p].offset));
        }
        for (size_t k = 0; k < shape->buffers; k++, q++) {
            nd_rng none = {0};
            nd_real *buffer = b->buffer + b->buffer_span[q].offset;
            ND_TRY(init_tensor(ctx, &shape->buffer[k], &none, buffer));
        }
    }
    return ND_OK;
}
