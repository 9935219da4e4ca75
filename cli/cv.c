/* nadir cv: how well a training does on rows that it did not see, fold by fold. */
#include <string.h>

#include "common.h"

static int observe(void *user, const nd_event *event)
{
    if (event->kind == ND_EVENT_PLAN) {
        cli_catch_interrupt();
    }
    nd_report_observe(user, event);
    return cli_interrupted() != 0;
}

static nd_status validate(const cli_run *run, const nd_table *table, nd_cv **cv)
{
    nd_report_style style = cli_style(run);
    nd_sink sink = {cli_write_stream, stderr};
    nd_report *report;
    *cv = NULL;
    nd_status status = nd_report_create(run->ctx, &style, &sink, &report);
    if (status != ND_OK) {
        return status;
    }
    status = nd_cross_validate(run->ctx, run->config, table, observe, report, cv);
    nd_report_destroy(report);
    return status;
}

static nd_status save_predictions(const cli_run *run, const nd_cv *cv)
{
    const char *path = cli_text(run, "predictions");
    nd_file *file;
    if (!path) {
        return ND_OK;
    }
    nd_status status = nd_file_create(run->ctx, path, run->force, &file);
    if (status != ND_OK) {
        return status;
    }
    nd_sink sink = nd_file_sink(file);
    status = nd_cv_write_predictions(cv, &sink);
    if (status != ND_OK) {
        nd_file_abandon(file);
        return status;
    }
    status = nd_file_commit(file);
    if (status == ND_OK) {
        cli_note(run, "saved %s", path);
    }
    return status;
}

static int tell_interrupted(const cli_run *run)
{
    const char *folder = cli_text(run, "checkpoint");
    if (folder) {
        cli_note(run, "interrupted; to go on from %s: the same command with --resume", folder);
    } else {
        cli_note(run, "interrupted");
    }
    return cli_interrupted() ? 128 + cli_interrupted() : CLI_INTERRUPTED;
}

static int write_results(cli_run *run, const nd_cv *cv)
{
    nd_sink sink;
    nd_status status = save_predictions(run, cv);
    if (status != ND_OK) {
        return cli_status(run, status);
    }
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    return cli_finish(run, nd_cv_write(cv, cli_flag(run, "json"), &sink));
}

static int cross_validate(cli_run *run, const char *path)
{
    nd_table *table = NULL;
    nd_cv *cv = NULL;
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    if (status == ND_OK) {
        status = validate(run, table, &cv);
    }
    int code = status == ND_OK                ? write_results(run, cv)
               : status == ND_ERR_INTERRUPTED ? tell_interrupted(run)
                                              : cli_status(run, status);
    nd_cv_destroy(cv);
    nd_table_destroy(table);
    return code;
}

static int check_and_validate(cli_run *run)
{
    const char *path = cli_file(run), *output = cli_text(run, "output");
    const char *predictions = cli_text(run, "predictions");
    bool file = output && strcmp(output, "-") != 0;
    if (!path || (file && !cli_check_output(run, "output")) ||
        !cli_check_output(run, "predictions")) {
        return CLI_ERROR;
    }
    if (file && predictions && cli_same_file(output, predictions)) {
        return cli_fail(run, "%s: cannot be results and predictions at once", output);
    }
    return cross_validate(run, path);
}

int cli_cv(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : check_and_validate(&run);
    }
    cli_end(&run);
    return code;
}
