#include "job/side.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread_signals.h"

enum { STACK_BYTES = 8 << 20, WAIT_NS = 100000000, WORKERS_MOST = 256 };

/* A line of an item's log. */
typedef struct line {
    int level;
    char *text;
} line;

typedef struct side side;

typedef struct item {
    side *side;
    line *log;
    size_t lines, line_room, said; /* said: lines that were told */
    char *plan;                    /* text of its plan event */
    double share;                  /* of its training, 0..1 */
    double rows_per_s;
    long epochs;
    bool planned, begun, done;
    nd_status status;
    char message[ND_MESSAGE_SIZE];
} item;

struct side {
    nd_ctx *ctx;
    const nd_side_work *work;
    nd_observe_fn observe;
    void *user;
    item *items;
    size_t next, finished; /* items begun, and done */
    size_t told;           /* items whose end was told of */
    bool plan_told;
    bool watched; /* items are in threads of their own: the first waits until its plan is told */
    int threads;  /* of each item */
    atomic_bool stop;     /* asked for from outside */
    atomic_size_t failed; /* the first item that failed; those after it end, those before it
                             may still fail, so that which one is told of is no matter of time */
    double start;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* True if item i shall end, or not begin. */
static bool is_stopped(side *s, size_t i)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed) ||
           i > atomic_load_explicit(&s->failed, memory_order_relaxed);
}

/* ---- In the thread of an item */

static void note_log(void *user, int level, const char *text)
{
    item *it = user;
    char *copy = nd_strdup(text);
    pthread_mutex_lock(&it->side->mutex);
    if (copy && nd_grow((void **)&it->log, &it->line_room, it->lines, sizeof *it->log)) {
        bool first = it == it->side->items;
        it->log[it->lines++] = (line){first && !it->planned ? level : level == 1 ? 1 : 3, copy};
        copy = NULL;
    }
    pthread_mutex_unlock(&it->side->mutex);
    nd_free(copy);
}

static int note_event(void *user, const nd_event *event)
{
    item *it = user;
    side *s = it->side;
    pthread_mutex_lock(&s->mutex);
    switch (event->kind) {
    case ND_EVENT_PLAN:
        it->plan = it->plan ? it->plan : nd_strdup(event->text ? event->text : "");
        it->planned = true;
        pthread_cond_broadcast(&s->changed);
        while (it == s->items && s->watched && !s->plan_told) {
            pthread_cond_wait(&s->changed, &s->mutex);
        }
        break;
    case ND_EVENT_STEP:
    case ND_EVENT_EPOCH:
        if (event->members > 0) {
            it->share = fmax(it->share, event->done);
        } else if (event->epochs > 0 && !isnan(event->done)) {
            double share = ((double)event->epoch - 1 + event->done) / (double)event->epochs;
            it->share = fmax(it->share, share);
        }
        it->rows_per_s = event->rows_per_s;
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&s->mutex);
    return is_stopped(s, (size_t)(it - s->items));
}

