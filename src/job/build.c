#include "job/build.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "job/settings.h"

size_t nd_build_logits(const nd_prep *prep, const char *loss)
{
    switch (prep->task) {
    case ND_TASK_BINARY:
        return 1;
    case ND_TASK_MULTICLASS:
        return nd_dict_count(prep->classes);
    default:
        return nd_prep_outputs(prep) * (nd_loss_find(loss)->spread ? 2 : 1);
    }
}

/* Append a layer whose attributes are a printf format. */
__attribute__((format(printf, 3, 4))) static nd_status add_layer(nd_desc *desc, const char *type,
                                                                 const char *format, ...)
{
    nd_text attributes = {0};
    va_list list;
    va_start(list, format);
    nd_text_vprintf(&attributes, format, list);
    va_end(list);
    nd_status status =
        attributes.failed ? nd_fail_memory(desc->ctx) : nd_desc_add(desc, type, attributes.data);
    nd_text_free(&attributes);
    return status;
}

/* Numbers at their default are left out, so that a description states what was chosen. */
static nd_status add_dense(nd_desc *desc, size_t units, const nd_setup *plan, double bias)
{
    char scale[ND_NUM_TEXT], gain[ND_NUM_TEXT], offset[ND_NUM_TEXT];
    bool scaled = plan->init_scale < 0.01 || plan->init_scale > 0.01;
    bool lifted = bias < 0 || bias > 0;
    nd_num_print(scale, plan->init_scale);
    nd_num_print(gain, plan->init_gain);
    nd_num_print(offset, bias);
    return add_layer(desc, "dense", "units=%zu, init=%s%s%s%s%s%s%s", units, plan->init,
                     scaled ? ", scale=" : "", scaled ? scale : "",
                     isnan(plan->init_gain) ? "" : ", gain=", isnan(plan->init_gain) ? "" : gain,
                     lifted ? ", bias_init=" : "", lifted ? offset : "");
}

/* Names of a description stay where they are while it grows. */
static const char *last_name(const nd_desc *desc)
{
    return desc->count == 0 ? "input" : desc->layer[desc->count - 1]->name;
}

/* y = block(x) + x, through a matrix where the widths differ (He et al. 2016, eq. 1, 2). */
static nd_status add_shortcut(nd_desc *desc, const char *from, size_t width, size_t units)
{
    const char *block = last_name(desc);
    const char *other = from;
    if (width != units) {
        ND_TRY(add_layer(desc, "dense", "units=%zu, init=lecun_normal, bias=false, from=%s", units,
                         from));
        other = last_name(desc);
    }
    return add_layer(desc, "add", "from=%s|%s", block, other);
}

static nd_status add_activation(nd_desc *desc, const nd_setup *plan)
{
    const char *attribute = nd_activation_attribute(plan->activation);
    if (strcmp(plan->activation, "maxout") == 0) {
        return add_layer(desc, "maxout", "pieces=%zu", plan->pieces);
    }
    if (attribute == NULL || isnan(plan->slope)) {
        return nd_desc_add(desc, plan->activation, NULL);
    }
    char slope[ND_NUM_TEXT];
    nd_num_print(slope, plan->slope);
    return add_layer(desc, plan->activation, "%s=%s", attribute, slope);
}

static nd_status add_real(nd_desc *desc, const char *type, const char *key, double value)
{
    char number[ND_NUM_TEXT];
    nd_num_print(number, value);
    return add_layer(desc, type, "%s=%s", key, number);
}

static nd_status add_dropout(nd_desc *desc, const nd_setup *plan)
{
    if (plan->dropout_form == NULL) {
        return add_real(desc, plan->dropout_type, "rate", plan->dropout);
    }
    char rate[ND_NUM_TEXT];
    nd_num_print(rate, plan->dropout);
    return add_layer(desc, plan->dropout_type, "rate=%s, form=%s", rate, plan->dropout_form);
}

/* What is done to the inputs in training. */
static nd_status add_input(nd_desc *desc, const nd_setup *plan)
{
    if (plan->input_noise > 0) {
        ND_TRY(add_real(desc, "noise", "deviation", plan->input_noise));
    }
    return plan->input_dropout > 0 ? add_real(desc, "dropout", "rate", plan->input_dropout) : ND_OK;
}

/* dense, normalization, activation, noise, dropout, shortcut. */
static nd_status add_hidden(nd_desc *desc, const nd_setup *plan, size_t units)
{
    const char *from = last_name(desc);
    size_t width = nd_desc_outputs(desc);
    ND_TRY(add_dense(desc, units * plan->pieces, plan, plan->bias_init));
    if (plan->norm != NULL) {
        ND_TRY(nd_desc_add(desc, plan->norm, plan->norm_options));
    }
    ND_TRY(add_activation(desc, plan));
    if (plan->hidden_noise > 0) {
        ND_TRY(add_real(desc, "noise", "deviation", plan->hidden_noise));
    }
    if (plan->dropout > 0) {
        ND_TRY(add_dropout(desc, plan));
    }
    if (plan->dense_connections) {
        return add_layer(desc, "concat", "from=%s|%s", from, last_name(desc));
    }
    return plan->residual ? add_shortcut(desc, from, width, units) : ND_OK;
}

