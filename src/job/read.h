/* Reading a file whose column types are known from elsewhere. */
#ifndef ND_JOB_READ_H
#define ND_JOB_READ_H

#include "data/table.h"
#include "job/options.h"

/* Columns that must be numbers, and categories; names borrowed. */
typedef struct nd_hints {
    const char **number, **category;
    size_t number_count, category_count;
} nd_hints;

void nd_hints_free(nd_hints *hints);

/* nd_table_read, with the column types of another table: a validation or test
 * file whose categories happen to look like numbers. Its columns go where those of the
 * other table are, into memory or a store. */
nd_status nd_table_read_like(nd_ctx *ctx, const nd_config *config, const char *path,
                             const nd_table *like, nd_table **table);

/* True if the file begins like IDX, after gunzip. Standard input never does: it
 * cannot be read twice. ND_ERR_IO, ND_ERR_FORMAT (damaged gzip). */
nd_status nd_holds_images(nd_ctx *ctx, const char *path, bool *images);

#endif
