/* Descriptions: an ordered list of layers, each reading earlier ones. A layer can
 * name only layers that stand before it, so there are no cycles. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/net.h"

enum { MAX_LAYERS = 4096, MAX_NAME = 64 };

/* A number of nd_regular. */
#define OWN(key, text)                                                                  \
    {                                                                                   \
        .name = key, .type = ND_OPT_REAL, .preset = "auto", .max = 1e6, .metavar = "X", \
        .help = text                                                                    \
    }

/* Attributes that every layer takes. */
static const nd_option common_options[] = {
    {.name = "name",
     .type = ND_OPT_TEXT,
     .preset = "",
     .metavar = "WORD",
     .help = "name for later layers' from; default: the type and a number"},
    {.name = "from",
     .type = ND_OPT_LIST,
     .preset = "",
     .metavar = "NAME|NAME",
     .help = "earlier layers to read, or input; default: the layer before"},
    {.name = "lr",
     .type = ND_OPT_REAL,
     .preset = "1",
     .max = 1e6,
     .metavar = "FACTOR",
     .help = "factor on the learning rate of this layer; 0 keeps its parameters"},
    OWN("l1", "L1 penalty on this layer's weights; auto is the optimizer's"),
    OWN("l2", "L2 penalty on this layer's weights; auto is the optimizer's"),
    OWN("weight_decay", "weight decay of this layer; auto is the optimizer's"),
    OWN("max_norm", "bound on the norm of a unit's weights, 0 for none; auto is the optimizer's"),
    OWN("orthogonality", "penalty on W W^T - I of this layer; auto is the optimizer's"),
};

const nd_option *nd_desc_common_options(size_t *count)
{
    *count = sizeof common_options / sizeof common_options[0];
    return common_options;
}

nd_status nd_desc_create(nd_ctx *ctx, size_t n_in, nd_desc **desc)
{
    if (!ctx || !desc) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_desc_create: a null pointer was passed");
    }
    *desc = NULL;
    if (n_in == 0) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "a network needs at least one input");
    }
    nd_desc *d = nd_alloc(1, sizeof *d);
    if (!d) {
        return nd_fail_memory(ctx);
    }
    d->ctx = ctx;
    d->n_in = n_in;
    *desc = d;
    return ND_OK;
}

static void layer_destroy(nd_desc_layer *layer)
{
    if (layer) {
        nd_optset_free(&layer->attr);
        nd_free(layer->name);
        nd_free(layer);
    }
}

void nd_desc_destroy(nd_desc *desc)
{
    if (!desc) {
        return;
    }
    for (size_t i = 0; i < desc->count; i++) {
        layer_destroy(desc->layer[i]);
    }
    nd_free(desc->layer);
    nd_free(desc);
}

size_t nd_desc_outputs(const nd_desc *desc)
{
    return desc->count ? desc->layer[desc->count - 1]->shape.out : desc->n_in;
}

/* Index of the layer called name[n], -1 for the input, -2 for none. */
static long find_layer(const nd_desc *desc, const char *name, size_t n)
{
    if (n == 5 && memcmp(name, "input", 5) == 0) {
        return -1;
    }
    for (size_t i = desc->count; i-- > 0;) {
        if (strncmp(desc->layer[i]->name, name, n) == 0 && desc->layer[i]->name[n] == '\0') {
            return (long)i;
        }
    }
    return -2;
}

static bool is_common(const char *key, size_t n)
{
    for (size_t i = 0; i < sizeof common_options / sizeof common_options[0]; i++) {
        if (strlen(common_options[i].name) == n && strncmp(common_options[i].name, key, n) == 0) {
            return true;
        }
    }
    return false;
}

/* "key=value, ..." goes piece by piece to the set that knows the key. */
static nd_status parse_attributes(nd_ctx *ctx, const char *attributes, nd_optset *common,
                                  nd_optset *attr)
{
    for (const char *piece = attributes; piece;) {
        const char *comma = strchr(piece, ',');
        char *text = nd_strndup(piece, comma ? (size_t)(comma - piece) : strlen(piece));
        if (!text) {
            return nd_fail_memory(ctx);
        }
        const char *start = text + strspn(text, " \t\n\r");
        size_t n = strcspn(start, "= \t\n\r");
        nd_status status = nd_optset_parse(is_common(start, n) ? common : attr, text, ND_FROM_CALL);
        nd_free(text);
        ND_TRY(status);
        piece = comma ? comma + 1 : NULL;
    }
    return ND_OK;
}

