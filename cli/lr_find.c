/* nadir lr-find: a learning rate that suits a network and its data. */
#include <math.h>

#include "common.h"

static void print_json(const nd_lr_range *r)
{
    printf("{\"suggested\":%.4g,\"steepest\":%.4g,\"lowest\":%.4g,", r->suggested, r->steepest,
           r->lowest);
    if (isnan(r->diverged)) {
        printf("\"diverged\":null,");
    } else {
        printf("\"diverged\":%.4g,", r->diverged);
    }
    printf("\"steps\":%zu,\"start\":%.4g,\"least\":%.4g}\n", r->steps, r->start, r->least);
}

static void print_text(const nd_lr_range *r)
{
    printf("suggested         --lr %.2g\n", r->suggested);
    printf("loss falls most   at %.2g\n", r->steepest);
    printf("loss is lowest    at %.2g: %.4g, from %.4g at the start\n", r->lowest, r->least,
           r->start);
    if (!isnan(r->diverged)) {
        printf("loss has grown    at %.2g\n", r->diverged);
    }
}

/* The curve appears whole, also if the test found no rate: it shows why. */
static int find(cli_run *run, const nd_table *table)
{
    nd_lr_range range;
    nd_sink sink;
    bool curve = cli_text(run, "output") != NULL;
    if (curve && !cli_output(run, &sink)) {
        return CLI_ERROR;
    }
    nd_status status = nd_lr_find(run->ctx, run->config, table, curve ? &sink : NULL, &range);
    if (status != ND_OK) {
        return cli_finish(run, status);
    }
    if (curve && cli_finish(run, ND_OK) != CLI_OK) {
        return CLI_ERROR;
    }
    if (cli_flag(run, "json")) {
        print_json(&range);
    } else {
        print_text(&range);
    }
    return cli_flush(run) ? CLI_OK : CLI_ERROR;
}

static int read_and_find(cli_run *run)
{
    nd_table *table = NULL;
    const char *path = cli_file(run);
    if (!path) {
        return CLI_ERROR;
    }
    nd_status status = nd_table_read(run->ctx, run->config, path, &table);
    int code = status == ND_OK ? find(run, table) : cli_status(run, status);
    nd_table_destroy(table);
    return code;
}

int cli_lr_find(const nd_verb *verb, int count, char **argument)
{
    cli_run run;
    int code = CLI_ERROR;
    if (cli_begin(&run, verb, count, argument)) {
        code = run.finished ? CLI_OK : read_and_find(&run);
    }
    cli_end(&run);
    return code;
}
