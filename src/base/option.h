/* Option tables: rows (nd_option in nadir.h) and a set of values for them. One
 * mechanism for the program's settings and for the attributes of layers,
 * optimizers and schedules. */
#ifndef ND_BASE_OPTION_H
#define ND_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "nadir.h"

/* Where a value came from; a higher one wins over a lower. */
typedef enum nd_origin { ND_FROM_PRESET, ND_FROM_FILE, ND_FROM_CALL } nd_origin;

typedef struct nd_optval {
    char *text;     /* the value as given, NULL: the preset */
    double number;  /* INT, REAL, BOOL (0 or 1), CHOICE (index of the word) */
    bool automatic; /* the value is the word "auto" */
    nd_origin origin;
} nd_optval;

typedef struct nd_optset {
    nd_ctx *ctx;
    const nd_option *row; /* borrowed, static */
    size_t count;
    const char *what; /* for messages: "option", "attribute of layer dense" */
    nd_optval *value; /* [count] */
} nd_optset;

/* Every row at its preset. ND_ERR_MEMORY; a preset that does not parse is a bug
 * of the table (assert). */
nd_status nd_optset_init(nd_ctx *ctx, const nd_option *rows, size_t count, const char *what,
                         nd_optset *set);
nd_status nd_optset_copy(const nd_optset *set, nd_optset *copy);
void nd_optset_free(nd_optset *set);

/* Set one value from text. ND_ERR_OPTION with the nearest known key, or the
 * type, bounds or words of the row; the set is then unchanged. A value of a
 * lower origin than the one in force is checked, then ignored. "auto" is
 * accepted where the row's preset is "auto". In key '-' equals '_'. */
nd_status nd_optset_set(nd_optset *set, const char *key, const char *text, nd_origin origin);

/* Set several from "key=value, key=value"; NULL or "" does nothing. A comma
 * inside a value is not possible; lists use '|'. */
nd_status nd_optset_parse(nd_optset *set, const char *attributes, nd_origin origin);

/* Index of a row by key, or -1. */
int nd_optset_find(const nd_optset *set, const char *key);

/* Values in force. key must exist (assert). */
double nd_opt_real(const nd_optset *set, const char *key);
int64_t nd_opt_int(const nd_optset *set, const char *key);
bool nd_opt_bool(const nd_optset *set, const char *key);
int nd_opt_choice(const nd_optset *set, const char *key); /* index of the word */
const char *nd_opt_text(const nd_optset *set, const char *key);
bool nd_opt_auto(const nd_optset *set, const char *key);
bool nd_opt_given(const nd_optset *set, const char *key);
nd_origin nd_opt_origin(const nd_optset *set, const char *key);
size_t nd_opt_list_count(const nd_optset *set, const char *key);

/* Item i of a LIST (separated by ',' or '|'), blanks around it removed: a
 * pointer into the text and its length. An item in double quotes can hold separators
 * (and a quote, doubled); the quotes are part of it here. */
const char *nd_opt_list_item(const nd_optset *set, const char *key, size_t i, size_t *n);

/* The same without those quotes, as a copy; NULL without memory. */
char *nd_opt_list_text(const nd_optset *set, const char *key, size_t i);

/* Append an item to the text of a list, in quotes if it needs them. */
void nd_opt_list_add(nd_text *list, const char *item);

/* item as the value of a list option on the command line, quoted for a shell where that is
 * needed: 'size in cm', or '"size, total"'. For messages: NULL without memory (nd_free). */
char *nd_opt_argument(const char *item);

#endif
