#include "job/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/thread_signals.h"
#include "kern/kern.h"

struct nd_saver {
    nd_ctx *ctx; /* of the training thread */
    nd_ctx *own; /* of the writer: messages of two threads must not mix */
    char *folder;
    int lock; /* descriptor of the folder, which holds the lock; -1 */
    nd_every every;
    double seconds; /* when the latest copy was taken */
    uint64_t steps;
    char *settings, *data, *why;
    unsigned char *copy; /* of the blocks; the writer's while busy */
    size_t room;
    nd_state state; /* blocks in copy */
    uint64_t sequence;
    int file; /* the older one of the folder, which is written next */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, idle;
    bool started, quit;
    atomic_bool busy;
    nd_status status; /* of the latest write */
};

nd_status nd_every_parse(nd_ctx *ctx, const char *text, nd_every *every)
{
    static const struct {
        const char *name;
        double seconds; /* 0: steps */
    } unit[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"step", 0}, {"steps", 0}};
    double value = 0;
    size_t n = strspn(text, "0123456789.");
    bool number = n > 0 && nd_num_parse(text, n, &value) == ND_NUM_OK && value > 0 && value < 1e12;
    const char *word = text + n + strspn(text + n, " ");
    for (size_t i = 0; number && i < sizeof unit / sizeof unit[0]; i++) {
        if (strcmp(word, unit[i].name) != 0) {
            continue;
        }
        *every = (nd_every){.seconds = value * unit[i].seconds};
        if (unit[i].seconds > 0) {
            return ND_OK;
        }
        every->steps = (uint64_t)value;
        if ((double)every->steps == value) {
            return ND_OK;
        }
    }
    return nd_fail(
        ctx, ND_ERR_OPTION,
        "every: \"%s\" is neither a time, such as 10s or 2m, nor a number of steps, such "
        "as 100steps",
        text);
}

static nd_status fail_system(nd_ctx *ctx, const char *what, const char *path, int error)
{
    char room[ND_ERRNO_TEXT];
    return nd_fail(ctx, ND_ERR_IO, "%s %s: %s", what, path, nd_errno_text(error, room));
}

/* ---- The folder */

/* A run that was killed may take a moment to be gone; one that goes on keeps its lock.
 * A file system without locks is used without. */
static bool lock_folder(int folder)
{
    enum { TRIES = 100 };
    const struct timespec pause = {.tv_nsec = 20000000};
    for (int i = 0; i < TRIES; i++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

static nd_status take_folder(nd_saver *s)
{
    ND_TRY(nd_file_make_folder(s->ctx, s->folder));
    s->lock = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock < 0) {
        return fail_system(s->ctx, "cannot use the folder", s->folder, errno);
    }
    if (!lock_folder(s->lock)) {
        return nd_fail(s->ctx, ND_ERR_IO, "%s: another training writes its checkpoints there",
                       s->folder);
    }
    if (faccessat(s->lock, ".", W_OK | X_OK, 0) != 0) {
        return fail_system(s->ctx, "cannot write in the folder", s->folder, errno);
    }
    return ND_OK;
}

static nd_status forget_checkpoints(const nd_saver *s)
{
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(s->folder, file);
        if (path == NULL) {
            return nd_fail_memory(s->ctx);
        }
        nd_status status = unlink(path) == 0 || errno == ENOENT
                               ? ND_OK
                               : fail_system(s->ctx, "cannot remove", path, errno);
        nd_free(path);
        ND_TRY(status);
    }
    return ND_OK;
}

static nd_status open_folder(nd_saver *s, bool resume, bool fresh, nd_checkpoint **resumed)
{
    bool exists = false;
    ND_TRY(take_folder(s));
    nd_file_sweep(s->folder);
    if (resume) {
        ND_TRY(nd_checkpoint_load(s->ctx, s->folder, resumed));
        s->sequence = *resumed != NULL ? (*resumed)->facts.sequence : 0;
        s->file = *resumed != NULL ? 1 - (*resumed)->file : 0;
        return ND_OK;
    }
    ND_TRY(nd_checkpoint_exists(s->ctx, s->folder, &exists));
    if (!exists) {
        return ND_OK;
    }
    return fresh ? forget_checkpoints(s)
                 : nd_fail(s->ctx, ND_ERR_EXISTS,
                           "%s holds the checkpoints of a run: --resume goes on with it, --force "
                           "begins anew",
                           s->folder);
}

/* ---- The writer */

static nd_status write_copy(nd_saver *s)
{
    nd_checkpoint_facts facts = {s->sequence + 1, s->settings, s->data, s->why, nd_kern_isa()};
    char *path = nd_checkpoint_path(s->folder, s->file);
    nd_status status = path != NULL ? nd_checkpoint_write(s->own, path, &facts, &s->state)
                                    : nd_fail_memory(s->own);
    if (status == ND_OK) {
        s->sequence++;
        s->file = 1 - s->file;
    }
    nd_free(path);
    return status;
}

