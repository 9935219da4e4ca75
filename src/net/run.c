/* Forward and backward over a plan. Nothing here allocates. */
#include "base/ctx.h"
#include "base/fpenv.h"
#include "net/plan.h"

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

static nd_status check_labels(const nd_net *net, const nd_real *y, size_t rows)
{
    size_t outputs = nd_net_outputs(net), width = net->loss->label_width(outputs);
    size_t bad = net->loss->check(rows, outputs, y);
    if (bad == rows) {
        return ND_OK;
    }
    return nd_fail(net->ctx, ND_ERR_DATA,
                   "row %zu of the batch: loss %s with %zu %s cannot take label %g%s", bad,
                   net->loss->name, outputs, outputs == 1 ? "output" : "outputs",
                   (double)y[bad * width], width > 1 ? " (or one beside it)" : "");
}

static void forward(nd_net *net, const nd_real *x, size_t rows, bool training)
{
    for (size_t i = 0; i < net->plan.count; i++) {
        nd_plan_step *step = &net->plan.step[i];
        if (step->skip) {
            continue;
        }
        step->io.rows = rows;
        step->io.training = training;
        step->io.rng.step = net->step;
        for (size_t k = 0; k < step->layer->inputs; k++) {
            if (step->layer->input[k] < 0) {
                step->io.x[k] = x;
            }
        }
        step->layer->class->forward(&step->io);
    }
    net->ran = true;
}

static void backward(nd_net *net)
{
    for (size_t i = net->plan.count; i-- > 0;) {
        nd_plan_step *step = &net->plan.step[i];
        if (!step->backward) {
            continue;
        }
        step->layer->class->backward(&step->io);
        for (size_t k = 0; k < step->layer->inputs; k++) {
            if (step->sum[k]) {
                nd_k_add(step->io.pool, step->io.rows * step->io.shape->in[k], step->sum[k],
                         step->io.gx[k], step->sum[k]);
            }
        }
    }
}

nd_status nd_net_forward(nd_net *net, const nd_real *x, size_t rows, nd_real *y)
{
    ND_TRY(check_call(net, x, y, rows));
    nd_fp_state state = nd_fp_enter();
    forward(net, x, rows, false);
    net->loss->predict(net->ctx->pool, rows, nd_net_outputs(net), net->plan.logits, y);
    nd_fp_leave(state);
    return ND_OK;
}

nd_status nd_net_gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                          double *loss)
{
    ND_TRY(check_call(net, x, y, rows));
    if (!loss) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "network: a null pointer was passed");
    }
    ND_TRY(check_labels(net, y, rows));
    nd_fp_state state = nd_fp_enter();
    forward(net, x, rows, true);
    nd_real share = (nd_real)(1.0 / (double)rows);
    *loss = net->loss->value(net->ctx->pool, rows, nd_net_outputs(net), net->plan.logits, y, share,
                             net->plan.glogits) /
            (double)rows;
    if (net->plan.glogits) {
        backward(net);
    }
    nd_fp_leave(state);
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
    *loss =
        net->loss->value(net->ctx->pool, rows, nd_net_outputs(net), net->plan.logits, y, 1, NULL) /
        (double)rows;
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

nd_status nd_net_last_logits(const nd_net *net, const nd_real **logits)
{
    if (!net->ran) {
        return nd_fail(net->ctx, ND_ERR_ARGUMENT, "the network has not run yet");
    }
    *logits = net->plan.logits;
    return ND_OK;
}
