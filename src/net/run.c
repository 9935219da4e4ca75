/* Forward and backward over a plan. Nothing here allocates. */
#include <float.h>

#include "base/ctx.h"
#include "base/fpenv.h"
#include "kern/sparse.h"
#include "net/chain.h"

static nd_status check_call(nd_net *net, const void *a, const void *b, size_t rows)
{
    if (!net) {
        return ND_ERR_ARGUMENT;
    }
    if (!a || !b || rows == 0) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "network: %s",
                       rows ? "a null pointer was passed" : "0 rows were passed");
    }
    if (rows > net->max_rows) {
        return nd_fail(net->ctx, ND_ERR_SHAPE, "network: %zu rows, but it was planned for %zu",
                       rows, net->max_rows);
    }
    return ND_OK;
}

static nd_status fail_weighted(const nd_net *net, size_t row, size_t width, const nd_real *label)
{
    return nd_fail(net->ctx, ND_ERR_DATA,
                   "row %zu of the batch: loss %s cannot take label %g%s with weight %g", row,
                   net->loss.class->name, (double)label[0], width > 1 ? ", ..," : "",
                   (double)label[width]);
}

static nd_status fail_labels(const nd_net *net, size_t row, const nd_real *y)
{
    size_t outputs = nd_net_outputs(net), width = net->loss.class->label_width(outputs);
    if (net->weighted) {
        return fail_weighted(net, row, width, y + row * (width + 1));
    }
    return nd_fail(net->ctx, ND_ERR_DATA,
                   "row %zu of the batch: loss %s with %zu %s cannot take label %g%s", row,
                   net->loss.class->name, outputs, outputs == 1 ? "output" : "outputs",
                   (double)y[row * width], width > 1 ? " (or one beside it)" : "");
}

static nd_status check_labels(const nd_net *net, const nd_real *y, size_t rows)
{
    size_t outputs = nd_net_outputs(net);
    size_t bad = net->weighted ? nd_loss_weighted_check(&net->loss, rows, outputs, y)
                               : net->loss.class->check(rows, outputs, y);
    return bad == rows ? ND_OK : fail_labels(net, bad, y);
}

static void forward_step(nd_net *net, nd_plan_step *step, const nd_real *x, size_t rows,
                         bool training)
{
    if (step->skip) {
        return;
    }
    step->io.pool = net->ctx->pool;
    step->io.rows = rows;
    step->io.training = training && !step->io.frozen;
    step->io.rng.step = net->step;
    step->io.collect = net->collect;
    for (size_t k = 0; k < step->layer->inputs; k++) {
        if (step->layer->input[k] < 0) {
            step->io.x[k] = x;
            step->io.sparse_x = step->layer->class->takes_act &&
                                nd_sparse_base(rows, step->io.shape->in[0], step->io.shape->out, x,
                                               &step->io.base_x);
        }
    }
    step->layer->class->forward(&step->io);
}

static void forward(nd_net *net, const nd_real *x, size_t rows, bool training)
{
    net->ran = true;
    if (!training && nd_chain_takes(net->plan.chain, rows, false)) {
        nd_chain_forward(net->plan.chain, net->ctx->pool, x, rows);
        return;
    }
    for (size_t i = 0; i < net->plan.count; i++) {
        forward_step(net, &net->plan.step[i], x, rows, training);
    }
}

#ifdef ND_REAL_DOUBLE
static const double largest = DBL_MAX;
#else
static const double largest = (double)FLT_MAX;
#endif

/* |gW| <= rows * max|x| * max|gz| and |gb| <= rows * max|gz|: proves a large
 * gradient finite from what made it. Half of the largest number leaves room for
 * rounding. */
static bool is_bounded(const nd_layer_io *io)
{
    const nd_layer_shape *shape = io->shape;
    double x = (double)nd_k_max_abs(io->pool, io->rows * shape->in[0], io->x[0]);
    double gz = (double)nd_k_max_abs(io->pool, io->rows * shape->out, io->gy);
    return (x < 1 ? 1 : x) * gz * (double)io->rows < largest / 2;
}

