/* nadir eval: figures of a model on rows that hold the target. */
#include "common.h"

static int measure(cli_run *run, nd_model *model, const char *path)
{
    nd_sink sink;
    nd_table *table = NULL;
    nd_metrics *metrics = NULL;
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    if (status == ND_OK) {
        status = nd_model_evaluate(model, table, &metrics);
    }
    if (status == ND_OK) {
        status = nd_metrics_write(metrics, NULL, cli_flag(run, "json"), &sink);
    }
    int code = cli_finish(run, status);
    nd_metrics_destroy(metrics);
    nd_table_destroy(table);
    return code;
}

int cli_eval(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        const char *path = run.finished ? NULL : cli_file(&run);
        nd_model *model = path ? cli_model(&run, &code) : NULL;
        if (run.finished) {
            code = CLI_OK;
        } else if (model) {
            code = measure(&run, model, path);
        }
        nd_model_destroy(model);
    }
    cli_end(&run);
    return code;
}
