#include "data/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"

enum { RAW_ROOM = 1 << 17 };

/* Bytes one zlib call is given at most; its counters are unsigned int. */
static const size_t zlib_most = (size_t)1 << 30;

struct nd_input {
    nd_ctx *ctx;
    const char *path;
    int fd;           /* -1: all raw bytes are in memory */
    char *room;       /* [RAW_ROOM] for raw bytes of fd */
    size_t file_size; /* of a regular file; else 0 */
    const char *raw;  /* raw bytes not yet used */
    size_t raw_size;
    bool raw_ended;
    bool gzip, in_member; /* in_member: z is inside a gzip member */
    z_stream z;
};

static bool gzip_magic(const char *data, size_t size)
{
    return size >= 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b;
}

static nd_status fail_system(nd_input *input, int error)
{
    char room[ND_ERRNO_TEXT];
    return nd_fail(input->ctx, ND_ERR_IO, "%s: %s", input->path, nd_errno_text(error, room));
}

/* At the end of the file: a regular one may have become shorter since it was opened. */
static nd_status raw_end(nd_input *input)
{
    struct stat info;
    input->raw_ended = true;
    if (input->file_size > 0 && fstat(input->fd, &info) == 0 &&
        (uintmax_t)info.st_size < input->file_size) {
        return nd_fail(input->ctx, ND_ERR_IO,
                       "%s was cut short by another program while it was read", input->path);
    }
    return ND_OK;
}

/* Have at least two raw bytes, unless the end comes first. */
static nd_status raw_fill(nd_input *input)
{
    if (input->fd < 0 || input->raw_ended || input->raw_size >= 2) {
        return ND_OK;
    }
    if (input->raw_size > 0) {
        input->room[0] = input->raw[0];
    }
    input->raw = input->room;
    while (input->raw_size < 2 && !input->raw_ended) {
        ssize_t n = read(input->fd, input->room + input->raw_size, RAW_ROOM - input->raw_size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_system(input, errno);
        }
        input->raw_size += (size_t)n;
        if (n == 0) {
            ND_TRY(raw_end(input));
        }
    }
    return ND_OK;
}

static voidpf take_memory(voidpf user, uInt count, uInt size)
{
    (void)user;
    return nd_alloc(count, size);
}

static void give_memory(voidpf user, voidpf memory)
{
    (void)user;
    nd_free(memory);
}

static nd_status begin(nd_input *input)
{
    ND_TRY(raw_fill(input));
    input->z.zalloc = take_memory;
    input->z.zfree = give_memory;
    input->gzip = gzip_magic(input->raw, input->raw_size);
    if (input->gzip && inflateInit2(&input->z, 16 + MAX_WBITS) != Z_OK) {
        input->gzip = false;
        return nd_fail_memory(input->ctx);
    }
    input->in_member = input->gzip;
    return ND_OK;
}

static nd_status open_fd(nd_input *input)
{
    bool standard = strcmp(input->path, "-") == 0;
    input->fd = standard ? STDIN_FILENO : open(input->path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (input->fd < 0 || fstat(input->fd, &info) != 0) {
        return fail_system(input, errno);
    }
    if (S_ISDIR(info.st_mode)) {
        return fail_system(input, EISDIR);
    }
    input->file_size = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size : 0;
    input->room = nd_alloc(RAW_ROOM, 1);
    return input->room ? ND_OK : nd_fail_memory(input->ctx);
}

nd_status nd_input_open(nd_ctx *ctx, const char *path, nd_input **input)
{
    *input = NULL;
    nd_input *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->ctx = ctx;
    made->path = path;
    made->fd = -1;
    nd_status status = open_fd(made);
    if (status == ND_OK) {
        status = begin(made);
    }
    if (status != ND_OK) {
        nd_input_close(made);
        return status;
    }
    *input = made;
    return ND_OK;
}

nd_status nd_input_open_memory(nd_ctx *ctx, const char *path, const char *data, size_t size,
                               nd_input **input)
{
    *input = NULL;
    nd_input *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->ctx = ctx;
    made->path = path;
    made->fd = -1;
    made->raw = data;
    made->raw_size = size;
    made->raw_ended = true;
    nd_status status = begin(made);
    if (status != ND_OK) {
        nd_input_close(made);
        return status;
    }
    *input = made;
    return ND_OK;
}

void nd_input_close(nd_input *input)
{
    if (!input) {
        return;
    }
    if (input->gzip) {
        inflateEnd(&input->z);
    }
    if (input->fd > STDIN_FILENO) {
        close(input->fd);
    }
    nd_free(input->room);
    nd_free(input);
}

/* Raw bytes straight into a large buffer, past the input's own. */
static nd_status read_past(nd_input *input, char *buffer, size_t room, size_t *got)
{
    ssize_t n;
    do {
        n = read(input->fd, buffer + *got, room - *got);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return fail_system(input, errno);
    }
    *got += (size_t)n;
    return n == 0 ? raw_end(input) : ND_OK;
}

static nd_status read_plain(nd_input *input, char *buffer, size_t room, size_t *got)
{
    while (*got < room) {
        bool waits = input->fd >= 0 && !input->raw_ended && input->raw_size == 0;
        if (waits && room - *got >= RAW_ROOM) {
            ND_TRY(read_past(input, buffer, room, got));
            continue;
        }
        if (input->raw_size == 0) {
            ND_TRY(raw_fill(input));
        }
        if (input->raw_size == 0) {
            break;
        }
        size_t n = input->raw_size < room - *got ? input->raw_size : room - *got;
        memcpy(buffer + *got, input->raw, n);
        input->raw += n;
        input->raw_size -= n;
        *got += n;
    }
    return ND_OK;
}

/* Between members: another member follows, or the data is over. */
static nd_status next_member(nd_input *input, bool *ended)
{
    ND_TRY(raw_fill(input));
    *ended = input->raw_size == 0;
    if (*ended) {
        return ND_OK;
    }
    if (!gzip_magic(input->raw, input->raw_size)) {
        return nd_fail(input->ctx, ND_ERR_FORMAT, "%s: bytes follow the end of the gzip data",
                       input->path);
    }
    /* Fails for a stream that was not begun alone. */
    (void)inflateReset(&input->z);
    input->in_member = true;
    return ND_OK;
}

/* One call of inflate. */
static nd_status inflate_some(nd_input *input, char *buffer, size_t room, size_t *got)
{
    if (input->raw_size == 0) {
        ND_TRY(raw_fill(input));
    }
    if (input->raw_size == 0) {
        return nd_fail(input->ctx, ND_ERR_FORMAT, "%s: the gzip data is cut short", input->path);
    }
    size_t in = input->raw_size < zlib_most ? input->raw_size : zlib_most;
    size_t out = room - *got < zlib_most ? room - *got : zlib_most;
    input->z.next_in = (z_const Bytef *)(uintptr_t)input->raw;
    input->z.avail_in = (uInt)in;
    input->z.next_out = (Bytef *)buffer + *got;
    input->z.avail_out = (uInt)out;
    int code = inflate(&input->z, Z_NO_FLUSH);
    size_t used = in - input->z.avail_in;
    input->raw += used;
    input->raw_size -= used;
    *got += out - input->z.avail_out;
    if (code == Z_MEM_ERROR) {
        return nd_fail_memory(input->ctx);
    }
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return nd_fail(input->ctx, ND_ERR_FORMAT, "%s: the gzip data is damaged (%s)", input->path,
                       input->z.msg ? input->z.msg : "unknown method");
    }
    input->in_member = code != Z_STREAM_END;
    return ND_OK;
}

