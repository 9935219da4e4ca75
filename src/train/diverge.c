#include "train/diverge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/num.h"
#include "kern/kern.h"

/* Prepared numbers reach no further: those that scaling leaves are cut at 10 deviations. */
static const double scaled = 10;

static const char lower[] = "the learning rate is too high: try a tenth of it";

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

/* Largest size of an input; 0 where inputs are numbers of words, whose size says nothing. */
static double reach(const nd_desc *desc, const nd_diverge *at)
{
    double most = 0;
    for (size_t i = 0; i < desc->count; i++) {
        if (strcmp(desc->layer[i]->class->name, "embedding") == 0) {
            return 0;
        }
    }
    for (size_t i = 0; i < at->values; i++) {
        most = fmax(most, fabs((double)at->x[i]));
    }
    return most;
}

/* The lowest layer that walks through steps, NULL if there is none. */
static const char *recurrent(const nd_desc *desc)
{
    for (size_t i = 0; i < desc->count; i++) {
        if (desc->layer[i]->class->sequence) {
            return desc->layer[i]->name;
        }
    }
    return NULL;
}

/* Of a loss or gradient, by what is usual where the network and its batch are so. */
static void find_cause(const nd_desc *desc, const nd_diverge *at, size_t size, char *cause)
{
    double most = reach(desc, at);
    const char *walks = recurrent(desc);
    if (most > scaled) {
        char number[ND_NUM_TEXT];
        nd_num_print_general(number, most, 3);
        snprintf(cause, size,
                 "inputs of the batch reach %s: scale them (scaling standard), or try a tenth of "
                 "the learning rate",
                 number);
    } else if (walks != NULL && !at->clipped) {
        snprintf(cause, size,
                 "gradients can grow with each step that \"%.64s\" walks: try clip_norm 1, or a "
                 "tenth of the learning rate",
                 walks);
    } else if (at->steps == 0) {
        snprintf(cause, size, "targets or initial weights are too large");
    } else {
        snprintf(cause, size, "%s%s", lower, at->clipped ? "" : ", or clip_norm");
    }
}

nd_status nd_diverge_fail(nd_net *net, const nd_diverge *at)
{
    char cause[256];
    const nd_span *param = bad_span(net, nd_net_parameters(net), true);
    if (param != NULL) {
        return fail(net, at, param, "the ", lower);
    }
    if (!nd_k_finite(NULL, nd_net_buffer_size(net), nd_net_buffers(net))) {
        return fail(net, at, NULL, "a running statistic of batch normalization", lower);
    }
    if (at->x == NULL) {
        return fail(net, at, NULL, "a moment of the optimizer",
                    at->clipped ? lower
                                : "gradients were too large for it: scale inputs and targets, or "
                                  "try clip_norm or a tenth of the learning rate");
    }
    if (!nd_k_finite(NULL, at->values, at->x)) {
        return fail(net, at, NULL, "an input of the batch",
                    "look at the columns with the largest "
                    "values");
    }
    const nd_span *grad = bad_span(net, nd_net_gradients(net), false);
    find_cause(nd_net_desc(net), at, sizeof cause, cause);
    return fail(net, at, grad, grad != NULL ? "the gradient of the " : "the loss", cause);
}
