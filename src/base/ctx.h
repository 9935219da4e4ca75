/* Context: workers, the latest message, the log. Every object that can fail
 * keeps a pointer to one. */
#ifndef ND_BASE_CTX_H
#define ND_BASE_CTX_H

#include "base/pool.h"
#include "nadir.h"

#define ND_MESSAGE_SIZE 1024

struct nd_ctx {
    nd_pool *pool;
    nd_log_fn log;
    void *log_user;
    char message[ND_MESSAGE_SIZE];
};

/* Store a message (printf format) and return status, for 'return nd_fail(...)'.
 * A message longer than ND_MESSAGE_SIZE is cut; control bytes are shown as '?'.
 * ctx may be NULL: then only the status is returned. */
nd_status nd_fail(nd_ctx *ctx, nd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* nd_fail(ND_ERR_MEMORY) with the standard text. */
nd_status nd_fail_memory(nd_ctx *ctx);

/* Send one line to the log; level as in nd_ctx_set_log. */
void nd_log(nd_ctx *ctx, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* 'return' early on a failed status. */
#define ND_TRY(call)                      \
    do {                                  \
        nd_status nd_try_status = (call); \
        if (nd_try_status != ND_OK) {     \
            return nd_try_status;         \
        }                                 \
    } while (0)

#endif
