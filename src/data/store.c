#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate */
#endif
#include "data/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "data/gzip.h"

enum { COPY = 1 << 20 };

typedef struct block {
    void *data;
    size_t bytes;
    off_t place;
} block;

struct nd_store {
    nd_ctx *ctx;
    char *folder; /* for messages */
    int fd;
    size_t page;
    off_t size; /* of the file; a multiple of the page */
    block *block;
    size_t count, room;
};

static nd_status fail_system(const nd_store *store, const char *what, int error)
{
    char room[ND_ERRNO_TEXT];
    return nd_fail(store->ctx, ND_ERR_IO, "%s a temporary file in %s: %s", what, store->folder,
                   nd_errno_text(error, room));
}

nd_status nd_store_create(nd_ctx *ctx, const char *folder, nd_store **store)
{
    *store = NULL;
    nd_store *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->ctx = ctx;
    made->page = (size_t)sysconf(_SC_PAGESIZE);
    made->folder = nd_strdup(folder);
    nd_status status = made->folder ? nd_file_scratch(ctx, folder, &made->fd) : nd_fail_memory(ctx);
    if (status != ND_OK) {
        nd_free(made->folder);
        nd_free(made);
        return status;
    }
    *store = made;
    return ND_OK;
}

void nd_store_destroy(nd_store *store)
{
    if (!store) {
        return;
    }
    for (size_t i = 0; i < store->count; i++) {
        munmap(store->block[i].data, store->block[i].bytes);
    }
    close(store->fd);
    nd_free(store->block);
    nd_free(store->folder);
    nd_free(store);
}

/* Whole pages; false on overflow. */
static bool whole_pages(const nd_store *store, size_t count, size_t size, size_t *bytes)
{
    if (__builtin_mul_overflow(count, size, bytes) || *bytes > (size_t)1 << 60) {
        return false;
    }
    *bytes = (*bytes + store->page - 1) / store->page * store->page;
    *bytes = *bytes > 0 ? *bytes : store->page;
    return true;
}

/* A mapping of a file with holes dies by a signal when the disk is full. */
static nd_status take_room(nd_store *store, size_t bytes)
{
    int error = fallocate(store->fd, 0, store->size, (off_t)bytes) == 0 ? 0 : errno;
    if (error == EOPNOTSUPP || error == ENOSYS) {
        error = posix_fallocate(store->fd, store->size, (off_t)bytes);
    }
    return error == 0 ? ND_OK : fail_system(store, "cannot make room in", error);
}

nd_status nd_store_alloc(nd_store *store, size_t count, size_t size, void **result)
{
    block made = {.place = store->size};
    *result = NULL;
    if (!whole_pages(store, count, size, &made.bytes) ||
        !nd_grow((void **)&store->block, &store->room, store->count, sizeof *store->block)) {
        return nd_fail_memory(store->ctx);
    }
    ND_TRY(take_room(store, made.bytes));
    made.data = mmap(NULL, made.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, store->fd, store->size);
    if (made.data == MAP_FAILED) {
        return fail_system(store, "cannot map", errno);
    }
    nd_pages_small(made.data, made.bytes);
    store->size += (off_t)made.bytes;
    store->block[store->count++] = made;
    *result = made.data;
    return ND_OK;
}

void nd_store_free(nd_store *store, void *data)
{
    for (size_t i = 0; data && i < store->count; i++) {
        block *b = &store->block[i];
        if (b->data == data) {
            munmap(b->data, b->bytes);
            /* Only thrift: without it the room comes back with the file's end. */
            (void)fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b->place,
                            (off_t)b->bytes);
            *b = store->block[--store->count];
            return;
        }
    }
}

static nd_status append(nd_store *store, off_t place, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t put = pwrite(store->fd, data, size, place);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail_system(store, "cannot write", errno);
        }
        data += put;
        place += put;
        size -= (size_t)put;
    }
    return ND_OK;
}

static nd_status copy_input(nd_store *store, nd_input *input, char *buffer, size_t *size)
{
    size_t got = COPY;
    *size = 0;
    while (got == COPY) {
        ND_TRY(nd_input_read(input, buffer, COPY, &got));
        ND_TRY(append(store, store->size + (off_t)*size, buffer, got));
        *size += got;
    }
    return ND_OK;
}

/* What an input gives, at the end of the file, mapped. */
static nd_status spool(nd_store *store, nd_input *input, nd_bytes *bytes)
{
    size_t size = 0;
    char *buffer = nd_alloc(COPY, 1);
    nd_status status =
        buffer ? copy_input(store, input, buffer, &size) : nd_fail_memory(store->ctx);
    nd_free(buffer);
    if (status != ND_OK || size == 0) {
        return status;
    }
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, store->fd, store->size);
    if (data == MAP_FAILED) {
        return fail_system(store, "cannot map", errno);
    }
    nd_pages_small(data, size);
    store->size += (off_t)((size + store->page - 1) / store->page * store->page);
    *bytes = (nd_bytes){.data = data, .size = size, .mapped = true};
    return ND_OK;
}

static bool plain(const nd_bytes *bytes)
{
    return bytes->mapped && !(bytes->size >= 2 && (unsigned char)bytes->data[0] == 0x1f &&
                              (unsigned char)bytes->data[1] == 0x8b);
}

nd_status nd_store_text(nd_store *store, const char *path, nd_bytes *bytes)
{
    nd_input *input;
    *bytes = (nd_bytes){0};
    if (nd_file_regular(path)) {
        ND_TRY(nd_file_read(store->ctx, path, bytes));
        if (plain(bytes)) {
            nd_pages_small(bytes->data, bytes->size);
            return ND_OK;
        }
        nd_bytes_free(bytes);
    }
    ND_TRY(nd_input_open(store->ctx, path, &input));
    nd_status status = spool(store, input, bytes);
    nd_input_close(input);
    return status;
}

/* Every page that holds one of the bytes, as a range the system calls take. */
static void *page_range(const void *from, size_t *bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)from / page * page;
    uintptr_t last = ((uintptr_t)from + *bytes + page - 1) / page * page;
    *bytes = last - first;
    return (void *)first;
}

/* A read maps more than its page: an aligned stretch around it, or all of the large page
 * of the file cache that holds it (up to 2 MB). A walk that gave back just what it used
 * would leave that behind at each step. */
void nd_pages_forget(const void *mapping, size_t size, size_t from, size_t bytes)
{
    const size_t around = (size_t)2 << 20;
    if (bytes == 0 || from >= size) {
        return;
    }
    size_t to = bytes < size - from ? from + bytes : size;
    from = from > around ? from - around : 0;
    to = size - to > around ? to + around : size;
    bytes = to - from;
    void *first = page_range((const char *)mapping + from, &bytes);
    (void)madvise(first, bytes, MADV_DONTNEED);
}

void nd_pages_small(const void *from, size_t bytes)
{
#ifdef MADV_NOHUGEPAGE
    if (bytes > 0) {
        void *first = page_range(from, &bytes);
        (void)madvise(first, bytes, MADV_NOHUGEPAGE);
    }
#else
    (void)from;
    (void)bytes;
#endif
}

void nd_pages_expect(const void *from, size_t bytes)
{
    if (bytes > 0) {
        void *first = page_range(from, &bytes);
        (void)madvise(first, bytes, MADV_WILLNEED);
    }
}
