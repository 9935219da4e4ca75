/* What the verbs share: the command line, output, messages, exit status. */
#ifndef ND_CLI_COMMON_H
#define ND_CLI_COMMON_H

#include <stdbool.h>
#include <stdio.h>

#include "nadir.h"

/* Exit statuses of the program. */
enum { CLI_OK = 0, CLI_FINDINGS = 1, CLI_ERROR = 2, CLI_DIVERGED = 3, CLI_INTERRUPTED = 130 };

/* One run of a verb. */
typedef struct cli_run {
    const nd_verb *verb;
    nd_ctx *ctx;
    nd_config *config;
    bool quiet, verbose, force;
    bool finished;     /* help or settings were printed; nothing is left to do */
    nd_file *file;     /* of --output, or NULL: standard output */
    nd_sink file_sink; /* writes to it */
} cli_run;

/* Make a run from the arguments after the verb: settings, config file, threads.
 * False: a message was printed and the exit status is CLI_ERROR. */
bool cli_begin(cli_run *run, const nd_verb *verb, int count, char **argument);
void cli_end(cli_run *run);

/* Read arguments into run->config; for cli_begin. */
bool cli_parse(cli_run *run, int count, char **argument);

/* Print "nadir VERB: text" on standard error; returns CLI_ERROR. */
int cli_fail(const cli_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a pointer to --help; for mistakes on the command line. */
int cli_usage(const cli_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Exit status for a failed call, its message printed. */
int cli_status(const cli_run *run, nd_status status);

/* Print a note on standard error unless quiet. */
void cli_note(const cli_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Value of an option that is text; NULL if it is empty. */
const char *cli_text(const cli_run *run, const char *key);
bool cli_flag(const cli_run *run, const char *key);

/* The file argument; NULL, with a message, if there is none. */
const char *cli_file(const cli_run *run);

/* The model of --model; NULL, with a message and *code set, if it fails. */
nd_model *cli_model(const cli_run *run, int *code);

/* Where results go: --output (whole or not at all) or standard output. False
 * if the file cannot be made. While the file is open, the first Ctrl-C makes writing
 * fail, so that nothing is left of it; the second ends the program. */
bool cli_output(cli_run *run, nd_sink *sink);

/* The same for a path of the verb's own. */
bool cli_create(cli_run *run, const char *path, nd_sink *sink);

/* True if a and b are, or would become, the same file. */
bool cli_same_file(const char *a, const char *b);

/* False, with a message, if writing to path would replace a file that the run reads. */
bool cli_spares_inputs(const cli_run *run, const char *path);

/* Make what was written appear; returns the exit status for a verb whose calls
 * ended with status. */
int cli_finish(cli_run *run, nd_status status);

/* Standard output, and whether writing to it failed. */
nd_sink cli_stdout(void);

/* Flush standard output; false, with a message, if anything could not be
 * written. Ends the program as a broken pipe does where nobody reads on. */
bool cli_flush(const cli_run *run);

/* For verbs that train. From here on signals ask for the end; and the number of the one
 * that did, 0 if none. */
void cli_catch_interrupt(void);
int cli_interrupted(void);

/* How progress on standard error is shown; and the function of a sink whose user is a
 * FILE. */
nd_report_style cli_style(const cli_run *run);
int cli_write_stream(void *user, const char *text, size_t bytes);

/* False, with a message, if the file that an option names could not be written: said before
 * a training starts. True if it names none. */
bool cli_check_output(const cli_run *run, const char *key);

/* The verbs; arguments are those after the verb's name. */
int cli_train(const nd_verb *verb, int count, char **argument);
int cli_eval(const nd_verb *verb, int count, char **argument);
int cli_predict(const nd_verb *verb, int count, char **argument);
int cli_inspect(const nd_verb *verb, int count, char **argument);
int cli_init(const nd_verb *verb, int count, char **argument);
int cli_lr_find(const nd_verb *verb, int count, char **argument);
int cli_check(const nd_verb *verb, int count, char **argument);
int cli_augment(const nd_verb *verb, int count, char **argument);
int cli_cv(const nd_verb *verb, int count, char **argument);
int cli_bench(const nd_verb *verb, int count, char **argument);

#endif
