/* Rectifier with learned slopes below zero. */
#include "base/ctx.h"
#include "layer/layer.h"

/* Columns of one task. */
enum { BLOCK = 32 };

static const nd_option options[] = {
    {.name = "start",
     .type = ND_OPT_REAL,
     .preset = "0.25",
     .min = -10,
     .max = 10,
     .metavar = "X",
     .help = "slope at the start of training",
     .source = "He et al. 2015, section 2.1"},
    {.name = "shared",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "one slope for the whole layer in the place of one per unit"},
};

static bool is_shared(const nd_layer_shape *shape)
{
    return shape->param[0].cols == 1;
}

static nd_status prelu_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    bool shared = nd_opt_bool(shape->attr, "shared");
    shape->out = shape->in[0];
    shape->params = 1;
    shape->param[0] = (nd_tensor_spec){.name = "slope",
                                       .rows = 1,
                                       .cols = shared ? 1 : shape->in[0],
                                       .init = ND_INIT_CONSTANT,
                                       .value = nd_opt_real(shape->attr, "start")};
    shape->work = shape->in[0]; /* gradient of each column's slope */
    shape->back_needs_x = true;
    return ND_OK;
}

static size_t blocks_of(size_t width)
{
    return (width + BLOCK - 1) / BLOCK;
}

static void forward_block(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t width = io->shape->out, first = task * BLOCK;
    size_t end = first + BLOCK < width ? first + BLOCK : width;
    bool shared = is_shared(io->shape);
    for (size_t r = 0; r < io->rows; r++) {
        const nd_real *x = io->x[0] + r * width;
        nd_real *y = io->y + r * width;
        for (size_t j = first; j < end; j++) {
            y[j] = x[j] < 0 ? io->param[0][shared ? 0 : j] * x[j] : x[j];
        }
    }
}

static void prelu_forward(const nd_layer_io *io)
{
    nd_pool_run(io->pool, blocks_of(io->shape->out), forward_block, (void *)io);
}

/* gx = gy, or a gy below zero;  ga = sum of gy x over the rows below zero. */
static void backward_block(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t width = io->shape->out, first = task * BLOCK;
    size_t end = first + BLOCK < width ? first + BLOCK : width;
    bool shared = is_shared(io->shape);
    double sum[BLOCK] = {0};
    for (size_t r = 0; r < io->rows; r++) {
        const nd_real *x = io->x[0] + r * width, *gy = io->gy + r * width;
        nd_real *gx = io->gx[0] ? io->gx[0] + r * width : NULL;
        for (size_t j = first; j < end; j++) {
            sum[j - first] += x[j] < 0 ? (double)gy[j] * (double)x[j] : 0;
            if (gx) {
                gx[j] = x[j] < 0 ? io->param[0][shared ? 0 : j] * gy[j] : gy[j];
            }
        }
    }
    for (size_t j = first; j < end; j++) {
        io->work[j] = (nd_real)sum[j - first];
    }
}

static void prelu_backward(const nd_layer_io *io)
{
    size_t width = io->shape->out;
    double total = 0;
    nd_pool_run(io->pool, blocks_of(width), backward_block, (void *)io);
    for (size_t j = 0; j < width; j++) {
        total += (double)io->work[j];
        if (!is_shared(io->shape)) {
            io->grad[0][j] = io->work[j];
        }
    }
    if (is_shared(io->shape)) {
        io->grad[0][0] = (nd_real)total;
    }
}

const nd_layer_class nd_layer_prelu = {
    .name = "prelu",
    .help = "rectifier that learns the slope of its negative side",
    .formula = "y = x if x > 0, else a x, a learned",
    .source = "He et al. 2015, eq. 1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .suits = ND_INIT_HE_NORMAL,
    .gain = 1.4142135623730951,
    .shape = prelu_shape,
    .forward = prelu_forward,
    .backward = prelu_backward,
};
