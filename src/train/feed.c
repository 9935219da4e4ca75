#include "train/feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread_signals.h"

/* A batch wanted, being gathered, or ready. */
typedef struct slot {
    nd_real *x, *y;
    long epoch; /* 0: holds nothing */
    uint64_t batch;
    size_t rows;
} slot;

enum { IDLE, WANTED, READY, STOP };

struct nd_feed {
    nd_ctx *ctx;
    const nd_source *source;
    nd_feed_params params;
    nd_pool *pool; /* for gathering in the caller */
    uint32_t *order;
    size_t order_rows;
    long order_epoch; /* what order is of; 0: nothing */
    size_t window;
    /* A source with blocks only: */
    uint32_t *block; /* [blocks] shuffled for block_epoch */
    size_t *start;   /* [windows + 1] position of each window's first row */
    size_t windows;
    long block_epoch;
    slot slot[2];
    int last; /* slot that was handed out last */
    /* The thread that gathers ahead, into the slot that is not last. */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int state;
    atomic_bool asleep[2]; /* caller, thread */
};

/* ---- Order of rows ---- */

static void shuffle_rows(nd_feed *f, long epoch)
{
    for (size_t i = 0; i < f->source->rows; i++) {
        f->order[i] = (uint32_t)i;
    }
    nd_rng rng = {f->params.seed, ND_STREAM_SHUFFLE, (uint64_t)epoch};
    nd_rng_shuffle(&rng, f->order, f->source->rows);
    f->order_epoch = epoch;
}

static size_t window_end(const nd_feed *f, size_t window)
{
    size_t end = (window + 1) * f->source->blocks->window;
    return end < f->source->blocks->count ? end : f->source->blocks->count;
}

static void shuffle_blocks(nd_feed *f, long epoch)
{
    const nd_source_blocks *blocks = f->source->blocks;
    nd_rng rng = {f->params.seed, ND_STREAM_SHUFFLE, (uint64_t)epoch};
    for (size_t b = 0; b < blocks->count; b++) {
        f->block[b] = (uint32_t)b;
    }
    nd_rng_shuffle(&rng, f->block, blocks->count);
    for (size_t w = 0; w < f->windows; w++) {
        f->start[w + 1] = f->start[w];
        for (size_t b = w * blocks->window; b < window_end(f, w); b++) {
            f->start[w + 1] += blocks->rows(f->source, f->block[b]);
        }
    }
    f->block_epoch = epoch;
    f->order_epoch = 0;
}

static void tell_blocks(const nd_feed *f, size_t window,
                        void (*tell)(const nd_source *source, size_t block))
{
    size_t first = window * f->source->blocks->window;
    for (size_t b = first; window < f->windows && b < window_end(f, window); b++) {
        tell(f->source, f->block[b]);
    }
}

/* The rows of one window in their order; the window before is done with, and the disk
 * begins on the one behind. */
static void open_window(nd_feed *f, size_t window)
{
    const nd_source_blocks *blocks = f->source->blocks;
    size_t n = 0;
    if (f->order_epoch == f->block_epoch) {
        tell_blocks(f, f->window, blocks->forget);
    } else {
        tell_blocks(f, window, blocks->expect);
    }
    tell_blocks(f, window + 1, blocks->expect);
    for (size_t b = window * blocks->window; b < window_end(f, window); b++) {
        size_t rows = blocks->rows(f->source, f->block[b]);
        for (size_t r = 0; r < rows; r++) {
            f->order[n++] = (uint32_t)(f->block[b] * blocks->full + r);
        }
    }
    nd_rng rng = {f->params.seed, ND_STREAM_WINDOW, (uint64_t)f->block_epoch * f->windows + window};
    nd_rng_shuffle(&rng, f->order, n);
    f->order_epoch = f->block_epoch;
    f->window = window;
}