/* All but the last hand their whole sequence on. */
static nd_status add_recurrent(nd_desc *desc, const nd_setup *plan, size_t i)
{
    char truncate[64] = "";
    if (plan->truncate > 0) {
        snprintf(truncate, sizeof truncate, ", truncate=%zu", plan->truncate);
    }
    ND_TRY(add_layer(desc, plan->recurrent, "units=%zu%s%s%s%s", plan->hidden[i],
                     i + 1 < plan->hidden_count ? ", return=all" : "",
                     plan->bidirectional ? ", bidirectional=true" : "", truncate,
                     strcmp(plan->activation, "relu") == 0 ? ", activation=relu" : ""));
    if (plan->hidden_noise > 0) {
        ND_TRY(add_real(desc, "noise", "deviation", plan->hidden_noise));
    }
    return plan->dropout > 0 ? add_dropout(desc, plan) : ND_OK;
}

/* One layer per column of numbered words, the last column first, so that what an embedding
 * puts in a column's place does not move those that are still to come. */
static nd_status add_embeddings(nd_desc *desc, const nd_config *config, const nd_prep *prep)
{
    for (size_t i = prep->columns; i-- > 0;) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind != ND_PREP_INDEX) {
            continue;
        }
        if (prep->window > 0 || nd_opt_real(&config->set, "mixup") > 0) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "embedding: column \"%s\" would be numbers of words, which %s; set "
                           "embedding to off",
                           column->name,
                           prep->window > 0 ? "windows do not take" : "mixup cannot mix");
        }
        size_t rows = nd_prep_index_rows(column), dims;
        ND_TRY(nd_embedding_dims(config, rows, &dims));
        ND_TRY(add_layer(desc, "embedding", "words=%zu, dims=%zu, column=%zu", rows, dims,
                         column->first));
    }
    return ND_OK;
}

static nd_status add_from_flags(nd_desc *desc, const nd_config *config, const nd_prep *prep,
                                const nd_setup *plan)
{
    ND_TRY(add_embeddings(desc, config, prep));
    ND_TRY(add_input(desc, plan));
    for (size_t i = 0; i < plan->hidden_count; i++) {
        ND_TRY(plan->recurrent != NULL ? add_recurrent(desc, plan, i)
                                       : add_hidden(desc, plan, plan->hidden[i]));
    }
    return add_dense(desc, nd_build_logits(prep, plan->loss), plan, 0);
}

static bool lists_embedding(const nd_config *config)
{
    for (size_t i = 0; i < config->layers; i++) {
        if (strcmp(config->layer[i].type, "embedding") == 0) {
            return true;
        }
    }
    return false;
}

/* With embeddings in front, the input holds numbers of words, which mean nothing to others. */
static nd_status check_reads_input(const nd_desc *desc, size_t first)
{
    const nd_desc_layer *layer = desc->layer[desc->count - 1];
    for (size_t k = 0; first > 0 && k < layer->inputs; k++) {
        if (layer->input[k] < 0) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "layer %s reads the input, which holds numbers of words (embedding is "
                           "on); read from %s, what the embeddings make of it",
                           layer->name, desc->layer[first - 1]->name);
        }
    }
    return ND_OK;
}

/* The file lists the hidden layers; embeddings stand before them unless it lists its own, and
 * the output layer is added unless its last layer has the width of the logits already. */
static nd_status add_from_file(nd_desc *desc, const nd_config *config, const nd_prep *prep,
                               const nd_setup *plan)
{
    if (!lists_embedding(config)) {
        ND_TRY(add_embeddings(desc, config, prep));
    }
    size_t first = desc->count;
    for (size_t i = 0; i < config->layers; i++) {
        ND_TRY(nd_desc_add(desc, config->layer[i].type, config->layer[i].attributes));
        ND_TRY(check_reads_input(desc, first));
    }
    size_t logits = nd_build_logits(prep, plan->loss);
    bool dense_last =
        desc->count > 0 && desc->layer[desc->count - 1]->class == nd_layer_find("dense");
    if (dense_last && nd_desc_outputs(desc) == logits) {
        return ND_OK;
    }
    return add_layer(desc, "dense", "units=%zu", logits);
}

