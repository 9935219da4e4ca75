/* nadir bench: this machine's limits, and the engine's share of them. */
#include "common.h"

static int bench(cli_run *run)
{
    nd_sink sink;
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    return cli_finish(run, nd_bench(run->ctx, run->config, cli_flag(run, "json"), &sink));
}

int cli_bench(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : bench(&run);
    }
    cli_end(&run);
    return code;
}
