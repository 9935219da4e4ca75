#include "job/auto.h"

#include <math.h>
#include <stdio.h>
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

/* Sizes at which the choices below change; what they are worth is measured in
 * docs/results.md. */
enum { SMALL_ROWS = 1000, REFIT_ROWS = 5000, LARGE_ROWS = 10000, MANY_FEATURES = 256 };

static bool wide(const nd_prep *prep, size_t rows)
{
    return rows >= LARGE_ROWS && prep->features >= MANY_FEATURES;
}

static void choose_hidden(nd_setup *plan, const nd_prep *prep, size_t rows)
{
    if (prep->task == ND_TASK_REGRESSION && rows < SMALL_ROWS) {
        plan->hidden[0] = 32;
        plan->hidden_count = 1;
        return;
    }
    if (prep->task == ND_TASK_AUTOENCODER) {
        plan->hidden[0] = plan->hidden[2] = clamp_size((double)prep->features / 2, 4, 256);
        plan->hidden[1] = clamp_size((double)prep->features / 8, 2, 32);
        plan->hidden_count = 3;
        return;
    }
    size_t first = rows < SMALL_ROWS ? 64 : wide(prep, rows) ? 512 : 256;
    plan->hidden[0] = first;
    plan->hidden[1] = first / 2;
    plan->hidden_count = 2;
}

/* A smooth function fits few rows of a quantity better than a piecewise linear one. */
static const char *choose_activation(const nd_prep *prep, size_t rows)
{
    return nd_prep_values(prep) && rows < SMALL_ROWS ? "tanh" : "relu";
}

static double choose_dropout(const nd_setup *plan, const nd_prep *prep, size_t rows)
{
    bool still = nd_optim_find(plan->optimizer)->search != NULL;
    if (plan->hidden_count == 0 || nd_prep_values(prep) || still) {
        return 0;
    }
    return rows < SMALL_ROWS ? 0.1 : wide(prep, rows) ? 0.3 : 0.2;
}

/* A Gaussian prior on the weights counts as a fixed number of rows, so its share
 * of the mean loss falls with their number. */
static double choose_decay(const nd_optim_class *rule, const nd_prep *prep, size_t rows)
{
    /* Beside the step it is multiplied by the rate: 1e-5 per step at the usual one
     * (Loshchilov & Hutter 2019 and Chen et al. 2023 scale it by the rate in this way). */
    if (rule->decoupled) {
        return 1e-5 / rule->lr;
    }
    bool values = prep->task == ND_TASK_REGRESSION;
    double most = values ? 0.05 : 0.01;
    double decay = (values ? 15.0 : 1.0) / (double)rows;
    return decay < most ? decay : most;
}

static double choose_lr(const char *optimizer, size_t rows)
{
    const nd_optim_class *rule = nd_optim_find(optimizer);
    return rows < SMALL_ROWS && !rule->own_rate ? 3 * rule->lr : rule->lr;
}

static bool is_auto(const nd_config *config, const char *key)
{
    return nd_opt_auto(&config->set, key);
}

static size_t choose_batch(size_t rows)
{
    size_t batch = 16;
    while (batch < 128 && batch * 64 < rows) {
        batch *= 2;
    }
    return batch;
}

/* Enough steps for small data, enough epochs for large. */
static long choose_epochs(size_t rows, size_t batch)
{
    size_t per_epoch = batch == 0 ? 1 : (rows + batch - 1) / batch;
    return (long)clamp_size(8000.0 / (double)per_epoch, 20, 300);
}

/* Where a second fit follows, the first is cheap and its end is worth knowing;
 * with few rows the validation loss is too noisy to stop by. */
static long choose_patience(long epochs, size_t rows, size_t valid)
{
    if (valid == 0 || rows < SMALL_ROWS) {
        return 0;
    }
    double share = rows + valid < REFIT_ROWS ? 0.5 : 0.25;
    return (long)clamp_size(share * (double)epochs, 5, 1000);
}