static void run_item(item *it, size_t i)
{
    side *s = it->side;
    nd_ctx *ctx;
    nd_status status = nd_ctx_create(&ctx, s->threads);
    if (status == ND_OK) {
        nd_ctx_set_log(ctx, note_log, it);
        status = s->work->run(s->work->user, i, ctx, note_event, it);
    }
    const char *message = ctx != NULL ? nd_ctx_message(ctx) : "";
    pthread_mutex_lock(&s->mutex);
    it->status = status;
    strncpy(it->message, message[0] ? message : nd_status_text(status), ND_MESSAGE_SIZE - 1);
    it->done = true;
    it->share = 1;
    s->finished++;
    if (status != ND_OK && status != ND_ERR_INTERRUPTED && i < atomic_load(&s->failed)) {
        atomic_store(&s->failed, i);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    nd_ctx_destroy(ctx);
}

static void *work_main(void *user)
{
    side *s = user;
    pthread_mutex_lock(&s->mutex);
    while (s->next < s->work->count && !is_stopped(s, s->next)) {
        size_t i = s->next++;
        s->items[i].begun = true;
        pthread_mutex_unlock(&s->mutex);
        run_item(&s->items[i], i);
        pthread_mutex_lock(&s->mutex);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

/* ---- In the thread of the call, which holds the lock: items with something to say wait */

static void send(side *s, nd_event *event)
{
    if (s->observe != NULL && s->observe(s->user, event) != 0) {
        atomic_store(&s->stop, true);
    }
}

static nd_event make_event(const side *s, nd_event_kind kind)
{
    return (nd_event){
        .kind = kind,
        .done = NAN,
        .lr = NAN,
        .train_loss = NAN,
        .valid_loss = NAN,
        .valid_metric = NAN,
        .rows_per_s = NAN,
        .seconds = nd_seconds() - s->start,
        .seconds_left = NAN,
        .members = s->work->count,
    };
}

/* True if an earlier item said the same. */
static bool said_before(const side *s, size_t i, const char *text)
{
    for (size_t k = 0; k < i; k++) {
        for (size_t n = 0; n < s->items[k].lines; n++) {
            if (strcmp(s->items[k].log[n].text, text) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void tell_log(side *s, size_t i, bool plain)
{
    item *it = &s->items[i];
    for (size_t n = it->said; n < it->lines; n++) {
        if (said_before(s, i, it->log[n].text)) {
            continue;
        }
        if (plain) {
            nd_log(s->ctx, it->log[n].level, "%s", it->log[n].text);
        } else {
            nd_log(s->ctx, it->log[n].level, "%s %zu: %s", s->work->what, i + 1, it->log[n].text);
        }
    }
    it->said = it->lines;
}

static void tell_plan(side *s)
{
    const item *first = &s->items[0];
    nd_text text = {0};
    tell_log(s, 0, true);
    nd_text_puts(&text, first->plan ? first->plan : "");
    s->work->plan(s->work->user, &text);
    nd_event event = make_event(s, ND_EVENT_PLAN);
    event.text = text.failed ? "" : text.data;
    send(s, &event);
    nd_text_free(&text);
}

static void tell_item(side *s, size_t i)
{
    nd_text text = {0};
    tell_log(s, i, false);
    nd_text_printf(&text, "%s %zu of %zu", s->work->what, i + 1, s->work->count);
    s->work->tell(s->work->user, i, &text);
    nd_text_puts(&text, s->items[i].status == ND_ERR_INTERRUPTED ? ", interrupted" : "");
    nd_event event = make_event(s, ND_EVENT_MEMBER);
    event.member = i + 1;
    event.text = text.failed ? "" : text.data;
    send(s, &event);
    nd_text_free(&text);
}

static void tell_progress(side *s)
{
    nd_event event = make_event(s, ND_EVENT_STEP);
    double done = 0, rate = 0;
    for (size_t i = 0; i < s->work->count; i++) {
        const item *it = &s->items[i];
        done += it->share;
        rate += it->begun && !it->done && it->rows_per_s > 0 ? it->rows_per_s : 0;
    }
    event.member = s->finished;
    event.done = done / (double)s->work->count;
    event.rows_per_s = rate > 0 ? rate : (double)NAN;
    event.seconds_left =
        event.done > 0 ? event.seconds * (1 - event.done) / event.done : (double)NAN;
    send(s, &event);
}

/* What is there to be told; the lock is held. Logs of an item are complete once it is
 * done, and those of the first until its plan before that. */
static void tell(side *s)
{
    if (!s->plan_told && s->items[0].planned) {
        tell_plan(s);
        s->plan_told = true;
        pthread_cond_broadcast(&s->changed);
    }
    while (s->told < s->work->count && s->items[s->told].done) {
        const item *it = &s->items[s->told];
        if (it->status == ND_OK || it->status == ND_ERR_INTERRUPTED) {
            tell_item(s, s->told);
        } else {
            tell_log(s, s->told, !it->planned);
        }
        s->told++;
    }
}

static bool is_over(side *s)
{
    bool all_begun = s->next == s->work->count || is_stopped(s, s->next);
    return all_begun && s->finished == s->next;
}

static void watch(side *s)
{
    struct timespec until;
    pthread_mutex_lock(&s->mutex);
    while (!is_over(s)) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        bool late = pthread_cond_timedwait(&s->changed, &s->mutex, &until) != 0;
        tell(s);
        if (late && s->plan_told) {
            tell_progress(s);
        }
    }
    tell(s);
    pthread_mutex_unlock(&s->mutex);
}

/* Start up to want threads; fewer where the system grants no more. Signals are the
 * business of the program's own threads. */
static size_t start_threads(side *s, pthread_t *thread, size_t want)
{
    pthread_attr_t attributes;
    sigset_t old;
    size_t count = 0;
    if (pthread_attr_init(&attributes) != 0) {
        return 0;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    nd_thread_signals_off(&old);
    while (count < want && pthread_create(&thread[count], &attributes, work_main, s) == 0) {
        count++;
    }
    nd_thread_signals_on(&old);
    pthread_attr_destroy(&attributes);
    return count;
}

static void run_all(side *s, size_t workers)
{
    pthread_t thread[WORKERS_MOST];
    s->watched = true;
    size_t count = start_threads(s, thread, workers);
    if (count == 0) {
        s->watched = false;
        work_main(s);
    }
    watch(s);
    for (size_t i = 0; i < count; i++) {
        pthread_join(thread[i], NULL);
    }
}

/* The first failure; a failure of the settings' or the data's sake is no single item's. */
static nd_status result(const side *s)
{
    bool interrupted = s->finished < s->work->count;
    for (size_t i = 0; i < s->work->count; i++) {
        const item *it = &s->items[i];
        interrupted = interrupted || it->status == ND_ERR_INTERRUPTED;
        if (it->status != ND_OK && it->status != ND_ERR_INTERRUPTED) {
            return it->planned ? nd_fail(s->ctx, it->status, "%s %zu: %s", s->work->what, i + 1,
                                         it->message)
                               : nd_fail(s->ctx, it->status, "%s", it->message);
        }
    }
    return interrupted ? nd_fail(s->ctx, ND_ERR_INTERRUPTED, "interrupted") : ND_OK;
}

static void free_items(side *s)
{
    for (size_t i = 0; s->items != NULL && i < s->work->count; i++) {
        for (size_t n = 0; n < s->items[i].lines; n++) {
            nd_free(s->items[i].log[n].text);
        }
        nd_free(s->items[i].log);
        nd_free(s->items[i].plan);
    }
    nd_free(s->items);
}

nd_status nd_side_run(nd_ctx *ctx, const nd_side_work *work, nd_observe_fn observe, void *user)
{
    side s = {.ctx = ctx, .work = work, .observe = observe, .user = user, .start = nd_seconds()};
    size_t threads = (size_t)nd_ctx_threads(ctx);
    size_t workers = work->count < threads ? work->count : threads;
    workers = workers < WORKERS_MOST ? workers : WORKERS_MOST;
    s.threads = (int)(threads / workers);
    atomic_init(&s.failed, work->count);
    atomic_init(&s.stop, false);
    s.items = nd_alloc(work->count, sizeof *s.items);
    if (s.items == NULL) {
        return nd_fail_memory(ctx);
    }
    for (size_t i = 0; i < work->count; i++) {
        s.items[i].side = &s;
    }
    pthread_mutex_init(&s.mutex, NULL);
    pthread_cond_init(&s.changed, NULL);
    run_all(&s, workers);
    nd_status status = result(&s);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.mutex);
    free_items(&s);
    return status;
}