nd_status nd_input_read(nd_input *input, char *buffer, size_t room, size_t *got)
{
    *got = 0;
    if (!input->gzip) {
        return read_plain(input, buffer, room, got);
    }
    while (*got < room) {
        if (!input->in_member) {
            bool ended = false;
            ND_TRY(next_member(input, &ended));
            if (ended) {
                break;
            }
        }
        ND_TRY(inflate_some(input, buffer, room, got));
    }
    return ND_OK;
}

/* Bytes to make room for at first: what the file says, which may be wrong. A gzip
 * file ends with the size of its last member (RFC 1952); deflate packs to a
 * thousandth at best. */
static size_t first_room(const nd_input *input)
{
    enum { LEAST = 1 << 18, BEST_RATIO = 1032 };
    unsigned char tail[4];
    size_t size = input->file_size;
    if (input->gzip && size > sizeof tail) {
        size_t most = size < SIZE_MAX / BEST_RATIO ? size * BEST_RATIO : SIZE_MAX / 2;
        ssize_t n = pread(input->fd, tail, sizeof tail, (off_t)(size - sizeof tail));
        size = n != (ssize_t)sizeof tail
                   ? 0
                   : (size_t)tail[3] << 24 | (size_t)tail[2] << 16 | (size_t)tail[1] << 8 | tail[0];
        size = size < most ? size : most;
    }
    return size < LEAST ? LEAST : size + 1;
}

/* Everything that is left, into a buffer that grows with what really comes. */
static nd_status read_all(nd_ctx *ctx, nd_input *input, char **data, size_t *size)
{
    size_t room = 0, got = 0;
    do {
        size_t wider = room ? room + room / 2 : first_room(input);
        char *grown = nd_realloc(*data, wider, 1);
        if (!grown) {
            return nd_fail_memory(ctx);
        }
        *data = grown;
        room = wider;
        ND_TRY(nd_input_read(input, *data + *size, room - *size, &got));
        *size += got;
    } while (*size == room);
    char *fitted = nd_realloc(*data, *size ? *size : 1, 1);
    *data = fitted ? fitted : *data;
    return ND_OK;
}

/* All of an open input, which is closed. */
static nd_status load(nd_ctx *ctx, nd_input *input, nd_bytes *bytes)
{
    char *data = NULL;
    size_t size = 0;
    nd_status status = read_all(ctx, input, &data, &size);
    nd_input_close(input);
    if (status != ND_OK) {
        nd_free(data);
        return status;
    }
    *bytes = (nd_bytes){.data = data, .size = size, .mapped = false};
    return ND_OK;
}

nd_status nd_gzip_load(nd_ctx *ctx, const char *path, nd_bytes *bytes)
{
    nd_input *input;
    *bytes = (nd_bytes){0};
    ND_TRY(nd_input_open(ctx, path, &input));
    return load(ctx, input, bytes);
}

nd_status nd_gzip_read(nd_ctx *ctx, const char *path, nd_bytes *bytes)
{
    nd_bytes raw = {0};
    *bytes = raw;
    ND_TRY(nd_file_read(ctx, path, &raw));
    if (!gzip_magic(raw.data, raw.size)) {
        *bytes = raw;
        return ND_OK;
    }
    nd_input *input;
    nd_status status = nd_input_open_memory(ctx, path, raw.data, raw.size, &input);
    if (status == ND_OK) {
        status = load(ctx, input, bytes);
    }
    status = nd_bytes_end(ctx, path, &raw, status);
    if (status != ND_OK) {
        nd_bytes_free(bytes);
    }
    return status;
}
