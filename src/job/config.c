#include <string.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/options.h"

bool nd_option_call_only(const nd_option *option)
{
    return strcmp(option->name, "config") == 0 || strcmp(option->name, "print_config") == 0 ||
           strcmp(option->name, "verify_determinism") == 0;
}

/* Copies of the table's rows for one verb, with room for a value of each. */
static nd_status make_rows(nd_config *config)
{
    size_t all = 0, count = 0;
    const nd_option *table = nd_option_table(&all);
    config->row = nd_alloc(all, sizeof *config->row);
    if (!config->row) {
        return nd_fail_memory(config->ctx);
    }
    for (size_t i = 0; i < all; i++) {
        if (table[i].verbs & config->verb) {
            config->row[count++] = table[i];
        }
    }
    return nd_optset_init(config->ctx, config->row, count, "option", &config->set);
}

static bool is_verb(unsigned bit)
{
    size_t count;
    const nd_verb *verb = nd_verb_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (verb[i].bit == bit) {
            return true;
        }
    }
    return false;
}

nd_status nd_config_create(nd_ctx *ctx, unsigned verb, nd_config **config)
{
    if (config) {
        *config = NULL;
    }
    if (!ctx || !config) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_config_create: a null pointer was passed");
    }
    if (!is_verb(verb)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_config_create: %u is not one ND_VERB_ bit", verb);
    }
    *config = nd_alloc(1, sizeof **config);
    if (!*config) {
        return nd_fail_memory(ctx);
    }
    (*config)->ctx = ctx;
    (*config)->verb = verb;
    nd_status status = make_rows(*config);
    if (status != ND_OK) {
        nd_config_destroy(*config);
        *config = NULL;
    }
    return status;
}

static nd_status copy_into(const nd_config *config, nd_config *copy)
{
    ND_TRY(make_rows(copy));
    nd_optset_free(&copy->set);
    ND_TRY(nd_optset_copy(&config->set, &copy->set));
    copy->set.row = copy->row;
    copy->layers_given = config->layers_given;
    for (size_t i = 0; i < config->layers; i++) {
        ND_TRY(nd_config_add_layer(copy, config->layer[i].type, config->layer[i].attributes));
    }
    return ND_OK;
}

nd_status nd_config_copy(const nd_config *config, nd_config **copy)
{
    if (!config || !copy) {
        return nd_fail(config ? config->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_config_copy: a null pointer was passed");
    }
    *copy = nd_alloc(1, sizeof **copy);
    if (!*copy) {
        return nd_fail_memory(config->ctx);
    }
    (*copy)->ctx = config->ctx;
    (*copy)->verb = config->verb;
    nd_status status = copy_into(config, *copy);
    if (status != ND_OK) {
        nd_config_destroy(*copy);
        *copy = NULL;
    }
    return status;
}

void nd_config_drop_layers(nd_config *config)
{
    for (size_t i = 0; i < config->layers; i++) {
        nd_free(config->layer[i].type);
        nd_free(config->layer[i].attributes);
    }
    config->layers = 0;
    config->layers_given = false;
}

void nd_config_destroy(nd_config *config)
{
    if (!config) {
        return;
    }
    nd_config_drop_layers(config);
    nd_free(config->layer);
    nd_optset_free(&config->set);
    nd_free(config->row);
    nd_free(config);
}

nd_status nd_config_add_layer(nd_config *config, const char *type, const char *attributes)
{
    if (!nd_grow((void **)&config->layer, &config->layers_room, config->layers,
                 sizeof *config->layer)) {
        return nd_fail_memory(config->ctx);
    }
    nd_config_layer layer = {nd_strdup(type), nd_strdup(attributes)};
    if (!layer.type || !layer.attributes) {
        nd_free(layer.type);
        nd_free(layer.attributes);
        return nd_fail_memory(config->ctx);
    }
    config->layer[config->layers++] = layer;
    config->layers_given = true;
    return ND_OK;
}

/* Row of the whole table that key means, for verbs other than the config's. */
static const nd_option *foreign_option(const nd_config *config, const char *key)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    nd_optset all = {.row = table, .count = count};
    int i = nd_optset_find(&all, key);
    return i >= 0 && !(table[i].verbs & config->verb) ? &table[i] : NULL;
}

static nd_status fail_foreign(const nd_config *config, const nd_option *option)
{
    const char *own = "this call", *other = "";
    size_t count = 0;
    const nd_verb *verb = nd_verb_table(&count);
    for (size_t i = count; i-- > 0;) {
        own = verb[i].bit == config->verb ? verb[i].name : own;
        other = verb[i].bit & option->verbs ? verb[i].name : other;
    }
    return nd_fail(config->ctx, ND_ERR_OPTION, "%s takes no option '%s' (%s does)", own,
                   option->name, other);
}

nd_status nd_config_set(nd_config *config, const char *key, const char *value)
{
    if (!config || !key) {
        return nd_fail(config ? config->ctx : NULL, ND_ERR_ARGUMENT, "no option to set");
    }
    const nd_option *foreign = foreign_option(config, key);
    if (foreign) {
        return fail_foreign(config, foreign);
    }
    return nd_optset_set(&config->set, key, value, ND_FROM_CALL);
}

nd_status nd_config_load(nd_config *config, const char *path)
{
    if (!config || !path) {
        return nd_fail(config ? config->ctx : NULL, ND_ERR_ARGUMENT, "no file to read");
    }
    nd_bytes bytes = {0};
    ND_TRY(nd_file_read(config->ctx, path, &bytes));
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    nd_status status = nd_config_parse(config, name, bytes.data, bytes.size);
    return nd_bytes_end(config->ctx, path, &bytes, status);
}

const char *nd_config_get(const nd_config *config, const char *key)
{
    bool known = config && key && nd_optset_find(&config->set, key) >= 0;
    return known ? nd_opt_text(&config->set, key) : NULL;
}

int nd_config_given(const nd_config *config, const char *key)
{
    return config && key && nd_optset_find(&config->set, key) >= 0 &&
           nd_opt_given(&config->set, key);
}
