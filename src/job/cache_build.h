/* From a data file to a row cache, in bounded memory. */
#ifndef ND_JOB_CACHE_BUILD_H
#define ND_JOB_CACHE_BUILD_H

#include "data/cache.h"
#include "job/options.h"

/* Read path into columns on the disk, split and prepare them just as rows in memory
 * would be, and write the prepared rows to the cache file.
 *   source, settings  for the head
 *   memory            bytes that may be resident
 * ND_ERR_OPTION if the memory cannot hold what is kept per row; the errors of reading,
 * preparing and writing. */
nd_status nd_cache_build(nd_ctx *ctx, const nd_config *config, const char *path,
                         const char *cache_path, uint64_t source, uint64_t settings, size_t memory);

/* Bytes that must be resident for so many columns and rows, of which test are predicted
 * with so many outputs. */
double nd_cache_least_memory(double columns, double rows, double test, double outputs,
                             bool quantile);

#endif
