/* Reading a file whose column types are known from elsewhere. */
#ifndef ND_JOB_READ_H
#define ND_JOB_READ_H

#include "data/table.h"
#include "job/options.h"

/* Columns that must be numbers, and categories; names borrowed. */
typedef struct nd_hints {
    const char **number, **category;
    size_t number_count, category_count;
    bool values; /* outputs of patterns are numbers, although they look like classes */
} nd_hints;

void nd_hints_free(nd_hints *hints);

/* nd_table_read, with the column types of another table: a validation or test
 * file whose categories happen to look like numbers. Its columns go where those of the
 * other table are, into memory or a store. */
nd_status nd_table_read_like(nd_ctx *ctx, const nd_config *config, const char *path,
                             const nd_table *like, nd_table **table);

/* nd_table_read of a CSV file that memory bytes do not hold, into the columns of a store. */
nd_status nd_table_read_stored(nd_ctx *ctx, const nd_config *config, const char *path,
                               struct nd_store *store, size_t memory, nd_table **table);

typedef enum nd_content { ND_CONTENT_CSV, ND_CONTENT_IMAGES, ND_CONTENT_PATTERNS } nd_content;

/* What a file holds, by its bytes after gunzip. Standard input and pipes are CSV: they
 * cannot be read twice; and so is text for which config (may be NULL) names a delimiter.
 * ND_ERR_IO, ND_ERR_FORMAT (damaged gzip). */
nd_status nd_content_find(nd_ctx *ctx, const nd_config *config, const char *path,
                          nd_content *content);

#endif
