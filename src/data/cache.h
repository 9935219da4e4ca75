/* The row cache: prepared rows of a data set in a file of blocks, for training on more
 * rows than the memory holds. docs/row-cache.md is the format for its readers. */
#ifndef ND_DATA_CACHE_H
#define ND_DATA_CACHE_H

#include "data/source.h"

enum { ND_CACHE_TRAIN, ND_CACHE_VALID, ND_CACHE_TEST, ND_CACHE_PARTS };

/* What a cache holds. */
typedef struct nd_cache_head {
    uint64_t rows[ND_CACHE_PARTS];
    uint64_t features, label_width;
    uint64_t block_rows; /* of a full block */
    uint64_t source;     /* fingerprint of the files that the rows come from */
    uint64_t settings;   /* hash of what decided over the preparation and the split */
} nd_cache_head;

/* Rows of a block of about a mebibyte. */
uint64_t nd_cache_block_rows(uint64_t features, uint64_t label_width);

/* ---- Writing ---------------------------------------------------------------- */

typedef struct nd_cache_writer nd_cache_writer;

/* Start a cache that appears whole or not at all.
 *   head  rows are those that will be added
 *   note  [note_size] bytes kept beside the rows
 * ND_ERR_EXISTS if path exists and replace is false, ND_ERR_DATA (more rows than numbers
 * for them), ND_ERR_IO, ND_ERR_MEMORY; *writer is then NULL. */
nd_status nd_cache_create(nd_ctx *ctx, const char *path, bool replace, const nd_cache_head *head,
                          const char *note, size_t note_size, nd_cache_writer **writer);

/* Append rows to a part.
 *   x  [rows][features], y  [rows][label_width]
 * ND_ERR_ARGUMENT (more rows than the head says), ND_ERR_IO. */
nd_status nd_cache_add(nd_cache_writer *writer, int part, const nd_real *x, const nd_real *y,
                       size_t rows);

/* Make the file appear; frees writer whatever happens. ND_ERR_ARGUMENT if rows are
 * lacking, ND_ERR_IO. */
nd_status nd_cache_commit(nd_cache_writer *writer);

/* Forget the file; NULL is allowed. */
void nd_cache_abandon(nd_cache_writer *writer);

/* ---- Reading ---------------------------------------------------------------- */

typedef struct nd_cache nd_cache;

/* True if the file begins like a row cache. */
bool nd_cache_detect(const char *path);

/* Map a cache and check all but its rows: header, note, checksums of the blocks.
 * ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_MEMORY; *cache is then NULL. */
nd_status nd_cache_open(nd_ctx *ctx, const char *path, nd_cache **cache);

/* The same over bytes in memory, which must outlive the cache and be aligned to 64
 * bytes; path is for messages. */
nd_status nd_cache_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                         nd_cache **cache);

/* Compare every block with its checksum, on the context's pool, giving its memory back.
 * ND_ERR_FORMAT. */
nd_status nd_cache_verify(const nd_cache *cache);

const nd_cache_head *nd_cache_get_head(const nd_cache *cache);
const char *nd_cache_note(const nd_cache *cache, size_t *size);
uint64_t nd_cache_bytes(const nd_cache *cache);
void nd_cache_close(nd_cache *cache);

/* Rows of the parts first..last, read from the mapping; the cache must outlive it.
 *   window  bytes of rows that training may have mapped at once
 * *source is NULL for parts without rows. */
nd_status nd_source_from_cache(const nd_cache *cache, int first, int last, size_t window,
                               nd_source **source);

#endif
