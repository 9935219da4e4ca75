#include "train/step.h"

#include <math.h>

#include "base/ctx.h"
#include "base/fpenv.h"

/* One batch, for rules that evaluate it more than once. */
typedef struct batch {
    nd_net *net;
    const nd_real *x, *y;
    size_t rows;
} batch;

static nd_status evaluate(void *user, double *loss, bool *finite)
{
    const batch *b = user;
    return nd_net_gradient_finite(b->net, b->x, b->y, b->rows, loss, finite);
}

/* An input that is not finite comes before all that follows from it. */
static nd_status fail(const batch *b, uint64_t step, const char *what)
{
    size_t width = nd_net_inputs(b->net);
    for (size_t i = 0; i < b->rows * width; i++) {
        if (!isfinite(b->x[i])) {
            return nd_fail(nd_net_ctx(b->net), ND_ERR_DIVERGED,
                           "step %llu: input %zu of row %zu of the batch is not finite: %g",
                           (unsigned long long)step, i % width, i / width, (double)b->x[i]);
        }
    }
    return nd_fail(nd_net_ctx(b->net), ND_ERR_DIVERGED,
                   "step %llu: the %s is not finite: the learning rate is too high, or inputs or "
                   "targets are too large",
                   (unsigned long long)step, what);
}

static nd_status gradient(batch *b, const nd_optimizer *optimizer, double *loss)
{
    bool finite;
    ND_TRY(evaluate(b, loss, &finite));
    return finite && isfinite(*loss)
               ? ND_OK
               : fail(b, nd_optimizer_steps(optimizer) + 1, finite ? "loss" : "gradient");
}

static nd_status step(nd_net *net, nd_optimizer *optimizer, const nd_real *x, const nd_real *y,
                      size_t rows, double *loss)
{
    batch b = {net, x, y, rows};
    if (nd_optimizer_searches(optimizer) && nd_net_noisy(net)) {
        return nd_fail(nd_net_ctx(net), ND_ERR_OPTION,
                       "%s compares losses of several points, which noise makes different ones",
                       nd_optimizer_class(optimizer)->name);
    }
    nd_net_set_step(net, nd_optimizer_steps(optimizer));
    ND_TRY(nd_optimizer_look_ahead(optimizer));
    nd_status status = gradient(&b, optimizer, loss);
    if (status != ND_OK) {
        nd_optimizer_stay(optimizer);
        return status;
    }
    return nd_optimizer_searches(optimizer) ? nd_optimizer_search(optimizer, *loss, evaluate, &b)
                                            : nd_optimizer_step_finite(optimizer);
}

nd_status nd_step(nd_net *net, nd_optimizer *optimizer, const nd_real *x, const nd_real *y,
                  size_t rows, double *loss)
{
    nd_fp_state state = nd_fp_enter();
    nd_status status = step(net, optimizer, x, y, rows, loss);
    nd_fp_leave(state);
    return status;
}

nd_status nd_net_train(nd_net *net, nd_optimizer *optimizer, const nd_real *x, const nd_real *y,
                       size_t rows, double *loss)
{
    if (!net || !optimizer) {
        return ND_ERR_ARGUMENT;
    }
    return nd_step(net, optimizer, x, y, rows, loss);
}
