/* The option table as help and as a Markdown page, and what all writers share. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/num.h"
#include "job/options.h"

enum { HELP_WIDTH = 80, HELP_INDENT = 28 };

const char *nd_option_flag(const nd_option *option, char *out)
{
    size_t n = 0;
    for (; option->name[n] && n + 1 < ND_FLAG_SIZE; n++) {
        out[n] = option->name[n] == '_' ? '-' : option->name[n];
    }
    out[n] = '\0';
    return out;
}

static void add_bounds(const nd_option *option, nd_text *text)
{
    char low[ND_NUM_TEXT], high[ND_NUM_TEXT];
    nd_num_print(low, option->min);
    nd_num_print(high, option->max);
    if (option->max >= 1e6) {
        nd_text_printf(text, "at least %s", low);
    } else if (option->min < option->max) {
        nd_text_printf(text, "%s to %s", low, high);
    }
}

void nd_option_domain(const nd_option *option, int choices, nd_text *text)
{
    if (option->type == ND_OPT_BOOL) {
        nd_text_puts(text, strcmp(option->preset, "true") == 0 ? "default: on" : "");
        return;
    }
    if (option->type == ND_OPT_INT || option->type == ND_OPT_REAL) {
        add_bounds(option, text);
    }
    for (const char *c = option->type == ND_OPT_CHOICE && choices ? option->choices : ""; *c; c++) {
        if (*c == '|') {
            nd_text_puts(text, ", ");
        } else {
            nd_text_add(text, c, 1);
        }
    }
    if (option->preset[0]) {
        nd_text_printf(text, "%sdefault: %s", text->size ? "; " : "", option->preset);
    }
}

/* Words of string, wrapped at HELP_WIDTH, later lines indented; column is where
 * the text stands now. */
static void add_wrapped(nd_text *text, const char *string, size_t column, size_t indent)
{
    while (*string) {
        size_t n = strcspn(string, " ");
        if (column > indent && column + 1 + n > HELP_WIDTH) {
            nd_text_printf(text, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            nd_text_puts(text, " ");
            column++;
        }
        nd_text_add(text, string, n);
        column += n;
        string += n;
        string += strspn(string, " ");
    }
    nd_text_puts(text, "\n");
}

static void add_help_row(nd_text *text, const nd_option *option)
{
    char flag[ND_FLAG_SIZE];
    nd_text line = {0}, domain = {0}, body = {0};
    if (option->letter) {
        nd_text_printf(&line, "  -%c, --%s", option->letter, nd_option_flag(option, flag));
    } else {
        nd_text_printf(&line, "      --%s", nd_option_flag(option, flag));
    }
    if (option->metavar) {
        nd_text_printf(&line, " %s", option->metavar);
    }
    nd_option_domain(option, 1, &domain);
    nd_text_puts(&body, option->help);
    if (domain.size > 0) {
        nd_text_printf(&body, " (%s)", domain.data);
    }
    if (line.failed || body.failed || domain.failed) {
        text->failed = true;
    } else {
        bool fits = line.size + 2 <= HELP_INDENT;
        nd_text_printf(text, "%s%s%*s", line.data, fits ? "" : "\n",
                       (int)(HELP_INDENT - (fits ? line.size : 0)), "");
        add_wrapped(text, body.data, HELP_INDENT, HELP_INDENT);
    }
    nd_text_free(&line);
    nd_text_free(&domain);
    nd_text_free(&body);
}

static void add_program_help(nd_text *text)
{
    size_t count = 0;
    const nd_verb *verb = nd_verb_table(&count);
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(text, "  %s\n", verb[i].example);
    }
    nd_text_puts(text, "\nnadir trains, measures and ships feed-forward neural networks.\n\n"
                       "Usage: nadir VERB [OPTION]... [FILE]\n\n");
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(text, "  %-10s%s\n", verb[i].name, verb[i].summary);
    }
    nd_text_puts(text, "\n'nadir VERB --help' explains the options of a verb; 'nadir --version'\n"
                       "prints the version.\n\n"
                       "Exit status: 0 done, 1 findings, 2 usage or data error, 3 training\n"
                       "diverged, 130 interrupted.\n");
}

static void add_positional(const nd_verb *verb, nd_text *text)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].verbs & verb->bit) && table[i].positional) {
            nd_text_printf(text, "%s:", table[i].metavar);
            add_wrapped(text, table[i].help, strlen(table[i].metavar) + 1, 0);
        }
    }
}

