/* Initial values of parameters and buffers: which rule, and the table of rules. */
#include "net/init.h"

#include <math.h>

#include "base/ctx.h"
#include "net/plan.h"

#define ND_INITIALIZER(id, name) extern const nd_init_class nd_init_##name##_class;
#include "net/inits.def"
#undef ND_INITIALIZER

static const nd_init_class *const table[] = {
#define ND_INITIALIZER(id, name) &nd_init_##name##_class,
#include "net/inits.def"
#undef ND_INITIALIZER
};

static const nd_init ids[] = {
#define ND_INITIALIZER(id, name) ND_INIT_##id,
#include "net/inits.def"
#undef ND_INITIALIZER
};

const nd_init_class *const *nd_init_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_init_class *nd_init_find(nd_init init)
{
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (ids[i] == init) {
            return table[i];
        }
    }
    return NULL;
}

void nd_init_normal(const nd_tensor_spec *spec, const nd_rng *rng, double variance, nd_real *w)
{
    double deviation = sqrt(variance);
    for (size_t i = 0; i < spec->rows * spec->cols; i++) {
        w[i] = (nd_real)(deviation * nd_rng_normal(rng, i));
    }
}

/* A uniform number in [-a, a) has variance a^2/3. */
void nd_init_uniform(const nd_tensor_spec *spec, const nd_rng *rng, double variance, nd_real *w)
{
    double bound = sqrt(3 * variance);
    for (size_t i = 0; i < spec->rows * spec->cols; i++) {
        w[i] = (nd_real)(bound * (2 * nd_rng_uniform(rng, i) - 1));
    }
}

size_t nd_init_width(const nd_tensor_spec *spec)
{
    return spec->cols / (spec->blocks ? spec->blocks : 1);
}

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

nd_status nd_blocks_init(nd_ctx *ctx, const nd_desc *desc, nd_blocks *b, uint64_t seed)
{
    size_t p = 0, q = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_layer_shape *shape = &desc->layer[i]->shape;
        for (size_t k = 0; k < shape->params; k++, p++) {
            nd_rng rng = {.seed = seed, .stream = ND_STREAM_INIT + (uint32_t)p};
            nd_tensor_spec spec = resolve(desc, i, &shape->param[k]);
            ND_TRY(nd_init_find(spec.init)->fill(ctx, &spec, &rng, b->param + b->span[p].offset));
        }
        for (size_t k = 0; k < shape->buffers; k++, q++) {
            nd_rng none = {0};
            nd_real *buffer = b->buffer + b->buffer_span[q].offset;
            const nd_tensor_spec *spec = &shape->buffer[k];
            ND_TRY(nd_init_find(spec->init)->fill(ctx, spec, &none, buffer));
        }
    }
    return ND_OK;
}
