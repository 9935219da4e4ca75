#include "job/snapshots.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

size_t nd_ensemble_by(const nd_config *config, const char *by)
{
    const nd_optset *set = &config->set;
    if (nd_optset_find(set, "ensemble") < 0 || strcmp(nd_opt_text(set, "ensemble_by"), by) != 0) {
        return 0;
    }
    return (size_t)nd_opt_int(set, "ensemble");
}

/* Settings that snapshots decide themselves. */
static nd_status refuse(const nd_config *config, const nd_setup *plan)
{
    const nd_optset *set = &config->set;
    const char *schedule = nd_opt_text(set, "schedule");
    if (strcmp(schedule, "auto") != 0 && strcmp(schedule, "cosine_restarts") != 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "schedule: snapshots are taken where cosine_restarts restarts; %s does not",
                       schedule);
    }
    if (nd_optim_find(plan->optimizer)->own_rate) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ensemble_by: %s has no learning rate that could restart, so its snapshots "
                       "would be alike",
                       plan->optimizer);
    }
    if (nd_opt_text(set, "schedule_options")[0] != '\0') {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "schedule_options: the cycles of snapshots are epochs / ensemble");
    }
    if (plan->warmup > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "warmup: each cycle of snapshots starts at the full rate");
    }
    if (plan->regular.swa > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "swa: it holds the learning rate, which has to restart for snapshots; give "
                       "one of them");
    }
    const char *end = plan->regular.gl > 0    ? "stop_gl"
                      : plan->regular.pq > 0  ? "stop_pq"
                      : plan->target_loss > 0 ? "target_loss"
                                              : NULL;
    return end ? nd_fail(config->ctx, ND_ERR_OPTION,
                         "%s: snapshots need every cycle, and it would end the training in one",
                         end)
               : ND_OK;
}

static void tell_unused(const nd_config *config)
{
    const nd_optset *set = &config->set;
    if (!nd_opt_auto(set, "patience") && nd_opt_int(set, "patience") > 0) {
        nd_log(
            config->ctx, 1,
            "patience: snapshots need every cycle, and the loss rises at each restart: not used");
    }
    if (strcmp(nd_opt_text(set, "refit"), "yes") == 0) {
        nd_log(config->ctx, 1, "refit: snapshots are those of one training: not used");
    }
}

nd_status nd_snapshots_plan(const nd_config *config, nd_setup *plan, nd_snapshots *snapshots)
{
    size_t count = nd_ensemble_by(config, "snapshots");
    if (count == 0) {
        return ND_OK;
    }
    ND_TRY(refuse(config, plan));
    if (plan->epochs < (long)count) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ensemble: %zu snapshots in %ld epochs: each cycle needs one at least",
                       count, plan->epochs);
    }
    tell_unused(config);
    snapshots->count = count;
    snapshots->cycle = plan->epochs / (long)count;
    plan->epochs = snapshots->cycle * (long)count;
    plan->patience = 0;
    plan->refit = false;
    nd_text options = {0};
    nd_text_printf(&options, "period=%ld, growth=1", snapshots->cycle);
    nd_status status = options.failed ? nd_fail_memory(config->ctx)
                                      : nd_schedule_make(config->ctx, "cosine_restarts",
                                                         options.data, &plan->schedule);
    nd_text_free(&options);
    return status;
}

static size_t width(const nd_snapshots *s)
{
    return s->params + s->buffers;
}

nd_status nd_snapshots_open(nd_snapshots *snapshots, nd_net *net, const nd_state *resumed)
{
    nd_snapshots *s = snapshots;
    if (s->count == 0) {
        return ND_OK;
    }
    s->params = nd_net_size(net);
    s->buffers = nd_net_buffer_size(net);
    s->block = nd_alloc(s->count, width(s) * sizeof *s->block);
    if (s->block == NULL) {
        return nd_fail_memory(nd_net_ctx(net));
    }
    if (resumed == NULL) {
        return ND_OK;
    }
    nd_state state = {0};
    nd_snapshots_list(s, &state);
    return nd_state_restore(nd_net_ctx(net), &state, resumed);
}

void nd_snapshots_free(nd_snapshots *snapshots)
{
    nd_free(snapshots->block);
    *snapshots = (nd_snapshots){0};
}

void nd_snapshots_see(nd_snapshots *snapshots, nd_net *net, long epoch)
{
    const nd_snapshots *s = snapshots;
    if (s->block == NULL || epoch % s->cycle != 0 || epoch / s->cycle > (long)s->count) {
        return;
    }
    nd_real *to = s->block + (size_t)(epoch / s->cycle - 1) * width(s);
    memcpy(to, nd_net_parameters(net), s->params * sizeof *to);
    memcpy(to + s->params, nd_net_buffers(net), s->buffers * sizeof *to);
}

void nd_snapshots_list(nd_snapshots *snapshots, nd_state *state)
{
    if (snapshots->block != NULL) {
        nd_state_add(state, "snapshots", ND_STATE_REAL, snapshots->block,
                     snapshots->count * width(snapshots));
    }
}

nd_status nd_snapshots_join(const nd_snapshots *snapshots, long epochs, nd_model *model)
{
    const nd_snapshots *s = snapshots;
    size_t taken = s->block == NULL ? 0 : (size_t)(epochs / s->cycle);
    if (taken == 0) {
        return ND_OK;
    }
    memcpy(nd_net_parameters(model->net), s->block, s->params * sizeof *s->block);
    memcpy(nd_net_buffers(model->net), s->block + s->params, s->buffers * sizeof *s->block);
    for (size_t k = 1; k < taken; k++) {
        const nd_real *block = s->block + k * width(s);
        ND_TRY(nd_model_add_member(model, block, block + s->params));
    }
    return ND_OK;
}
