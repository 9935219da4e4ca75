/* The config file: a YAML mapping of options to scalars or lists, and "layers",
 * a list of layers. Read from libyaml's events, so that memory and nesting are
 * bounded by this grammar; anchors, aliases and tags are refused. */
#include <string.h>
#include <yaml.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "job/options.h"
#include "layer/layer.h"
#include "net/net.h"

typedef struct reader {
    nd_config *config;
    const char *path;
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at */
    bool held;          /* event must be deleted */
    bool *seen;         /* [options] keys met so far */
    bool layers_seen;
} reader;

/* A failure at the event being looked at. */
static nd_status fail_at(reader *r, const yaml_mark_t *mark, nd_status status, const char *text)
{
    return nd_fail(r->config->ctx, status, "%s:%zu:%zu: %s", r->path, mark->line + 1,
                   mark->column + 1, text);
}

static nd_status fail_here(reader *r, nd_status status, const char *text)
{
    return fail_at(r, &r->event.start_mark, status, text);
}

/* Put file, line and column before the message of a failure. */
static nd_status locate(reader *r, const yaml_mark_t *mark, nd_status status)
{
    if (status == ND_OK || status == ND_ERR_MEMORY) {
        return status;
    }
    char message[ND_MESSAGE_SIZE];
    strncpy(message, r->config->ctx->message, sizeof message - 1);
    message[sizeof message - 1] = '\0';
    return fail_at(r, mark, status, message);
}

static nd_status fail_parser(reader *r)
{
    if (r->parser.error == YAML_MEMORY_ERROR) {
        return nd_fail_memory(r->config->ctx);
    }
    const char *problem = r->parser.problem ? r->parser.problem : "not YAML";
    if (r->parser.error == YAML_READER_ERROR) {
        return nd_fail(r->config->ctx, ND_ERR_FORMAT, "%s: %s at byte %zu", r->path, problem,
                       r->parser.problem_offset);
    }
    return fail_at(r, &r->parser.problem_mark, ND_ERR_FORMAT, problem);
}

static bool has_extras(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return false;
    }
}

static void drop_event(reader *r)
{
    if (r->held) {
        yaml_event_delete(&r->event);
        r->held = false;
    }
}

static nd_status next_event(reader *r)
{
    drop_event(r);
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        return fail_parser(r);
    }
    r->held = true;
    if (has_extras(&r->event)) {
        return fail_here(r, ND_ERR_FORMAT, "anchors, aliases and tags are not taken");
    }
    return ND_OK;
}

static bool is_event(const reader *r, yaml_event_type_t type)
{
    return r->event.type == type;
}

/* Text of the scalar being looked at; fails on a NUL byte, which no value has. */
static nd_status scalar_text(reader *r, const char **text)
{
    *text = (const char *)r->event.data.scalar.value;
    if (strlen(*text) != r->event.data.scalar.length) {
        return fail_here(r, ND_ERR_FORMAT, "a NUL byte in a value");
    }
    return ND_OK;
}

