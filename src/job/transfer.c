#include "job/transfer.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "job/build.h"

/* ---- Opening */

nd_status nd_transfer_open(nd_ctx *ctx, const nd_config *config, nd_transfer *transfer)
{
    static const char *const beside[] = {"take", "map"};
    const char *path = nd_opt_text(&config->set, "from");
    *transfer = (nd_transfer){0};
    for (size_t i = 0; path[0] == '\0' && i < sizeof beside / sizeof beside[0]; i++) {
        if (nd_opt_list_count(&config->set, beside[i]) > 0) {
            return nd_fail(ctx, ND_ERR_OPTION, "%s: there is nothing to take layers from (from)",
                           beside[i]);
        }
    }
    if (path[0] == '\0') {
        return ND_OK;
    }
    ND_TRY(nd_weights_open(ctx, path, &transfer->weights));
    if (transfer->weights->unread > 0) {
        nd_log(ctx, 2, "%s: %zu tensors are of layers that nadir does not know", path,
               transfer->weights->unread);
    }
    return ND_OK;
}

void nd_transfer_close(nd_transfer *transfer)
{
    nd_weights_destroy(transfer->weights);
    nd_config_destroy(transfer->config);
    *transfer = (nd_transfer){0};
}

/* ---- Preparation */

static bool same_classes(const nd_dict *a, const nd_dict *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    bool same = nd_dict_count(a) == nd_dict_count(b);
    for (uint32_t i = 0; same && i < nd_dict_count(a); i++) {
        same = strcmp(nd_dict_word(a, i, NULL), nd_dict_word(b, i, NULL)) == 0;
    }
    return same;
}

/* Values are learned in units of their deviation: those of the other model go with its
 * output layer. */
static void adopt_targets(nd_prep *prep, const nd_prep *from, bool *same)
{
    *same = prep->task == from->task && prep->targets == from->targets;
    for (size_t t = 0; *same && t < prep->targets; t++) {
        *same = strcmp(prep->target[t].name, from->target[t].name) == 0;
    }
    if (nd_task_has_classes(prep->task)) {
        *same = prep->task == from->task && same_classes(prep->classes, from->classes);
        return;
    }
    for (size_t t = 0; *same && t < prep->targets; t++) {
        *same = same_classes(prep->target[t].classes, from->target[t].classes);
    }
    for (size_t t = 0; *same && t < prep->targets; t++) {
        prep->target[t].center = from->target[t].center;
        prep->target[t].scale = from->target[t].scale;
    }
}

nd_status nd_transfer_check_cached(const nd_transfer *transfer, nd_ctx *ctx)
{
    const nd_weights *from = transfer->weights;
    return from == NULL || from->model == NULL
               ? ND_OK
               : nd_fail(ctx, ND_ERR_OPTION,
                         "from: the rows of a row cache are prepared once, and not as %s does; it "
                         "needs rows in memory (cache none)",
                         from->path);
}

nd_status nd_transfer_prepare(nd_transfer *transfer, nd_prep *prep)
{
    const nd_weights *w = transfer->weights;
    if (w == NULL || w->model == NULL) {
        return ND_OK;
    }
    nd_adopted adopted;
    ND_TRY(nd_prep_adopt(prep, w->model->prep, &adopted));
    transfer->same_features = adopted.missing == 0 && adopted.own == 0;
    adopt_targets(prep, w->model->prep, &transfer->same_targets);
    if (transfer->same_features) {
        nd_log(prep->ctx, 2, "preparation: that of %s, for all %zu columns", w->path,
               adopted.taken);
        return ND_OK;
    }
    nd_log(prep->ctx, 1,
           "preparation: that of %s for %zu columns; it lacks %zu others, and %zu of its own are "
           "not here",
           w->path, adopted.taken, adopted.own, adopted.missing);
    return ND_OK;
}

/* ---- Layers */

/* What changes in the layers of the other model. */
typedef struct change {
    size_t logits;              /* units of the output layer */
    const nd_prep *prep, *from; /* recurrent layers walk through the windows of prep */
} change;

/* The value of an attribute; a layer that walked through all rows of a window still does. */
static void put_attribute(const change *c, const char *key, const char *value, nd_text *text)
{
    size_t window = c->prep->window;
    double time;
    bool walks = strcmp(key, "time") == 0 && window > 0 && c->from->window > 0 &&
                 nd_num_parse(value, strlen(value), &time) == ND_NUM_OK &&
                 time == (double)c->from->window;
    if (walks) {
        nd_text_printf(text, ", time=%zu", window);
    } else {
        nd_text_printf(text, ", %s=%s", key, value);
    }
}

