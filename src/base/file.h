/* Whole files in, whole files out. */
#ifndef ND_BASE_FILE_H
#define ND_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nadir.h"

enum { ND_ERRNO_TEXT = 128 };

/* A file's bytes: mapped where it is a regular file, read otherwise (pipes,
 * "-" for standard input). */
typedef struct nd_bytes {
    const char *data;
    size_t size;
    bool mapped;
    int watched; /* of nd_mapped_watch */
} nd_bytes;

/* The system's text for an errno value, thread-safe; room may hold it. */
const char *nd_errno_text(int error, char room[ND_ERRNO_TEXT]);

/* ND_ERR_IO with the system's reason (a folder is an error too), ND_ERR_MEMORY. */
nd_status nd_file_read(nd_ctx *ctx, const char *path, nd_bytes *bytes);
void nd_bytes_free(nd_bytes *bytes);

/* ND_ERR_IO if the file was cut short after nd_file_read, or could not be read on: what was
 * read of it may be zeros. */
nd_status nd_bytes_whole(nd_ctx *ctx, const char *path, const nd_bytes *bytes);

/* A warning if the file grew or was written to since nd_file_read. */
void nd_bytes_warn(nd_ctx *ctx, const char *path, const nd_bytes *bytes);

/* nd_bytes_free at the end of reading, which came to status: that of nd_bytes_whole where
 * it failed, else status, with nd_bytes_warn. */
nd_status nd_bytes_end(nd_ctx *ctx, const char *path, nd_bytes *bytes, nd_status status);

/* True if path exists (as anything). */
bool nd_file_exists(const char *path);

/* True if path is a regular file, or a link to one. */
bool nd_file_regular(const char *path);

/* Open a file without a name in a folder, for reading and writing; it is gone when
 * the descriptor is closed, also after a crash. ND_ERR_IO, ND_ERR_MEMORY; *fd is then -1. */
nd_status nd_file_scratch(nd_ctx *ctx, const char *folder, int *fd);

/* The folder part of a path, "." if it has none; NULL without memory (nd_free). */
char *nd_file_folder(const char *path);

/* Make a folder unless its name is taken; the name survives a power cut. ND_ERR_IO,
 * ND_ERR_MEMORY. */
nd_status nd_file_make_folder(nd_ctx *ctx, const char *path);

/* Remove temporary files of killed runs from a folder: those of the calling user that
 * no process holds open. Whatever cannot be removed stays. */
void nd_file_sweep(const char *path);

/* A file that appears whole or not at all: bytes go to a temporary file in the
 * same folder; commit does fsync, rename (or link without force, so that an
 * existing file is never replaced by a race), fsync of the folder. The temporary file
 * is locked (flock), and left over only by a process that was killed: opening the next
 * one in the folder sweeps it. */
typedef struct nd_out nd_out;

/* ND_ERR_EXISTS if path exists and force is false; ND_ERR_IO. */
nd_status nd_out_open(nd_ctx *ctx, const char *path, bool force, nd_out **result);
nd_status nd_out_write(nd_out *out, const void *data, size_t size);

/* The same at a place of its own; gaps that stay unwritten read as zeros. Regular
 * files only. ND_ERR_IO. */
nd_status nd_out_write_at(nd_out *out, uint64_t place, const void *data, size_t size);

/* Make the file appear; frees out whatever happens. On failure path is as it
 * was and the temporary file is gone; only where the sync of the folder fails is the
 * new file there, whole, and not yet safe from a power cut. */
nd_status nd_out_commit(nd_out *out);

/* Forget the file; NULL is allowed. */
void nd_out_abandon(nd_out *out);

#endif