/* "key:" without a value, as opposed to an empty text in quotes. */
static bool is_empty_plain(const reader *r)
{
    return is_event(r, YAML_SCALAR_EVENT) && r->event.data.scalar.length == 0 &&
           r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Append the items of a list, from the event after its start to its end, with
 * a separator between them. */
static nd_status read_items(reader *r, char separator, nd_text *list)
{
    for (size_t count = 0;; count++) {
        ND_TRY(next_event(r));
        if (is_event(r, YAML_SEQUENCE_END_EVENT)) {
            return list->failed ? nd_fail_memory(r->config->ctx) : ND_OK;
        }
        if (!is_event(r, YAML_SCALAR_EVENT)) {
            return fail_here(r, ND_ERR_FORMAT, "an item of this list must be a single value");
        }
        const char *item = NULL;
        ND_TRY(scalar_text(r, &item));
        if (separator == '|' && item[strcspn(item, ",|")]) {
            return fail_here(r, ND_ERR_OPTION, "an item of this list cannot hold ',' or '|'");
        }
        if (count > 0) {
            nd_text_add(list, &separator, 1);
        }
        nd_opt_list_add(list, item);
    }
}

/* The value of an option as text: a scalar, or a list joined with commas. */
static nd_status read_value(reader *r, const nd_option *option, nd_text *value)
{
    ND_TRY(next_event(r));
    if (is_empty_plain(r)) {
        return fail_here(r, ND_ERR_FORMAT, "the key has no value (write \"\" for an empty text)");
    }
    if (is_event(r, YAML_SCALAR_EVENT)) {
        const char *text = NULL;
        ND_TRY(scalar_text(r, &text));
        nd_text_puts(value, text);
        return value->failed ? nd_fail_memory(r->config->ctx) : ND_OK;
    }
    if (is_event(r, YAML_SEQUENCE_START_EVENT) && option->type == ND_OPT_LIST) {
        nd_text_puts(value, "");
        return read_items(r, ',', value);
    }
    return fail_here(r, ND_ERR_OPTION,
                     option->type == ND_OPT_LIST ? "this key takes a value or a list"
                                                 : "this key takes a single value");
}

/* Take a value, or only check it if the option is another verb's. */
static nd_status take_value(reader *r, const nd_option *option, const char *value)
{
    if (option->verbs & r->config->verb) {
        return nd_optset_set(&r->config->set, option->name, value, ND_FROM_FILE);
    }
    nd_optset one;
    ND_TRY(nd_optset_init(r->config->ctx, option, 1, "option", &one));
    nd_status status = nd_optset_set(&one, option->name, value, ND_FROM_FILE);
    nd_optset_free(&one);
    return status;
}

static nd_status read_option(reader *r, const nd_option *option)
{
    nd_text value = {0};
    nd_status status = read_value(r, option, &value);
    if (status == ND_OK) {
        yaml_mark_t mark = r->event.start_mark;
        const char *text = value.data ? value.data : "";
        status = locate(r, &mark, take_value(r, option, text));
    }
    nd_text_free(&value);
    return status;
}

static nd_status fail_layer_type(reader *r, const char *type)
{
    size_t count = 0;
    const nd_layer_class *const *table = nd_layer_table(&count);
    const char **name = nd_alloc(count, sizeof *name);
    if (!name) {
        return nd_fail_memory(r->config->ctx);
    }
    for (size_t i = 0; i < count; i++) {
        name[i] = table[i]->name;
    }
    const char *near = nd_nearest(type, name, count);
    nd_fail(r->config->ctx, ND_ERR_OPTION, "unknown layer '%s'%s%s%s", type,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    nd_free(name);
    return locate(r, &r->event.start_mark, ND_ERR_OPTION);
}

static bool is_common(const char *key)
{
    size_t count;
    const nd_option *row = nd_desc_common_options(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(row[i].name, key) == 0) {
            return true;
        }
    }
    return false;
}

/* Check one attribute of a layer against its class, or against those that all take. */
static nd_status check_attribute(reader *r, const nd_layer_class *layer, const char *key,
                                 const char *value)
{
    size_t count = layer->option_count;
    const nd_option *row = is_common(key) ? nd_desc_common_options(&count) : layer->options;
    char what[ND_MESSAGE_SIZE / 4];
    strncpy(what, "attribute of ", sizeof what);
    strncat(what, layer->name, sizeof what - strlen(what) - 1);
    nd_optset set;
    ND_TRY(nd_optset_init(r->config->ctx, row, count, what, &set));
    nd_status status = nd_optset_set(&set, key, value, ND_FROM_FILE);
    nd_optset_free(&set);
    return status;
}

/* The value of the attribute whose key was just read; lists become "a|b". */
static nd_status attribute_value(reader *r, nd_text *value)
{
    ND_TRY(next_event(r));
    if (is_event(r, YAML_SEQUENCE_START_EVENT)) {
        return read_items(r, '|', value);
    }
    if (!is_event(r, YAML_SCALAR_EVENT) || is_empty_plain(r)) {
        return fail_here(r, ND_ERR_FORMAT, "an attribute takes a value or a list");
    }
    const char *text = NULL;
    ND_TRY(scalar_text(r, &text));
    if (strchr(text, ',')) {
        return fail_here(r, ND_ERR_OPTION, "an attribute cannot hold ','");
    }
    nd_text_puts(value, text);
    return value->failed ? nd_fail_memory(r->config->ctx) : ND_OK;
}

/* True if "key=" stands in "a=1, b=2". */
static bool has_attribute(const nd_text *attributes, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = attributes->data; at; at = strstr(at, ", ")) {
        at += strncmp(at, ", ", 2) == 0 ? 2 : 0;
        if (strncmp(at, key, n) == 0 && at[n] == '=') {
            return true;
        }
    }
    return false;
}

