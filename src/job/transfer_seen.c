/* Whether a model to start from has learned from the rows at hand. */
#include <jansson.h>
#include <string.h>

#include "base/ctx.h"
#include "job/transfer.h"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* By its record: a file of this name with as many rows. */
static bool learned_from(const nd_weights *from, const nd_table *table)
{
    const char *file = NULL;
    json_int_t rows = 0;
    json_t *record = json_loads(from->model->record, 0, NULL);
    bool known = record != NULL &&
                 json_unpack(record, "{s:{s:s, s:I}}", "data", "file", &file, "rows", &rows) == 0;
    bool same = known && strcmp(last_part(file), last_part(table->path)) == 0 &&
                rows == (json_int_t)table->rows;
    json_decref(record);
    return same;
}

nd_status nd_transfer_warn_seen(nd_ctx *ctx, const nd_config *config, const nd_table *table)
{
    nd_transfer transfer;
    nd_log_fn log = ctx->log;
    ctx->log = NULL;
    nd_status status = nd_transfer_open(ctx, config, &transfer);
    ctx->log = log;
    ND_TRY(status);
    const nd_weights *from = transfer.weights;
    if (from != NULL && from->model != NULL && learned_from(from, table)) {
        nd_log(ctx, 1,
               "from: %s has learned from rows of %s, which the folds hold out: the figures are "
               "too good",
               from->path, table->path);
    }
    nd_transfer_close(&transfer);
    return ND_OK;
}
