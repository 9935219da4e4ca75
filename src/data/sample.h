/* A sample of the rows of a table, for a look at data that memory does not hold. */
#ifndef ND_DATA_SAMPLE_H
#define ND_DATA_SAMPLE_H

#include "data/prep.h"

/* Copy about share of the rows into a table in memory. The values of the key columns choose
 * them, so that rows which repeat each other in those are taken together, from this table and
 * from any other that has the columns; nd_table_row tells where they were.
 *   key    [keys] names of columns; those that the table lacks are passed over
 *   share  of the rows, above 0
 * ND_ERR_MEMORY; *sample is then NULL. */
nd_status nd_table_sample(const nd_table *table, const char *const *key, size_t keys, double share,
                          nd_table **sample);

/* Input columns that can choose a sample: up to most names, borrowed from table, of columns that
 * params does not drop and that do not look like identifiers in the first rows, which would tell
 * repeated rows apart; *keys gets how many. ND_ERR_MEMORY. */
nd_status nd_sample_key(const nd_table *table, const nd_prep_params *params, const char **key,
                        size_t most, size_t *keys);

#endif