static bool valid_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t n = strlen(name);
    return n > 0 && n <= MAX_NAME && strspn(name, allowed) == n;
}

/* The type's name and the lowest number that is free, from the count of that type. */
static char *make_name(const nd_desc *desc, const char *type)
{
    nd_text text = {0};
    size_t number = 1;
    for (size_t i = 0; i < desc->count; i++) {
        number += strcmp(desc->layer[i]->class->name, type) == 0;
    }
    do {
        nd_text_clear(&text);
        nd_text_printf(&text, "%s%zu", type, number++);
    } while (!text.failed && find_layer(desc, text.data, text.size) != -2);
    char *name = text.failed ? NULL : nd_strdup(text.data);
    nd_text_free(&text);
    return name;
}

static nd_status take_name(const nd_desc *desc, const nd_optset *common, nd_desc_layer *layer)
{
    if (!nd_opt_given(common, "name")) {
        layer->name = make_name(desc, layer->class->name);
        return layer->name ? ND_OK : nd_fail_memory(desc->ctx);
    }
    const char *name = nd_opt_text(common, "name");
    if (!valid_name(name)) {
        return nd_fail(desc->ctx, ND_ERR_OPTION,
                       "layer %zu: name '%s' must be 1 to %d letters, digits, '_', '-' or '.'",
                       desc->count, name, MAX_NAME);
    }
    if (find_layer(desc, name, strlen(name)) != -2) {
        return nd_fail(desc->ctx, ND_ERR_OPTION, "layer %zu: the name '%s' is taken", desc->count,
                       name);
    }
    layer->name = nd_strdup(name);
    return layer->name ? ND_OK : nd_fail_memory(desc->ctx);
}

static nd_status take_inputs(const nd_desc *desc, const nd_optset *common, nd_desc_layer *layer)
{
    size_t count = nd_opt_list_count(common, "from");
    const nd_layer_class *class = layer->class;
    layer->inputs = count ? count : 1;
    if (layer->inputs < class->min_inputs || layer->inputs > class->max_inputs) {
        return nd_fail(desc->ctx, ND_ERR_SHAPE, "layer %zu %s: takes %zu to %zu inputs, not %zu",
                       desc->count, class->name, class->min_inputs, class->max_inputs,
                       layer->inputs);
    }
    layer->input[0] = (long)desc->count - 1;
    for (size_t i = 0; i < count; i++) {
        size_t n;
        const char *name = nd_opt_list_item(common, "from", i, &n);
        layer->input[i] = find_layer(desc, name, n);
        if (layer->input[i] == -2) {
            return nd_fail(desc->ctx, ND_ERR_OPTION,
                           "layer %zu %s: no earlier layer is named '%.*s'", desc->count,
                           class->name, (int)n, name);
        }
    }
    return ND_OK;
}

/* Steps of the sequence that layer from (-1: the network's input) yields; 0: not known. */
static size_t steps_from(const nd_desc *desc, long from)
{
    return from < 0 ? desc->time : desc->layer[from]->shape.time;
}

/* A layer that reads sequences learns from its input how many steps there are; it becomes
 * part of the description, which is then complete without knowing where it came from. */
static nd_status take_steps(const nd_desc *desc, nd_desc_layer *layer)
{
    size_t time = steps_from(desc, layer->input[0]);
    bool said = !nd_opt_auto(&layer->attr, "time") || !nd_opt_auto(&layer->attr, "features");
    if (said || time == 0) {
        return ND_OK;
    }
    char text[32];
    snprintf(text, sizeof text, "%zu", time);
    return nd_optset_set(&layer->attr, "time", text, ND_FROM_CALL);
}