/* "name=dense1, from=a|b, units=64": what a list of layers says of one. */
static void put_layer(const nd_desc *desc, size_t i, const change *c, nd_text *text)
{
    const nd_desc_layer *layer = desc->layer[i];
    bool head = i + 1 == desc->count;
    bool plain = layer->inputs == 1 && layer->input[0] == (long)i - 1;
    nd_text_printf(text, "name=%s", layer->name);
    for (size_t k = 0; !plain && k < layer->inputs; k++) {
        long from = layer->input[k];
        nd_text_printf(text, "%s%s", k == 0 ? ", from=" : "|",
                       from < 0 ? "input" : desc->layer[from]->name);
    }
    for (size_t k = 0; k < layer->attr.count; k++) {
        const char *key = layer->attr.row[k].name, *value = layer->attr.value[k].text;
        if (head && strcmp(key, "units") == 0) {
            nd_text_printf(text, ", units=%zu", c->logits);
        } else if (value != NULL) {
            put_attribute(c, key, value, text);
        }
    }
}

static nd_status list_layers(const nd_desc *desc, const change *c, nd_config *config)
{
    for (size_t i = 0; i < desc->count; i++) {
        nd_text text = {0};
        put_layer(desc, i, c, &text);
        nd_status status =
            text.failed ? nd_fail_memory(config->ctx)
                        : nd_config_add_layer(config, desc->layer[i]->class->name, text.data);
        nd_text_free(&text);
        ND_TRY(status);
    }
    return ND_OK;
}

/* Names and shapes of what a file holds. */
static void put_groups(const nd_weights *w, nd_text *text)
{
    enum { SHOWN = 12 };
    char shape[ND_WEIGHTS_SHAPE];
    for (size_t i = 0; i < w->groups && i < SHOWN; i++) {
        nd_text_printf(text, "%s%s (%s)", i > 0 ? ", " : "", w->group[i].name,
                       nd_weights_shape(&w->group[i], shape));
    }
    nd_text_puts(text, w->groups > SHOWN ? ", ..." : "");
}

static nd_status fail_groups(const nd_weights *w, nd_status status, const char *what)
{
    nd_text text = {0};
    put_groups(w, &text);
    status = nd_fail(w->ctx, status, "from: %s: %s; it holds %s", w->path, what,
                     text.data ? text.data : "nothing");
    nd_text_free(&text);
    return status;
}

nd_status nd_transfer_layers(nd_transfer *transfer, const nd_prep *prep, const nd_config **config)
{
    const nd_weights *w = transfer->weights;
    bool given = (*config)->layers_given || nd_opt_given(&(*config)->set, "hidden");
    if (w == NULL || given) {
        return ND_OK;
    }
    if (w->model == NULL) {
        return fail_groups(w, ND_ERR_OPTION,
                           "weights alone do not say what lies between them; describe the network "
                           "with hidden and activation, or with layers in a config file");
    }
    nd_config_destroy(transfer->config);
    transfer->config = NULL;
    ND_TRY(nd_config_copy(*config, &transfer->config));
    transfer->config->layers_of = w->path;
    const char *loss = nd_opt_auto(&transfer->config->set, "loss")
                           ? "mse" /* or another one without deviations */
                           : nd_opt_text(&transfer->config->set, "loss");
    change c = {nd_build_logits(prep, loss), prep, w->model->prep};
    ND_TRY(list_layers(nd_net_desc(w->model->net), &c, transfer->config));
    *config = transfer->config;
    return ND_OK;
}

/* ---- Which group goes to which layer */

typedef struct match {
    const nd_desc_layer *layer;
    size_t index;                 /* of the layer in the net */
    const nd_weights_group *from; /* NULL: the layer stays as it was initialized */
    bool asked;                   /* by take or map */
    const char *why;              /* it stays new */
} match;

typedef struct matching {
    nd_transfer *transfer;
    const nd_optset *set;
    const nd_desc *desc;
    match *match;
    size_t count;
} matching;

static bool list_layers_of(nd_net *net, matching *m)
{
    m->desc = nd_net_desc(net);
    m->match = nd_alloc(m->desc->count, sizeof *m->match);
    for (size_t i = 0; m->match != NULL && i < m->desc->count; i++) {
        const nd_desc_layer *layer = m->desc->layer[i];
        if (layer->shape.params + layer->shape.buffers > 0) {
            m->match[m->count++] = (match){.layer = layer, .index = i};
        }
    }
    return m->match != NULL;
}

static bool is_head(const matching *m, const match *one)
{
    return one->index + 1 == m->desc->count;
}

