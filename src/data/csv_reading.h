/* A whole text on its way into a table, and where its columns lie meanwhile. */
#ifndef ND_DATA_CSV_READING_H
#define ND_DATA_CSV_READING_H

#include "data/csv_internal.h"

typedef struct nd_csv_reading {
    nd_csv_file file;
    nd_csv_job job;
    nd_store *store;         /* NULL: columns are in memory */
    unsigned char *as;       /* [columns] how the columns are read now */
    unsigned char *declared; /* [columns] what params demand, or 0 */
    nd_dict **dict;          /* [columns] of the word columns */
    nd_csv_chunk *chunk;
    size_t chunks;
    size_t room, rows;
    size_t piece;        /* bytes per chunk */
    bool *quoted;        /* [chunks] the nominal piece holds a quote */
    size_t *word_column; /* columns being merged, and their outcome */
    nd_status *word_status;
} nd_csv_reading;

/* An array of a column, [count] of size bytes: in the store of the call, if there is
 * one. ND_ERR_MEMORY, ND_ERR_IO (the disk is full). */
nd_status nd_csv_get_block(const nd_csv_reading *r, size_t size, size_t count, void **block);

/* Give such an array back. */
void nd_csv_drop_block(const nd_csv_reading *r, void *block);

/* With a store, forget the pages of a piece of the text. */
void nd_csv_forget_text(const nd_csv_reading *r, const char *from, const char *to);

/* With a store, forget the memory of the rows that a chunk has room for in every column,
 * and of its text. */
void nd_csv_forget_chunk(const nd_csv_reading *r, const nd_csv_chunk *chunk);

#endif
