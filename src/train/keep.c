#include "train/keep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kern/kern.h"

enum {
    WHOLES = offsetof(nd_place, loss_sum) / sizeof(int64_t),
    REALS = (sizeof(nd_place) - offsetof(nd_place, loss_sum)) / sizeof(double),
    EARLY = (sizeof(nd_early) - offsetof(nd_early, lowest)) / sizeof(double)
};

static void list_blocks(nd_keep *k)
{
    nd_state *s = &k->state;
    size_t size = nd_net_size(k->net), buffers = nd_net_buffer_size(k->net);
    nd_state_add(s, "place", ND_STATE_I64, &k->at.epoch, WHOLES);
    nd_state_add(s, "sums", ND_STATE_F64, &k->at.loss_sum, REALS);
    nd_state_add(s, "parameters", ND_STATE_REAL, nd_net_parameters(k->net), size);
    nd_state_add(s, "buffers", ND_STATE_REAL, nd_net_buffers(k->net), buffers);
    k->first_of_optimizer = s->count;
    for (size_t i = 0; i < nd_optimizer_states(k->optimizer); i++) {
        char name[ND_STATE_NAME];
        snprintf(name, sizeof name, "optimizer.%zu", i);
        nd_state_add(s, name, ND_STATE_REAL, nd_optimizer_state(k->optimizer, i), size);
    }
    if (nd_optimizer_average(k->optimizer) != NULL) {
        nd_state_add(s, "average.parameters", ND_STATE_REAL, nd_optimizer_average(k->optimizer),
                     size);
        nd_state_add(s, "average.buffers", ND_STATE_REAL, k->average->buffer, buffers);
    }
    if (k->average->param != NULL) {
        nd_state_add(s, "mean.parameters", ND_STATE_REAL, k->average->param, size);
    }
    nd_state_add(s, "early", ND_STATE_F64, &k->early->lowest, EARLY);
    if (k->early->param != NULL) {
        nd_state_add(s, "best.parameters", ND_STATE_REAL, k->early->param, size);
        nd_state_add(s, "best.buffers", ND_STATE_REAL, k->early->buffer, buffers);
    }
}

/* A rule may let its blocks change places instead of copying them. */
static void find_blocks(nd_keep *k)
{
    for (size_t i = 0; i < nd_optimizer_states(k->optimizer); i++) {
        k->state.block[k->first_of_optimizer + i].data = nd_optimizer_state(k->optimizer, i);
    }
}

/* The numbers and blocks that live elsewhere while the run goes on. */
static void note_place(nd_keep *k)
{
    find_blocks(k);
    k->at.steps = (int64_t)k->result->steps;
    k->at.train_loss = k->result->train_loss;
    k->at.last_loss = k->result->last_loss;
    k->at.best_epoch = k->early->best_epoch;
    k->at.best = k->early->best;
    k->at.metric = k->early->metric;
}

static nd_status take_place(nd_keep *k)
{
    const nd_place *at = &k->at;
    k->result->steps = (uint64_t)at->steps;
    k->result->epochs = (long)at->epoch - 1;
    k->result->train_loss = at->train_loss;
    k->result->last_loss = at->last_loss;
    k->early->best_epoch = (long)at->best_epoch;
    k->early->best = at->best;
    k->early->metric = at->metric;
    nd_optimizer_set_steps(k->optimizer, (uint64_t)at->steps);
    return at->lr > 0 ? nd_optimizer_set_lr(k->optimizer, at->lr) : ND_OK;
}

static bool blocks_finite(const nd_keep *k, const nd_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        const nd_state_block *block = &state->block[i];
        if (block->type == ND_STATE_REAL && strncmp(block->name, "best.", 5) != 0 &&
            !nd_k_finite(k->ctx->pool, block->count, block->data)) {
            return false;
        }
    }
    return true;
}

bool nd_keep_finite(const nd_keep *keep)
{
    return blocks_finite(keep, &keep->state);
}

