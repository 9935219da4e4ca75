#include "job/auto.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/num.h"

static size_t clamp_size(double value, size_t low, size_t high)
{
    if (value < (double)low) {
        return low;
    }
    return value > (double)high ? high : (size_t)value;
}

static nd_status parse_hidden(const nd_config *config, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    size_t count = nd_opt_list_count(set, "hidden");
    if (strcmp(nd_opt_text(set, "hidden"), "none") == 0) {
        return ND_OK;
    }
    if (count > ND_AUTO_HIDDEN) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "hidden: %zu layers, at most %d are possible",
                       count, ND_AUTO_HIDDEN);
    }
    for (size_t i = 0; i < count; i++) {
        size_t n;
        int64_t units;
        const char *text = nd_opt_list_item(set, "hidden", i, &n);
        if (!nd_num_parse_int(text, n, &units) || units < 1 || units > 1000000) {
            return nd_fail(config->ctx, ND_ERR_OPTION,
                           "hidden: \"%.*s\" is not a width between 1 and 1000000 (none makes a "
                           "linear model)",
                           (int)n, text);
        }
        plan->hidden[plan->hidden_count++] = (size_t)units;
    }
    return ND_OK;
}

/* Widths that did best over seeds on the data sets of docs/results.md. */
static void choose_hidden(nd_setup *plan, const nd_prep *prep, size_t rows)
{
    size_t first = rows < 1000 ? 64 : rows < 10000 ? 128 : 256;
    (void)prep;
    plan->hidden[0] = first;
    plan->hidden[1] = first / 2;
    plan->hidden_count = 2;
}

static bool is_auto(const nd_config *config, const char *key)
{
    return nd_opt_auto(&config->set, key);
}

static size_t choose_batch(size_t rows)
{
    size_t batch = 16;
    while (batch < 256 && batch * 64 < rows) {
        batch *= 2;
    }
    return batch;
}

/* Enough steps for small data, enough epochs for large. */
static long choose_epochs(size_t rows, size_t batch)
{
    size_t per_epoch = batch == 0 ? 1 : (rows + batch - 1) / batch;
    return (long)clamp_size(8000.0 / (double)per_epoch, 20, 200);
}

static const char *loss_of_task(nd_task task)
{
    switch (task) {
    case ND_TASK_BINARY:
        return "binary_cross_entropy";
    case ND_TASK_MULTICLASS:
        return "cross_entropy";
    default:
        return "mse";
    }
}

static nd_status choose_loss(const nd_config *config, const nd_prep *prep, nd_setup *plan)
{
    static const char *const words[] = {"auto", "cross_entropy", "binary_cross_entropy", "mse"};
    const char *given = words[nd_opt_choice(&config->set, "loss")];
    const char *fits = loss_of_task(prep->task);
    if (strcmp(given, "auto") != 0 && strcmp(given, fits) != 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "loss: %s does not fit this task (%s does); set --task as well", given, fits);
    }
    plan->loss = fits;
    return ND_OK;
}

static const char *choice_word(const nd_config *config, const char *key)
{
    return nd_opt_text(&config->set, key);
}

static void plan_rates(const nd_config *config, const nd_prep *prep, size_t rows, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    plan->optimizer = choice_word(config, "optimizer");
    plan->lr = is_auto(config, "lr") ? nd_optim_find(plan->optimizer)->lr : nd_opt_real(set, "lr");
    plan->momentum = nd_opt_real(set, "momentum");
    plan->clip_norm = nd_opt_real(set, "clip_norm");
    plan->warmup = nd_opt_real(set, "warmup");
    plan->dropout = nd_opt_real(set, "dropout");
    if (is_auto(config, "dropout")) {
        plan->dropout = plan->hidden_count == 0 ? 0 : 0.1;
    }
    plan->weight_decay = nd_opt_real(set, "weight_decay");
    if (is_auto(config, "weight_decay")) {
        plan->weight_decay = 1e-4;
    }
    (void)prep;
    (void)rows;
}

static void plan_length(const nd_config *config, size_t rows, size_t valid, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    plan->batch_size =
        is_auto(config, "batch_size") ? choose_batch(rows) : (size_t)nd_opt_int(set, "batch_size");
    plan->epochs =
        is_auto(config, "epochs") ? choose_epochs(rows, plan->batch_size) : (long)nd_opt_int(set, "epochs");
    plan->patience = (long)nd_opt_int(set, "patience");
    if (is_auto(config, "patience")) {
        plan->patience = valid == 0 ? 0 : (long)clamp_size((double)plan->epochs / 4, 5, 1000);
    }
    plan->min_delta = nd_opt_real(set, "min_delta");
    plan->target_loss = nd_opt_real(set, "target_loss");
    const char *schedule = choice_word(config, "schedule");
    plan->schedule = nd_schedule_find(strcmp(schedule, "auto") == 0 ? "cosine" : schedule);
    const char *refit = choice_word(config, "refit");
    plan->refit = valid > 0 && (strcmp(refit, "yes") == 0 ||
                                (strcmp(refit, "auto") == 0 && rows + valid < 5000));
}

static nd_status check_plan(const nd_config *config, const nd_setup *plan)
{
    if (plan->batchnorm && plan->batch_size == 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "batchnorm needs batches of more than one row: one row has no variance "
                       "(batch_size is 1)");
    }
    if (plan->dropout > 0 && plan->hidden_count == 0 && config->layers == 0 &&
        nd_opt_given(&config->set, "dropout")) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "dropout has no hidden layer to act on");
    }
    return ND_OK;
}

nd_status nd_setup_make(const nd_config *config, const nd_prep *prep, size_t rows, size_t valid,
                       nd_setup *plan)
{
    const nd_optset *set = &config->set;
    *plan = (nd_setup){.activation = choice_word(config, "activation"),
                      .init = choice_word(config, "init"),
                      .batchnorm = nd_opt_bool(set, "batchnorm"),
                      .residual = nd_opt_bool(set, "residual"),
                      .seed = (uint64_t)nd_opt_int(set, "seed")};
    if (is_auto(config, "hidden")) {
        choose_hidden(plan, prep, rows);
    } else {
        ND_TRY(parse_hidden(config, plan));
    }
    ND_TRY(choose_loss(config, prep, plan));
    plan_rates(config, prep, rows, plan);
    plan_length(config, rows, valid, plan);
    return check_plan(config, plan);
}
