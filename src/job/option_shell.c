/* The option table as completion for bash and zsh. */
#include <string.h>

#include "job/options.h"

static bool takes_file(const nd_option *option)
{
    return option->metavar && strstr(option->metavar, "FILE");
}

/* --no-NAME exists for switches and for choices that hold the word no. */
static bool has_negation(const nd_option *option)
{
    return option->type == ND_OPT_BOOL ||
           (option->type == ND_OPT_CHOICE && strstr(option->choices, "|no"));
}

/* "a|b|c" with blanks between the words. */
static void add_words(nd_text *text, const char *choices)
{
    for (; *choices; choices++) {
        nd_text_printf(text, "%c", *choices == '|' ? ' ' : *choices);
    }
}

static void add_verb_names(nd_text *text)
{
    size_t count = 0;
    const nd_verb *verb = nd_verb_table(&count);
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(text, "%s%s", i ? " " : "", verb[i].name);
    }
}

/* Flags of one verb as a bash case branch. */
static void add_bash_verb(nd_text *text, const nd_verb *verb)
{
    char flag[ND_FLAG_SIZE];
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    nd_text_printf(text, "    %s)\n        flags='--help", verb->name);
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].verbs & verb->bit) || table[i].positional) {
            continue;
        }
        nd_text_printf(text, " --%s", nd_option_flag(&table[i], flag));
        if (has_negation(&table[i])) {
            nd_text_printf(text, " --no-%s", flag);
        }
    }
    nd_text_puts(text, "' ;;\n");
}

/* What may follow an option, as a bash case branch; "" words mean anything. */
static void add_bash_value(nd_text *text, const nd_option *option)
{
    char flag[ND_FLAG_SIZE];
    if (option->type == ND_OPT_BOOL || option->positional) {
        return;
    }
    nd_text_printf(text, "    --%s", nd_option_flag(option, flag));
    if (option->letter) {
        nd_text_printf(text, "|-%c", option->letter);
    }
    nd_text_puts(text, ")\n        ");
    if (option->type == ND_OPT_CHOICE) {
        nd_text_puts(text, "mapfile -t COMPREPLY < <(compgen -W '");
        add_words(text, option->choices);
        nd_text_puts(text, "' -- \"$cur\")\n        ");
    } else if (takes_file(option)) {
        nd_text_puts(text, "compopt -o filenames\n"
                           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n        ");
    }
    nd_text_puts(text, "return ;;\n");
}

void nd_option_bash(nd_text *text)
{
    size_t verbs = 0, count = 0;
    const nd_verb *verb = nd_verb_table(&verbs);
    const nd_option *table = nd_option_table(&count);
    nd_text_puts(text, "# bash completion for nadir\n"
                       "_nadir()\n{\n"
                       "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                       "    local flags=''\n"
                       "    COMPREPLY=()\n"
                       "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                       "        mapfile -t COMPREPLY < <(compgen -W '");
    add_verb_names(text);
    nd_text_puts(text, " help --help --version' -- \"$cur\")\n        return\n    fi\n"
                       "    case $prev in\n");
    for (size_t i = 0; i < count; i++) {
        add_bash_value(text, &table[i]);
    }
    nd_text_puts(text, "    esac\n    case ${COMP_WORDS[1]} in\n    help)\n"
                       "        mapfile -t COMPREPLY < <(compgen -W '");
    add_verb_names(text);
    nd_text_puts(text, "' -- \"$cur\")\n        return ;;\n");
    for (size_t i = 0; i < verbs; i++) {
        add_bash_verb(text, &verb[i]);
    }
    nd_text_puts(text, "    esac\n    if [[ $cur == -* ]]; then\n"
                       "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n"
                       "    else\n        compopt -o filenames\n"
                       "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n    fi\n}\n"
                       "complete -F _nadir nadir\n");
}

/* Text between brackets in a zsh specification in single quotes. */
static void add_zsh_text(nd_text *text, const char *string)
{
    for (; *string; string++) {
        if (*string == '\'') {
            nd_text_puts(text, "'\\''");
        } else if (strchr("[]:\\", *string)) {
            nd_text_printf(text, "\\%c", *string);
        } else {
            nd_text_add(text, string, 1);
        }
    }
}

/* One line of _arguments. */
static void add_zsh_option(nd_text *text, const nd_option *option)
{
    char flag[ND_FLAG_SIZE];
    nd_option_flag(option, flag);
    if (option->letter) {
        char letter = option->letter;
        nd_text_printf(text, "        '(-%c --%s)'{-%c,--%s}'[", letter, flag, letter, flag);
    } else {
        nd_text_printf(text, "        '--%s[", flag);
    }
    add_zsh_text(text, option->help);
    nd_text_puts(text, "]");
    if (option->type != ND_OPT_BOOL) {
        nd_text_puts(text, ":");
        add_zsh_text(text, option->metavar);
        nd_text_puts(text, ":");
    }
    if (option->type == ND_OPT_CHOICE) {
        nd_text_puts(text, "(");
        add_words(text, option->choices);
        nd_text_puts(text, ")");
    } else if (takes_file(option)) {
        nd_text_puts(text, "_files");
    }
    nd_text_puts(text, "' \\\n");
    if (has_negation(option)) {
        nd_text_printf(text, "        '--no-%s[turn off --%s]' \\\n", flag, flag);
    }
}

static void add_zsh_verb(nd_text *text, const nd_verb *verb)
{
    size_t count = 0;
    const nd_option *table = nd_option_table(&count);
    nd_text_printf(text, "    %s)\n        _arguments -s \\\n", verb->name);
    nd_text_puts(text, "        '--help[show the options]' \\\n");
    bool file = false;
    for (size_t i = 0; i < count; i++) {
        if (!(table[i].verbs & verb->bit)) {
            continue;
        }
        if (table[i].positional) {
            file = true;
        } else {
            add_zsh_option(text, &table[i]);
        }
    }
    nd_text_printf(text, "        %s ;;\n", file ? "'1:file:_files'" : "&& return");
}

void nd_option_zsh(nd_text *text)
{
    size_t verbs = 0;
    const nd_verb *verb = nd_verb_table(&verbs);
    nd_text_puts(text, "#compdef nadir\n\n_nadir() {\n    local -a verbs\n    verbs=(\n");
    for (size_t i = 0; i < verbs; i++) {
        nd_text_printf(text, "        '%s:", verb[i].name);
        add_zsh_text(text, verb[i].summary);
        nd_text_puts(text, "'\n");
    }
    nd_text_puts(text, "        'help:show the options of a verb'\n    )\n"
                       "    if (( CURRENT == 2 )); then\n        _describe verb verbs\n"
                       "        return\n    fi\n    local name=$words[2]\n    shift words\n"
                       "    (( CURRENT-- ))\n    case $name in\n"
                       "    help)\n        _describe verb verbs ;;\n");
    for (size_t i = 0; i < verbs; i++) {
        add_zsh_verb(text, &verb[i]);
    }
    nd_text_puts(text, "    esac\n}\n\n_nadir \"$@\"\n");
}
