#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* renameat2 */
#endif
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/mapped.h"
#include "base/mem.h"

const char *nd_errno_text(int error, char room[ND_ERRNO_TEXT])
{
    return strerror_r(error, room, ND_ERRNO_TEXT);
}

static nd_status fail_system(nd_ctx *ctx, const char *what, const char *path, int error)
{
    char room[ND_ERRNO_TEXT];
    return nd_fail(ctx, ND_ERR_IO, "%s %s: %s", what, path, nd_errno_text(error, room));
}

static nd_status read_all(nd_ctx *ctx, const char *name, int fd, nd_bytes *bytes)
{
    char *data = NULL;
    size_t size = 0, room = 0;
    for (;;) {
        if (room - size < 65536) {
            room = room * 2 + 131072;
            char *grown = nd_realloc(data, room, 1);
            if (!grown) {
                nd_free(data);
                return nd_fail_memory(ctx);
            }
            data = grown;
        }
        ssize_t got = read(fd, data + size, room - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            int error = errno;
            nd_free(data);
            return fail_system(ctx, "cannot read", name, error);
        }
        if (got == 0) {
            break;
        }
        size += (size_t)got;
    }
    *bytes = (nd_bytes){.data = data, .size = size};
    return ND_OK;
}

static nd_status fail_cut(nd_ctx *ctx, const char *path)
{
    return nd_fail(ctx, ND_ERR_IO,
                   "%s was cut short by another program while it was read, or the disk does not "
                   "give all of it",
                   path);
}

/* *fd is -1 if the bytes keep it. */
static nd_status read_open_file(nd_ctx *ctx, const char *path, int *fd, nd_bytes *bytes)
{
    struct stat st;
    if (fstat(*fd, &st) != 0) {
        return fail_system(ctx, "cannot read", path, errno);
    }
    if (S_ISDIR(st.st_mode)) {
        return fail_system(ctx, "cannot read", path, EISDIR);
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0 && (uintmax_t)st.st_size <= SIZE_MAX / 2) {
        size_t size = (size_t)st.st_size;
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, *fd, 0);
        int watched = data != MAP_FAILED ? nd_mapped_watch(data, size, *fd) : 0;
        if (watched > 0) {
            *bytes = (nd_bytes){.data = data, .size = size, .mapped = true, .watched = watched};
            *fd = -1;
            return ND_OK;
        }
        if (data != MAP_FAILED) {
            munmap(data, size);
        }
    }
    ND_TRY(read_all(ctx, path, *fd, bytes));
    if (bytes->size < (uintmax_t)st.st_size && fstat(*fd, &st) == 0 &&
        bytes->size == (uintmax_t)st.st_size) {
        nd_bytes_free(bytes);
        return fail_cut(ctx, path);
    }
    return ND_OK;
}

nd_status nd_file_read(nd_ctx *ctx, const char *path, nd_bytes *bytes)
{
    *bytes = (nd_bytes){0};
    if (strcmp(path, "-") == 0) {
        return read_all(ctx, "standard input", STDIN_FILENO, bytes);
    }
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return fail_system(ctx, "cannot open", path, errno);
    }
    nd_status status = read_open_file(ctx, path, &fd, bytes);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

void nd_bytes_free(nd_bytes *bytes)
{
    union {
        const char *in;
        void *out;
    } data = {.in = bytes->data};
    if (bytes->mapped) {
        nd_mapped_end(bytes->watched);
        munmap(data.out, bytes->size);
    } else {
        nd_free(data.out);
    }
    *bytes = (nd_bytes){0};
}

nd_status nd_bytes_whole(nd_ctx *ctx, const char *path, const nd_bytes *bytes)
{
    bool cut = nd_mapped_look(bytes->watched) == ND_MAPPED_CUT;
    return cut ? fail_cut(ctx, path) : ND_OK;
}

void nd_bytes_warn(nd_ctx *ctx, const char *path, const nd_bytes *bytes)
{
    nd_mapped_state state = nd_mapped_look(bytes->watched);
    if (state == ND_MAPPED_GROWN) {
        nd_log(ctx, 1, "%s grew while it was read: its first %zu bytes were taken", path,
               bytes->size);
    } else if (state == ND_MAPPED_WRITTEN) {
        nd_log(ctx, 1,
               "%s was written to by another program while it was read: what was read may be "
               "partly old and partly new",
               path);
    }
}

