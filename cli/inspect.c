/* nadir inspect: what is in a model file or a data file. */
#include <string.h>
#include <sys/stat.h>

#include "common.h"

/* A model is safetensors: the length of its header as eight bytes, low ones first,
 * then a JSON object. No text file has two NUL bytes there. */
static bool looks_like_model(const char *path)
{
    unsigned char head[9];
    struct stat info;
    bool regular = strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    FILE *file = regular ? fopen(path, "rb") : NULL;
    if (!file) {
        return false;
    }
    size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    return got == sizeof head && head[8] == '{' && head[7] == 0 && head[6] == 0;
}

static int inspect_model(cli_run *run, const char *path)
{
    nd_sink sink;
    nd_model *model = NULL;
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    nd_status status = nd_model_load(run->ctx, path, &model);
    if (status == ND_OK) {
        status = nd_model_describe(model, cli_flag(run, "json"), &sink);
    }
    int code = cli_finish(run, status);
    nd_model_destroy(model);
    return code;
}

static int inspect_data(cli_run *run, const char *path)
{
    nd_sink sink;
    nd_table *table = NULL;
    if (!cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    bool problem = false;
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    if (status == ND_OK) {
        status = nd_table_describe(table, run->config, cli_flag(run, "json"), &sink);
        problem = status == ND_ERR_DATA; /* and part of what was written */
    }
    int code = cli_finish(run, problem ? ND_OK : status);
    nd_table_destroy(table);
    return problem && code == CLI_OK ? CLI_FINDINGS : code;
}

int cli_inspect(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        const char *path = run.finished ? NULL : cli_file(&run);
        if (run.finished) {
            code = CLI_OK;
        } else if (path) {
            code = looks_like_model(path) ? inspect_model(&run, path) : inspect_data(&run, path);
        }
    }
    cli_end(&run);
    return code;
}
