#include "train/diverge.h"

#include <string.h>

#include "base/ctx.h"
#include "kern/kern.h"

/* The first span, or the last one, with a number that is not finite; the last is where
 * backward meets the first such gradient. NULL if all are finite. */
static const nd_span *bad_span(nd_net *net, const nd_real *block, bool first)
{
    size_t count;
    const nd_span *span = nd_net_spans(net, &count), *found = NULL;
    for (size_t i = 0; i < count && !(first && found != NULL); i++) {
        if (!nd_k_finite(NULL, span[i].rows * span[i].cols, block + span[i].offset)) {
            found = &span[i];
        }
    }
    return found;
}

static const char *layer_of(nd_net *net, const nd_span *span)
{
    return nd_net_desc(net)->layer[span->layer]->name;
}

/* The last word of "layers.3.weight". */
static const char *tensor_of(const nd_span *span)
{
    const char *dot = strrchr(span->name, '.');
    return dot != NULL ? dot + 1 : span->name;
}

static nd_status fail(nd_net *net, const nd_diverge *at, const nd_span *span, const char *what,
                      const char *cause)
{
    return nd_fail(nd_net_ctx(net), ND_ERR_DIVERGED,
                   "training diverged in epoch %ld, step %llu: %s%s%s%s%s is not finite; %s (the "
                   "learning rate was %g)",
                   at->epoch, (unsigned long long)at->steps + 1, what,
                   span != NULL ? tensor_of(span) : "", span != NULL ? " of layer \"" : "",
                   span != NULL ? layer_of(net, span) : "", span != NULL ? "\"" : "", cause,
                   at->lr);
}

nd_status nd_diverge_fail(nd_net *net, const nd_diverge *at)
{
    static const char lower[] = "the learning rate is too high: try a tenth of it";
    const nd_span *param = bad_span(net, nd_net_parameters(net), true);
    if (param != NULL) {
        return fail(net, at, param, "the ", lower);
    }
    if (at->x == NULL) {
        return fail(net, at, NULL, "a moment of the optimizer", lower);
    }
    if (!nd_k_finite(NULL, at->values, at->x)) {
        return fail(net, at, NULL, "an input of the batch",
                    "look at the columns with the largest "
                    "values");
    }
    const nd_span *grad = bad_span(net, nd_net_gradients(net), false);
    const char *cause = at->steps == 0 ? "inputs or targets are too large: scale them, or try a "
                                         "tenth of the learning rate"
                        : !at->clipped ? "the learning rate is too high: try a tenth of it, or "
                                         "clip_norm"
                                       : lower;
    return fail(net, at, grad, grad != NULL ? "the gradient of the " : "the loss", cause);
}
