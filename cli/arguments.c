/* The command line, read by the option table. */
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* What is left to read. */
typedef struct arguments {
    cli_run *run;
    int count, at;
    char **argument;
    bool file_seen;
} arguments;

/* True if text[n] is the flag of an option; '-' and '_' are the same. */
static bool is_flag_of(const nd_option *option, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = text[i] == '-' ? '_' : text[i];
        if (option->name[i] != c) {
            return false;
        }
    }
    return option->name[n] == '\0';
}

static const nd_option *find_flag(const cli_run *run, const char *text, size_t n)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].verbs & run->verb->bit) && is_flag_of(&table[i], text, n)) {
            return &table[i];
        }
    }
    return NULL;
}

static const nd_option *find_letter(const cli_run *run, char letter)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].verbs & run->verb->bit) && table[i].letter == letter) {
            return &table[i];
        }
    }
    return NULL;
}

/* True for an option whose value is always the name of a file. */
static bool names_file(const cli_run *run, const char *key)
{
    const nd_option *option = find_flag(run, key, strlen(key));
    return option && option->type == ND_OPT_TEXT && option->metavar &&
           strcmp(option->metavar, "FILE") == 0;
}

static bool set(arguments *a, const char *key, const char *value)
{
    if (!value[0] && names_file(a->run, key)) {
        cli_usage(a->run, "%s: the name of the file is empty", key);
        return false;
    }
    nd_status status = nd_config_set(a->run->config, key, value);
    if (status == ND_ERR_MEMORY) {
        cli_status(a->run, status);
    } else if (status != ND_OK) {
        cli_usage(a->run, "%s", nd_ctx_message(a->run->ctx));
    }
    return status == ND_OK;
}

static bool fail_unknown(arguments *a, const char *text, size_t n)
{
    char key[128];
    size_t length = n < sizeof key - 1 ? n : sizeof key - 1;
    memcpy(key, text, length);
    key[length] = '\0';
    nd_config_set(a->run->config, key, "");
    cli_usage(a->run, "%s", nd_ctx_message(a->run->ctx));
    return false;
}

/* The next argument as a value. A flag of this verb is none: the value was
 * forgotten. */
static const char *next_value(arguments *a, const nd_option *option)
{
    const char *value = a->at + 1 < a->count ? a->argument[a->at + 1] : NULL;
    if (!value || (strncmp(value, "--", 2) == 0 &&
                   (!value[2] || find_flag(a->run, value + 2, strcspn(value + 2, "="))))) {
        cli_usage(a->run, "option %s needs a value (%s)", a->argument[a->at], option->metavar);
        return NULL;
    }
    a->at++;
    return value;
}

/* True if the words "a|b|no" hold "no". */
static bool has_no(const char *choices)
{
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, "no", 2) == 0 && (at[2] == '|' || at[2] == '\0')) {
            return true;
        }
    }
    return false;
}

/* "--no-NAME" as false or no; *done is false if text means something else. */
static bool negate(arguments *a, const char *text, size_t n, bool *done)
{
    *done = false;
    if (n < 4 || strncmp(text, "no", 2) != 0 || (text[2] != '-' && text[2] != '_')) {
        return true;
    }
    const nd_option *option = find_flag(a->run, text + 3, n - 3);
    if (!option || text[n] == '=') {
        return true;
    }
    if (option->type == ND_OPT_BOOL) {
        *done = true;
        return set(a, option->name, "false");
    }
    if (option->type == ND_OPT_CHOICE && has_no(option->choices)) {
        *done = true;
        return set(a, option->name, "no");
    }
    return true;
}

/* --name, --name=value, --name value, --no-name. */
static bool read_long(arguments *a)
{
    const char *text = a->argument[a->at] + 2;
    size_t n = strcspn(text, "=");
    const nd_option *option = find_flag(a->run, text, n);
    bool done = false;
    if (!option && !negate(a, text, n, &done)) {
        return false;
    }
    if (done) {
        return true;
    }
    if (!option) {
        return fail_unknown(a, text, n);
    }
    if (text[n] == '=') {
        return set(a, option->name, text + n + 1);
    }
    if (option->type == ND_OPT_BOOL) {
        return set(a, option->name, "true");
    }
    const char *value = next_value(a, option);
    return value && set(a, option->name, value);
}

/* -x, -xvalue, -x value, and switches run together as in -qf. */
static bool read_short(arguments *a)
{
    for (const char *at = a->argument[a->at] + 1; *at; at++) {
        const nd_option *option = find_letter(a->run, *at);
        if (!option) {
            cli_usage(a->run, "unknown option '-%c'", *at);
            return false;
        }
        if (option->type != ND_OPT_BOOL) {
            const char *value = at[1] ? at + 1 : next_value(a, option);
            return value && set(a, option->name, value);
        }
        if (!set(a, option->name, "true")) {
            return false;
        }
    }
    return true;
}

static bool read_file(arguments *a)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    const char *text = a->argument[a->at];
    for (size_t i = 0; i < count; i++) {
        if ((table[i].verbs & a->run->verb->bit) && table[i].positional && !a->file_seen) {
            a->file_seen = true;
            return set(a, table[i].name, text);
        }
    }
    cli_usage(a->run, "unexpected argument '%s'", text);
    return false;
}

bool cli_parse(cli_run *run, int count, char **argument)
{
    arguments a = {.run = run, .count = count, .argument = argument};
    bool flags = true;
    for (; a.at < count; a.at++) {
        const char *text = argument[a.at];
        bool good = true;
        if (flags && strcmp(text, "--") == 0) {
            flags = false;
        } else if (flags && strncmp(text, "--", 2) == 0) {
            good = read_long(&a);
        } else if (flags && text[0] == '-' && text[1]) {
            good = read_short(&a);
        } else {
            good = read_file(&a);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}
