/* nadir augment: a sheet of distorted images, to be looked at before training on them. */
#include "common.h"

static int write_sheet(cli_run *run, const nd_table *table, const char *preview)
{
    nd_sink sink;
    if (!cli_create(run, preview, &sink)) {
        return CLI_ERROR;
    }
    int code = cli_finish(run, nd_augment_sheet(run->ctx, run->config, table, &sink));
    if (code == CLI_OK) {
        cli_note(run, "wrote %s", preview);
    }
    return code;
}

static int read_and_write(cli_run *run)
{
    nd_table *table = NULL;
    const char *path = cli_file(run), *preview = cli_text(run, "preview");
    if (!path) {
        return CLI_ERROR;
    }
    if (!preview) {
        return cli_usage(run, "no file to write: give one with --preview FILE.png");
    }
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    int code = status == ND_OK ? write_sheet(run, table, preview) : cli_status(run, status);
    nd_table_destroy(table);
    return code;
}

int cli_augment(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : read_and_write(&run);
    }
    cli_end(&run);
    return code;
}