/* One "key: value" of a layer, the key being looked at, onto "a=1, b=2". */
static nd_status read_attribute(reader *r, const nd_layer_class *layer, nd_text *attributes)
{
    char key[ND_FLAG_SIZE];
    yaml_mark_t mark = r->event.start_mark;
    const char *text = NULL;
    ND_TRY(scalar_text(r, &text));
    if (strlen(text) >= sizeof key || text[strcspn(text, ",=| ")]) {
        return fail_here(r, ND_ERR_OPTION, "not the name of an attribute");
    }
    memcpy(key, text, strlen(text) + 1);
    if (has_attribute(attributes, key)) {
        return fail_here(r, ND_ERR_FORMAT, "the attribute is given twice");
    }
    nd_text value = {0};
    nd_status status = attribute_value(r, &value);
    const char *given = value.data ? value.data : "";
    if (status == ND_OK) {
        status = locate(r, &mark, check_attribute(r, layer, key, given));
    }
    if (status == ND_OK) {
        nd_text_printf(attributes, "%s%s=%s", attributes->size ? ", " : "", key, given);
        status = attributes->failed ? nd_fail_memory(r->config->ctx) : ND_OK;
    }
    nd_text_free(&value);
    return status;
}

static nd_status expect_key(reader *r)
{
    if (!is_event(r, YAML_SCALAR_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "a key must be a single word");
    }
    return ND_OK;
}

/* Attributes up to the end of the mapping. */
static nd_status read_attributes(reader *r, const nd_layer_class *layer, nd_text *attributes)
{
    for (;;) {
        ND_TRY(next_event(r));
        if (is_event(r, YAML_MAPPING_END_EVENT)) {
            return ND_OK;
        }
        ND_TRY(expect_key(r));
        ND_TRY(read_attribute(r, layer, attributes));
    }
}

/* Class named by the scalar being looked at. */
static nd_status read_class(reader *r, const nd_layer_class **layer)
{
    if (!is_event(r, YAML_SCALAR_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "the type of a layer must be a word");
    }
    const char *type = NULL;
    ND_TRY(scalar_text(r, &type));
    *layer = nd_layer_find(type);
    return *layer ? ND_OK : fail_layer_type(r, type);
}

/* After "- dense:": nothing or a mapping, then the end of the outer one. */
static nd_status read_nested(reader *r, const nd_layer_class *layer, nd_text *attributes)
{
    ND_TRY(next_event(r));
    if (is_event(r, YAML_MAPPING_START_EVENT)) {
        ND_TRY(read_attributes(r, layer, attributes));
    } else if (!is_empty_plain(r)) {
        return fail_here(r, ND_ERR_FORMAT,
                         "attributes of a layer are written {key: value}, indented under it");
    }
    ND_TRY(next_event(r));
    if (!is_event(r, YAML_MAPPING_END_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT,
                         "one layer per item ('type: NAME' first to write attributes beside it)");
    }
    return ND_OK;
}

