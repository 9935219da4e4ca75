/* Patterns, the text formats of two collections of data for neural networks. FANN: the
 * numbers of rows, inputs and outputs, then for each row a line of inputs and a line of
 * outputs. PROBEN1 (Prechelt 1994, section 3.1; .dt): seven lines KEY=COUNT, then a line
 * for each row. */
#ifndef ND_DATA_PATTERNS_H
#define ND_DATA_PATTERNS_H

#include "data/table.h"

/* Bytes of a file's beginning that nd_patterns_possible looks at. */
enum { ND_PATTERNS_HEAD = 256 };

/* False if a text that begins so is certainly in neither format. */
bool nd_patterns_possible(const char *head, size_t size);

/* True if the whole text is in one of the formats, or in a damaged form of it. A table of
 * three whole numbers per line is none, unless its first line counts what follows. */
bool nd_patterns_detect(const char *text, size_t size);

/* Read a text into columns x1.. of inputs and y1.. of outputs, the latter as
 * table->targets. Outputs of which in every row one is 1 and all others are 0 (or all -1)
 * become one column y of classes "y1", "y2", ..., unless values is set or PROBEN1 calls
 * some of them real. PROBEN1's parts go to table->part.
 * ND_ERR_FORMAT with the line for what does not follow the format, also sizes that the
 * text cannot hold (nothing of that size is allocated); ND_ERR_DATA for a number that is
 * not finite. */
nd_status nd_patterns_parse(nd_ctx *ctx, const char *path, const char *text, size_t size,
                            bool values, nd_table **table);

/* The same from a file, ".gz" by content. */
nd_status nd_patterns_read(nd_ctx *ctx, const char *path, bool values, nd_table **table);

#endif