/* The checksums say that the file is whole, not that its numbers make sense. */
static nd_status check_place(const nd_keep *k)
{
    const nd_place *at = &k->at;
    bool sound = at->epoch >= 1 && at->epoch <= k->params->epochs + 1 && at->batch >= 0 &&
                 at->steps >= 0 && at->best_epoch >= 0 && at->best_epoch < at->epoch &&
                 at->rollbacks >= 0 && at->averaged >= 0 && at->lr_scale > 0 && at->lr_scale <= 1 &&
                 isfinite(at->lr) && at->plateau.scale > 0 && at->plateau.scale <= 1;
    return sound && nd_keep_finite(k)
               ? ND_OK
               : nd_fail(k->ctx, ND_ERR_FORMAT, "the checkpoint holds numbers no run can have");
}

static void mark(nd_keep *k)
{
    note_place(k);
    nd_state_copy(&k->state, k->good);
}

/* A run that could not go back when it was saved gets its first good state here. */
static nd_status resume(nd_keep *k)
{
    const nd_state *saved = k->params->resume;
    ND_TRY(nd_state_restore(k->ctx, &k->state, saved));
    ND_TRY(check_place(k));
    const nd_state_block *good = nd_state_find(saved, "good");
    if (k->good != NULL && good != NULL && nd_state_size(good) == k->good_size) {
        memcpy(k->good, good->data, k->good_size);
    }
    return take_place(k);
}

nd_status nd_keep_init(nd_keep *keep, nd_net *net, nd_optimizer *optimizer, nd_early *early,
                       const nd_average *average, nd_fit_result *result,
                       const nd_fit_params *params)
{
    *keep = (nd_keep){
        .ctx = nd_net_ctx(net),
        .net = net,
        .optimizer = optimizer,
        .early = early,
        .average = average,
        .result = result,
        .params = params,
        .at = {.epoch = 1, .lr_scale = 1, .plateau = nd_plateau_start()},
    };
    list_blocks(keep);
    if (params->rollbacks > 0) {
        keep->good_size = nd_state_bytes(&keep->state);
        keep->good = nd_alloc(keep->good_size, 1);
        if (keep->good == NULL) {
            return nd_fail_memory(keep->ctx);
        }
        mark(keep);
    }
    return params->resume != NULL ? resume(keep) : ND_OK;
}

void nd_keep_free(nd_keep *keep)
{
    nd_free(keep->good);
    keep->good = NULL;
}

static bool save(nd_keep *k, bool last)
{
    note_place(k);
    if (!nd_keep_finite(k)) {
        return false;
    }
    nd_state all = k->state;
    if (k->good != NULL) {
        nd_state_add(&all, "good", ND_STATE_BYTES, k->good, k->good_size);
    }
    k->params->saver->save(k->params->saver->user, &all, k->result->steps, last);
    return true;
}

void nd_keep_save(nd_keep *keep)
{
    if (keep->params->saver != NULL) {
        save(keep, true);
    }
}

nd_status nd_keep_step(nd_keep *keep, bool stop, double now)
{
    const nd_fit_saver *saver = keep->params->saver;
    uint64_t steps = keep->result->steps;
    bool finite = true;
    if (keep->good != NULL && steps % ND_KEEP_STRIDE == 0) {
        finite = nd_keep_finite(keep);
        if (finite) {
            mark(keep);
        }
    }
    if (finite && saver != NULL && (stop || saver->due(saver->user, steps, now))) {
        finite = save(keep, stop);
    }
    return finite ? ND_OK : ND_ERR_DIVERGED;
}

bool nd_keep_back(nd_keep *keep)
{
    int64_t rollbacks = keep->at.rollbacks + 1;
    double scale = keep->at.lr_scale * ND_KEEP_LOWER;
    if (keep->good == NULL || rollbacks > keep->params->rollbacks) {
        return false;
    }
    find_blocks(keep);
    nd_state_paste(&keep->state, keep->good);
    keep->at.rollbacks = rollbacks;
    keep->at.lr_scale = scale;
    return take_place(keep) == ND_OK;
}
