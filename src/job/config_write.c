/* Settings as YAML that nd_config_load reads back. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "job/options.h"

/* Words that other YAML readers take for something else than text. */
static bool is_reserved(const char *text, size_t n)
{
    static const char *const word[] = {"null",  "Null",  "NULL", "true", "True", "TRUE", "false",
                                       "False", "FALSE", "yes",  "no",   "on",   "off"};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        if (strlen(word[i]) == n && memcmp(word[i], text, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/';
}

/* True if text[n] can stand in YAML without quotes, also in a flow list. */
static bool is_plain(const char *text, size_t n)
{
    if (n == 0 || !is_word_byte(text[0])) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        bool inner = text[i] == '-' || text[i] == '+' || (text[i] == ' ' && i + 1 < n);
        if (!is_word_byte(text[i]) && !inner) {
            return false;
        }
    }
    return true;
}

/* In double quotes, with control bytes escaped. */
static void add_quoted(nd_text *out, const char *text, size_t n)
{
    nd_text_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\') {
            nd_text_printf(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            nd_text_printf(out, "\\x%02x", byte);
        } else {
            nd_text_add(out, text + i, 1);
        }
    }
    nd_text_puts(out, "\"");
}

static void add_scalar(nd_text *out, const char *text, size_t n)
{
    if (is_plain(text, n)) {
        nd_text_add(out, text, n);
    } else {
        add_quoted(out, text, n);
    }
}

/* The value of row i: a list in brackets from two items on. */
static void add_value(nd_text *out, const nd_optset *set, size_t i)
{
    const nd_option *row = &set->row[i];
    const char *value = nd_opt_text(set, row->name);
    bool text = row->type == ND_OPT_TEXT || row->type == ND_OPT_LIST;
    size_t items = row->type == ND_OPT_LIST ? nd_opt_list_count(set, row->name) : 1;
    if (items < 2) {
        if (text && is_reserved(value, strlen(value))) {
            add_quoted(out, value, strlen(value));
        } else {
            add_scalar(out, value, strlen(value));
        }
        return;
    }
    for (size_t k = 0; k < items; k++) {
        char *item = nd_opt_list_text(set, row->name, k);
        size_t n = item ? strlen(item) : 0;
        nd_text_puts(out, k ? ", " : "[");
        if (is_reserved(item ? item : "", n)) {
            add_quoted(out, item ? item : "", n);
        } else {
            add_scalar(out, item ? item : "", n);
        }
        out->failed = out->failed || !item;
        nd_free(item);
    }
    nd_text_puts(out, "]");
}

/* "units=64, init=zeros" as "{units: 64, init: zeros}". */
static void add_attributes(nd_text *out, const char *attributes)
{
    const char *lead = ": {";
    while (*attributes) {
        size_t n = strcspn(attributes, ",");
        size_t key = strcspn(attributes, "=");
        nd_text_puts(out, lead);
        nd_text_add(out, attributes, key);
        nd_text_puts(out, ": ");
        add_scalar(out, attributes + key + 1, n - key - 1);
        lead = ", ";
        attributes += n;
        attributes += strspn(attributes, ", ");
    }
    nd_text_puts(out, "}");
}

static void add_layers(nd_text *out, const nd_config *config)
{
    if (config->layers_given) {
        nd_text_puts(out, config->layers > 0 ? "layers:\n" : "layers: []\n");
    }
    for (size_t i = 0; i < config->layers; i++) {
        nd_text_printf(out, "  - %s", config->layer[i].type);
        if (config->layer[i].attributes[0]) {
            add_attributes(out, config->layer[i].attributes);
        }
        nd_text_puts(out, "\n");
    }
}

static void add_comment(nd_text *out, const nd_option *row)
{
    nd_text domain = {0};
    nd_option_domain(row, 1, &domain);
    nd_text_printf(out, "\n# %s", row->help);
    if (domain.size > 0) {
        nd_text_printf(out, "\n# (%s)", domain.data);
    }
    if (row->source[0]) {
        nd_text_printf(out, "\n# source: %s", row->source);
    }
    nd_text_puts(out, "\n");
    out->failed = out->failed || domain.failed;
    nd_text_free(&domain);
}

static const char commented_head[] =
    "# Settings of nadir. A line without '#' in front is in force; the others show\n"
    "# the default. The command line wins over this file: nadir train -c nadir.yaml\n";

static const char layers_example[] =
    "\n# ---- Layers\n\n"
    "# Layers one by one, instead of the keys under Network; the output layer is added\n"
    "# layers:\n"
    "#   - dense: {units: 64}\n"
    "#   - relu\n"
    "#   - dropout: {rate: 0.2}\n";

static void write_commented(const nd_config *config, nd_text *out)
{
    const char *group = "";
    nd_text_puts(out, commented_head);
    for (size_t i = 0; i < config->set.count; i++) {
        const nd_option *row = &config->set.row[i];
        if (nd_option_call_only(row)) {
            continue;
        }
        if (strcmp(group, row->group) != 0) {
            nd_text_printf(out, "\n# ---- %s\n", row->group);
            group = row->group;
        }
        add_comment(out, row);
        nd_text_printf(out, "%s%s: ", nd_opt_given(&config->set, row->name) ? "" : "# ", row->name);
        add_value(out, &config->set, i);
        nd_text_puts(out, "\n");
    }
    if (config->verb == ND_VERB_TRAIN && !config->layers_given) {
        nd_text_puts(out, layers_example);
    }
}

nd_status nd_config_write(const nd_config *config, int commented, const nd_sink *sink)
{
    if (!config || !sink) {
        return nd_fail(config ? config->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_config_write: a null pointer was passed");
    }
    nd_text out = {0};
    if (commented) {
        write_commented(config, &out);
    }
    for (size_t i = 0; !commented && i < config->set.count; i++) {
        const nd_option *row = &config->set.row[i];
        if (!nd_option_call_only(row)) {
            nd_text_printf(&out, "%s: ", row->name);
            add_value(&out, &config->set, i);
            nd_text_puts(&out, "\n");
        }
    }
    add_layers(&out, config);
    nd_status status = out.failed ? nd_fail_memory(config->ctx) : ND_OK;
    if (status == ND_OK && !nd_utf8_valid(out.data, out.size)) {
        status = nd_fail(config->ctx, ND_ERR_OPTION, "a setting is not UTF-8, which YAML must be");
    }
    if (status == ND_OK) {
        status = nd_text_flush(config->ctx, &out, sink);
    }
    nd_text_free(&out);
    return status;
}
