/* Memory with a file behind it: arrays that may be larger than the memory. They are
 * mapped, so code uses them like others; pages that are given back come again from
 * the file. */
#ifndef ND_DATA_STORE_H
#define ND_DATA_STORE_H

#include "base/ctx.h"
#include "base/file.h"

typedef struct nd_store nd_store;

/* A nameless file in folder. ND_ERR_IO, ND_ERR_MEMORY; *store is then NULL. */
nd_status nd_store_create(nd_ctx *ctx, const char *folder, nd_store **store);

/* Unmap every block and forget the file; NULL is allowed. */
void nd_store_destroy(nd_store *store);

/* Zeroed array of count elements of size bytes, aligned to a page. Its room on the
 * disk is taken at once, so that writing to it cannot fail later. ND_ERR_IO (the disk
 * is full), ND_ERR_MEMORY; *block is then NULL. */
nd_status nd_store_alloc(nd_store *store, size_t count, size_t size, void **result);

/* Give a block back with its room on the disk; NULL is allowed. */
void nd_store_free(nd_store *store, void *data);

/* Text of a file, gunzipped if need be: a plain file is mapped, what cannot be
 * mapped as it is (gzip, pipes, "-") is copied into the store's file first. nd_bytes_free
 * it before the store goes. ND_ERR_IO, ND_ERR_FORMAT as nd_gzip_read. */
nd_status nd_store_text(nd_store *store, const char *path, nd_bytes *bytes);

/* Give the pages that hold bytes from..from+bytes-1 of a shared or read-only mapping of
 * size bytes back to the system, with what it mapped around them; nothing is lost.
 * Never for memory of nd_alloc. */
void nd_pages_forget(const void *mapping, size_t size, size_t from, size_t bytes);

/* Ask for small pages in a mapping: where a file system has large ones, each column that
 * is touched would count with 2 MB. */
void nd_pages_small(const void *from, size_t bytes);

/* Tell the system that these bytes of a mapping are read soon. */
void nd_pages_expect(const void *from, size_t bytes);

#endif
