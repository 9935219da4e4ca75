#include "train/early.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

nd_status nd_early_init(nd_early *early, nd_net *net, const nd_early_params *params, bool keep)
{
    *early = (nd_early){
        .net = net,
        .params = *params,
        .best = INFINITY,
        .metric = NAN,
        .lowest = INFINITY,
        .last = INFINITY,
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

bool nd_early_see(nd_early *early, long epoch, double loss, double train, double metric)
{
    early->last = loss;
    early->lowest = loss < early->lowest ? loss : early->lowest;
    if (early->params.strip > 0) {
        early->strip[epoch % early->params.strip] = train;
    }
    if (!(loss < early->best - (isinf(early->best) ? 0 : early->params.min_delta))) {
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

/* GL(t) = 100 (E_va(t) / E_opt(t) - 1) */
double nd_early_gl(const nd_early *early)
{
    if (early->lowest > 0) {
        return 100 * (early->last / early->lowest - 1);
    }
    return early->last > early->lowest ? INFINITY : 0;
}

/* P_k(t) = 1000 (sum E_tr / (k min E_tr) - 1) over the k epochs of the strip */
double nd_early_progress(const nd_early *early)
{
    double total = 0, least = INFINITY;
    for (long i = 0; i < early->params.strip; i++) {
        total += early->strip[i];
        least = early->strip[i] < least ? early->strip[i] : least;
    }
    double mean = total / (double)early->params.strip;
    return least > 0 ? 1000 * (mean / least - 1) : mean > 0 ? INFINITY : 0;
}

const char *nd_early_reason(const nd_early *early, long epoch, bool valid)
{
    const nd_early_params *p = &early->params;
    double loss = nd_early_gl(early);
    if (p->patience > 0 && epoch - early->best_epoch >= p->patience) {
        return valid ? "the validation loss stopped improving"
                     : "the training loss stopped improving";
    }
    if (p->gl > 0 && loss > p->gl) {
        return "the generalization loss passed its bound";
    }
    bool strip_ends = p->pq > 0 && epoch % p->strip == 0;
    if (strip_ends && loss > p->pq * nd_early_progress(early)) {
        return "the generalization loss outweighs the progress of training";
    }
    return NULL;
}

bool nd_early_restore(const nd_early *early)
{
    if (early->param == NULL || early->best_epoch == 0) {
        return false;
    }
    copy_reals(nd_net_parameters(early->net), early->param, nd_net_size(early->net));
    copy_reals(nd_net_buffers(early->net), early->buffer, nd_net_buffer_size(early->net));
    return true;
}

void nd_early_free(nd_early *early)
{
    nd_free(early->param);
    nd_free(early->buffer);
    early->param = early->buffer = NULL;
}
