/* History of a training: lines that others may read as they come. */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_history_begin(cli_history *h, const cli_run *run)
{
    *h = (cli_history){
        .run = run,
        .path = cli_text(run, "history"),
        .resume = cli_flag(run, "resume"),
        .fd = -1,
    };
}

static bool fail(cli_history *h, const char *why)
{
    if (!h->why[0]) {
        snprintf(h->why, sizeof h->why, "%s", why);
    }
    return false;
}

/* Half a line on a full disk would spoil the file for its readers. */
static bool take_back(cli_history *h, const char *why)
{
    bool whole = !h->regular || ftruncate(h->fd, h->whole) == 0;
    snprintf(h->why, sizeof h->why, "%s%s", why, whole ? "" : "; its last line is cut short");
    return false;
}

static bool put(cli_history *h, const char *text, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = write(h->fd, text + done, bytes - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return take_back(h, strerror(n < 0 ? errno : EIO));
        }
        done += (size_t)n;
    }
    h->whole += (off_t)bytes;
    return true;
}

/* A whole new file: an older one stays as it was until this one is on the disk. */
static bool make(cli_history *h, const char *text, size_t bytes)
{
    nd_file *file = NULL;
    nd_status status = nd_file_create(h->run->ctx, h->path, h->run->force, &file);
    if (status == ND_OK) {
        nd_sink sink = nd_file_sink(file);
        sink.write(sink.user, text, bytes);
        status = nd_file_commit(file);
    }
    return status == ND_OK || fail(h, nd_ctx_message(h->run->ctx));
}

/* Drop what a power cut left of a last line. */
static bool cut_to_lines(cli_history *h)
{
    char last;
    off_t size = lseek(h->fd, 0, SEEK_END);
    off_t end = size;
    while (end > 0 && pread(h->fd, &last, 1, end - 1) == 1 && last != '\n') {
        end--;
    }
    h->whole = end;
    return size >= 0 && (end == size || ftruncate(h->fd, end) == 0);
}

static bool reopen(cli_history *h)
{
    int mode = h->regular ? O_RDWR | O_APPEND : O_WRONLY;
    h->fd = open(h->path, mode | O_CLOEXEC);
    return (h->fd >= 0 && (!h->regular || cut_to_lines(h))) || fail(h, strerror(errno));
}

/* Pipes and devices are written to as they are. */
static bool begin(cli_history *h, const char *text, size_t bytes)
{
    struct stat st;
    bool there = stat(h->path, &st) == 0;
    h->regular = !there || S_ISREG(st.st_mode);
    if (!h->regular || (there && h->resume)) {
        return reopen(h) && put(h, text, bytes);
    }
    return make(h, text, bytes) && reopen(h);
}

int cli_history_write(void *user, const char *text, size_t bytes)
{
    cli_history *h = user;
    if (h->why[0]) {
        return 1;
    }
    return h->fd < 0 ? !begin(h, text, bytes) : !put(h, text, bytes);
}

bool cli_history_end(cli_history *h)
{
    if (h->fd >= 0) {
        if (h->regular && fsync(h->fd) != 0) {
            fail(h, strerror(errno));
        }
        if (close(h->fd) != 0) {
            fail(h, strerror(errno));
        }
        h->fd = -1;
    }
    if (h->why[0]) {
        cli_fail(h->run, "%s: the history cannot be written: %s", h->path, h->why);
    }
    return !h->why[0];
}