/* One item of "layers": dense, "dense: {units: 3}" or "type: dense, units: 3". */
static nd_status read_layer(reader *r)
{
    const nd_layer_class *layer = NULL;
    nd_text attributes = {0};
    nd_status status = ND_OK;
    if (is_event(r, YAML_SCALAR_EVENT)) {
        ND_TRY(read_class(r, &layer));
        return nd_config_add_layer(r->config, layer->name, "");
    }
    if (!is_event(r, YAML_MAPPING_START_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "a layer is a word or a mapping");
    }
    ND_TRY(next_event(r));
    ND_TRY(expect_key(r));
    if (strcmp((const char *)r->event.data.scalar.value, "type") == 0) {
        ND_TRY(next_event(r));
        ND_TRY(read_class(r, &layer));
        status = read_attributes(r, layer, &attributes);
    } else {
        ND_TRY(read_class(r, &layer));
        status = read_nested(r, layer, &attributes);
    }
    if (status == ND_OK) {
        status =
            nd_config_add_layer(r->config, layer->name, attributes.data ? attributes.data : "");
    }
    nd_text_free(&attributes);
    return status;
}

static nd_status read_layers(reader *r)
{
    if (r->layers_seen) {
        return fail_here(r, ND_ERR_FORMAT, "the key 'layers' is given twice");
    }
    r->layers_seen = true;
    nd_config_drop_layers(r->config);
    ND_TRY(next_event(r));
    if (!is_event(r, YAML_SEQUENCE_START_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "layers must be a list");
    }
    r->config->layers_given = true;
    for (;;) {
        ND_TRY(next_event(r));
        if (is_event(r, YAML_SEQUENCE_END_EVENT)) {
            return ND_OK;
        }
        ND_TRY(read_layer(r));
    }
}

/* The key being looked at and its value. */
static nd_status read_key(reader *r)
{
    const char *key = NULL;
    ND_TRY(scalar_text(r, &key));
    if (strcmp(key, "layers") == 0) {
        return read_layers(r);
    }
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    nd_optset all = {.ctx = r->config->ctx, .row = table, .count = count, .what = "key"};
    int i = nd_optset_find(&all, key);
    if (i < 0) {
        return locate(r, &r->event.start_mark, nd_optset_set(&all, key, "", ND_FROM_FILE));
    }
    if (nd_option_call_only(&table[i])) {
        return fail_here(r, ND_ERR_OPTION, "this key has a meaning on the command line only");
    }
    if (r->seen[i]) {
        return fail_here(r, ND_ERR_FORMAT, "the key is given twice");
    }
    r->seen[i] = true;
    return read_option(r, &table[i]);
}

static nd_status read_document(reader *r)
{
    ND_TRY(next_event(r));
    if (is_empty_plain(r)) {
        return next_event(r);
    }
    if (!is_event(r, YAML_MAPPING_START_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "expected lines of 'key: value'");
    }
    for (;;) {
        ND_TRY(next_event(r));
        if (is_event(r, YAML_MAPPING_END_EVENT)) {
            return next_event(r);
        }
        ND_TRY(expect_key(r));
        ND_TRY(read_key(r));
    }
}

static nd_status read_stream(reader *r)
{
    ND_TRY(next_event(r));
    ND_TRY(next_event(r));
    if (is_event(r, YAML_STREAM_END_EVENT)) {
        return ND_OK;
    }
    ND_TRY(read_document(r));
    ND_TRY(next_event(r));
    if (!is_event(r, YAML_STREAM_END_EVENT)) {
        return fail_here(r, ND_ERR_FORMAT, "a second document");
    }
    return ND_OK;
}

nd_status nd_config_parse(nd_config *config, const char *path, const char *text, size_t size)
{
    size_t count = 0;
    nd_option_table(&count);
    reader r = {.config = config, .path = path};
    r.seen = nd_alloc(count, sizeof *r.seen);
    if (!r.seen || !yaml_parser_initialize(&r.parser)) {
        nd_free(r.seen);
        return nd_fail_memory(config->ctx);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text ? text : ""), size);
    nd_status status = read_stream(&r);
    drop_event(&r);
    yaml_parser_delete(&r.parser);
    nd_free(r.seen);
    return status;
}
