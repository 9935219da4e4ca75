/* nadir check: data that would make a model worse, or its figures too good. */
#include "common.h"

static int check(cli_run *run, const char *path)
{
    nd_sink sink;
    size_t findings = 0;
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    nd_status status =
        nd_check_file(run->ctx, run->config, path, cli_flag(run, "json"), &sink, &findings);
    int code = cli_finish(run, status);
    return code == CLI_OK && findings > 0 ? CLI_FINDINGS : code;
}

int cli_check(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        const char *path = run.finished ? NULL : cli_file(&run);
        if (run.finished) {
            code = CLI_OK;
        } else if (path) {
            code = check(&run, path);
        }
    }
    cli_end(&run);
    return code;
}
