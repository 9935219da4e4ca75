/* The option table as man pages: roff with the man macros. */
#include <string.h>

#include "job/options.h"

/* Date of the pages: that of the release, so that a build is reproducible. */
static const char man_date[] = "2026-11-22";

enum { ROFF_WIDTH = 60 };

/* A byte that would make a line a request. */
static void guard_line(nd_text *text, char first)
{
    if (first == '.' || first == '\'') {
        nd_text_puts(text, "\\&");
    }
}

/* Text for roff: hyphens stay hyphens, a backslash stays one, no line of it is
 * taken for a request, and lines are kept short. */
static void add_roff(nd_text *text, const char *string)
{
    guard_line(text, *string);
    for (size_t column = 0; *string; string++, column++) {
        if (*string == '-') {
            nd_text_puts(text, "\\-");
        } else if (*string == '\\') {
            nd_text_puts(text, "\\e");
        } else if (*string == ' ' && column >= ROFF_WIDTH) {
            nd_text_puts(text, "\n");
            guard_line(text, string[1]);
            column = 0;
        } else {
            nd_text_add(text, string, 1);
        }
    }
}

/* A command line, which must not be broken. */
static void add_example(nd_text *text, const char *line)
{
    for (; *line; line++) {
        nd_text_puts(text, *line == '-' ? "\\-" : "");
        nd_text_add(text, line, *line != '-');
    }
}

static void add_upper(nd_text *text, const char *string)
{
    for (; *string; string++) {
        bool lower = *string >= 'a' && *string <= 'z';
        nd_text_printf(text, "%c", lower ? *string - 'a' + 'A' : *string);
    }
}

static void add_title(nd_text *text, const nd_verb *verb)
{
    nd_text_puts(text, ".TH NADIR");
    if (verb) {
        nd_text_puts(text, "\\-");
        add_upper(text, verb->name);
    }
    nd_text_printf(text, " 1 \"%s\" \"nadir %s\" \"nadir manual\"\n.SH NAME\nnadir", man_date,
                   ND_VERSION);
    if (verb) {
        nd_text_printf(text, "\\-%s", verb->name);
    }
    nd_text_puts(text, " \\- ");
    add_roff(text, verb ? verb->summary : "train, measure and ship feed-forward neural networks");
    nd_text_puts(text, "\n.SH SYNOPSIS\n.B nadir");
    nd_text_printf(text, " %s\n", verb ? verb->name : "\\fIVERB\\fR");
    add_roff(text, verb ? verb->usage : "[OPTION]... [FILE]");
    nd_text_puts(text, "\n.SH EXAMPLES\n.nf\n");
}

static void add_option(nd_text *text, const nd_option *option)
{
    char flag[ND_FLAG_SIZE];
    nd_text domain = {0};
    nd_text_puts(text, ".TP\n\\fB");
    if (option->letter) {
        nd_text_printf(text, "\\-%c\\fR, \\fB", option->letter);
    }
    nd_text_puts(text, "\\-\\-");
    add_roff(text, nd_option_flag(option, flag));
    nd_text_puts(text, "\\fR");
    if (option->metavar) {
        nd_text_puts(text, " \\fI");
        add_roff(text, option->metavar);
        nd_text_puts(text, "\\fR");
    }
    nd_text_puts(text, "\n");
    add_roff(text, option->help);
    nd_option_domain(option, 1, &domain);
    if (domain.size > 0) {
        nd_text_puts(text, "\n(");
        add_roff(text, domain.data);
        nd_text_puts(text, ").");
    } else {
        nd_text_puts(text, ".");
    }
    if (option->source[0]) {
        nd_text_puts(text, "\nSource: ");
        add_roff(text, option->source);
        nd_text_puts(text, ".");
    }
    nd_text_puts(text, "\n");
    text->failed = text->failed || domain.failed;
    nd_text_free(&domain);
}

static void add_options(nd_text *text, const nd_verb *verb)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    const char *group = "";
    nd_text_puts(text, ".SH OPTIONS\n");
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].verbs & verb->bit) || table[i].positional) {
            continue;
        }
        if (strcmp(group, table[i].group) != 0) {
            nd_text_printf(text, ".SS %s\n", table[i].group);
            group = table[i].group;
        }
        add_option(text, &table[i]);
    }
    nd_text_puts(text, ".PP\nSwitches are turned off with\n.BR \\-\\-no\\-NAME .\nEvery option is "
                       "also a key of the config file, with _ for \\-.\n");
}

static void add_verbs(nd_text *text)
{
    size_t count = 0;
    const nd_verb *verb = nd_verb_table(&count);
    nd_text_puts(text, ".SH VERBS\n");
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(text, ".TP\n.B %s\n", verb[i].name);
        add_roff(text, verb[i].summary);
        nd_text_puts(text, ".\n");
    }
}

static void add_see_also(nd_text *text, const nd_verb *verb)
{
    size_t count = 0;
    const nd_verb *table = nd_verb_table(&count);
    const char *lead = ".SH SEE ALSO\n.BR ";
    if (verb) {
        nd_text_printf(text, "%snadir (1)", lead);
        lead = ",\n.BR ";
    }
    for (size_t i = 0; i < count; i++) {
        if (&table[i] != verb) {
            nd_text_printf(text, "%snadir\\-%s (1)", lead, table[i].name);
            lead = ",\n.BR ";
        }
    }
    nd_text_puts(text, "\n");
}

void nd_option_man(const nd_verb *verb, nd_text *text)
{
    size_t count = 0;
    const nd_verb *table = nd_verb_table(&count);
    add_title(text, verb);
    for (size_t i = 0; i < count; i++) {
        if (!verb || &table[i] == verb) {
            add_example(text, table[i].example);
            nd_text_puts(text, "\n");
        }
    }
    nd_text_puts(text, ".fi\n");
    if (verb) {
        add_options(text, verb);
    } else {
        add_verbs(text);
    }
    nd_text_puts(text, ".SH EXIT STATUS\n0 done, 1 findings, 2 usage or data error, 3 training "
                       "diverged,\n130 interrupted.\n"
                       ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours if set to any text.\n");
    add_see_also(text, verb);
}
