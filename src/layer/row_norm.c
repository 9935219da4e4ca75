/* What layer normalization and RMS normalization share. */
#include "base/ctx.h"
#include "kern/norm.h"
#include "layer/layer.h"

/* Rows of n in the work space; mean and 1 / deviation of each row of the batch follow. */
enum { ONES, ZEROS, GSCALE, GOFFSET, FIXED };

static bool has(const nd_layer_shape *shape, const char *key)
{
    return nd_opt_bool(shape->attr, key);
}

static void add_param(nd_layer_shape *shape, const char *name, nd_init init)
{
    if (has(shape, name)) {
        shape->param[shape->params++] =
            (nd_tensor_spec){.name = name, .rows = 1, .cols = shape->in[0], .init = init};
    }
}

nd_status nd_layer_row_norm_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    size_t width = shape->in[0];
    shape->out = width;
    shape->params = 0;
    add_param(shape, "scale", ND_INIT_ONES);
    add_param(shape, "offset", ND_INIT_ZEROS);
    shape->work_per_row = 2;
    shape->back_needs_x = true;
    if (__builtin_mul_overflow(width, (size_t)FIXED, &shape->work)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "normalization: %zu columns are too many", width);
    }
    return ND_OK;
}

/* The arrays of a call; what is not learned is 1 and 0, its gradient goes to the work space. */
static nd_norm arrays_of(const nd_layer_io *io, bool center)
{
    const nd_layer_shape *shape = io->shape;
    size_t n = shape->out, offset = has(shape, "scale");
    bool lifted = has(shape, "offset");
    nd_real *rows = io->work + FIXED * n;
    return (nd_norm){.rows = io->rows,
                     .n = n,
                     .center = center,
                     .eps = nd_opt_real(shape->attr, "eps"),
                     .x = io->x[0],
                     .mean = rows,
                     .inverse = rows + io->rows,
                     .scale = offset ? io->param[0] : io->work + ONES * n,
                     .offset = lifted ? io->param[offset] : io->work + ZEROS * n,
                     .y = io->y,
                     .gy = io->gy,
                     .gx = io->gx[0],
                     .gscale = offset ? io->grad[0] : io->work + GSCALE * n,
                     .goffset = lifted ? io->grad[offset] : io->work + GOFFSET * n};
}

void nd_layer_row_norm_forward(const nd_layer_io *io, bool center)
{
    size_t n = io->shape->out;
    nd_norm norm = arrays_of(io, center);
    nd_k_fill(1, n, io->work + ONES * n);
    nd_k_fill(0, n, io->work + ZEROS * n);
    nd_norm_rows(io->pool, &norm);
}

void nd_layer_row_norm_backward(const nd_layer_io *io, bool center)
{
    nd_norm norm = arrays_of(io, center);
    nd_norm_rows_back(io->pool, &norm);
}
