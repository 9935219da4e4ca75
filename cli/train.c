/* nadir train: a table in, a trained and measured model out. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "history.h"

/* What listens to one training. */
typedef struct listeners {
    nd_report *report;  /* progress on standard error */
    nd_report *history; /* JSON Lines into a file, or NULL */
    cli_history file;   /* of the history */
    bool json;
    char *result; /* figures of the test split, printed at the end */
    size_t result_size;
    bool result_lost; /* for want of memory */
} listeners;

/* Number of the signal that asked for the end; 0 if none did. */
static volatile sig_atomic_t interrupted;

/* The second signal does not wait: files are replaced whole or not at all. */
static void on_interrupt(int number)
{
    if (interrupted) {
        _exit(128 + number);
    }
    interrupted = number;
}

/* The keyboard, a system that shuts down, and a terminal that goes away. Who started
 * the program with one of them ignored meant it. While rows are being read there is
 * nothing to keep: a signal simply ends the program. */
void cli_catch_interrupt(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before, action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

int cli_interrupted(void)
{
    return interrupted;
}

int cli_write_stream(void *user, const char *text, size_t bytes)
{
    FILE *file = user;
    return fwrite(text, 1, bytes, file) != bytes || fflush(file) != 0;
}

/* Keep the figures until the progress line is gone. */
static void keep_result(listeners *l, const nd_event *event)
{
    free(l->result);
    l->result = NULL;
    FILE *memory = open_memstream(&l->result, &l->result_size);
    l->result_lost = true;
    if (memory) {
        nd_sink sink = {cli_write_stream, memory};
        nd_status status = nd_metrics_write(event->metrics, event->baseline, l->json, &sink);
        l->result_lost = fclose(memory) != 0 || status != ND_OK || !l->result;
    }
}

static int observe(void *user, const nd_event *event)
{
    listeners *l = user;
    if (event->kind == ND_EVENT_PLAN) {
        cli_catch_interrupt();
    }
    nd_report_observe(l->report, event);
    if (l->history) {
        nd_report_observe(l->history, event);
    }
    if (event->kind == ND_EVENT_TEST) {
        keep_result(l, event);
    }
    return interrupted != 0;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

nd_report_style cli_style(const cli_run *run)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    int terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    return (nd_report_style){
        .terminal = terminal,
        .color = terminal && !(no_color && no_color[0]),
        .width = terminal ? terminal_width() : 0,
        .verbosity = run->quiet     ? 0
                     : run->verbose ? 2
                                    : 1,
    };
}

bool cli_check_output(const cli_run *run, const char *key)
{
    const char *path = cli_text(run, key);
    struct stat status;
    if (!path) {
        return true;
    }
    if (strcmp(path, "-") == 0) {
        cli_fail(run, "%s: needs the name of a file, not -", key);
        return false;
    }
    if (!cli_spares_inputs(run, path)) {
        return false;
    }
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        cli_fail(run, "%s: is a folder", path);
        return false;
    }
    if (stat(path, &status) == 0 && !run->force) {
        cli_fail(run, "%s: exists already (--force overwrites it)", path);
        return false;
    }
    char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) {
        slash[slash == folder] = '\0';
    }
    bool writable = folder && access(slash ? folder : ".", W_OK | X_OK) == 0;
    if (!writable) {
        cli_fail(run, "%s: cannot be written: %s", path, strerror(errno));
    }
    free(folder);
    return writable;
}

static nd_status open_reports(const cli_run *run, listeners *l)
{
    nd_report_style style = cli_style(run), lines = {.json = 1, .verbosity = 1};
    nd_sink sink = {cli_write_stream, stderr}, file = {cli_history_write, &l->file};
    cli_history_begin(&l->file, run);
    nd_status status = nd_report_create(run->ctx, &style, &sink, &l->report);
    return status == ND_OK && l->file.path ? nd_report_create(run->ctx, &lines, &file, &l->history)
                                           : status;
}

static bool save(const cli_run *run, const nd_model *model)
{
    const char *path = cli_text(run, "output");
    if (!path) {
        cli_note(run, "the model is not kept (-o FILE saves it)");
        return true;
    }
    nd_status status = nd_model_save(model, path, run->force);
    if (status != ND_OK) {
        cli_status(run, status);
        return false;
    }
    cli_note(run, "saved %s", path);
    return true;
}

/* A file of this run that exists already must not stop the next part of it. */
static void tell_interrupted(const cli_run *run, const nd_model *model)
{
    const char *folder = cli_text(run, "checkpoint");
    bool wrote = (model && cli_text(run, "output")) || cli_text(run, "history");
    if (folder) {
        cli_note(run, "interrupted; to go on from %s: the same command with --resume%s", folder,
                 wrote ? " --force" : "");
    } else {
        cli_note(run, "interrupted");
    }
}

