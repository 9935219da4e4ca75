/* Columns that number or name the rows instead of describing them. */
#ifndef ND_DATA_PREP_SUSPECT_H
#define ND_DATA_PREP_SUSPECT_H

#include "data/stats.h"

/* Fewest present cells for which a column can look like an identifier. */
enum { ND_SUSPECT_ROWS = 50 };

/* Why column c of the table looks like an identifier, judged by rows[count]; NULL if
 * it does not. A static string. Text: more than half of the present cells differ.
 * Whole numbers, all present, all different, and one of: the name says so (id,
 * *_id, *Id, index, uuid, ...); the column is the first and counts the rows; the
 * file has no header, the column is the first, and its range is more than 20 times
 * the number of rows. False in *ok without memory. */
const char *nd_suspect(const nd_table *table, size_t c, const uint32_t *rows, size_t count,
                       const nd_stats *stats, bool *ok);

/* True if the name of a column is one that identifiers have. */
bool nd_suspect_name(const char *name);

#endif
