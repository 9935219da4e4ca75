/* Training from a row cache: when one is used, its reuse and its making. */
#ifndef ND_JOB_CACHED_H
#define ND_JOB_CACHED_H

#include "data/cache.h"
#include "job/rows.h"

/* What a training from a row cache begins with. */
typedef struct nd_cached {
    char *name; /* of the file, until it is open; NULL: none is wanted */
    nd_cache *cache;
    nd_prep *prep;   /* the one the rows were prepared with */
    nd_table *table; /* path, rows and columns of the data; no cells */
    nd_parts parts;  /* likewise */
    size_t memory;   /* bytes that may be resident */
} nd_cached;

/* Bytes that the setting memory allows. ND_ERR_OPTION. */
nd_status nd_memory_allowed(const nd_config *config, size_t *memory);

/* *yes: the rows of a CSV file would not fit so much memory, as far as its size tells. */
nd_status nd_memory_exceeded(nd_ctx *ctx, const nd_config *config, const char *path, size_t memory,
                             bool *yes);

/* Name the cache of a data file, if config asks for one or the prepared rows would not fit the
 * memory it allows; else *cached stays empty (name NULL). Nothing is made.
 * ND_ERR_OPTION (a cache for what cannot have one; a memory that is no size). */
nd_status nd_cached_choose(nd_ctx *ctx, const nd_config *config, const char *path,
                           nd_cached *cached);

/* Open the cache that was named, or make it. ND_ERR_OPTION (memory that cannot do),
 * ND_ERR_EXISTS (the name is taken by something else), and the errors of reading. */
nd_status nd_cached_begin(nd_ctx *ctx, const nd_config *config, const char *path,
                          nd_cached *cached);

/* Rows of the parts first..last (ND_CACHE_*); *source is NULL if there are none. */
nd_status nd_cached_source(const nd_cached *cached, int first, int last, nd_source **source);

/* A batch, twice, must leave room for the rows it comes from. ND_ERR_OPTION. */
nd_status nd_cached_check_batch(const nd_cached *cached, size_t batch_rows);
void nd_cached_end(nd_cached *cached);

#endif
