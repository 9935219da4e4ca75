#include "base/ctx.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum { THREADS_MAX = 1024 };

const char *nd_version(void)
{
    return ND_VERSION;
}

const char *nd_status_text(nd_status status)
{
    static const char *const text[] = {
        [ND_OK] = "done",
        [ND_ERR_MEMORY] = "out of memory",
        [ND_ERR_ARGUMENT] = "argument out of range",
        [ND_ERR_OPTION] = "unknown option or value",
        [ND_ERR_IO] = "input or output failed",
        [ND_ERR_FORMAT] = "file does not follow its format",
        [ND_ERR_DATA] = "data cannot be used",
        [ND_ERR_SHAPE] = "sizes do not fit each other",
        [ND_ERR_EXISTS] = "output file exists",
        [ND_ERR_DIVERGED] = "training left the finite numbers",
        [ND_ERR_INTERRUPTED] = "interrupted",
    };
    size_t i = (size_t)status;
    return i < sizeof text / sizeof text[0] ? text[i] : "unknown status";
}

nd_status nd_ctx_create(nd_ctx **out, int threads)
{
    if (!out) {
        return ND_ERR_ARGUMENT;
    }
    *out = NULL;
    if (threads < 0 || threads > THREADS_MAX) {
        return ND_ERR_ARGUMENT;
    }
    nd_ctx *ctx = nd_alloc(1, sizeof *ctx);
    if (!ctx) {
        return ND_ERR_MEMORY;
    }
    ctx->pool = nd_pool_create(threads);
    if (!ctx->pool) {
        nd_free(ctx);
        return ND_ERR_MEMORY;
    }
    *out = ctx;
    return ND_OK;
}

void nd_ctx_destroy(nd_ctx *ctx)
{
    if (ctx) {
        nd_pool_destroy(ctx->pool);
        nd_free(ctx);
    }
}

const char *nd_ctx_message(const nd_ctx *ctx)
{
    return ctx ? ctx->message : "";
}

int nd_ctx_threads(const nd_ctx *ctx)
{
    return ctx ? nd_pool_threads(ctx->pool) : 1;
}

nd_status nd_ctx_set_threads(nd_ctx *ctx, int threads)
{
    if (!ctx) {
        return ND_ERR_ARGUMENT;
    }
    if (threads < 0 || threads > THREADS_MAX) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "%d threads is outside 0 to %d", threads, THREADS_MAX);
    }
    nd_pool *pool = nd_pool_create(threads);
    if (!pool) {
        return nd_fail_memory(ctx);
    }
    nd_pool_destroy(ctx->pool);
    ctx->pool = pool;
    return ND_OK;
}

void nd_ctx_set_log(nd_ctx *ctx, nd_log_fn log, void *user)
{
    if (!ctx) {
        return;
    }
    ctx->log = log;
    ctx->log_user = user;
}

/* Values from hostile files end up in messages, and messages on terminals. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) {
            *text = '?';
        }
    }
}

/* Drop the pieces of a character that the cut went through. */
static void trim_cut_character(char *text, size_t size)
{
    size_t end = size;
    while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80) {
        end--;
    }
    if (end > 0 && !nd_utf8_valid(text + end - 1, size - end + 1)) {
        text[end - 1] = '\0';
    }
}

static void format_line(char line[ND_MESSAGE_SIZE], const char *format, va_list values)
{
    int size = nd_vformat(line, ND_MESSAGE_SIZE, format, values);
    if (size < 0) {
        line[0] = '\0';
    }
    if (size >= ND_MESSAGE_SIZE) {
        trim_cut_character(line, ND_MESSAGE_SIZE - 1);
    }
    make_printable(line);
}

nd_status nd_fail(nd_ctx *ctx, nd_status status, const char *format, ...)
{
    if (!ctx) {
        return status;
    }
    /* Formatted aside, since the old message may be among the values. */
    char line[ND_MESSAGE_SIZE];
    va_list values;
    va_start(values, format);
    format_line(line, format, values);
    va_end(values);
    memcpy(ctx->message, line, sizeof line);
    return status;
}

nd_status nd_fail_memory(nd_ctx *ctx)
{
    return nd_fail(ctx, ND_ERR_MEMORY, "out of memory");
}

void nd_log(nd_ctx *ctx, int level, const char *format, ...)
{
    if (!ctx || !ctx->log) {
        return;
    }
    char line[ND_MESSAGE_SIZE];
    va_list values;
    va_start(values, format);
    format_line(line, format, values);
    va_end(values);
    ctx->log(ctx->log_user, level, line);
}
