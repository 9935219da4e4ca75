/* What the files of the preparation share. */
#ifndef ND_DATA_PREP_PARTS_H
#define ND_DATA_PREP_PARTS_H

#include "data/prep.h"

/* Dictionary of words pick[n] of from, in the order of people: numbers by value if
 * all are finite numbers, else by bytes. NULL without memory. */
nd_dict *nd_words_sorted(const nd_dict *from, const uint32_t *pick, size_t n);

/* True if the column of the training table is a target and therefore no input. */
bool nd_prep_is_target(const nd_prep *prep, size_t column);

/* True if the column of a table is among names (by name or 1-based number). */
bool nd_prep_listed(const nd_table *table, size_t column, const char *const *names, size_t count);

/* Feature (place in the feature row) that says text[n] in a category column;
 * ND_DICT_NONE if none does. */
uint32_t nd_prep_word_feature(const nd_prep_column *column, const char *text, size_t n);

/* Class of the target of a row; ND_DICT_NONE if it is missing or unknown. The map must have
 * the target, of a classification. */
uint32_t nd_prep_class_at(const nd_prep_map *map, size_t row);

/* Target t of a row in its own units, for regression; NaN or infinite if it cannot be used. */
double nd_prep_value_at(const nd_prep_map *map, size_t row, size_t t);

/* Whether every target holds 0 and 1, or text of two words. */
nd_status nd_prep_all_binary(const nd_prep *prep, const nd_table *table, bool *all);

/* Make every target a label of two values. ND_ERR_DATA if one has another number of them. */
nd_status nd_prep_set_labels(nd_prep *prep, const nd_table *table, const char *why);

/* Scale by which a column with that center is divided: 1 where it is 0, or no more than rounding
 * noise of the center. */
double nd_prep_guard(double scale, double center);

/* Scaling of the targets, or the rows of each class. ND_ERR_DATA for values that predictions
 * cannot hold or tell apart. */
nd_status nd_prep_fit_targets(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                              size_t count);

/* Share of label 1 in the training rows of each target. */
nd_status nd_prep_fit_labels(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                             size_t count);

/* Make map->label[t]; the map must have the target. */
nd_status nd_prep_link_label(nd_prep_map *map, size_t t);

/* Label of target t in a row, ND_DICT_NONE if it is missing or neither; and the error. */
uint32_t nd_prep_label_at(const nd_prep_map *map, size_t row, size_t t);
nd_status nd_prep_fail_label(const nd_prep_map *map, size_t row, size_t t);

/* Weights of classes, of which the training rows have been counted, and of the rows.
 * ND_ERR_OPTION (no such class, no classes, no weight), ND_ERR_DATA as nd_prep_label_rows, or
 * if all weights of rows[count] are 0. */
nd_status nd_prep_fit_weights(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                              size_t count, const nd_prep_params *params);

/* Why an autoencoder cannot give back the inputs of a fitted prep, NULL if it can; *column
 * gets the name of the column at fault, NULL if it is none. */
const char *nd_prep_mirror_error(const nd_prep *prep, const char **column);

/* Look for that after fitting, and keep features from 0 to 1 where params ask for it.
 * ND_ERR_DATA, ND_ERR_OPTION. */
nd_status nd_prep_fit_mirror(nd_prep *prep, const nd_table *table, const nd_prep_params *params);

/* Warnings about input columns that were dropped for their values, other than by request: first
 * about those that are constant, which many may be, then about each of the others.
 *   suspect  why column i looks like an identifier, or NULL
 *   like     a preparation that replaces this one: what it uses is not told; or NULL */
void nd_prep_tell_constant(const nd_prep *prep, const nd_prep *like);
void nd_prep_tell_dropped(const nd_prep *prep, size_t i, const char *suspect, const nd_prep *like);

/* ND_ERR_DATA with file, 1-based row and column. */
nd_status nd_prep_fail_cell(const nd_table *table, size_t row, const nd_column *column,
                            const char *what);

/* The same for a target that is below 0 and must not be. */
nd_status nd_prep_fail_below(const nd_table *table, size_t row, const nd_column *column, double v);

#endif
