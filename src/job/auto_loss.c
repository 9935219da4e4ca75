/* The loss of a plan: by the task, or as asked for, with its numbers. */
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/num.h"
#include "base/text.h"
#include "job/auto.h"

/* The losses of a task, the usual one first. */
static const char *const *losses_of(nd_task task)
{
    static const char *const binary[] = {"binary_cross_entropy", "focal", "brier", "hinge", NULL};
    static const char *const multiclass[] = {"cross_entropy", "focal", "brier", "hinge", NULL};
    static const char *const values[] = {"mse",      "mae",           "huber",
                                         "log_cosh", "quantile",      "poisson",
                                         "gaussian", "kl_divergence", NULL};
    static const char *const labels[] = {"binary_cross_entropy", NULL};
    static const char *const mirror[] = {
        "mse", "mae", "huber", "log_cosh", "quantile", "binary_cross_entropy", NULL};
    switch (task) {
    case ND_TASK_BINARY:
        return binary;
    case ND_TASK_MULTICLASS:
        return multiclass;
    case ND_TASK_MULTILABEL:
        return labels;
    case ND_TASK_AUTOENCODER:
        return mirror;
    default:
        return values;
    }
}

static nd_status fail_loss(const nd_config *config, const char *given, nd_task task)
{
    nd_text fits = {0};
    const char *const *word = losses_of(task);
    for (size_t i = 0; word[i]; i++) {
        const char *before = i == 0 ? "" : word[i + 1] ? ", " : " and ";
        nd_text_printf(&fits, "%s%s", before, word[i]);
    }
    nd_status status = nd_fail(config->ctx, ND_ERR_OPTION,
                               "loss: %s does not fit task %s (%s do); set --task as well", given,
                               nd_task_name(task), fits.data ? fits.data : "others");
    nd_text_free(&fits);
    return status;
}

/* The option that sets a loss's number, and the loss that takes it. */
typedef struct loss_option {
    const char *loss, *key, *attribute;
} loss_option;

static const loss_option loss_options[] = {
    {"cross_entropy", "label_smoothing", "label_smoothing"},
    {"binary_cross_entropy", "label_smoothing", "label_smoothing"},
    {"focal", "gamma", "gamma"},
    {"huber", "delta", "delta"},
    {"quantile", "quantile", "q"},
};

/* Whether a loss takes the number of an option; given beside another it would be ignored. */
static bool takes_option(const char *loss, const char *key)
{
    for (size_t i = 0; i < sizeof loss_options / sizeof loss_options[0]; i++) {
        const loss_option *row = &loss_options[i];
        if (strcmp(row->loss, loss) == 0 && strcmp(row->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static nd_status write_loss(const nd_config *config, nd_setup *plan)
{
    int n = snprintf(plan->loss_text, sizeof plan->loss_text, "%s", plan->loss);
    for (size_t i = 0; i < sizeof loss_options / sizeof loss_options[0]; i++) {
        const loss_option *row = &loss_options[i];
        if (!takes_option(plan->loss, row->key) &&
            nd_opt_origin(&config->set, row->key) == ND_FROM_CALL) {
            return nd_fail(config->ctx, ND_ERR_OPTION, "%s: loss %s takes none; loss %s does",
                           row->key, plan->loss, row->loss);
        }
        if (strcmp(row->loss, plan->loss) == 0) {
            char number[ND_NUM_TEXT];
            nd_num_print(number, nd_opt_real(&config->set, row->key));
            snprintf(plan->loss_text + n, sizeof plan->loss_text - (size_t)n, ", %s=%s",
                     row->attribute, number);
        }
    }
    return ND_OK;
}

nd_status nd_setup_loss(const nd_config *config, const nd_prep *prep, nd_setup *plan)
{
    const char *given = nd_opt_text(&config->set, "loss");
    const char *const *fits = losses_of(prep->task);
    size_t i = 0;
    if (strcmp(given, "auto") != 0) {
        while (fits[i] && strcmp(fits[i], given) != 0) {
            i++;
        }
    }
    if (!fits[i]) {
        return fail_loss(config, given, prep->task);
    }
    plan->loss = fits[i];
    return write_loss(config, plan);
}
