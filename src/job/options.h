/* The settings of a run: the option table's values, and a list of layers. */
#ifndef ND_JOB_OPTIONS_H
#define ND_JOB_OPTIONS_H

#include "base/option.h"
#include "base/text.h"

/* One layer of a config file's list: a type and its attributes. */
typedef struct nd_config_layer {
    char *type;
    char *attributes; /* "units=64, init=he_normal" */
} nd_config_layer;

struct nd_config {
    nd_ctx *ctx;
    unsigned verb;
    nd_option *row; /* rows of the table that this verb takes, then values */
    nd_optset set;
    nd_config_layer *layer; /* from "layers:" of a file; replaces hidden, activation, ... */
    size_t layers, layers_room;
    bool layers_given;     /* true with none as well: a linear model */
    const char *layers_of; /* the model whose layers they are, borrowed; NULL: a file's */
};

/* Read settings and layers from YAML in memory; path is for messages only.
 * Errors as nd_config_load. */
nd_status nd_config_parse(nd_config *config, const char *path, const char *text, size_t size);

/* Append a layer; both texts are copied. And forget all layers. */
nd_status nd_config_add_layer(nd_config *config, const char *type, const char *attributes);
void nd_config_drop_layers(nd_config *config);

/* True for options that steer a single call and therefore cannot stand in a
 * file: config, print_config, verify_determinism. */
bool nd_option_call_only(const nd_option *option);

/* What an option takes and its default, "1 to 1000; default: 64"; "" for a
 * switch that is off. choices 0 leaves the words of a choice out. */
void nd_option_domain(const nd_option *option, int choices, nd_text *text);

/* The flag of an option, "batch-size", into out[ND_FLAG_SIZE]. */
enum { ND_FLAG_SIZE = 64 };
const char *nd_option_flag(const nd_option *option, char *out);

/* Writers of nd_option_write. verb NULL is the program as a whole. */
void nd_option_help(const nd_verb *verb, nd_text *text);
void nd_option_man(const nd_verb *verb, nd_text *text);
void nd_option_bash(nd_text *text);
void nd_option_zsh(nd_text *text);
void nd_option_markdown(const nd_verb *verb, nd_text *text);

#endif
