/* Cells as hashes that are equal for equal values in all tables. */
#ifndef ND_DATA_CELL_HASH_H
#define ND_DATA_CELL_HASH_H

#include "data/table.h"

/* One column of one table, to hash. */
typedef struct nd_cell_hash {
    const nd_column *column;
    uint64_t *word; /* of each word of the dictionary; NULL for numbers */
    uint64_t salt;  /* tells columns with equal values apart */
} nd_cell_hash;

/* ctx: for the message, may be NULL. ND_ERR_MEMORY. */
nd_status nd_cell_hash_init(nd_ctx *ctx, const nd_column *column, size_t salt, nd_cell_hash *hash);
void nd_cell_hash_free(nd_cell_hash *hash);

/* Any thread. Missing cells are equal; -0 and 0 as well. */
uint64_t nd_cell_hash_at(const nd_cell_hash *hash, size_t row);

#endif