static const char *choice_word(const nd_config *config, const char *key)
{
    return nd_opt_text(&config->set, key);
}

static void plan_rates(const nd_config *config, const nd_prep *prep, size_t rows, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    plan->optimizer = choice_word(config, "optimizer");
    plan->lr = is_auto(config, "lr") ? choose_lr(plan->optimizer, rows) : nd_opt_real(set, "lr");
    plan->momentum = is_auto(config, "momentum") ? NAN : nd_opt_real(set, "momentum");
    plan->maximize = nd_opt_bool(set, "maximize");
    plan->decay_all = nd_opt_bool(set, "decay_all");
    plan->clip_norm = nd_opt_real(set, "clip_norm");
    plan->warmup = nd_opt_real(set, "warmup");
    plan->dropout =
        is_auto(config, "dropout") ? choose_dropout(plan, prep, rows) : nd_opt_real(set, "dropout");
    plan->weight_decay = is_auto(config, "weight_decay")
                             ? choose_decay(nd_optim_find(plan->optimizer), prep, rows)
                             : nd_opt_real(set, "weight_decay");
}

static void plan_length(const nd_config *config, size_t rows, size_t valid, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    bool whole = nd_optim_find(plan->optimizer)->full_batch != NULL;
    plan->batch_size = is_auto(config, "batch_size") ? (whole ? 0 : choose_batch(rows))
                                                     : (size_t)nd_opt_int(set, "batch_size");
    plan->epochs = is_auto(config, "epochs") ? choose_epochs(rows, plan->batch_size)
                                             : (long)nd_opt_int(set, "epochs");
    plan->patience = is_auto(config, "patience") ? choose_patience(plan->epochs, rows, valid)
                                                 : (long)nd_opt_int(set, "patience");
    plan->min_delta = nd_opt_real(set, "min_delta");
    plan->target_loss = nd_opt_real(set, "target_loss");
    const char *refit = choice_word(config, "refit");
    plan->refit = valid > 0 && (strcmp(refit, "yes") == 0 ||
                                (strcmp(refit, "auto") == 0 && rows + valid < REFIT_ROWS));
}

static nd_status plan_schedule(const nd_config *config, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    const nd_optim_class *rule = nd_optim_find(plan->optimizer);
    const char *name = choice_word(config, "schedule");
    bool choose = strcmp(name, "auto") == 0;
    if (choose) {
        name = rule->own_rate ? "constant" : "cosine";
    }
    ND_TRY(
        nd_schedule_make(config->ctx, name, nd_opt_text(set, "schedule_options"), &plan->schedule));
    plan->schedule.exponential_warmup = nd_opt_choice(set, "warmup_shape") == 1;
    if (rule->own_rate && (strcmp(name, "constant") != 0 || plan->warmup > 0)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "%s: %s finds the length of its steps itself, a changing rate would have no "
                       "effect",
                       plan->warmup > 0 ? "warmup" : "schedule", rule->name);
    }
    if (plan->schedule.class->rises && plan->warmup > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "warmup: the schedule %s begins with a rise of its own", name);
    }
    if (plan->warmup >= (double)plan->epochs) {
        nd_log(config->ctx, 1, "warmup: the rate still rises where the run ends, after %ld epoch%s",
               plan->epochs, plan->epochs == 1 ? "" : "s");
    }
    return ND_OK;
}

/* The number that an activation takes goes by one flag; given beside another activation
 * it would be ignored. */
static nd_status plan_activation(const nd_config *config, nd_setup *plan)
{
    const nd_optset *set = &config->set;
    bool slope = !is_auto(config, "slope"), maxout = strcmp(plan->activation, "maxout") == 0;
    plan->slope = slope ? nd_opt_real(set, "slope") : NAN;
    plan->pieces = maxout ? (size_t)nd_opt_int(set, "pieces") : 1;
    if (slope && nd_activation_attribute(plan->activation) == NULL) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "slope: activation %s takes none; leaky_relu, prelu and elu do",
                       plan->activation);
    }
    if (!maxout && nd_opt_origin(set, "pieces") == ND_FROM_CALL) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "pieces: activation %s has none; maxout has",
                       plan->activation);
    }
    return ND_OK;
}

