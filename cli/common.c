#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void print_message(const cli_run *run, const char *format, va_list list)
{
    if (run->verb) {
        fprintf(stderr, "nadir %s: ", run->verb->name);
    } else {
        fputs("nadir: ", stderr);
    }
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

int cli_fail(const cli_run *run, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(run, format, list);
    va_end(list);
    return CLI_ERROR;
}

int cli_usage(const cli_run *run, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(run, format, list);
    va_end(list);
    fprintf(stderr, "Try 'nadir%s%s --help'.\n", run->verb ? " " : "",
            run->verb ? run->verb->name : "");
    return CLI_ERROR;
}

int cli_status(const cli_run *run, nd_status status)
{
    const char *message = nd_ctx_message(run->ctx);
    cli_fail(run, "%s", message[0] ? message : nd_status_text(status));
    return status == ND_ERR_DIVERGED ? CLI_DIVERGED : CLI_ERROR;
}

void cli_note(const cli_run *run, const char *format, ...)
{
    if (run->quiet) {
        return;
    }
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

static void show_log(void *user, int level, const char *text)
{
    const cli_run *run = user;
    if (level <= 1) {
        fprintf(stderr, "nadir %s: warning: %s\n", run->verb->name, text);
    } else if (level == 2 ? !run->quiet : run->verbose) {
        fprintf(stderr, "%s\n", text);
    }
}

const char *cli_text(const cli_run *run, const char *key)
{
    const char *text = nd_config_get(run->config, key);
    return text && text[0] ? text : NULL;
}

bool cli_flag(const cli_run *run, const char *key)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    const char *text = nd_config_get(run->config, key);
    for (size_t i = 0; text && i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_file(const cli_run *run)
{
    const char *path = cli_text(run, "data");
    if (!path) {
        cli_usage(run, "no file to read");
    }
    return path;
}

nd_model *cli_model(const cli_run *run, int *code)
{
    nd_model *model = NULL;
    const char *path = cli_text(run, "model");
    if (!path) {
        *code = cli_usage(run, "no model: give one with -m FILE");
        return NULL;
    }
    nd_status status = nd_model_load(run->ctx, path, &model);
    if (status != ND_OK) {
        *code = cli_status(run, status);
        return NULL;
    }
    return model;
}

/* errno of the first write to standard output that failed. */
static int stdout_error;

static int write_stdout(void *user, const char *text, size_t bytes)
{
    (void)user;
    if (stdout_error == 0 && fwrite(text, 1, bytes, stdout) != bytes) {
        stdout_error = errno;
    }
    return stdout_error != 0;
}

nd_sink cli_stdout(void)
{
    return (nd_sink){write_stdout, NULL};
}

bool cli_flush(const cli_run *run)
{
    if (fflush(stdout) != 0 && stdout_error == 0) {
        stdout_error = errno;
    }
    if (stdout_error == 0 && !ferror(stdout)) {
        return true;
    }
    if (stdout_error == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    cli_fail(run, "cannot write to standard output: %s", strerror(stdout_error));
    return false;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    if (interrupted) {
        _exit(128 + number);
    }
    interrupted = 1;
}

static void catch_interrupt(void)
{
    struct sigaction before, action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        sigaction(SIGINT, &action, NULL);
    }
}

static int write_file(void *user, const char *text, size_t bytes)
{
    const cli_run *run = user;
    return interrupted || run->file_sink.write(run->file_sink.user, text, bytes) != 0;
}

bool cli_output(cli_run *run, nd_sink *sink)
{
    return cli_create(run, cli_text(run, "output"), sink);
}

bool cli_create(cli_run *run, const char *path, nd_sink *sink)
{
    *sink = cli_stdout();
    if (!path || strcmp(path, "-") == 0) {
        return true;
    }
    if (!cli_spares_inputs(run, path)) {
        return false;
    }
    nd_status status = nd_file_create(run->ctx, path, run->force, &run->file);
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    run->file_sink = nd_file_sink(run->file);
    *sink = (nd_sink){write_file, run};
    catch_interrupt();
    return true;
}

int cli_finish(cli_run *run, nd_status status)
{
    nd_file *file = run->file;
    run->file = NULL;
    if (!file && !cli_flush(run)) {
        return CLI_ERROR;
    }
    if (interrupted) {
        cli_note(run, "interrupted");
        nd_file_abandon(file);
        return CLI_INTERRUPTED;
    }
    if (status != ND_OK) {
        int code = cli_status(run, status);
        nd_file_abandon(file);
        return code;
    }
    status = file ? nd_file_commit(file) : ND_OK;
    return status == ND_OK ? CLI_OK : cli_status(run, status);
}

static bool print_help(const cli_run *run)
{
    nd_sink sink = cli_stdout();
    nd_status status = nd_option_write(run->verb->bit, "help", &sink);
    if (status != ND_OK && status != ND_ERR_IO) {
        cli_fail(run, "%s", nd_status_text(status));
        return false;
    }
    return cli_flush(run);
}

static bool print_config(cli_run *run)
{
    nd_sink sink = cli_stdout();
    nd_status status = nd_config_write(run->config, 0, &sink);
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    return cli_flush(run);
}

static bool wants_help(int count, char **argument)
{
    for (int i = 0; i < count && strcmp(argument[i], "--") != 0; i++) {
        if (strcmp(argument[i], "--help") == 0 || strcmp(argument[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Settings from arguments and file, then what follows from them. */
static bool settle(cli_run *run, int count, char **argument)
{
    if (!cli_parse(run, count, argument)) {
        return false;
    }
    const char *file = cli_text(run, "config");
    nd_status status = file ? nd_config_load(run->config, file) : ND_OK;
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    run->quiet = cli_flag(run, "quiet");
    run->verbose = cli_flag(run, "verbose");
    run->force = cli_flag(run, "force");
    if (run->quiet && run->verbose) {
        cli_usage(run, "--quiet and --verbose exclude each other");
        return false;
    }
    const char *threads = cli_text(run, "threads");
    status = threads ? nd_ctx_set_threads(run->ctx, (int)strtod(threads, NULL)) : ND_OK;
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    nd_ctx_set_log(run->ctx, show_log, run);
    return true;
}

bool cli_begin(cli_run *run, const nd_verb *verb, int count, char **argument)
{
    *run = (cli_run){.verb = verb};
    if (wants_help(count, argument)) {
        run->finished = true;
        return print_help(run);
    }
    nd_status status = nd_ctx_create(&run->ctx, 1);
    if (status == ND_OK) {
        status = nd_config_create(run->ctx, verb->bit, &run->config);
    }
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    if (!settle(run, count, argument)) {
        return false;
    }
    if (cli_flag(run, "print_config")) {
        run->finished = true;
        return print_config(run);
    }
    return true;
}

void cli_end(cli_run *run)
{
    nd_file_abandon(run->file);
    nd_config_destroy(run->config);
    nd_ctx_destroy(run->ctx);
}
