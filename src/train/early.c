#include "train/early.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

nd_status nd_early_init(nd_early *early, nd_net *net, long patience, double min_delta, bool keep)
{
    *early = (nd_early){
        .net = net,
        .best = INFINITY,
        .metric = NAN,
        .min_delta = min_delta,
        .patience = patience,
    };
    if (!keep) {
        return ND_OK;
    }
    early->param = nd_alloc_aligned(nd_net_size(net), sizeof(nd_real));
    early->buffer = nd_alloc_aligned(nd_net_buffer_size(net), sizeof(nd_real));
    if (early->param == NULL || early->buffer == NULL) {
        nd_early_free(early);
        return nd_fail_memory(nd_net_ctx(net));
    }
    return ND_OK;
}

static void copy_reals(nd_real *to, const nd_real *from, size_t n)
{
    if (n > 0) {
        memcpy(to, from, n * sizeof *to);
    }
}

bool nd_early_see(nd_early *early, long epoch, double loss, double metric)
{
    if (!(loss < early->best - (isinf(early->best) ? 0 : early->min_delta))) {
        return false;
    }
    early->best = loss;
    early->metric = metric;
    early->best_epoch = epoch;
    if (early->param != NULL) {
        copy_reals(early->param, nd_net_parameters(early->net), nd_net_size(early->net));
        copy_reals(early->buffer, nd_net_buffers(early->net), nd_net_buffer_size(early->net));
    }
    return true;
}

bool nd_early_done(const nd_early *early, long epoch)
{
    return early->patience > 0 && epoch - early->best_epoch >= early->patience;
}

void nd_early_restore(const nd_early *early)
{
    if (early->param == NULL || early->best_epoch == 0) {
        return;
    }
    copy_reals(nd_net_parameters(early->net), early->param, nd_net_size(early->net));
    copy_reals(nd_net_buffers(early->net), early->buffer, nd_net_buffer_size(early->net));
}

void nd_early_free(nd_early *early)
{
    nd_free(early->param);
    nd_free(early->buffer);
    early->param = early->buffer = NULL;
}
