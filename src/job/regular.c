/* Penalties, bounds, clipping, stopping, averages and freezing: what is set, and what of it has no
 * meaning beside the rest. */
#include <string.h>

#include "base/ctx.h"
#include "job/auto.h"

static bool given(const nd_config *config, const char *key)
{
    return nd_opt_origin(&config->set, key) == ND_FROM_CALL;
}

static void read_regular(const nd_config *config, nd_setup_regular *r)
{
    const nd_optset *set = &config->set;
    *r = (nd_setup_regular){
        .l1 = nd_opt_real(set, "l1"),
        .l2 = nd_opt_real(set, "l2"),
        .max_norm = nd_opt_real(set, "max_norm"),
        .orthogonality = nd_opt_real(set, "orthogonality"),
        .clip_value = nd_opt_real(set, "clip_value"),
        .clip_layer_norm = nd_opt_real(set, "clip_layer_norm"),
        .clip_adaptive = nd_opt_real(set, "clip_adaptive"),
        .gl = nd_opt_real(set, "stop_gl"),
        .pq = nd_opt_real(set, "stop_pq"),
        .ema = nd_opt_real(set, "ema"),
        .swa_lr = nd_opt_auto(set, "swa_lr") ? 0 : nd_opt_real(set, "swa_lr"),
        .strip = (long)nd_opt_int(set, "strip"),
        .swa = (long)nd_opt_int(set, "swa"),
        .swa_every = (long)nd_opt_int(set, "swa_every"),
        .decoupled = nd_opt_bool(set, "decoupled_decay"),
        .restore_best = nd_opt_bool(set, "restore_best"),
    };
}

/* What was left to nadir gives way to what was chosen in its place. */
static void give_way(const nd_config *config, nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    if (nd_opt_auto(&config->set, "weight_decay") && (r->l1 > 0 || r->l2 > 0)) {
        plan->weight_decay = 0;
    }
    if (nd_opt_auto(&config->set, "patience") && (r->gl > 0 || r->pq > 0 || r->swa > 0)) {
        plan->patience = 0;
    }
}

static nd_status check_stops(const nd_config *config, size_t valid, const nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    const char *key = r->gl > 0 ? "stop_gl" : "stop_pq";
    bool prechelt = r->gl > 0 || r->pq > 0;
    if (prechelt && valid == 0) {
        return nd_fail(
            config->ctx, ND_ERR_OPTION,
            "%s: there are no validation rows to see the loss on; --valid holds some out", key);
    }
    if (prechelt && (plan->maximize || strcmp(plan->loss, "poisson") == 0)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "%s: it compares losses by their quotient, which %s; patience does not", key,
                       plan->maximize ? "says nothing when they are made large"
                                      : "says nothing of loss poisson, as it can be negative");
    }
    if (given(config, "strip") && !(r->pq > 0)) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "strip: only stop_pq goes by strips");
    }
    if (valid == 0 && plan->patience > 0) {
        nd_log(config->ctx, 1,
               "patience: without validation rows the training loss is watched, which says nothing "
               "about other rows");
    }
    return ND_OK;
}

static nd_status check_swa(const nd_config *config, const nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    bool extra = given(config, "swa_every") || r->swa_lr > 0;
    if (r->swa == 0) {
        return extra ? nd_fail(config->ctx, ND_ERR_OPTION,
                               "%s: nothing is averaged; swa says from which epoch on",
                               r->swa_lr > 0 ? "swa_lr" : "swa_every")
                     : ND_OK;
    }
    if (r->swa + r->swa_every - 1 > plan->epochs) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "swa: the first weights to average would be those after epoch %ld, and the "
                       "last epoch is %ld",
                       r->swa + r->swa_every - 1, plan->epochs);
    }
    if (plan->patience > 0 || r->gl > 0 || r->pq > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "swa: it averages to the last epoch, which early stopping (%s) would not "
                       "reach; give one of them",
                       plan->patience > 0 ? "patience"
                       : r->gl > 0        ? "stop_gl"
                                          : "stop_pq");
    }
    if (r->swa_lr > 0 && nd_optim_find(plan->optimizer)->own_rate) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "swa_lr: %s finds the length of its steps itself", plan->optimizer);
    }
    return ND_OK;
}

static nd_status check_averages(const nd_config *config, const nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    if (r->ema >= 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ema: at 1 the average would stay at the first weights; it must be below 1, "
                       "such as 0.999");
    }
    if (r->ema > 0 && r->swa > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "ema: swa averages the weights already; give one of them");
    }
    return check_swa(config, plan);
}

/* Rprop goes by the signs of the gradient, which no factor above 0 changes. */
static void doubt_clipping(const nd_config *config, const nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    const char *key = plan->clip_norm > 0      ? "clip_norm"
                      : r->clip_value > 0      ? "clip_value"
                      : r->clip_layer_norm > 0 ? "clip_layer_norm"
                      : r->clip_adaptive > 0   ? "clip_adaptive"
                                               : NULL;
    if (key != NULL && strcmp(plan->optimizer, "rprop") == 0) {
        nd_log(config->ctx, 1, "%s: rprop goes by the signs of the gradient, which stay the same",
               key);
    }
}

/* What does nothing beside the rest. */
static void tell_idle(const nd_config *config, const nd_setup *plan)
{
    const nd_optset *set = &config->set;
    bool frozen = nd_opt_list_count(set, "freeze") > 0;
    const nd_setup_regular *r = &plan->regular;
    doubt_clipping(config, plan);
    long first = r->swa + r->swa_every - 1;
    if (r->swa > 0 && first <= plan->epochs && first + r->swa_every > plan->epochs) {
        nd_log(config->ctx, 1,
               "swa: only the weights after epoch %ld are averaged, which is no average", first);
    }
    if (plan->min_delta > 0 && plan->patience == 0) {
        nd_log(
            config->ctx, 1,
            "min_delta: nothing stops by it, as patience is 0; smaller falls do not count as the "
            "best epoch all the same");
    }
    if (frozen && nd_opt_text(set, "from")[0] == '\0') {
        nd_log(config->ctx, 1,
               "freeze: what is frozen begins at random, and has learned nothing; from starts it "
               "from another model");
    }
    if (frozen && nd_opt_int(set, "unfreeze_at") > plan->epochs) {
        nd_log(config->ctx, 1, "unfreeze_at: the last epoch is %ld, so layers stay frozen",
               plan->epochs);
    }
}

nd_status nd_setup_regularize(const nd_config *config, size_t valid, nd_setup *plan)
{
    read_regular(config, &plan->regular);
    give_way(config, plan);
    if (plan->regular.decoupled && !(plan->weight_decay > 0)) {
        nd_log(config->ctx, 1, "decoupled_decay: weight_decay is 0, there is nothing to decouple");
    }
    if (given(config, "restore_best") && plan->regular.restore_best && valid == 0) {
        nd_log(config->ctx, 1,
               "restore_best: without validation rows no epoch is known to be the best");
    }
    tell_idle(config, plan);
    ND_TRY(check_stops(config, valid, plan));
    return check_averages(config, plan);
}