nd_status nd_bytes_end(nd_ctx *ctx, const char *path, nd_bytes *bytes, nd_status status)
{
    nd_status whole = nd_bytes_whole(ctx, path, bytes);
    if (status == ND_OK && whole == ND_OK) {
        nd_bytes_warn(ctx, path, bytes);
    }
    nd_bytes_free(bytes);
    return whole != ND_OK ? whole : status;
}

bool nd_file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool nd_file_regular(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

char *nd_file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    return slash ? nd_strndup(path, length) : nd_strdup(".");
}

struct nd_out {
    nd_ctx *ctx;
    char *path;      /* where the file appears; a symbolic link is followed */
    char *temporary; /* NULL when bytes go straight to path */
    int fd;
    bool force;
};

/* Things with an own meaning of writing: devices, pipes, and open descriptors by
 * name, where replacing the name would miss what is open. */
static bool writes_through(const char *path)
{
    struct stat st;
    if (strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0 ||
        strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0) {
        return true;
    }
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* Length of the folder part with its slash; 0 if there is none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The path that a symbolic link stands for; itself if it is none. */
static char *resolve(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        char *target = realpath(path, NULL);
        if (target) {
            char *copy = nd_strdup(target);
            free(target);
            return copy;
        }
    }
    return nd_strdup(path);
}

static int random_name(char *text, size_t room)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        return -1;
    }
    snprintf(text, room, ".nadir-%016llx.tmp", (unsigned long long)bits);
    return 0;
}

/* The lock on a temporary file ends with its writer, however that ends: whoever gets
 * the lock has found a file that nobody writes any more. Where a file system has no
 * locks such files stay. */
static void sweep_file(int folder, const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
        unlinkat(folder, name, 0);
    }
    close(fd);
}

void nd_file_sweep(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (fnmatch(".nadir-????????????????.tmp", entry->d_name, 0) == 0) {
            sweep_file(dirfd(folder), entry->d_name);
        }
    }
    closedir(folder);
}

/* Lock a file just made; false if a sweep was quicker and removes it. */
static bool claim(int fd)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return false;
    }
    return fstat(fd, &st) != 0 || st.st_nlink > 0;
}

static nd_status open_temporary(nd_out *out)
{
    enum { NAME = 32, TRIES = 16 };
    size_t folder = folder_length(out->path);
    out->temporary = nd_alloc(folder + NAME, 1);
    if (!out->temporary) {
        return nd_fail_memory(out->ctx);
    }
    memcpy(out->temporary, out->path, folder);
    nd_file_sweep(folder > 0 ? out->temporary : ".");
    int error = EEXIST;
    for (int i = 0; i < TRIES && (error == EEXIST || error == EINTR); i++) {
        if (random_name(out->temporary + folder, NAME) != 0) {
            error = errno;
            break;
        }
        out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd >= 0 && claim(out->fd)) {
            return ND_OK;
        }
        error = out->fd < 0 ? errno : EEXIST;
        if (out->fd >= 0) {
            close(out->fd);
            out->fd = -1;
        }
    }
    nd_free(out->temporary);
    out->temporary = NULL;
    bool folder_itself = out->path[strlen(out->path) - 1] == '/';
    return fail_system(out->ctx,
                       folder_itself ? "cannot write in" : "cannot write in the folder of",
                       out->path, error);
}

nd_status nd_file_scratch(nd_ctx *ctx, const char *folder, int *fd)
{
    *fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) {
        return ND_OK;
    }
    /* A file system without nameless files: make a name and drop it. */
    size_t length = strlen(folder);
    nd_out out = {.ctx = ctx, .fd = -1, .path = nd_alloc(length + 2, 1)};
    if (!out.path) {
        return nd_fail_memory(ctx);
    }
    memcpy(out.path, folder, length);
    out.path[length] = '/';
    nd_status status = open_temporary(&out);
    if (status == ND_OK) {
        *fd = out.fd;
        unlink(out.temporary);
    }
    nd_free(out.temporary);
    nd_free(out.path);
    return status;
}

static nd_status open_through(nd_out *out)
{
    do {
        out->fd = open(out->path, O_WRONLY | O_CLOEXEC);
    } while (out->fd < 0 && errno == EINTR);
    return out->fd >= 0 ? ND_OK : fail_system(out->ctx, "cannot write", out->path, errno);
}

static void free_out(nd_out *out)
{
    if (out->fd >= 0) {
        close(out->fd);
    }
    nd_free(out->temporary);
    nd_free(out->path);
    nd_free(out);
}

static nd_status fail_exists(nd_ctx *ctx, const char *path)
{
    return nd_fail(ctx, ND_ERR_EXISTS, "%s: exists already (--force overwrites it)", path);
}

