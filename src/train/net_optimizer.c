/* The optimizer of a network: a rule on its parameter block. */
#include "net/net.h"
#include "optim/optim.h"

nd_status nd_optimizer_create(nd_net *net, const char *rule, const char *attributes,
                              nd_optimizer **optimizer)
{
    if (!net) {
        if (optimizer) {
            *optimizer = NULL;
        }
        return ND_ERR_ARGUMENT;
    }
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    return nd_optimizer_on_block(nd_net_ctx(net), rule, attributes, nd_net_size(net),
                                 nd_net_parameters(net), nd_net_gradients(net), span, spans,
                                 optimizer);
}