/* No model of a run that diverged is handed out; what there is to go on from is named. */
static void tell_diverged(const cli_run *run)
{
    const char *folder = cli_text(run, "checkpoint");
    if (cli_text(run, "output")) {
        cli_note(run, "no model is written");
    }
    if (folder) {
        cli_note(run, "the last finite state is in %s", folder);
    }
    if (folder && strcmp(cli_text(run, "on_divergence"), "rollback") != 0) {
        cli_note(run,
                 "to go on at a tenth of the rate: the same command with --resume "
                 "--on-divergence rollback%s",
                 cli_text(run, "history") ? " --force" : "");
    }
}

static int finish(const cli_run *run, listeners *l, nd_status status, const nd_model *model)
{
    int code = CLI_OK;
    if (status == ND_ERR_INTERRUPTED) {
        tell_interrupted(run, model);
        code = interrupted ? 128 + interrupted : CLI_INTERRUPTED;
    } else if (status != ND_OK) {
        code = cli_status(run, status);
        if (status == ND_ERR_DIVERGED) {
            tell_diverged(run);
        }
        return code;
    }
    if (model && !save(run, model)) {
        code = CLI_ERROR;
    }
    if (l->result_lost) {
        code = cli_fail(run, "no memory for the figures of the test rows");
    } else if (l->result) {
        nd_sink sink = cli_stdout();
        sink.write(sink.user, l->result, l->result_size);
    } else if (l->json && code == CLI_OK) {
        nd_sink sink = cli_stdout(); /* without test rows there are no figures */
        sink.write(sink.user, "{}\n", 3);
    }
    return cli_flush(run) ? code : CLI_ERROR;
}

static int train(const cli_run *run, const char *path)
{
    listeners l = {.json = cli_flag(run, "json")};
    nd_model *model = NULL;
    int code;
    nd_status status = open_reports(run, &l);
    if (status == ND_OK) {
        status = nd_train_file(run->ctx, run->config, path, observe, &l, &model);
        nd_report_destroy(l.report);
        code = finish(run, &l, status, model);
    } else {
        nd_report_destroy(l.report);
        code = cli_status(run, status);
    }
    nd_report_destroy(l.history);
    if (!cli_history_end(&l.file)) {
        code = code == CLI_OK ? CLI_ERROR : code;
    }
    nd_model_destroy(model);
    free(l.result);
    return code;
}

/* A folder for the files of a verification; freed by the caller. */
static char *make_folder(const cli_run *run)
{
    const char *parent = getenv("TMPDIR"), name[] = "/nadir-XXXXXX";
    parent = parent && parent[0] ? parent : "/tmp";
    char *path = malloc(strlen(parent) + sizeof name);
    if (!path) {
        cli_status(run, ND_ERR_MEMORY);
        return NULL;
    }
    memcpy(path, parent, strlen(parent));
    memcpy(path + strlen(parent), name, sizeof name);
    if (!mkdtemp(path)) {
        cli_fail(run, "%s: no folder can be made there: %s", parent, strerror(errno));
        free(path);
        return NULL;
    }
    return path;
}

static int verify(const cli_run *run, const char *path)
{
    nd_sink sink = cli_stdout();
    int same = 0;
    nd_table *table = NULL;
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    if (status != ND_OK) {
        return cli_status(run, status);
    }
    char *folder = make_folder(run);
    if (!folder) {
        nd_table_destroy(table);
        return CLI_ERROR;
    }
    status = nd_verify_determinism(run->ctx, run->config, table, folder, &same, &sink);
    nd_table_destroy(table);
    rmdir(folder);
    free(folder);
    if (status != ND_OK) {
        return cli_status(run, status);
    }
    return !cli_flush(run) ? CLI_ERROR : same ? CLI_OK : CLI_FINDINGS;
}

static int read_and_train(const cli_run *run)
{
    const char *path = cli_file(run);
    const char *output = cli_text(run, "output"), *history = cli_text(run, "history");
    if (!path || !cli_check_output(run, "output") || !cli_check_output(run, "history")) {
        return CLI_ERROR;
    }
    if (output && history && cli_same_file(output, history)) {
        return cli_fail(run, "%s: cannot be model and history at once", output);
    }
    bool verifies = cli_flag(run, "verify_determinism");
    if (verifies && cli_flag(run, "json")) {
        return cli_usage(run, "--verify-determinism prints text; its exit status says whether all "
                              "models are the same");
    }
    return verifies ? verify(run, path) : train(run, path);
}

int cli_train(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : read_and_train(&run);
    }
    cli_end(&run);
    return code;
}
