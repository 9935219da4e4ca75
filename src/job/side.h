/* Several trainings at once, each in a context and a thread of its own: the members of an
 * ensemble, the folds of a cross-validation. What is said comes in the order of the items,
 * in the thread of the call. */
#ifndef ND_JOB_SIDE_H
#define ND_JOB_SIDE_H

#include "base/ctx.h"
#include "base/text.h"

typedef struct nd_side_work {
    const char *what; /* "member", "fold" */
    size_t count;
    /* Do one item with a context of its own, which goes when it is done; observe gets
     * its events. Called in any thread, several at once. */
    nd_status (*run)(void *user, size_t item, nd_ctx *ctx, nd_observe_fn observe, void *watch);
    /* Append how an item that is done went; in the thread of the call. */
    void (*tell)(void *user, size_t item, nd_text *text);
    /* Append what there is to say behind the plan of the first item. */
    void (*plan)(void *user, nd_text *text);
    void *user;
} nd_side_work;

/* Run all items on as many threads as ctx has; what one of them computes does not depend
 * on how many that are. The first item that fails ends the others and gives the status
 * and the message. observe (may be NULL) gets the plan of the first item, steps that tell
 * of all, and an ND_EVENT_MEMBER per item. If it asks to stop, items that have begun end
 * after their step, and the call with ND_ERR_INTERRUPTED. */
nd_status nd_side_run(nd_ctx *ctx, const nd_side_work *work, nd_observe_fn observe, void *user);

#endif
