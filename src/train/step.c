#include "train/step.h"

#include <math.h>

#include "base/ctx.h"
#include "base/fpenv.h"

static nd_status step(nd_net *net, nd_optimizer *optimizer, const nd_real *x, const nd_real *y,
                      size_t rows, double *loss)
{
    bool finite;
    nd_net_set_step(net, nd_optimizer_steps(optimizer));
    ND_TRY(nd_net_gradient_finite(net, x, y, rows, loss, &finite));
    if (!finite || !isfinite(*loss)) {
        return nd_fail(nd_net_ctx(net), ND_ERR_DIVERGED, "step %llu: the %s is not finite",
                       (unsigned long long)nd_optimizer_steps(optimizer) + 1,
                       finite ? "loss" : "gradient");
    }
    return nd_optimizer_step_finite(optimizer);
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