static size_t window_of(const nd_feed *f, size_t position)
{
    size_t low = 0, high = f->windows;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (f->start[middle] <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- Batches ---- */

static bool varies(const nd_feed *f)
{
    return f->params.vary != NULL && nd_vary_does(f->params.vary);
}

/* Rows index[n], or first.., as rows at.. of a batch. */
static void gather(nd_feed *f, slot *s, nd_pool *pool, const uint32_t *index, size_t first,
                   size_t n, size_t at)
{
    const nd_source *source = f->source;
    if (varies(f)) {
        nd_vary_gather(f->params.vary, pool, source, index, first, n, at);
    } else {
        nd_source_gather(source, pool, index, first, n, s->x + at * source->features,
                         s->y + at * source->label_width);
    }
}

/* A batch may span windows: it is gathered piece by piece. */
static void gather_blocks(nd_feed *f, slot *s, nd_pool *pool)
{
    size_t first = (size_t)s->batch * f->params.batch;
    if (f->block_epoch != s->epoch) {
        shuffle_blocks(f, s->epoch);
    }
    for (size_t done = 0; done < s->rows;) {
        size_t at = first + done, window = window_of(f, at);
        if (f->order_epoch != f->block_epoch || f->window != window) {
            open_window(f, window);
        }
        size_t left = f->start[window + 1] - at, n = s->rows - done;
        n = n < left ? n : left;
        gather(f, s, pool, f->order + (at - f->start[window]), 0, n, done);
        done += n;
    }
}

static void gather_rows(nd_feed *f, slot *s, nd_pool *pool)
{
    size_t first = (size_t)s->batch * f->params.batch, rest = f->source->rows - first;
    s->rows = rest < f->params.batch ? rest : f->params.batch;
    if (f->source->blocks) {
        gather_blocks(f, s, pool);
        return;
    }
    if (f->order && f->order_epoch != s->epoch) {
        shuffle_rows(f, s->epoch);
    }
    gather(f, s, pool, f->order ? f->order + first : NULL, first, s->rows, 0);
}

static void gather_slot(nd_feed *f, slot *s, nd_pool *pool)
{
    gather_rows(f, s, pool);
    if (varies(f)) {
        nd_vary_rows(f->params.vary, pool, (uint64_t)s->epoch, s->rows, &s->x, s->y);
    }
}

/* ---- Ahead ---- */

/* Wait until the state is, or is not, a value: a short while awake, as a batch takes
 * little longer to gather than a sleeper to wake. */
static void wait_for(nd_feed *f, int state, bool equal, int who)
{
    const double awake = 50e-6;
    double until = nd_seconds() + awake;
    do {
        for (int i = 0; i < 64; i++) {
            if ((atomic_load(&f->state) == state) == equal) {
                return;
            }
        }
    } while (nd_seconds() < until);
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->asleep[who], true);
    while ((atomic_load(&f->state) == state) != equal) {
        pthread_cond_wait(&f->changed, &f->lock);
    }
    atomic_store(&f->asleep[who], false);
    pthread_mutex_unlock(&f->lock);
}

static void change(nd_feed *f, int state, int other)
{
    atomic_store(&f->state, state);
    if (atomic_load(&f->asleep[other])) {
        pthread_mutex_lock(&f->lock);
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
    }
}

enum { CALLER, THREAD };

static void *gather_ahead(void *user)
{
    nd_feed *f = user;
    for (;;) {
        int state;
        while ((state = atomic_load(&f->state)) == IDLE || state == READY) {
            wait_for(f, state, false, THREAD);
        }
        if (state == STOP) {
            return NULL;
        }
        gather_slot(f, &f->slot[1 - f->last], NULL);
        change(f, READY, CALLER);
    }
}

/* Signals stay with the program's own threads. */
static void start_thread(nd_feed *f)
{
    sigset_t old;
    nd_thread_signals_off(&old);
    f->threaded = pthread_create(&f->thread, NULL, gather_ahead, f) == 0;
    nd_thread_signals_on(&old);
}

/* Let the thread finish what it is at; from then on the feed is the caller's alone. */
static void settle(nd_feed *f)
{
    if (f->threaded && atomic_load(&f->state) == WANTED) {
        wait_for(f, READY, true, CALLER);
    }
}

/* Every batch is all rows, in any order the same. One batch an epoch that leaves a row
 * out is not: another row each time. */
static bool all_in_one(const nd_feed *f)
{
    return f->params.batch >= f->source->rows;
}

static bool holds(const slot *s, long epoch, uint64_t batch)
{
    return s->epoch == epoch && s->batch == batch;
}

static void want_next(nd_feed *f, long epoch, uint64_t batch)
{
    slot *s = &f->slot[1 - f->last];
    if (f->threaded && batch < f->params.batches) {
        s->epoch = epoch;
        s->batch = batch;
        change(f, WANTED, THREAD);
    }
}

void nd_feed_batch(nd_feed *f, long epoch, uint64_t batch, nd_batch *out)
{
    bool same = all_in_one(f) && !varies(f);
    settle(f);
    if (f->threaded && holds(&f->slot[1 - f->last], epoch, batch)) {
        f->last = 1 - f->last;
    } else if (!holds(&f->slot[f->last], same ? 1 : epoch, batch)) {
        slot *s = &f->slot[f->last];
        s->epoch = same ? 1 : epoch;
        s->batch = batch;
        gather_slot(f, s, f->pool);
    }
    const slot *s = &f->slot[f->last];
    *out = (nd_batch){.x = s->x, .y = s->y, .rows = s->rows};
    want_next(f, epoch, batch + 1);
}

void nd_feed_room(nd_feed *f, nd_real **x, nd_real **y)
{
    settle(f);
    slot *s = &f->slot[f->last];
    s->epoch = 0;
    *x = s->x;
    *y = s->y;
}

bool nd_feed_pays(size_t bytes, int threads, int all)
{
    const size_t least = (size_t)32 << 10;
    return threads < all && bytes >= least;
}

/* ---- Made and gone ---- */

static bool room_for_order(nd_feed *f)
{
    const nd_source_blocks *blocks = f->source->blocks;
    if (!blocks) {
        f->order = all_in_one(f) ? NULL : nd_alloc(f->source->rows, sizeof *f->order);
        return f->order || all_in_one(f);
    }
    size_t window = blocks->window < blocks->count ? blocks->window : blocks->count;
    f->windows = (blocks->count + blocks->window - 1) / blocks->window;
    f->order = nd_alloc(window, blocks->full * sizeof *f->order);
    f->block = nd_alloc(blocks->count, sizeof *f->block);
    f->start = nd_alloc(f->windows + 1, sizeof *f->start);
    return f->order && f->block && f->start;
}

static bool room_for_slots(nd_feed *f)
{
    size_t width = f->source->label_width;
    width = varies(f) && f->params.vary->label_width > width ? f->params.vary->label_width : width;
    for (int i = 0; i < 1 + f->params.ahead; i++) {
        slot *s = &f->slot[i];
        s->x = nd_alloc_aligned(f->params.room, f->source->features * sizeof *s->x);
        s->y = nd_alloc_aligned(f->params.room, width * sizeof *s->y);
        if (!s->x || !s->y) {
            return false;
        }
    }
    return true;
}

nd_status nd_feed_create(nd_ctx *ctx, const nd_source *source, const nd_feed_params *params,
                         nd_feed **feed)
{
    nd_feed *f = nd_alloc(1, sizeof *f);
    *feed = NULL;
    if (!f) {
        return nd_fail_memory(ctx);
    }
    f->ctx = ctx;
    f->source = source;
    f->params = *params;
    f->pool = ctx->pool;
    atomic_init(&f->state, IDLE);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (!room_for_order(f) || !room_for_slots(f)) {
        nd_feed_destroy(f);
        return nd_fail_memory(ctx);
    }
    if (params->ahead && params->batches > 1) {
        start_thread(f);
    }
    *feed = f;
    return ND_OK;
}

void nd_feed_destroy(nd_feed *f)
{
    if (!f) {
        return;
    }
    if (f->threaded) {
        settle(f);
        change(f, STOP, THREAD);
        pthread_join(f->thread, NULL);
    }
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    for (int i = 0; i < 2; i++) {
        nd_free(f->slot[i].x);
        nd_free(f->slot[i].y);
    }
    nd_free(f->start);
    nd_free(f->block);
    nd_free(f->order);
    nd_free(f);
}
