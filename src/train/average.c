#include "train/average.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

nd_status nd_average_init(nd_average *average, nd_net *net, nd_optimizer *optimizer, long start,
                          long every, int64_t *count)
{
    bool moving = nd_optimizer_average(optimizer) != NULL;
    *average = (nd_average){.net = net,
                            .optimizer = optimizer,
                            .start = start,
                            .every = every > 0 ? every : 1,
                            .count = count};
    if (start > 0) {
        average->param = nd_alloc_aligned(nd_net_size(net), sizeof(nd_real));
    }
    if (moving) {
        average->buffer = nd_alloc_aligned(nd_net_buffer_size(net), sizeof(nd_real));
    }
    bool made = (average->param != NULL || start == 0) && (average->buffer != NULL || !moving);
    return made ? ND_OK : nd_fail_memory(nd_net_ctx(net));
}

void nd_average_free(nd_average *average)
{
    nd_free(average->param);
    nd_free(average->buffer);
    average->param = average->buffer = NULL;
}

void nd_average_step(nd_average *average)
{
    if (average->buffer == NULL || nd_net_buffer_size(average->net) == 0) {
        return;
    }
    double share = nd_optimizer_share(average->optimizer, nd_optimizer_steps(average->optimizer));
    nd_k_follow(nd_net_ctx(average->net)->pool, nd_net_buffer_size(average->net), share,
                nd_net_buffers(average->net), average->buffer);
}

/* w_swa = (n w_swa + w) / (n + 1) */
void nd_average_epoch(nd_average *average, long epoch)
{
    long past = epoch - average->start + 1;
    if (average->param == NULL || past <= 0 || past % average->every != 0) {
        return;
    }
    nd_k_follow(nd_net_ctx(average->net)->pool, nd_net_size(average->net),
                1 / (double)(*average->count + 1), nd_net_parameters(average->net), average->param);
    (*average->count)++;
}

void nd_average_swap(nd_average *average)
{
    if (average->buffer == NULL || nd_optimizer_swap_average(average->optimizer) != ND_OK) {
        return;
    }
    nd_real *live = nd_net_buffers(average->net);
    for (size_t i = 0; i < nd_net_buffer_size(average->net); i++) {
        nd_real value = live[i];
        live[i] = average->buffer[i];
        average->buffer[i] = value;
    }
}

bool nd_average_take(nd_average *average, nd_feed *feed, long epoch, uint64_t batches)
{
    if (average->param == NULL || *average->count == 0) {
        return false;
    }
    memcpy(nd_net_parameters(average->net), average->param,
           nd_net_size(average->net) * sizeof *average->param);
    if (nd_net_buffer_size(average->net) == 0) {
        return true;
    }
    for (uint64_t b = 0; b < batches; b++) {
        nd_batch batch;
        nd_feed_batch(feed, epoch, b, &batch);
        nd_net_set_step(average->net, nd_optimizer_steps(average->optimizer) + b);
        nd_net_collect(average->net, batch.x, batch.rows, b + 1);
    }
    return true;
}
