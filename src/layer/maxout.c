/* The largest of neighbouring columns; behind a dense layer of units * pieces columns it
 * makes maxout units. */
#include "base/ctx.h"
#include "layer/layer.h"

enum { ROWS = 16 };

static const nd_option options[] = {
    {.name = "pieces",
     .type = ND_OPT_INT,
     .preset = "2",
     .min = 2,
     .max = 64,
     .metavar = "N",
     .help = "neighbouring columns of which the largest is kept"},
};

static nd_status maxout_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    size_t pieces = (size_t)nd_opt_int(shape->attr, "pieces");
    if (shape->in[0] % pieces != 0) {
        return nd_fail(ctx, ND_ERR_SHAPE, "maxout: %zu columns do not make groups of %zu",
                       shape->in[0], pieces);
    }
    shape->out = shape->in[0] / pieces;
    shape->back_needs_x = true;
    return ND_OK;
}

static size_t best_of(const nd_real *x, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++) {
        best = x[k] > x[best] || x[k] != x[k] ? k : best;
    }
    return best;
}

static size_t last_row(const nd_layer_io *io, size_t task)
{
    return (task + 1) * ROWS < io->rows ? (task + 1) * ROWS : io->rows;
}

static void forward_rows(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t out = io->shape->out, in = io->shape->in[0], pieces = in / out;
    for (size_t r = task * ROWS; r < last_row(io, task); r++) {
        for (size_t j = 0; j < out; j++) {
            const nd_real *x = io->x[0] + r * in + j * pieces;
            io->y[r * out + j] = x[best_of(x, pieces)];
        }
    }
}

static void maxout_forward(const nd_layer_io *io)
{
    nd_pool_run(io->pool, (io->rows + ROWS - 1) / ROWS, forward_rows, (void *)io);
}

/* The gradient goes to the column that was the largest. */
static void backward_rows(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t out = io->shape->out, in = io->shape->in[0], pieces = in / out;
    for (size_t r = task * ROWS; r < last_row(io, task); r++) {
        for (size_t j = 0; j < out; j++) {
            const nd_real *x = io->x[0] + r * in + j * pieces;
            nd_real *gx = io->gx[0] + r * in + j * pieces;
            size_t best = best_of(x, pieces);
            for (size_t k = 0; k < pieces; k++) {
                gx[k] = k == best ? io->gy[r * out + j] : 0;
            }
        }
    }
}

static void maxout_backward(const nd_layer_io *io)
{
    if (io->gx[0]) {
        nd_pool_run(io->pool, (io->rows + ROWS - 1) / ROWS, backward_rows, (void *)io);
    }
}

const nd_layer_class nd_layer_maxout = {
    .name = "maxout",
    .help = "the largest of a few neighbouring columns: a learned convex function per unit",
    .formula = "y_j = max_k x_(j pieces + k), k < pieces",
    .source = "Goodfellow et al. 2013, section 2",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = maxout_shape,
    .forward = maxout_forward,
    .backward = maxout_backward,
};
