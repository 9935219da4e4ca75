#include "base/option.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/synonyms.h"
#include "base/text.h"

static bool same_word(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char x = a[i] == '-' ? '_' : a[i];
        char y = b[i] == '-' ? '_' : b[i];
        if (x != y || x == '\0') {
            return false;
        }
    }
    return a[n] == '\0';
}

static bool same_key(const char *a, const char *b)
{
    return same_word(a, b, strlen(b));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Shrink text[*n] by its blanks on both sides. */
static const char *trim(const char *text, size_t *n)
{
    while (*n > 0 && is_blank(text[0])) {
        text++;
        (*n)--;
    }
    while (*n > 0 && is_blank(text[*n - 1])) {
        (*n)--;
    }
    return text;
}

/* Index of text among the words of "a|b|c", -1 if it is none of them. */
static int choice_index(const char *choices, const char *text)
{
    int index = 0;
    for (const char *word = choices; word; index++) {
        const char *end = strchr(word, '|');
        size_t n = end ? (size_t)(end - word) : strlen(word);
        if (n > 0 && strlen(text) == n && same_word(text, word, n)) {
            return index;
        }
        word = end ? end + 1 : NULL;
    }
    return -1;
}

/* The words of "a|b|c" as list[*count] in one block; NULL without memory. */
static char **split_choices(const char *choices, size_t *count)
{
    size_t words = 1;
    for (const char *c = choices; *c; c++) {
        words += *c == '|';
    }
    char **list = nd_alloc(1, words * sizeof *list + strlen(choices) + 1);
    if (!list) {
        return NULL;
    }
    char *text = (char *)(list + words);
    memcpy(text, choices, strlen(choices) + 1);
    *count = 0;
    for (char *word = text; word; (*count)++) {
        list[*count] = word;
        word = strchr(word, '|');
        if (word) {
            *word++ = '\0';
        }
    }
    return list;
}

static nd_status fail_choice(const nd_optset *set, const nd_option *row, const char *text)
{
    size_t count = 0;
    char **word = split_choices(row->choices, &count);
    if (!word) {
        return nd_fail_memory(set->ctx);
    }
    nd_text list = {0};
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(&list, "%s%s", i ? ", " : "", word[i]);
    }
    const char *near = nd_nearest(text, (const char *const *)word, count);
    nd_status status = nd_fail(set->ctx, ND_ERR_OPTION, "%s %s: '%s' is none of %s%s%s%s",
                               set->what, row->name, text, list.data ? list.data : "",
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    nd_text_free(&list);
    nd_free(word);
    return status;
}

static bool has_row(const nd_optset *set, const char *name)
{
    for (size_t i = 0; name && i < set->count; i++) {
        if (strcmp(set->row[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static nd_status fail_key(const nd_optset *set, const char *key)
{
    const char **name = nd_alloc(set->count, sizeof *name);
    if (!name) {
        return nd_fail_memory(set->ctx);
    }
    for (size_t i = 0; i < set->count; i++) {
        name[i] = set->row[i].name;
    }
    const char *near = nd_synonym(key);
    if (!has_row(set, near)) {
        near = nd_nearest(key, name, set->count);
    }
    nd_status status = nd_fail(set->ctx, ND_ERR_OPTION, "unknown %s '%s'%s%s%s", set->what, key,
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    nd_free(name);
    return status;
}

static nd_status parse_bool(const nd_optset *set, const nd_option *row, const char *text,
                            double *number)
{
    static const char *const word[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        if (strcasecmp(text, word[i]) == 0) {
            *number = (double)(i % 2);
            return ND_OK;
        }
    }
    return nd_fail(set->ctx, ND_ERR_OPTION, "%s %s: '%s' is neither true nor false", set->what,
                   row->name, text);
}

static nd_status parse_number(const nd_optset *set, const nd_option *row, const char *text,
                              double *number)
{
    bool whole = row->type == ND_OPT_INT;
    nd_num parsed = nd_num_parse(text, strlen(text), number);
    if (parsed == ND_NUM_NONE || (parsed == ND_NUM_OK && isnan(*number)) ||
        (parsed == ND_NUM_OK && whole && *number != floor(*number))) {
        return nd_fail(set->ctx, ND_ERR_OPTION, "%s %s: '%s' is not a %s", set->what, row->name,
                       text, whole ? "whole number" : "number");
    }
    /* Equal bounds mean that the row states none. */
    bool bounded = row->min < row->max;
    if (parsed == ND_NUM_OVERFLOW || isinf(*number) ||
        (bounded && (*number < row->min || *number > row->max))) {
        char low[ND_NUM_TEXT], high[ND_NUM_TEXT];
        nd_num_print(low, bounded ? row->min : -HUGE_VAL);
        nd_num_print(high, bounded ? row->max : HUGE_VAL);
        return nd_fail(set->ctx, ND_ERR_OPTION, "%s %s: %s is outside %s to %s", set->what,
                       row->name, text, low, high);
    }
    return ND_OK;
}

/* Check text against the type of a row and fill number and automatic. */
static nd_status parse_value(const nd_optset *set, const nd_option *row, const char *text,
                             nd_optval *value)
{
    value->number = NAN;
    value->automatic = strcmp(text, "auto") == 0 && strcmp(row->preset, "auto") == 0;
    if (row->type == ND_OPT_CHOICE) {
        int index = choice_index(row->choices, text);
        value->number = index;
        return index < 0 && !value->automatic ? fail_choice(set, row, text) : ND_OK;
    }
    if (value->automatic || row->type == ND_OPT_TEXT || row->type == ND_OPT_LIST) {
        return ND_OK;
    }
    return row->type == ND_OPT_BOOL ? parse_bool(set, row, text, &value->number)
                                    : parse_number(set, row, text, &value->number);
}

/* A row without default has the preset "": no number, no word. */
static bool init_value(const nd_optset *set, const nd_option *row, nd_optval *value)
{
    if (row->preset[0] == '\0') {
        value->number = row->type == ND_OPT_CHOICE ? -1 : NAN;
        return true;
    }
    return parse_value(set, row, row->preset, value) == ND_OK;
}

nd_status nd_optset_init(nd_ctx *ctx, const nd_option *rows, size_t count, const char *what,
                         nd_optset *set)
{
    *set = (nd_optset){.ctx = ctx, .row = rows, .count = count, .what = what};
    set->value = nd_alloc(count, sizeof *set->value);
    if (!set->value) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < count; i++) {
        bool parsed = init_value(set, &rows[i], &set->value[i]);
        assert(parsed);
        (void)parsed;
    }
    return ND_OK;
}

nd_status nd_optset_copy(const nd_optset *set, nd_optset *copy)
{
    *copy = *set;
    copy->value = nd_alloc(set->count, sizeof *copy->value);
    if (!copy->value) {
        return nd_fail_memory(set->ctx);
    }
    for (size_t i = 0; i < set->count; i++) {
        copy->value[i] = set->value[i];
        if (!set->value[i].text) {
            continue;
        }
        copy->value[i].text = nd_strdup(set->value[i].text);
        if (!copy->value[i].text) {
            copy->count = i;
            nd_optset_free(copy);
            return nd_fail_memory(set->ctx);
        }
    }
    return ND_OK;
}

void nd_optset_free(nd_optset *set)
{
    for (size_t i = 0; set->value && i < set->count; i++) {
        nd_free(set->value[i].text);
    }
    nd_free(set->value);
    set->value = NULL;
    set->count = 0;
}

int nd_optset_find(const nd_optset *set, const char *key)
{
    for (size_t i = 0; i < set->count; i++) {
        if (same_key(key, set->row[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

/* Copy of a value; a word of a choice as its row spells it, "he_normal" for
 * "he-normal", since others look it up by that. */
static char *copy_value(const nd_option *row, const char *text, double choice)
{
    if (row->type != ND_OPT_CHOICE || !(choice >= 0)) {
        return nd_strdup(text);
    }
    const char *word = row->choices;
    for (int i = 0; i < (int)choice; i++) {
        word = strchr(word, '|') + 1;
    }
    return nd_strndup(word, strcspn(word, "|"));
}

nd_status nd_optset_set(nd_optset *set, const char *key, const char *text, nd_origin origin)
{
    int i = nd_optset_find(set, key);
    if (i < 0) {
        return fail_key(set, key);
    }
    const nd_option *row = &set->row[i];
    if (row->type == ND_OPT_BOOL && (!text || !text[0])) {
        text = "true";
    }
    if (!text) {
        return nd_fail(set->ctx, ND_ERR_OPTION, "%s %s needs a value", set->what, row->name);
    }
    nd_optval value = {.origin = origin};
    ND_TRY(parse_value(set, row, text, &value));
    if (origin < set->value[i].origin) {
        return ND_OK;
    }
    value.text = copy_value(row, text, value.number);
    if (!value.text) {
        return nd_fail_memory(set->ctx);
    }
    nd_free(set->value[i].text);
    set->value[i] = value;
    return ND_OK;
}

/* "key=value" or, for a BOOL, "key". */
static nd_status set_pair(nd_optset *set, char *pair, nd_origin origin)
{
    char *equal = strchr(pair, '=');
    size_t n = equal ? (size_t)(equal - pair) : strlen(pair);
    const char *key = trim(pair, &n);
    const char *value = NULL;
    if (equal) {
        size_t length = strlen(equal + 1);
        value = trim(equal + 1, &length);
        equal[1 + (value - (equal + 1)) + (ptrdiff_t)length] = '\0';
    }
    pair[(key - pair) + (ptrdiff_t)n] = '\0';
    return nd_optset_set(set, key, value, origin);
}

nd_status nd_optset_parse(nd_optset *set, const char *attributes, nd_origin origin)
{
    if (!attributes) {
        return ND_OK;
    }
    for (const char *at = attributes; at;) {
        const char *end = strchr(at, ',');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        const char *start = trim(at, &n);
        at = end ? end + 1 : NULL;
        if (n == 0) {
            continue;
        }
        char *pair = nd_strndup(start, n);
        if (!pair) {
            return nd_fail_memory(set->ctx);
        }
        nd_status status = set_pair(set, pair, origin);
        nd_free(pair);
        ND_TRY(status);
    }
    return ND_OK;
}

static const nd_optval *value_of(const nd_optset *set, const char *key)
{
    int i = nd_optset_find(set, key);
    assert(i >= 0);
    return &set->value[i];
}

double nd_opt_real(const nd_optset *set, const char *key)
{
    return value_of(set, key)->number;
}

int64_t nd_opt_int(const nd_optset *set, const char *key)
{
    double number = value_of(set, key)->number;
    return isnan(number) ? 0 : (int64_t)number;
}

bool nd_opt_bool(const nd_optset *set, const char *key)
{
    return value_of(set, key)->number > 0;
}

int nd_opt_choice(const nd_optset *set, const char *key)
{
    return (int)value_of(set, key)->number;
}

const char *nd_opt_text(const nd_optset *set, const char *key)
{
    const nd_optval *value = value_of(set, key);
    return value->text ? value->text : set->row[value - set->value].preset;
}

bool nd_opt_auto(const nd_optset *set, const char *key)
{
    return value_of(set, key)->automatic;
}

bool nd_opt_given(const nd_optset *set, const char *key)
{
    return value_of(set, key)->origin != ND_FROM_PRESET;
}

nd_origin nd_opt_origin(const nd_optset *set, const char *key)
{
    return value_of(set, key)->origin;
}

/* Behind the quote that closes the one at text; NULL if none does. */
static const char *behind_quotes(const char *text)
{
    for (const char *at = text + 1; *at; at++) {
        if (*at == '"' && *++at != '"') {
            return at;
        }
    }
    return NULL;
}

/* The separator behind the item that text begins with, or the end. Quotes are around the whole
 * item, or around what stands before its equal sign. */
static const char *next_separator(const char *text)
{
    const char *first = text + strspn(text, " \t\n\r");
    const char *behind = *first == '"' ? behind_quotes(first) : NULL;
    const char *rest = behind ? behind + strspn(behind, " \t\n\r") : NULL;
    if (rest && *rest == '=') {
        return rest + strcspn(rest, ",|");
    }
    bool quoted = rest && (*rest == '\0' || *rest == ',' || *rest == '|');
    return quoted ? rest : text + strcspn(text, ",|");
}

size_t nd_opt_list_count(const nd_optset *set, const char *key)
{
    const char *text = nd_opt_text(set, key);
    size_t n = strlen(text);
    trim(text, &n);
    size_t count = n > 0;
    for (text = next_separator(text); *text; text = next_separator(text + 1)) {
        count++;
    }
    return count;
}

const char *nd_opt_list_item(const nd_optset *set, const char *key, size_t i, size_t *n)
{
    const char *text = nd_opt_text(set, key);
    while (i-- > 0) {
        text = next_separator(text);
        assert(*text);
        text++;
    }
    *n = (size_t)(next_separator(text) - text);
    return trim(text, n);
}

char *nd_opt_list_text(const nd_optset *set, const char *key, size_t i)
{
    size_t n, size = 0;
    const char *item = nd_opt_list_item(set, key, i, &n);
    const char *behind = n >= 2 && item[0] == '"' ? behind_quotes(item) : NULL;
    const char *rest = behind ? behind + strspn(behind, " \t\n\r") : NULL;
    bool whole = behind == item + n;
    char *text = nd_strndup(item, n);
    if (!text || !behind || !(whole || (rest < item + n && *rest == '='))) {
        return text;
    }
    for (const char *c = item + 1; c < behind - 1; c++) {
        text[size++] = *c;
        c += *c == '"';
    }
    size_t left = whole ? 0 : (size_t)(item + n - rest);
    memcpy(text + size, rest, left);
    text[size + left] = '\0';
    return text;
}

void nd_opt_list_add(nd_text *list, const char *item)
{
    size_t n = strlen(item);
    bool blank = n > 0 && (is_blank(item[0]) || is_blank(item[n - 1]));
    if (!blank && !item[strcspn(item, ",|\"")]) {
        nd_text_puts(list, item);
        return;
    }
    nd_text_puts(list, "\"");
    for (; *item; item++) {
        nd_text_puts(list, *item == '"' ? "\"" : "");
        nd_text_add(list, item, 1);
    }
    nd_text_puts(list, "\"");
}

char *nd_opt_argument(const char *item)
{
    nd_text list = {0}, word = {0};
    nd_opt_list_add(&list, item);
    nd_text_shell(&word, list.failed || !list.data ? "" : list.data);
    bool failed = list.failed || word.failed;
    nd_text_free(&list);
    if (failed) {
        nd_text_free(&word);
    }
    return word.data;
}