void nd_option_help(const nd_verb *verb, nd_text *text)
{
    if (!verb) {
        add_program_help(text);
        return;
    }
    nd_text_printf(text, "  %s\n\nnadir %s: %s.\n\nUsage: nadir %s %s\n", verb->example, verb->name,
                   verb->summary, verb->name, verb->usage);
    add_positional(verb, text);
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].verbs & verb->bit) || table[i].positional) {
            continue;
        }
        if (strcmp(group, table[i].group) != 0) {
            nd_text_printf(text, "\n%s\n", table[i].group);
            group = table[i].group;
        }
        add_help_row(text, &table[i]);
    }
    nd_text_puts(text, "\nSwitches are turned off with --no-NAME. Every option is also a key of\n"
                       "the config file, with '_' for '-'.\n");
}

/* Text in a table cell, where '|' ends the cell. */
static void add_cell(nd_text *text, const char *string)
{
    for (; *string; string++) {
        nd_text_printf(text, *string == '|' ? "\\%c" : "%c", *string);
    }
}

static void add_markdown_row(nd_text *text, const nd_option *option)
{
    char flag[ND_FLAG_SIZE];
    nd_text domain = {0};
    nd_option_domain(option, 1, &domain);
    nd_text_printf(text, "| `--%s", nd_option_flag(option, flag));
    if (option->metavar) {
        nd_text_puts(text, " ");
        add_cell(text, option->metavar);
    }
    nd_text_puts(text, "`");
    if (option->letter) {
        nd_text_printf(text, " `-%c`", option->letter);
    }
    nd_text_puts(text, " | ");
    add_cell(text, option->help);
    nd_text_puts(text, " | ");
    add_cell(text, domain.data ? domain.data : "");
    nd_text_puts(text, " | ");
    add_cell(text, option->source);
    nd_text_puts(text, " |\n");
    text->failed = text->failed || domain.failed;
    nd_text_free(&domain);
}

static void add_markdown_verb(const nd_verb *verb, nd_text *text)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    nd_text_printf(text, "## nadir %s\n\n%c%s.\n\n```\n%s\n```\n\nUsage: `nadir %s %s`\n",
                   verb->name, verb->summary[0] - 'a' + 'A', verb->summary + 1, verb->example,
                   verb->name, verb->usage);
    const char *group = "";
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].verbs & verb->bit) || table[i].positional) {
            continue;
        }
        if (strcmp(group, table[i].group) != 0) {
            nd_text_printf(text, "\n### %s\n\n", table[i].group);
            nd_text_puts(text, "| option | meaning | values | source |\n|---|---|---|---|\n");
            group = table[i].group;
        }
        add_markdown_row(text, &table[i]);
    }
}

void nd_option_markdown(const nd_verb *verb, nd_text *text)
{
    if (verb) {
        add_markdown_verb(verb, text);
        return;
    }
    size_t count = 0;
    const nd_verb *table = nd_verb_table(&count);
    nd_text_puts(text, "# Options\n\nWritten by `nadir` from its option table. Every option is "
                       "also a key of the\nconfig file, with `_` for `-`.\n");
    for (size_t i = 0; i < count; i++) {
        nd_text_puts(text, "\n");
        add_markdown_verb(&table[i], text);
    }
}

static const nd_verb *verb_of(unsigned bit)
{
    size_t count = 0;
    const nd_verb *table = nd_verb_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (table[i].bit == bit) {
            return &table[i];
        }
    }
    return NULL;
}

nd_status nd_option_write(unsigned verb, const char *kind, const nd_sink *sink)
{
    const nd_verb *row = verb_of(verb);
    nd_text text = {0};
    if ((verb != 0 && !row) || !kind || !sink) {
        return ND_ERR_ARGUMENT;
    }
    if (strcmp(kind, "help") == 0) {
        nd_option_help(row, &text);
    } else if (strcmp(kind, "man") == 0) {
        nd_option_man(row, &text);
    } else if (strcmp(kind, "markdown") == 0) {
        nd_option_markdown(row, &text);
    } else if (strcmp(kind, "bash") == 0) {
        nd_option_bash(&text);
    } else if (strcmp(kind, "zsh") == 0) {
        nd_option_zsh(&text);
    } else {
        return ND_ERR_ARGUMENT;
    }
    nd_status status = nd_text_flush(NULL, &text, sink);
    nd_text_free(&text);
    return status;
}
