/* Something that yields prepared rows in any order; what the loop trains from. */
#ifndef ND_DATA_SOURCE_H
#define ND_DATA_SOURCE_H

#include "data/prep.h"

typedef struct nd_source nd_source;

/* Rows that lie in blocks of a mapped file, to be walked block by block: row r of
 * block b has the number b * full + r, and blocks may have fewer than full rows. */
typedef struct nd_source_blocks {
    size_t count, full;
    size_t window; /* blocks whose rows may be in use at once */
    size_t (*rows)(const nd_source *source, size_t block);
    void (*expect)(const nd_source *source, size_t block); /* it is read soon */
    void (*forget)(const nd_source *source, size_t block); /* its memory may go */
} nd_source_blocks;

struct nd_source {
    size_t rows, features, label_width;
    bool mirror;                    /* label rows are the feature rows */
    const nd_source_blocks *blocks; /* NULL: rows 0..rows-1 are at hand in any order */
    /* Copy rows index[count] into x [count][features] and y [count][label_width] (y
     * may be NULL, and stays as it is if the source has no labels). index NULL: rows
     * first.. in order. Does not allocate. Any thread, several at once. */
    void (*gather)(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                   nd_real *x, nd_real *y);
    /* nd_source_whole; NULL for rows in memory. */
    nd_status (*whole)(const nd_source *source);
    void (*destroy)(nd_source *source);
};

/* ND_ERR_IO if rows of a file that were gathered are not the file's, as another program
 * cut it or the disk failed. Costs next to nothing; any thread. */
nd_status nd_source_whole(const nd_source *source);

/* The same, spread over a pool where that pays; pool may be NULL. Walking a source
 * with blocks from the front gives back the blocks behind it. */
void nd_source_gather(const nd_source *source, nd_pool *pool, const uint32_t *index, size_t first,
                      size_t count, nd_real *x, nd_real *y);

/* Rows of a table through a preparation, prepared once and held in memory:
 * numbers as nd_real, an image column as bytes scaled on the way out.
 * Image bytes are borrowed, so the table must outlive the source; the map and the
 * preparation may go before it.
 *   rows  [count] of the table; NULL: rows 0..count-1. With a window, its last rows, none
 *         below window - 1; NULL: those from there on
 * Label rows end with the row's weight if the preparation has weights.
 * Without labels if the map lacks a target. ND_ERR_DATA as nd_prep_label_rows. */
nd_status nd_source_from_table(const nd_prep_map *map, const uint32_t *rows, size_t count,
                               nd_source **source);

/* Borrow two arrays. */
nd_status nd_source_from_arrays(nd_ctx *ctx, const nd_real *x, const nd_real *y, size_t rows,
                                size_t features, size_t label_width, nd_source **source);
void nd_source_destroy(nd_source *source);

#endif