/* NAME=FACTOR for each layer that learns at a rate of its own. */
static nd_status set_rates(nd_desc *desc, const nd_optset *set)
{
    for (size_t i = 0; i < nd_opt_list_count(set, "lr_layers"); i++) {
        size_t n;
        double factor;
        const char *text = nd_opt_list_item(set, "lr_layers", i, &n);
        const char *equal = memchr(text, '=', n);
        size_t name = equal ? (size_t)(equal - text) : 0;
        bool fits = equal && nd_num_parse(equal + 1, n - name - 1, &factor) == ND_NUM_OK;
        if (!fits || !(factor >= 0 && factor <= 1e6)) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "lr_layers: '%.*s' is not a layer's name, '=' and a factor of 0 to 1e6",
                           (int)n, text);
        }
        ND_TRY(nd_desc_set_lr(desc, text, name, factor));
    }
    return ND_OK;
}

/* NAME.KEY=X for each layer with a penalty or bound of its own; a name can have points. */
static nd_status set_penalties(nd_desc *desc, const nd_optset *set)
{
    for (size_t i = 0; i < nd_opt_list_count(set, "penalty_layers"); i++) {
        size_t n;
        double value;
        const char *text = nd_opt_list_item(set, "penalty_layers", i, &n);
        const char *equal = memchr(text, '=', n);
        size_t dot = equal ? (size_t)(equal - text) : 0;
        while (dot > 0 && text[dot] != '.') {
            dot--;
        }
        bool fits =
            dot > 0 && nd_num_parse(equal + 1, n - (size_t)(equal + 1 - text), &value) == ND_NUM_OK;
        if (!fits || !(value >= 0 && value <= 1e6)) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "penalty_layers: '%.*s' is not a layer's name, '.', l1, l2, "
                           "weight_decay, max_norm or orthogonality, '=' and a number of 0 to 1e6",
                           (int)n, text);
        }
        const char *key = text + dot + 1;
        ND_TRY(nd_desc_set_regular(desc, text, dot, key, (size_t)(equal - key), value));
    }
    return ND_OK;
}

static bool has_state(const nd_desc_layer *layer)
{
    return layer->shape.params + layer->shape.buffers > 0;
}

/* All but the output layer, which is the last. */
static nd_status freeze_body(nd_desc *desc)
{
    for (size_t i = 0; i + 1 < desc->count; i++) {
        if (has_state(desc->layer[i])) {
            ND_TRY(nd_desc_freeze(desc, desc->layer[i]->name));
        }
    }
    return ND_OK;
}

static nd_status check_frozen(const nd_desc *desc, size_t asked, int64_t unfreeze_at)
{
    bool any = false, moves = false;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        bool learns = layer->shape.params > 0 && !layer->frozen;
        any = any || learns;
        moves = moves || (learns && layer->lr > 0);
    }
    if (!any) {
        return nd_fail(desc->ctx, ND_ERR_OPTION,
                       "freeze: every layer is frozen, nothing would be trained");
    }
    if (!moves) {
        nd_log(desc->ctx, 1, "lr_layers: no layer has a rate above 0, so nothing is trained");
    }
    if (unfreeze_at > 0 && asked == 0) {
        return nd_fail(desc->ctx, ND_ERR_OPTION, "unfreeze_at: no layer is frozen (freeze)");
    }
    return ND_OK;
}

static nd_status set_frozen(nd_desc *desc, const nd_optset *set)
{
    size_t count = nd_opt_list_count(set, "freeze");
    for (size_t i = 0; i < count; i++) {
        char *name = nd_opt_list_text(set, "freeze", i);
        nd_status status = name == NULL                ? nd_fail_memory(desc->ctx)
                           : strcmp(name, "body") == 0 ? freeze_body(desc)
                                                       : nd_desc_freeze(desc, name);
        nd_free(name);
        ND_TRY(status);
    }
    return check_frozen(desc, count, nd_opt_int(set, "unfreeze_at"));
}

/* Each dense layer behind a layer multiplies its rate once more (Howard & Ruder 2018,
 * section 3.2, where the factor is 1/2.6). */
static void decay_rates(nd_desc *desc, double decay)
{
    double factor = 1;
    size_t dense = 0;
    for (size_t i = desc->count; i-- > 0;) {
        desc->layer[i]->lr *= factor;
        if (strcmp(desc->layer[i]->class->name, "dense") == 0) {
            factor *= decay;
            dense++;
        }
    }
    if (decay < 1 && dense < 2) {
        nd_log(desc->ctx, 1, "layer_decay: there is one dense layer, and none before it");
    }
}

/* Layers of a file are not known before: what needs several rows must get them. */
static nd_status check_batch(const nd_desc *desc, const nd_setup *plan)
{
    for (size_t i = 0; plan->batch_size == 1 && i < desc->count; i++) {
        if (desc->layer[i]->class->needs_batch) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "layer %zu %s needs batches of more than one row: one row has no "
                           "variance (batch_size is 1)",
                           i, desc->layer[i]->name);
        }
    }
    return ND_OK;
}

