/* What the files of the preparation share. */
#ifndef ND_DATA_PREP_PARTS_H
#define ND_DATA_PREP_PARTS_H

#include "data/prep.h"

/* Dictionary of words pick[n] of from, in the order of people: numbers by value if
 * all are finite numbers, else by bytes. NULL without memory. */
nd_dict *nd_words_sorted(const nd_dict *from, const uint32_t *pick, size_t n);

/* True if the column of a table is among names (by name or 1-based number). */
bool nd_prep_listed(const nd_table *table, size_t column, const char *const *names, size_t count);

/* Feature (place in the feature row) that says text[n] in a category column;
 * ND_DICT_NONE if none does. */
uint32_t nd_prep_word_feature(const nd_prep_column *column, const char *text, size_t n);

/* ND_ERR_DATA with file, 1-based row and column. */
nd_status nd_prep_fail_cell(const nd_table *table, size_t row, const nd_column *column,
                            const char *what);

#endif
