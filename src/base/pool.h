/* Worker pool. Dispatch costs about a microsecond while workers spin; they sleep
 * after a fraction of a millisecond without work. A pool belongs to one context
 * and is run by one thread at a time. */
#ifndef ND_BASE_POOL_H
#define ND_BASE_POOL_H

#include <stddef.h>

typedef struct nd_pool nd_pool;

/* threads workers including the caller (0: all cores of the process's affinity
 * mask); NULL without memory. The threads start at the first run that has more
 * than one task; where the system grants fewer, fewer do the work. */
nd_pool *nd_pool_create(int threads);
void nd_pool_destroy(nd_pool *pool);
int nd_pool_threads(const nd_pool *pool);

/* Run task(user, i) for i in 0..tasks-1, spread over the workers, and return when
 * all are done. Which worker runs which task is not fixed, so a result may depend on
 * i alone. Tasks compute in the environment of base/fpenv.h, in the caller as in
 * workers; the caller's own is back in force on return. tasks 1, or a pool of one
 * thread, runs in the caller without any synchronization; so does every run for some
 * milliseconds after other programs kept the workers from helping. pool NULL runs in the
 * caller. Must not be called from inside a task. */
void nd_pool_run(nd_pool *pool, size_t tasks, void (*task)(void *user, size_t i), void *user);

/* Memory for what the tasks of a run share, at least bytes, aligned as nd_alloc_aligned does;
 * what it holds is lost with the next call that asks for more. NULL without memory, and for
 * pool NULL. Not from inside a task. */
void *nd_pool_room(nd_pool *pool, size_t bytes);

#endif