static match *find_match(matching *m, const char *name, size_t n)
{
    for (size_t i = 0; i < m->count; i++) {
        const char *own = m->match[i].layer->name;
        if (strlen(own) == n && memcmp(own, name, n) == 0) {
            return &m->match[i];
        }
    }
    return NULL;
}

static nd_status fail_name(const matching *m, const char *key, const char *name, size_t n)
{
    nd_text text = {0};
    for (size_t i = 0; i < m->count; i++) {
        nd_text_printf(&text, "%s%s", i > 0 ? ", " : "", m->match[i].layer->name);
    }
    nd_status status = nd_fail(m->transfer->weights->ctx, ND_ERR_OPTION,
                               "%s: no layer with parameters is named '%.*s'; there are %s", key,
                               (int)n, name, text.data ? text.data : "none");
    nd_text_free(&text);
    return status;
}

/* OTHER=LAYER: a layer of the file for one of the network. */
static nd_status take_map(matching *m, size_t i)
{
    size_t n;
    const nd_weights *w = m->transfer->weights;
    const char *text = nd_opt_list_item(m->set, "map", i, &n);
    const char *equal = memchr(text, '=', n);
    if (equal == NULL) {
        return nd_fail(w->ctx, ND_ERR_OPTION,
                       "map: '%.*s' is not a layer of %s, '=' and a layer of the network", (int)n,
                       text, w->path);
    }
    size_t size = (size_t)(equal - text);
    match *to = find_match(m, equal + 1, n - size - 1);
    const nd_weights_group *from = nd_weights_find(w, text, size);
    if (to == NULL) {
        return fail_name(m, "map", equal + 1, n - size - 1);
    }
    if (from == NULL) {
        nd_text what = {0};
        nd_text_printf(&what, "map: it has no layer '%.*s'", (int)size, text);
        nd_status status = fail_groups(w, ND_ERR_OPTION, what.data ? what.data : "map");
        nd_text_free(&what);
        return status;
    }
    to->from = from;
    to->asked = true;
    return ND_OK;
}

/* Whether groups fit layers one by one; the output layer may be of another width. */
static bool fit_in_order(const matching *m)
{
    const nd_weights *w = m->transfer->weights;
    for (size_t i = 0; i < m->count; i++) {
        if (!nd_weights_fit(&w->group[i], m->match[i].layer) && !is_head(m, &m->match[i])) {
            return false;
        }
    }
    return true;
}

/* Groups of a file that nadir did not write: by order and shape. */
static nd_status pair_in_order(matching *m)
{
    nd_weights *w = m->transfer->weights;
    bool paired = false;
    for (int by_name = 1; w->groups == m->count && !paired && by_name >= 0; by_name--) {
        nd_weights_sort(w, by_name);
        paired = fit_in_order(m);
    }
    if (!paired) {
        return fail_groups(w, ND_ERR_SHAPE,
                           "its layers are not those of the network, one for one; map "
                           "OTHER=LAYER,.. says which are");
    }
    for (size_t i = 0; i < m->count; i++) {
        m->match[i].from = &w->group[i];
    }
    return ND_OK;
}

static void pair_by_name(matching *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const char *name = m->match[i].layer->name;
        if (m->match[i].from == NULL) {
            m->match[i].from = nd_weights_find(m->transfer->weights, name, strlen(name));
        }
    }
}

/* With take, layers that it does not name stay new. */
static nd_status apply_take(matching *m)
{
    size_t count = nd_opt_list_count(m->set, "take");
    for (size_t i = 0; i < count; i++) {
        size_t n;
        const char *text = nd_opt_list_item(m->set, "take", i, &n);
        match *one = find_match(m, text, n);
        if (one == NULL) {
            return fail_name(m, "take", text, n);
        }
        one->asked = true;
        if (one->from == NULL) {
            return nd_fail(m->transfer->weights->ctx, ND_ERR_OPTION, "take: %s has no layer '%.*s'",
                           m->transfer->weights->path, (int)n, text);
        }
    }
    for (size_t i = 0; count > 0 && i < m->count; i++) {
        if (!m->match[i].asked) {
            m->match[i].from = NULL;
        }
    }
    return ND_OK;
}

static bool reads_input(const nd_desc_layer *layer)
{
    bool any = false;
    for (size_t k = 0; k < layer->inputs; k++) {
        any = any || layer->input[k] < 0;
    }
    return any;
}

