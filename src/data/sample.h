/* A sample of the rows of a table, for a look at data that memory does not hold. */
#ifndef ND_DATA_SAMPLE_H
#define ND_DATA_SAMPLE_H

#include "data/prep.h"

/* Which rows are taken. Their values in the key columns choose them, so that rows which repeat
 * each other there are taken together, from every table that has the columns; where one group of
 * such rows would be too much of the sample, some of them. */
typedef struct nd_sampler {
    const char *const *key; /* [keys] names of columns, borrowed; a table may lack some */
    size_t keys;
    double share;   /* of the rows, above 0 */
    uint32_t *seen; /* rows of all tables by their hash */
    size_t rows;    /* of all tables */
} nd_sampler;

/* ctx: for the message. nd_sampler_free() in any case. ND_ERR_MEMORY. */
nd_status nd_sampler_init(nd_ctx *ctx, const char *const *key, size_t keys, double share,
                          nd_sampler *sampler);
void nd_sampler_free(nd_sampler *sampler);

/* Once for each table, before rows are taken from any. ND_ERR_MEMORY. */
nd_status nd_sampler_count(nd_sampler *sampler, const nd_table *table);

/* Copy the rows that are taken into a table in memory; nd_table_row tells where they were.
 * ND_ERR_MEMORY; *sample is then NULL. */
nd_status nd_sampler_take(const nd_sampler *sampler, const nd_table *table, nd_table **sample);

/* Input columns that can choose a sample: names, borrowed from table, of columns that params does
 * not drop and that do not look like identifiers in the first rows, which would tell repeated
 * rows apart; most of them, evenly spread, where there are more. *key is for nd_free() in any
 * case, *keys gets how many. ND_ERR_MEMORY. */
nd_status nd_sample_key(const nd_table *table, const nd_prep_params *params, size_t most,
                        const char ***key, size_t *keys);

#endif
