/* nadir init: a config file with every setting explained. */
#include "common.h"

int cli_init(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    nd_sink sink;
    nd_config *train = NULL;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = CLI_OK;
        if (!run.finished && !cli_output(&run, &sink)) {
            code = CLI_ERROR;
        } else if (!run.finished) {
            nd_status status = nd_config_create(run.ctx, ND_VERB_TRAIN, &train);
            if (status == ND_OK) {
                status = nd_config_write(train, 1, &sink);
            }
            code = cli_finish(&run, status);
        }
    }
    nd_config_destroy(train);
    cli_end(&run);
    return code;
}