nd_status nd_build_desc(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                        const nd_setup *plan, nd_desc **desc)
{
    ND_TRY(nd_desc_create(ctx, nd_prep_inputs(prep), desc));
    (*desc)->time = plan->time;
    nd_status status = config->layers_given ? add_from_file(*desc, config, prep, plan)
                                            : add_from_flags(*desc, config, prep, plan);
    if (status == ND_OK) {
        status = set_rates(*desc, &config->set);
    }
    if (status == ND_OK) {
        status = set_penalties(*desc, &config->set);
    }
    if (status == ND_OK) {
        decay_rates(*desc, nd_opt_real(&config->set, "layer_decay"));
        status = set_frozen(*desc, &config->set);
    }
    if (status == ND_OK) {
        status = check_batch(*desc, plan);
    }
    if (status != ND_OK) {
        nd_desc_destroy(*desc);
        *desc = NULL;
    }
    return status;
}

static void add_number(nd_text *text, const char *key, double value)
{
    char number[ND_NUM_TEXT];
    nd_num_print(number, value);
    nd_text_printf(text, "%s%s=%s", text->size ? ", " : "", key, number);
}

static void add_regular(nd_text *text, const nd_setup_regular *r)
{
    add_number(text, "l1", r->l1);
    add_number(text, "l2", r->l2);
    add_number(text, "decoupled_decay", r->decoupled);
    add_number(text, "max_norm", r->max_norm);
    add_number(text, "orthogonality", r->orthogonality);
    add_number(text, "clip_value", r->clip_value);
    add_number(text, "clip_layer_norm", r->clip_layer_norm);
    add_number(text, "clip_adaptive", r->clip_adaptive);
    add_number(text, "ema", r->ema);
}

nd_status nd_build_optimizer(const nd_config *config, const nd_setup *plan, nd_net *net,
                             nd_optimizer **optimizer)
{
    nd_text attributes = {0};
    nd_text_puts(&attributes, nd_opt_text(&config->set, "optimizer_options"));
    add_number(&attributes, "lr", plan->lr);
    add_number(&attributes, "weight_decay", plan->weight_decay);
    add_number(&attributes, "clip_norm", plan->clip_norm);
    add_regular(&attributes, &plan->regular);
    add_number(&attributes, "maximize", plan->maximize);
    add_number(&attributes, "decay_all", plan->decay_all);
    if (!isnan(plan->momentum)) {
        add_number(&attributes, "momentum", plan->momentum);
    }
    nd_status status = attributes.failed
                           ? nd_fail_memory(config->ctx)
                           : nd_optimizer_create(net, plan->optimizer, attributes.data, optimizer);
    nd_text_free(&attributes);
    return status;
}

nd_status nd_rows_source(const nd_prep *prep, const nd_rows *rows, nd_source **source)
{
    *source = NULL;
    if (rows->count == 0) {
        return ND_OK;
    }
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(prep, rows->table, true, &map));
    nd_status status = nd_source_from_table(&map, rows->index, rows->count, source);
    nd_prep_map_free(&map);
    return status;
}

/* Largest batch the net is planned for: training, and at least 256 to score with. */
size_t nd_planned_rows(const nd_setup *plan, size_t rows)
{
    size_t batch = plan->batch_size == 0 || plan->batch_size > rows ? rows : plan->batch_size;
    return batch < 256 ? 256 : batch;
}

/* Rows spread over the source, for layers whose first weights go by the data. */
static nd_status init_on_rows(nd_net *net, const nd_source *source)
{
    size_t most = nd_net_max_rows(net), count = source->rows < most ? source->rows : most;
    if (!nd_net_wants_rows(net)) {
        return ND_OK;
    }
    uint32_t *index = nd_alloc(count, sizeof *index);
    nd_real *x = nd_alloc_aligned(count, source->features * sizeof *x);
    nd_status status = index && x ? ND_OK : nd_fail_memory(nd_net_ctx(net));
    if (status == ND_OK) {
        for (size_t i = 0; i < count; i++) {
            index[i] = (uint32_t)((uint64_t)i * source->rows / count);
        }
        source->gather(source, index, 0, count, x, NULL);
        status = nd_net_init_on(net, x, count);
    }
    nd_free(index);
    nd_free(x);
    return status;
}

nd_status nd_build_net(const nd_desc *desc, const nd_setup *plan, const nd_prep *prep,
                       const nd_source *source, nd_net **net)
{
    ND_TRY(nd_net_create(desc->ctx, desc, plan->loss_text, nd_planned_rows(plan, source->rows),
                         plan->seed, net));
    ND_TRY(nd_net_set_weighted(*net, source->label_width > nd_prep_label_width(prep)));
    ND_TRY(nd_net_set_noise(*net, plan->noise));
    return init_on_rows(*net, source);
}
