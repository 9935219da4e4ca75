/* nadir predict: rows of a file in, predictions as CSV out. */
#include "common.h"

static int predict(cli_run *run)
{
    int code = CLI_ERROR;
    nd_sink sink;
    const char *path = cli_file(run);
    nd_model *model = path ? cli_model(run, &code) : NULL;
    if (model && cli_output(run, &sink)) {
        code = cli_finish(run, nd_model_predict_file(model, run->config, path, &sink));
    }
    nd_model_destroy(model);
    return code;
}

int cli_predict(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : predict(&run);
    }
    cli_end(&run);
    return code;
}
