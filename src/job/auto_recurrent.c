/* Recurrent hidden layers from flags. */
#include <string.h>

#include "base/ctx.h"
#include "job/auto.h"

/* Units of the one layer that auto means. */
enum { UNITS = 32 };

static nd_status fail_alone(const nd_config *config, const char *key)
{
    return nd_fail(config->ctx, ND_ERR_OPTION,
                   "%s: there is no recurrent layer; --recurrent lstm makes the hidden layers so",
                   key);
}

/* What hidden layers of this kind have no place for. */
static nd_status refuse(const nd_config *config)
{
    static const char *const key[] = {"norm", "batchnorm",  "residual",  "dense_connections",
                                      "init", "init_scale", "init_gain", "bias_init"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        if (nd_opt_origin(&config->set, key[i]) == ND_FROM_CALL) {
            return nd_fail(config->ctx, ND_ERR_OPTION,
                           "%s: not with --recurrent; a config file can list such layers", key[i]);
        }
    }
    return ND_OK;
}

/* A state is tanh, of rnn relu on request. */
static nd_status plan_activation(const nd_config *config, nd_setup *plan)
{
    bool chosen = strcmp(nd_opt_text(&config->set, "activation"), "auto") != 0;
    bool relu = strcmp(plan->recurrent, "rnn") == 0 && strcmp(plan->activation, "relu") == 0;
    if (chosen && !relu && strcmp(plan->activation, "tanh") != 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "activation: %s takes %s", plan->recurrent,
                       strcmp(plan->recurrent, "rnn") == 0 ? "tanh or relu" : "tanh only");
    }
    plan->activation = chosen ? plan->activation : "tanh";
    return ND_OK;
}

static nd_status plan_time(const nd_config *config, const nd_prep *prep, nd_setup *plan)
{
    plan->time = prep->window;
    if (nd_opt_auto(&config->set, "time_steps")) {
        return ND_OK;
    }
    size_t inputs = nd_prep_inputs(prep);
    plan->time = (size_t)nd_opt_int(&config->set, "time_steps");
    if (inputs % plan->time != 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "time_steps: %zu inputs do not make %zu steps",
                       inputs, plan->time);
    }
    return ND_OK;
}

nd_status nd_setup_recurrent(const nd_config *config, const nd_prep *prep, nd_setup *plan)
{
    static const char *const type[] = {NULL, "rnn", "lstm", "gru"};
    const nd_optset *set = &config->set;
    ND_TRY(plan_time(config, prep, plan));
    plan->recurrent = type[nd_opt_choice(set, "recurrent")];
    plan->bidirectional = nd_opt_bool(set, "bidirectional");
    plan->truncate = (size_t)nd_opt_int(set, "truncate");
    if (config->layers_given) {
        return ND_OK;
    }
    if (plan->recurrent == NULL) {
        bool steps = nd_opt_origin(set, "time_steps") == ND_FROM_CALL;
        return plan->bidirectional ? fail_alone(config, "bidirectional")
               : plan->truncate    ? fail_alone(config, "truncate")
               : steps             ? fail_alone(config, "time_steps")
                                   : ND_OK;
    }
    if (nd_opt_auto(set, "hidden")) {
        plan->hidden[0] = UNITS;
        plan->hidden_count = 1;
    }
    if (plan->hidden_count == 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "recurrent has no hidden layer to act on");
    }
    ND_TRY(refuse(config));
    return plan_activation(config, plan);
}