/* Why a layer cannot start from what was found for it; NULL if it can. */
static const char *obstacle(const matching *m, const match *one)
{
    const nd_transfer *t = m->transfer;
    const nd_layer_shape *shape = &one->layer->shape;
    if (one->from->layer == NULL && one->from->tensors != shape->params + shape->buffers) {
        return "more or fewer tensors, a bias for one";
    }
    if (!nd_weights_fit(one->from, one->layer)) {
        return is_head(m, one) ? "another number of outputs" : "another shape";
    }
    if (t->weights->model != NULL && reads_input(one->layer) && !t->same_features) {
        return "other inputs";
    }
    if (t->weights->model != NULL && is_head(m, one) && !t->same_targets && !one->asked) {
        return "other classes or targets";
    }
    return NULL;
}

static nd_status drop_unfit(matching *m)
{
    const nd_weights *w = m->transfer->weights;
    for (size_t i = 0; i < m->count; i++) {
        match *one = &m->match[i];
        one->why = one->from != NULL ? obstacle(m, one) : "not taken";
        if (one->why == NULL || one->from == NULL) {
            continue;
        }
        if (one->asked) {
            char shape[ND_WEIGHTS_SHAPE];
            return nd_fail(w->ctx, ND_ERR_SHAPE,
                           "layer %s (%zu x %zu) cannot start from %s of %s (%s): %s",
                           one->layer->name, one->layer->shape.in[0], one->layer->shape.out,
                           one->from->name, w->path, nd_weights_shape(one->from, shape), one->why);
        }
        one->from = NULL;
    }
    return ND_OK;
}

static nd_status pair(matching *m)
{
    size_t mapped = nd_opt_list_count(m->set, "map");
    for (size_t i = 0; i < mapped; i++) {
        ND_TRY(take_map(m, i));
    }
    if (m->transfer->weights->model != NULL || mapped > 0) {
        pair_by_name(m);
    } else {
        ND_TRY(pair_in_order(m));
    }
    ND_TRY(apply_take(m));
    return drop_unfit(m);
}

/* ---- Starting */

static size_t count_taken(const matching *m)
{
    size_t taken = 0;
    for (size_t i = 0; i < m->count; i++) {
        taken += m->match[i].from != NULL;
    }
    return taken;
}

/* "from MODEL: dense1, dense2 (fc2); new: dense3 (other classes or targets)" */
static void tell(const matching *m)
{
    nd_text taken = {0}, fresh = {0};
    for (size_t i = 0; i < m->count; i++) {
        const match *one = &m->match[i];
        const char *name = one->layer->name;
        if (one->from == NULL) {
            nd_text_printf(&fresh, "%s%s (%s)", fresh.size ? ", " : "", name, one->why);
        } else if (strcmp(one->from->name, name) == 0) {
            nd_text_printf(&taken, "%s%s", taken.size ? ", " : "", name);
        } else {
            nd_text_printf(&taken, "%s%s (%s)", taken.size ? ", " : "", name, one->from->name);
        }
    }
    if (!taken.failed && !fresh.failed) {
        nd_log(m->transfer->weights->ctx, 2, "from %s: %s; new: %s", m->transfer->weights->path,
               taken.data, fresh.data ? fresh.data : "none");
    }
    nd_text_free(&taken);
    nd_text_free(&fresh);
}

/* A frozen layer that starts anew has learned nothing, and will not. */
static void doubt_frozen(const matching *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const match *one = &m->match[i];
        if (one->from == NULL && one->layer->frozen) {
            nd_log(m->transfer->weights->ctx, 1,
                   "freeze: layer %s starts at random (%s), and learns nothing while it is frozen",
                   one->layer->name, one->why);
        }
    }
}

static nd_status start(matching *m, nd_net *net)
{
    const nd_weights *w = m->transfer->weights;
    ND_TRY(pair(m));
    if (count_taken(m) == 0) {
        return fail_groups(w, ND_ERR_OPTION, "none of its layers can be taken");
    }
    for (size_t i = 0; i < m->count; i++) {
        const match *one = &m->match[i];
        if (one->from != NULL) {
            ND_TRY(nd_weights_copy(w, one->from, net, one->index));
        }
    }
    if (!m->transfer->told) {
        tell(m);
        doubt_frozen(m);
        m->transfer->told = true;
    }
    return ND_OK;
}

nd_status nd_transfer_start(nd_transfer *transfer, const nd_config *config, nd_net *net)
{
    matching m = {.transfer = transfer, .set = &config->set};
    if (transfer->weights == NULL) {
        return ND_OK;
    }
    if (!list_layers_of(net, &m)) {
        return nd_fail_memory(transfer->weights->ctx);
    }
    nd_status status = start(&m, net);
    nd_free(m.match);
    return status;
}