/* Attributes of the rule that have a flag of their own would be overridden by it. */
static nd_status check_rule_options(const nd_config *config)
{
    const nd_optset *set = &config->set;
    size_t common;
    const nd_option *row = nd_optim_common_options(&common);
    for (size_t i = 0; i < nd_opt_list_count(set, "optimizer_options"); i++) {
        size_t n;
        const char *text = nd_opt_list_item(set, "optimizer_options", i, &n);
        size_t key = strcspn(text, "= ,");
        for (size_t k = 0; k < common; k++) {
            if (strlen(row[k].name) == key && strncmp(row[k].name, text, key) == 0) {
                return nd_fail(config->ctx, ND_ERR_OPTION,
                               "optimizer_options: %s is an option of its own", row[k].name);
            }
        }
    }
    return ND_OK;
}

/* Settings that the update rule gives no meaning to. */
static nd_status check_rule(const nd_config *config, size_t rows, const nd_setup *plan)
{
    const nd_optim_class *rule = nd_optim_find(plan->optimizer);
    bool partial = plan->batch_size > 0 && plan->batch_size < rows;
    ND_TRY(check_rule_options(config));
    if (!isnan(plan->momentum) && !nd_optim_option(rule, "momentum")) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "momentum: %s has none; momentum, nesterov, nesterov_pytorch and rmsprop "
                       "have",
                       rule->name);
    }
    if (partial && rule->search != NULL) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "batch_size: %s takes all rows in one batch (batch_size 0): %s", rule->name,
                       rule->full_batch);
    }
    if (partial && rule->full_batch != NULL) {
        nd_log(config->ctx, 1, "batch_size: %s is meant for all rows in one batch (0): %s",
               rule->name, rule->full_batch);
    }
    bool masks = plan->dropout > 0 || plan->input_dropout > 0;
    bool noisy = plan->input_noise > 0 || plan->hidden_noise > 0;
    if (rule->search != NULL && (masks || noisy)) {
        nd_log(config->ctx, 1,
               "%s draws other %s in every step, so that %s minimizes another function each time",
               masks ? "dropout" : "noise", masks ? "masks" : "numbers", rule->name);
    }
    return ND_OK;
}

const char *nd_activation_attribute(const char *activation)
{
    static const char *const row[][2] = {
        {"leaky_relu", "slope"}, {"prelu", "start"}, {"elu", "alpha"}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (strcmp(row[i][0], activation) == 0) {
            return row[i][1];
        }
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0) {
        list++;
    }
    return *list;
}

static nd_status plan_init(const nd_config *config, nd_setup *plan)
{
    static const char *const scaled[] = {"constant", "normal", "uniform", NULL};
    static const char *const gained[] = {"orthogonal", "identity", "sparse", NULL};
    const nd_optset *set = &config->set;
    plan->init_scale = nd_opt_real(set, "init_scale");
    plan->init_gain = is_auto(config, "init_gain") ? NAN : nd_opt_real(set, "init_gain");
    plan->bias_init = nd_opt_real(set, "bias_init");
    if (nd_opt_origin(set, "init_scale") == ND_FROM_CALL && !is_one_of(plan->init, scaled)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "init_scale: init %s takes none; constant, normal and uniform do",
                       plan->init);
    }
    if (!isnan(plan->init_gain) && !is_one_of(plan->init, gained)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "init_gain: init %s takes none; orthogonal, identity and sparse do",
                       plan->init);
    }
    if (plan->hidden_count > 0 &&
        (strcmp(plan->init, "zeros") == 0 || strcmp(plan->init, "constant") == 0)) {
        nd_log(config->ctx, 1,
               "init %s: all units of a hidden layer start alike, and stay alike unless dropout "
               "tells them apart",
               plan->init);
    }
    return ND_OK;
}