/* Right after the backward call of a step, while what it read and wrote is in the
 * caches: whether all elements of its gradients are finite. */
static bool is_finite(const nd_plan_step *step)
{
    const nd_layer_io *io = &step->io;
    const nd_layer_shape *shape = io->shape;
    size_t batch = io->rows * (shape->in[0] + shape->out);
    if (step->layer->class->takes_act && batch < shape->in[0] * shape->out && is_bounded(io)) {
        return true;
    }
    for (size_t k = 0; k < shape->params; k++) {
        if (!nd_k_finite(io->pool, shape->param[k].rows * shape->param[k].cols, io->grad[k])) {
            return false;
        }
    }
    return true;
}

/* Nothing follows the gradient of a frozen layer, the length of the whole included. Those
 * that take an activation leave it out themselves: there it costs most. */
static void forget_gradient(const nd_layer_io *io)
{
    const nd_layer_shape *shape = io->shape;
    for (size_t k = 0; k < shape->params; k++) {
        nd_k_fill(0, shape->param[k].rows * shape->param[k].cols, io->grad[k]);
    }
}

static void backward(nd_net *net, bool *finite)
{
    for (size_t i = net->plan.count; i-- > 0;) {
        nd_plan_step *step = &net->plan.step[i];
        if (!step->backward) {
            continue;
        }
        step->layer->class->backward(&step->io);
        if (step->io.frozen && !step->layer->class->takes_act) {
            forget_gradient(&step->io);
        }
        if (finite && *finite) {
            *finite = is_finite(step);
        }
        for (size_t k = 0; k < step->layer->inputs; k++) {
            if (step->sum[k] && step->io.gx[k]) {
                nd_k_add(step->io.pool, step->io.rows * step->io.shape->in[k], step->sum[k],
                         step->io.gx[k], step->sum[k]);
            }
        }
    }
}

/* The same of rows to train on, which may have two labels. */
static nd_status check_train_labels(const nd_net *net, const nd_real *y, size_t rows)
{
    if (!net->mixed) {
        return check_labels(net, y, rows);
    }
    size_t outputs = nd_net_outputs(net), width = net->loss.class->label_width(outputs);
    size_t bad = nd_loss_weighted_check(&net->loss, 2 * rows, outputs, y);
    return bad == 2 * rows ? ND_OK : fail_weighted(net, bad / 2, width, y + bad * (width + 1));
}

/* Sum of the rows' losses, each times its weight; grad (may be NULL) gets that of the mean. */
static double value(const nd_net *net, const nd_real *y, size_t rows, double weight, nd_real *grad)
{
    size_t outputs = nd_net_outputs(net);
    double share = weight > 0 ? 1 / weight : 0;
    return net->weighted ? nd_loss_weighted_value(&net->loss, net->ctx->pool, rows, outputs,
                                                  net->plan.logits, y, share, grad)
                         : net->loss.class->value(&net->loss, net->ctx->pool, rows, outputs,
                                                  net->plan.logits, y, (nd_real)share, grad);
}

static double train_value(const nd_net *net, const nd_real *y, size_t rows, double weight)
{
    return net->mixed ? nd_loss_mixed_value(&net->loss, net->ctx->pool, rows, nd_net_outputs(net),
                                            net->plan.logits, y, weight > 0 ? 1 / weight : 0,
                                            net->plan.glogits, net->mixed)
                      : value(net, y, rows, weight, net->plan.glogits);
}

/* Mean of the rows' losses and its gradient. Weights that are all 0 have a mean of 0. */
static double quiet_gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                             bool *finite)
{
    nd_pool *pool = net->ctx->pool;
    nd_plan *plan = &net->plan;
    double weight = nd_net_train_weight(net, y, rows);
    if (plan->glogits && !net->mixed && !plan->frozen && nd_chain_takes(plan->chain, rows, true)) {
        net->ran = true;
        double total = nd_chain_gradient(plan->chain, &net->loss, pool, x, y, rows, net->weighted,
                                         weight, plan->glogits);
        if (finite) {
            *finite = nd_k_finite(NULL, net->blocks.size, net->blocks.grad);
        }
        return weight > 0 ? total / weight : 0;
    }
    forward(net, x, rows, true);
    double total = train_value(net, y, rows, weight);
    if (plan->glogits) {
        backward(net, finite);
    }
    return weight > 0 ? total / weight : 0;
}

