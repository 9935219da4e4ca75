/* Layer-sequential unit variance: Mishkin & Matas 2016, algorithm 1. */
#include <math.h>

#include "base/ctx.h"
#include "base/fpenv.h"
#include "net/plan.h"

/* Most rescalings of a layer, and how far from 1 its variance may stay. One is enough
 * where there is no bias. */
enum { TRIES = 10 };
static const double close_enough = 1e-4;

static double variance_of(size_t n, const nd_real *y)
{
    double mean = nd_k_sum(NULL, n, y) / (double)n, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double away = (double)y[i] - mean;
        sum += away * away;
    }
    return sum / (double)n;
}

/* Scale the weights until the sums, before any activation, have variance 1. */
static nd_status scale_layer(nd_ctx *ctx, size_t layer, const nd_layer_class *class,
                             const nd_layer_io *io)
{
    const nd_layer_shape *shape = io->shape;
    nd_layer_io sums = *io;
    sums.act = ND_ACT_NONE;
    for (int i = 0; i < TRIES; i++) {
        class->forward(&sums);
        double variance = variance_of(io->rows * shape->out, io->y);
        if (!(variance > 0) || !isfinite(variance)) {
            return nd_fail(ctx, ND_ERR_DATA,
                           "layer %zu: its results do not vary over the %zu rows, so init=lsuv has "
                           "nothing to scale by",
                           layer, io->rows);
        }
        if (fabs(variance - 1) < close_enough) {
            return ND_OK;
        }
        nd_k_scale(NULL, shape->param[0].rows * shape->param[0].cols, (nd_real)(1 / sqrt(variance)),
                   io->param[0]);
    }
    return ND_OK;
}

static nd_status run_step(nd_net *net, size_t i, const nd_real *x, size_t rows)
{
    nd_plan_step *step = &net->plan.step[i];
    nd_layer_io *io = &step->io;
    if (step->skip) {
        return ND_OK;
    }
    io->pool = net->ctx->pool;
    io->rows = rows;
    io->training = false;
    for (size_t k = 0; k < step->layer->inputs; k++) {
        io->x[k] = step->layer->input[k] < 0 ? x : io->x[k];
    }
    if (io->shape->params > 0 && io->shape->param[0].init == ND_INIT_LSUV) {
        ND_TRY(scale_layer(net->ctx, i, step->layer->class, io));
    }
    step->layer->class->forward(io);
    return ND_OK;
}

bool nd_net_wants_rows(const nd_net *net)
{
    for (size_t i = 0; i < net->plan.count; i++) {
        const nd_layer_shape *shape = net->plan.step[i].io.shape;
        if (shape->params > 0 && shape->param[0].init == ND_INIT_LSUV) {
            return true;
        }
    }
    return false;
}

nd_status nd_net_init_on(nd_net *net, const nd_real *x, size_t rows)
{
    nd_status status = ND_OK;
    if (!net) {
        return ND_ERR_ARGUMENT;
    }
    if (!x || rows < 2 || rows > net->max_rows) {
        return nd_fail(net->ctx, x ? ND_ERR_SHAPE : ND_ERR_ARGUMENT,
                       "nd_net_init_on: %zu rows, it takes 2 to %zu", rows, net->max_rows);
    }
    nd_fp_state state = nd_fp_enter();
    for (size_t i = 0; nd_net_wants_rows(net) && status == ND_OK && i < net->plan.count; i++) {
        status = run_step(net, i, x, rows);
    }
    nd_fp_leave(state);
    return status;
}