/* Which layer normalizes; --batchnorm is another word for --norm batch. */
static nd_status plan_norm(const nd_config *config, nd_setup *plan)
{
    static const char *const type[] = {NULL, "batchnorm", "layernorm", "rmsnorm"};
    const nd_optset *set = &config->set;
    bool batch = nd_opt_bool(set, "batchnorm"), asked = nd_opt_origin(set, "norm") == ND_FROM_CALL;
    plan->norm = type[nd_opt_choice(set, "norm")];
    plan->norm_options = nd_opt_text(set, "norm_options");
    if (batch && (plan->norm ? strcmp(plan->norm, type[1]) != 0 : asked)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "norm: batchnorm asks for batch, norm for %s; give one of them",
                       choice_word(config, "norm"));
    }
    plan->norm = batch ? type[1] : plan->norm;
    if (plan->norm == NULL && plan->norm_options[0] != '\0') {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "norm_options: there is no normalization; --norm adds one");
    }
    return ND_OK;
}

/* Which layer drops, and whether the activation suits it. */
static nd_status plan_dropout(const nd_config *config, nd_setup *plan)
{
    static const char *const type[] = {"dropout", "dropout", "gaussian_dropout", "alpha_dropout"};
    const nd_optset *set = &config->set;
    long form = (long)nd_opt_choice(set, "dropout_form");
    bool alpha = strcmp(type[form], "alpha_dropout") == 0;
    plan->dropout_type = type[form];
    plan->dropout_form = form == 1 ? "classic" : NULL;
    plan->input_dropout = nd_opt_real(set, "input_dropout");
    plan->input_noise = nd_opt_real(set, "input_noise");
    plan->hidden_noise = nd_opt_real(set, "hidden_noise");
    if (!(plan->dropout > 0) && nd_opt_origin(set, "dropout_form") == ND_FROM_CALL) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "dropout_form: nothing is dropped here; --dropout sets a rate");
    }
    if (alpha && plan->dropout > 0 && !config->layers_given &&
        strcmp(plan->activation, "selu") != 0) {
        nd_log(config->ctx, 1,
               "dropout_form alpha keeps mean and variance of selu; activation %s has another "
               "lowest value",
               plan->activation);
    }
    return ND_OK;
}

/* Noise beside that of layers, as nd_net_set_noise takes it. */
static nd_status plan_noise(const nd_config *config, const nd_prep *prep, nd_setup *plan)
{
    static const char *const key[] = {"weight_noise", "gradient_noise", "label_noise"};
    const nd_optset *set = &config->set;
    bool fades = nd_opt_origin(set, "gradient_noise_decay") == ND_FROM_CALL, noisy = false;
    char number[4][ND_NUM_TEXT];
    for (size_t i = 0; i < 3; i++) {
        noisy = noisy || nd_opt_real(set, key[i]) > 0;
        nd_num_print(number[i], nd_opt_real(set, key[i]));
    }
    nd_num_print(number[3], nd_opt_real(set, "gradient_noise_decay"));
    if (fades && !(nd_opt_real(set, key[1]) > 0)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "gradient_noise_decay: there is no noise to fade; --gradient-noise adds it");
    }
    if (prep->task == ND_TASK_AUTOENCODER && nd_opt_real(set, key[2]) > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "label_noise: task autoencoder has no labels; --input-noise makes its "
                       "inputs noisy and leaves what it gives back clean");
    }
    if (!nd_prep_values(prep) && nd_opt_real(set, key[2]) > 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "label_noise: %s is no probability, with which classes are swapped",
                       number[2]);
    }
    if (noisy && nd_optim_find(plan->optimizer)->search != NULL) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "%s compares losses of several points, which noise on weights, gradients "
                       "or labels makes different ones",
                       plan->optimizer);
    }
    if (noisy) {
        snprintf(plan->noise, sizeof plan->noise,
                 "weight=%s, gradient=%s, label=%s, gradient_decay=%s", number[0], number[1],
                 number[2], number[3]);
    }
    return ND_OK;
}

