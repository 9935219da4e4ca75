/* Files for callers of the library: base/file.h behind a sink. */
#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"

struct nd_file {
    nd_ctx *ctx;
    nd_out *out;
    nd_status status; /* of the first write that failed */
};

nd_status nd_file_create(nd_ctx *ctx, const char *path, int force, nd_file **file)
{
    if (!ctx || !path || !file) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_file_create: a null pointer was passed");
    }
    *file = nd_alloc(1, sizeof **file);
    if (!*file) {
        return nd_fail_memory(ctx);
    }
    (*file)->ctx = ctx;
    nd_status status = nd_out_open(ctx, path, force != 0, &(*file)->out);
    if (status != ND_OK) {
        nd_free(*file);
        *file = NULL;
    }
    return status;
}

static int write_file(void *user, const char *text, size_t bytes)
{
    nd_file *file = user;
    if (file->status == ND_OK) {
        file->status = nd_out_write(file->out, text, bytes);
    }
    return file->status != ND_OK;
}

nd_sink nd_file_sink(nd_file *file)
{
    return (nd_sink){write_file, file};
}

nd_status nd_file_commit(nd_file *file)
{
    if (!file) {
        return ND_ERR_ARGUMENT;
    }
    nd_status status = file->status;
    if (status == ND_OK) {
        status = nd_out_commit(file->out);
    } else {
        nd_out_abandon(file->out);
    }
    nd_free(file);
    return status;
}

void nd_file_abandon(nd_file *file)
{
    if (file) {
        nd_out_abandon(file->out);
        nd_free(file);
    }
}