static nd_status find_shape(const nd_desc *desc, nd_desc_layer *layer)
{
    layer->shape.attr = &layer->attr;
    layer->shape.inputs = layer->inputs;
    if (layer->class->sequence) {
        ND_TRY(take_steps(desc, layer));
    }
    for (size_t i = 0; i < layer->inputs; i++) {
        long from = layer->input[i];
        layer->shape.in[i] = from < 0 ? desc->n_in : desc->layer[from]->shape.out;
    }
    ND_TRY(layer->class->shape(desc->ctx, &layer->shape));
    bool apart = layer->class->column_wise || layer->class->in_place;
    if (!layer->class->sequence && apart && layer->shape.out == layer->shape.in[0]) {
        layer->shape.time = steps_from(desc, layer->input[0]);
    }
    return ND_OK;
}

/* The number of that name; NULL if there is none. */
static double *own_number(nd_regular *own, const char *key, size_t n)
{
    const struct {
        const char *name;
        double *value;
    } row[] = {{"l1", &own->l1},
               {"l2", &own->l2},
               {"weight_decay", &own->weight_decay},
               {"max_norm", &own->max_norm},
               {"orthogonality", &own->orthogonality}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (strlen(row[i].name) == n && strncmp(row[i].name, key, n) == 0) {
            return row[i].value;
        }
    }
    return NULL;
}

static void take_own(const nd_optset *common, nd_regular *own)
{
    for (size_t i = 0; i < common->count; i++) {
        const char *key = common->row[i].name;
        double *number = own_number(own, key, strlen(key));
        if (number) {
            *number = nd_opt_auto(common, key) ? NAN : nd_opt_real(common, key);
        }
    }
}

static nd_status fill_layer(const nd_desc *desc, const char *attributes, nd_optset *common,
                            nd_desc_layer *layer)
{
    nd_text what = {0};
    nd_text_printf(&what, "attribute of layer %zu %s", desc->count, layer->class->name);
    if (what.failed) {
        nd_text_free(&what);
        return nd_fail_memory(desc->ctx);
    }
    layer->attr.what = common->what = what.data;
    nd_status status = parse_attributes(desc->ctx, attributes, common, &layer->attr);
    layer->attr.what = common->what = "attribute";
    nd_text_free(&what);
    ND_TRY(status);
    layer->lr = nd_opt_real(common, "lr");
    take_own(common, &layer->own);
    ND_TRY(take_name(desc, common, layer));
    ND_TRY(take_inputs(desc, common, layer));
    return find_shape(desc, layer);
}

static nd_status make_layer(const nd_desc *desc, const nd_layer_class *class,
                            const char *attributes, nd_desc_layer **made)
{
    size_t count;
    const nd_option *rows = nd_desc_common_options(&count);
    nd_optset common = {0};
    nd_desc_layer *layer = nd_alloc(1, sizeof *layer);
    if (!layer) {
        return nd_fail_memory(desc->ctx);
    }
    layer->class = class;
    nd_status status = nd_optset_init(desc->ctx, rows, count, "attribute", &common);
    if (status == ND_OK) {
        status = nd_optset_init(desc->ctx, class->options, class->option_count, "attribute",
                                &layer->attr);
    }
    if (status == ND_OK) {
        status = fill_layer(desc, attributes, &common, layer);
    }
    nd_optset_free(&common);
    if (status != ND_OK) {
        layer_destroy(layer);
        return status;
    }
    *made = layer;
    return ND_OK;
}

static nd_status append(nd_desc *desc, nd_desc_layer *layer)
{
    if (!nd_grow((void **)&desc->layer, &desc->room, desc->count, sizeof(nd_desc_layer *))) {
        layer_destroy(layer);
        return nd_fail_memory(desc->ctx);
    }
    desc->layer[desc->count++] = layer;
    return ND_OK;
}