static nd_status open_target(nd_out *out)
{
    struct stat st;
    if (writes_through(out->path)) {
        return open_through(out);
    }
    if (stat(out->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return fail_system(out->ctx, "cannot write", out->path, EISDIR);
    }
    if (!out->force && nd_file_exists(out->path)) {
        return fail_exists(out->ctx, out->path);
    }
    return open_temporary(out);
}

nd_status nd_out_open(nd_ctx *ctx, const char *path, bool force, nd_out **result)
{
    *result = NULL;
    nd_out *out = nd_alloc(1, sizeof *out);
    if (!out) {
        return nd_fail_memory(ctx);
    }
    out->ctx = ctx;
    out->fd = -1;
    out->force = force;
    out->path = writes_through(path) ? nd_strdup(path) : resolve(path);
    nd_status status = out->path ? open_target(out) : nd_fail_memory(ctx);
    if (status != ND_OK) {
        free_out(out);
        return status;
    }
    *result = out;
    return ND_OK;
}

nd_status nd_out_write(nd_out *out, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t put = write(out->fd, bytes, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_system(out->ctx, "cannot write", out->path, errno);
        }
        bytes += put;
        size -= (size_t)put;
    }
    return ND_OK;
}

nd_status nd_out_write_at(nd_out *out, uint64_t place, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t put = pwrite(out->fd, bytes, size, (off_t)place);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_system(out->ctx, "cannot write", out->path, errno);
        }
        bytes += put;
        place += (uint64_t)put;
        size -= (size_t)put;
    }
    return ND_OK;
}

/* Give the temporary file its name where none may be replaced. A link fails by
 * itself if the name is taken; file systems without links know the exclusive
 * rename, and the oldest need the check that a race can pass. */
static int take_free_name(const char *temporary, const char *path)
{
    if (link(temporary, path) == 0) {
        unlink(temporary);
        return 0;
    }
    if (errno == EEXIST) {
        return -1;
    }
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -1;
    }
    if (nd_file_exists(path)) {
        errno = EEXIST;
        return -1;
    }
    return rename(temporary, path);
}

/* Make the new name survive a power cut. A folder may be closed to readers, and some
 * file systems cannot sync one and say EINVAL; there is nothing more to do there. */
static nd_status sync_folder(nd_ctx *ctx, const char *folder)
{
    int error = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error = errno == EACCES ? 0 : errno;
    } else {
        error = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
        close(fd);
    }
    return error == 0 ? ND_OK : fail_system(ctx, "cannot sync the folder", folder, error);
}

nd_status nd_file_make_folder(nd_ctx *ctx, const char *path)
{
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST ? ND_OK : fail_system(ctx, "cannot make the folder", path, errno);
    }
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    char *name = nd_strndup(path, n);
    char *parent = name ? nd_file_folder(name) : NULL;
    nd_status status = parent ? sync_folder(ctx, parent) : nd_fail_memory(ctx);
    nd_free(parent);
    nd_free(name);
    return status;
}

/* Cut a path to its folder, in place: nothing may fail once the file is there. */
static void keep_folder(char *path)
{
    size_t n = folder_length(path);
    path[n > 0 ? n : 1] = '\0';
    if (n == 0) {
        path[0] = '.';
    }
}

static nd_status commit_temporary(nd_out *out)
{
    if (fsync(out->fd) != 0) {
        return fail_system(out->ctx, "cannot write", out->path, errno);
    }
    /* Closed after the rename only: the lock must last as long as the name. */
    int renamed =
        out->force ? rename(out->temporary, out->path) : take_free_name(out->temporary, out->path);
    if (renamed != 0) {
        return errno == EEXIST ? fail_exists(out->ctx, out->path)
                               : fail_system(out->ctx, "cannot write", out->path, errno);
    }
    char *folder = out->temporary;
    out->temporary = NULL;
    keep_folder(folder);
    nd_status status = sync_folder(out->ctx, folder);
    nd_free(folder);
    return status;
}

nd_status nd_out_commit(nd_out *out)
{
    nd_status status = ND_OK;
    if (out->temporary) {
        status = commit_temporary(out);
    } else {
        int closed = close(out->fd);
        out->fd = -1;
        if (closed != 0) {
            status = fail_system(out->ctx, "cannot write", out->path, errno);
        }
    }
    nd_out_abandon(out);
    return status;
}

void nd_out_abandon(nd_out *out)
{
    if (!out) {
        return;
    }
    if (out->temporary) {
        unlink(out->temporary);
    }
    free_out(out);
}
