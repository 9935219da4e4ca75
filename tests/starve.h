/* A call in which every allocation fails in turn, once and from then on. */
#ifndef ND_TESTS_STARVE_H
#define ND_TESTS_STARVE_H

#include <stdbool.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"

/* What is starved: it gives its result back where it ends with ND_OK, and asserts that
 * the result is right; after anything else it asserts that nothing was left behind. */
typedef nd_status (*starved_fn)(void);

/* The n-th allocation fails, and with from_then_on all that follow. True if that ended the
 * call; the only other end is a good one. */
static inline bool starve_at(nd_ctx *ctx, const char *what, starved_fn call, unsigned long n,
                             bool from_then_on)
{
    ctx->message[0] = '\0';
    nd_alloc_fail_at(n, from_then_on);
    nd_status status = call();
    nd_alloc_fail_at(0, false);
    bool told = status == ND_ERR_MEMORY && strstr(nd_ctx_message(ctx), "memory") != NULL;
    if (!told && status != ND_OK) {
        fail_msg("%s, allocation %lu: status %d: %s", what, n, (int)status, nd_ctx_message(ctx));
    }
    return told;
}

/* Allocations of the call when none fails. */
static inline unsigned long starve_count(nd_ctx *ctx, const char *what, starved_fn call)
{
    unsigned long before = nd_alloc_calls();
    nd_status status = call();
    if (status != ND_OK) {
        fail_msg("%s, with memory: status %d: %s", what, (int)status, nd_ctx_message(ctx));
    }
    return nd_alloc_calls() - before;
}

/* Every allocation of the call fails in turn, once and from then on. The context is of one
 * thread, since the hook counts in the calling thread. At least a share of the failures
 * must end the call: the others are of memory that was only thrift. */
static inline void starve(nd_ctx *ctx, const char *what, starved_fn call, double share)
{
    unsigned long ended = 0, calls = starve_count(ctx, what, call);
    for (unsigned long n = 1; n <= calls; n++) {
        ended += starve_at(ctx, what, call, n, false);
        ended += starve_at(ctx, what, call, n, true);
    }
    if (calls == 0 || (double)ended < share * 2 * (double)calls) {
        fail_msg("%s: %lu of %lu failed allocations ended the call", what, ended, 2 * calls);
    }
}

#endif
