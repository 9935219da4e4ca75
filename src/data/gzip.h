/* Gunzip by content: whole files, and files read piece by piece. */
#ifndef ND_DATA_GZIP_H
#define ND_DATA_GZIP_H

#include "base/file.h"

/* Read a file; if it begins with the gzip magic, unpack it (all members).
 * ND_ERR_FORMAT if the gzip data is damaged or cut. */
nd_status nd_gzip_read(nd_ctx *ctx, const char *path, nd_bytes *bytes);

/* The same into memory that the caller may keep (nd_free): never a mapping, whose
 * pages would count beside a copy of them and change with the file. */
nd_status nd_gzip_load(nd_ctx *ctx, const char *path, nd_bytes *bytes);

/* A file read from front to end ("-" is standard input), gunzipped on the way
 * if it begins with the gzip magic. */
typedef struct nd_input nd_input;

/* ND_ERR_IO, ND_ERR_MEMORY. path must outlive the input. */
nd_status nd_input_open(nd_ctx *ctx, const char *path, nd_input **input);

/* The same over bytes in memory, which must outlive the input; path is for
 * messages. */
nd_status nd_input_open_memory(nd_ctx *ctx, const char *path, const char *data, size_t size,
                               nd_input **input);

/* Fill buffer with the next up to room bytes; *got is less than room only at the
 * end. ND_ERR_IO; ND_ERR_FORMAT as in nd_gzip_read. */
nd_status nd_input_read(nd_input *input, char *buffer, size_t room, size_t *got);
void nd_input_close(nd_input *input);

#endif