static double gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows, bool *finite)
{
    if (!net->noise) {
        return quiet_gradient(net, x, y, rows, finite);
    }
    const nd_real *label = nd_noise_labels(net, y, rows);
    nd_noise_begin(net);
    double loss = quiet_gradient(net, x, label, rows, finite);
    nd_noise_end(net);
    return loss;
}

nd_status nd_net_forward(nd_net *net, const nd_real *x, size_t rows, nd_real *y)
{
    ND_TRY(check_call(net, x, y, rows));
    nd_fp_state state = nd_fp_enter();
    forward(net, x, rows, false);
    net->loss.class->predict(net->ctx->pool, rows, nd_net_outputs(net), net->plan.logits, y);
    nd_fp_leave(state);
    return ND_OK;
}

nd_status nd_net_collect(nd_net *net, const nd_real *x, size_t rows, uint64_t batch)
{
    ND_TRY(check_call(net, x, x, rows));
    if (batch == 0) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "nd_net_collect: batches count from 1");
    }
    nd_fp_state state = nd_fp_enter();
    net->collect = batch;
    forward(net, x, rows, true);
    net->collect = 0;
    nd_fp_leave(state);
    return ND_OK;
}

static nd_status check_gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                                const double *loss)
{
    ND_TRY(check_call(net, x, y, rows));
    if (!loss) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "network: a null pointer was passed");
    }
    return check_train_labels(net, y, rows);
}

nd_status nd_net_gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                          double *loss)
{
    ND_TRY(check_gradient(net, x, y, rows, loss));
    nd_fp_state state = nd_fp_enter();
    *loss = gradient(net, x, y, rows, NULL);
    nd_fp_leave(state);
    return ND_OK;
}

nd_status nd_net_gradient_finite(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                                 double *loss, bool *finite)
{
    ND_TRY(check_gradient(net, x, y, rows, loss));
    *finite = true;
    *loss = gradient(net, x, y, rows, finite);
    return ND_OK;
}

nd_status nd_net_loss(nd_net *net, const nd_real *x, const nd_real *y, size_t rows, double *loss)
{
    ND_TRY(check_call(net, x, y, rows));
    if (!loss) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "network: a null pointer was passed");
    }
    ND_TRY(check_labels(net, y, rows));
    nd_fp_state state = nd_fp_enter();
    forward(net, x, rows, false);
    double weight = nd_net_weight(net, y, rows);
    *loss = weight > 0 ? value(net, y, rows, 1, NULL) / weight : 0;
    nd_fp_leave(state);
    return ND_OK;
}

nd_status nd_net_logits(nd_net *net, const nd_real *x, size_t rows, const nd_real **logits)
{
    ND_TRY(check_call(net, x, logits, rows));
    nd_fp_state state = nd_fp_enter();
    forward(net, x, rows, false);
    nd_fp_leave(state);
    *logits = net->plan.logits;
    return ND_OK;
}

nd_status nd_net_watch(nd_net *net, const nd_real *x, size_t rows, nd_see_layer_fn see, void *user)
{
    ND_TRY(check_call(net, x, x, rows));
    nd_fp_state state = nd_fp_enter();
    net->ran = true;
    for (size_t i = 0; i < net->plan.count; i++) {
        nd_plan_step *step = &net->plan.step[i];
        forward_step(net, step, x, rows, false);
        see(user, i, step->io.y, rows);
    }
    nd_fp_leave(state);
    return ND_OK;
}

nd_status nd_net_last_logits(const nd_net *net, const nd_real **logits)
{
    if (!net->ran) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "the network has not run yet");
    }
    *logits = net->plan.logits;
    return ND_OK;
}