static nd_status fail_type(const nd_desc *desc, const char *type)
{
    size_t count;
    const nd_layer_class *const *table = nd_layer_table(&count);
    const char *name[64];
    count = count < 64 ? count : 64;
    for (size_t i = 0; i < count; i++) {
        name[i] = table[i]->name;
    }
    const char *near = nd_nearest(type, name, count);
    return nd_fail(desc->ctx, ND_ERR_OPTION, "layer %zu: unknown type '%s'%s%s%s", desc->count,
                   type, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

nd_status nd_desc_add(nd_desc *desc, const char *type, const char *attributes)
{
    if (!desc || !type) {
        return nd_fail(desc ? desc->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_desc_add: a null pointer was passed");
    }
    if (desc->count >= MAX_LAYERS) {
        return nd_fail(desc->ctx, ND_ERR_SHAPE, "more than %d layers", MAX_LAYERS);
    }
    const nd_layer_class *class = nd_layer_find(type);
    if (!class) {
        return fail_type(desc, type);
    }
    nd_desc_layer *layer = NULL;
    ND_TRY(make_layer(desc, class, attributes, &layer));
    return append(desc, layer);
}

static nd_status copy_layer(nd_desc *to, const nd_desc_layer *layer)
{
    nd_desc_layer *copy = nd_alloc(1, sizeof *copy);
    if (!copy) {
        return nd_fail_memory(to->ctx);
    }
    *copy = *layer;
    copy->attr = (nd_optset){0};
    copy->shape.attr = &copy->attr;
    copy->name = nd_strdup(layer->name);
    nd_status status = nd_optset_copy(&layer->attr, &copy->attr);
    if (status != ND_OK || !copy->name) {
        layer_destroy(copy);
        return nd_fail_memory(to->ctx);
    }
    return append(to, copy);
}

static nd_status fail_layer(const nd_desc *desc, const char *name, size_t n)
{
    nd_text names = {0};
    for (size_t k = 0; k < desc->count; k++) {
        if (desc->layer[k]->shape.params > 0) {
            nd_text_printf(&names, "%s%s", names.size ? ", " : "", desc->layer[k]->name);
        }
    }
    nd_status status =
        nd_fail(desc->ctx, ND_ERR_OPTION, "no layer with parameters is named '%.*s'; there are %s",
                (int)n, name, names.size ? names.data : "none");
    nd_text_free(&names);
    return status;
}

/* The layer called name[n], if it has parameters. */
static nd_status find_trained(const nd_desc *desc, const char *name, size_t n,
                              nd_desc_layer **layer)
{
    long i = find_layer(desc, name, n);
    if (i < 0 || desc->layer[i]->shape.params == 0) {
        return fail_layer(desc, name, n);
    }
    *layer = desc->layer[i];
    return ND_OK;
}

nd_status nd_desc_set_lr(nd_desc *desc, const char *name, size_t n, double factor)
{
    nd_desc_layer *layer = NULL;
    ND_TRY(find_trained(desc, name, n, &layer));
    layer->lr = factor;
    return ND_OK;
}

const nd_desc_layer *nd_desc_find(const nd_desc *desc, const char *name, size_t n)
{
    long i = find_layer(desc, name, n);
    return i >= 0 ? desc->layer[i] : NULL;
}

nd_status nd_desc_freeze(nd_desc *desc, const char *layer)
{
    if (!desc || !layer) {
        return nd_fail(desc ? desc->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_desc_freeze: a null pointer was passed");
    }
    long i = find_layer(desc, layer, strlen(layer));
    if (i < 0 || desc->layer[i]->shape.params + desc->layer[i]->shape.buffers == 0) {
        return fail_layer(desc, layer, strlen(layer));
    }
    desc->layer[i]->frozen = true;
    return ND_OK;
}

nd_status nd_desc_set_regular(nd_desc *desc, const char *name, size_t n, const char *key, size_t k,
                              double value)
{
    nd_desc_layer *layer = NULL;
    ND_TRY(find_trained(desc, name, n, &layer));
    double *number = own_number(&layer->own, key, k);
    if (!number) {
        return nd_fail(desc->ctx, ND_ERR_OPTION,
                       "layer %.*s: '%.*s' is not l1, l2, weight_decay, max_norm or orthogonality",
                       (int)n, name, (int)k, key);
    }
    *number = value;
    return ND_OK;
}

nd_status nd_desc_copy(const nd_desc *desc, nd_desc **copy)
{
    nd_desc *made = NULL;
    *copy = NULL;
    ND_TRY(nd_desc_create(desc->ctx, desc->n_in, &made));
    made->time = desc->time;
    for (size_t i = 0; i < desc->count; i++) {
        nd_status status = copy_layer(made, desc->layer[i]);
        if (status != ND_OK) {
            nd_desc_destroy(made);
            return status;
        }
    }
    *copy = made;
    return ND_OK;
}