static void *writer_main(void *user)
{
    nd_saver *s = user;
    pthread_mutex_lock(&s->mutex);
    while (!s->quit) {
        if (!s->busy) {
            pthread_cond_wait(&s->work, &s->mutex);
            continue;
        }
        pthread_mutex_unlock(&s->mutex);
        nd_status status = write_copy(s);
        pthread_mutex_lock(&s->mutex);
        s->status = status;
        s->busy = false;
        pthread_cond_signal(&s->idle);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

/* Signals are the business of the program's own threads. */
static nd_status start_writer(nd_saver *s)
{
    sigset_t old;
    nd_thread_signals_off(&old);
    int error = pthread_create(&s->thread, NULL, writer_main, s);
    nd_thread_signals_on(&old);
    s->started = error == 0;
    return s->started ? ND_OK : fail_system(s->ctx, "cannot start the writer of", s->folder, error);
}

nd_status nd_saver_create(nd_ctx *ctx, const char *folder, const nd_every *every, bool resume,
                          bool fresh, nd_checkpoint **resumed, nd_saver **saver)
{
    nd_saver *s = nd_alloc(1, sizeof *s);
    *saver = NULL;
    *resumed = NULL;
    if (s == NULL) {
        return nd_fail_memory(ctx);
    }
    *s = (nd_saver){.ctx = ctx, .lock = -1, .every = *every, .seconds = nd_seconds()};
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->folder = nd_strdup(folder);
    nd_status status =
        s->folder != NULL ? open_folder(s, resume, fresh, resumed) : nd_fail_memory(ctx);
    if (status == ND_OK && nd_ctx_create(&s->own, 1) != ND_OK) {
        status = nd_fail_memory(ctx);
    }
    if (status == ND_OK) {
        status = start_writer(s);
    }
    if (status != ND_OK) {
        nd_checkpoint_destroy(*resumed);
        *resumed = NULL;
        nd_saver_destroy(s);
        return status;
    }
    *saver = s;
    return ND_OK;
}

static void wait_idle(nd_saver *s)
{
    pthread_mutex_lock(&s->mutex);
    while (s->busy) {
        pthread_cond_wait(&s->idle, &s->mutex);
    }
    pthread_mutex_unlock(&s->mutex);
}

/* Tell of a failed write once. The writer is idle. */
static void report(nd_saver *s)
{
    if (s->status != ND_OK) {
        nd_log(s->ctx, 1, "the checkpoint is not written: %s", nd_ctx_message(s->own));
        s->status = ND_OK;
    }
}

nd_status nd_saver_describe(nd_saver *saver, const char *settings, const char *data,
                            const char *why)
{
    wait_idle(saver);
    char **slot[] = {&saver->settings, &saver->data, &saver->why};
    const char *text[] = {settings, data, why};
    for (size_t i = 0; i < sizeof slot / sizeof slot[0]; i++) {
        nd_free(*slot[i]);
        *slot[i] = nd_strdup(text[i]);
        if (*slot[i] == NULL) {
            return nd_fail_memory(saver->ctx);
        }
    }
    return ND_OK;
}

bool nd_saver_due(nd_saver *saver, uint64_t steps, double now)
{
    const nd_every *every = &saver->every;
    bool due = every->steps > 0 ? steps - saver->steps >= every->steps
                                : now - saver->seconds >= every->seconds;
    return due && !atomic_load_explicit(&saver->busy, memory_order_acquire);
}

static bool copy_state(nd_saver *s, const nd_state *state)
{
    size_t bytes = nd_state_bytes(state);
    if (bytes > s->room) {
        unsigned char *grown = nd_realloc(s->copy, bytes + bytes / 8, 1);
        if (grown == NULL) {
            return false;
        }
        s->copy = grown;
        s->room = bytes + bytes / 8;
    }
    nd_state_copy(state, s->copy);
    s->state = *state;
    unsigned char *at = s->copy;
    for (size_t i = 0; i < state->count; i++) {
        s->state.block[i].data = at;
        at += nd_state_size(&state->block[i]);
    }
    return true;
}

void nd_saver_save(nd_saver *saver, const nd_state *state, uint64_t steps, bool last)
{
    wait_idle(saver);
    report(saver);
    saver->steps = steps;
    saver->seconds = nd_seconds();
    if (!copy_state(saver, state)) {
        nd_log(saver->ctx, 1, "the checkpoint is not written: out of memory");
        return;
    }
    pthread_mutex_lock(&saver->mutex);
    saver->busy = true;
    pthread_cond_signal(&saver->work);
    pthread_mutex_unlock(&saver->mutex);
    if (last) {
        wait_idle(saver);
        report(saver);
    }
}

static void end_writer(nd_saver *s)
{
    pthread_mutex_lock(&s->mutex);
    s->quit = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
}

void nd_saver_destroy(nd_saver *saver)
{
    if (saver == NULL) {
        return;
    }
    if (saver->started) {
        wait_idle(saver);
        report(saver);
        end_writer(saver);
    }
    pthread_cond_destroy(&saver->idle);
    pthread_cond_destroy(&saver->work);
    pthread_mutex_destroy(&saver->mutex);
    nd_ctx_destroy(saver->own);
    if (saver->lock >= 0) {
        close(saver->lock);
    }
    nd_free(saver->copy);
    nd_free(saver->settings);
    nd_free(saver->data);
    nd_free(saver->why);
    nd_free(saver->folder);
    nd_free(saver);
}