/* Settings of hidden layers that a network has none of, or that exclude each other. */
static nd_status check_hidden(const nd_config *config, const nd_setup *plan)
{
    bool none = plan->hidden_count == 0 && !config->layers_given;
    if (plan->dropout > 0 && none && nd_opt_given(&config->set, "dropout")) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "dropout has no hidden layer to act on");
    }
    if (plan->norm != NULL && none && nd_opt_given(&config->set, "norm")) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "norm has no hidden layer to act on");
    }
    if (plan->hidden_noise > 0 && none) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "hidden_noise has no hidden layer to act on");
    }
    if (plan->residual && plan->dense_connections) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "dense_connections: residual adds what these put side by side; give one of "
                       "them");
    }
    return ND_OK;
}

static nd_status check_plan(const nd_config *config, const nd_setup *plan)
{
    if (plan->norm != NULL && strcmp(plan->norm, "batchnorm") == 0 && plan->batch_size == 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "batchnorm needs batches of more than one row: one row has no variance "
                       "(batch_size is 1)");
    }
    return check_hidden(config, plan);
}

/* What a list of layers leaves no room for. A file may state both (as the printed
 * settings do); given to the call it would be ignored. */
static nd_status refuse_beside_layers(const nd_config *config)
{
    static const char *const key[] = {"hidden",      "activation",    "slope",
                                      "pieces",      "init_scale",    "init_gain",
                                      "bias_init",   "dropout",       "batchnorm",
                                      "residual",    "init",          "dropout_form",
                                      "norm",        "norm_options",  "input_dropout",
                                      "input_noise", "hidden_noise",  "dense_connections",
                                      "recurrent",   "bidirectional", "truncate"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        if (nd_opt_origin(&config->set, key[i]) == ND_FROM_CALL) {
            const char *of = config->layers_of;
            return nd_fail(config->ctx, ND_ERR_OPTION,
                           of ? "%s: the layers are those of %s; give hidden as well to describe "
                                "the network anew"
                              : "%s: the config file lists the layers one by one; change it there",
                           key[i], of);
        }
    }
    return ND_OK;
}

/* Widths of the hidden layers, unless a file lists the layers themselves. */
static nd_status plan_hidden(const nd_config *config, const nd_prep *prep, size_t rows,
                             nd_setup *plan)
{
    if (config->layers_given) {
        return refuse_beside_layers(config);
    }
    if (!is_auto(config, "hidden")) {
        return parse_hidden(config, plan);
    }
    choose_hidden(plan, prep, rows);
    return ND_OK;
}

nd_status nd_setup_make(const nd_config *config, const nd_prep *prep, size_t rows, size_t valid,
                        nd_setup *plan)
{
    const nd_optset *set = &config->set;
    const char *activation = choice_word(config, "activation");
    bool choose = strcmp(activation, "auto") == 0;
    *plan = (nd_setup){.activation = choose ? choose_activation(prep, rows) : activation,
                       .init = choice_word(config, "init"),
                       .residual = nd_opt_bool(set, "residual"),
                       .dense_connections = nd_opt_bool(set, "dense_connections"),
                       .seed = (uint64_t)nd_opt_int(set, "seed")};
    ND_TRY(plan_hidden(config, prep, rows, plan));
    ND_TRY(nd_setup_recurrent(config, prep, plan));
    ND_TRY(plan_activation(config, plan));
    ND_TRY(plan_init(config, plan));
    ND_TRY(nd_setup_loss(config, prep, plan));
    plan_rates(config, prep, rows, plan);
    ND_TRY(plan_norm(config, plan));
    ND_TRY(plan_dropout(config, plan));
    ND_TRY(plan_noise(config, prep, plan));
    plan_length(config, rows, valid, plan);
    ND_TRY(plan_schedule(config, plan));
    ND_TRY(nd_setup_regularize(config, valid, plan));
    ND_TRY(check_rule(config, rows, plan));
    return check_plan(config, plan);
}
