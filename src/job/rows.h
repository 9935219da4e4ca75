/* Which rows train, validate and test: shares of the table, or files beside it. */
#ifndef ND_JOB_ROWS_H
#define ND_JOB_ROWS_H

#include "data/prep.h"
#include "data/split.h"
#include "job/options.h"

/* One part: rows of a table. */
typedef struct nd_rows {
    const nd_table *table;
    const uint32_t *index; /* NULL: all rows of the table */
    size_t count;
} nd_rows;

typedef struct nd_parts {
    nd_split split;
    nd_table *valid_file, *test_file;   /* owned; NULL where a share was asked for */
    nd_rows train, valid, test;         /* count 0: no such part */
    bool told;                          /* the split is the file's own, not one by seed */
    uint32_t *valid_known, *test_known; /* owned; rows of the files that nd_parts_known kept, or
                                         * the windows of the files */
} nd_parts;

/* Read the files that valid and test name, if they name any; shares are left alone. */
nd_status nd_parts_read(nd_ctx *ctx, const nd_config *config, const nd_table *table,
                        nd_parts *parts);

/* Read the files that valid and test name, or split the table: as its file says, where
 * neither is given, else by seed, stratified for classes; windows by time. prep needs
 * targets and classes only (nd_prep_begin). */
nd_status nd_parts_make(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                        const nd_table *table, nd_parts *parts);
/* Fit a preparation on the training rows: with windows, on all rows up to the last that a
 * training window forecasts; the period of the naive forecast as well. */
nd_status nd_parts_fit(const nd_config *config, const nd_table *table, const nd_parts *parts,
                       const nd_prep_params *params, nd_prep *prep);

/* The parts of a table without data, whose rows were counted elsewhere: tables that
 * hold a path and a number of rows.
 *   count  rows to train, to validate and to test
 *   table  gets the table of the shares */
nd_status nd_parts_counted(nd_ctx *ctx, const nd_config *config, const char *path,
                           const size_t count[3], nd_table **table, nd_parts *parts);

/* Class of every row, for stratification; *labels stays NULL for regression (nd_free). */
nd_status nd_row_labels(const nd_prep *prep, const nd_table *table, nd_real **labels);

/* Leave out the rows of the files whose class prep does not know, with a warning each.
 * ND_ERR_DATA if no row of a file is left. */
nd_status nd_parts_known(const nd_prep *prep, nd_parts *parts);
void nd_parts_free(nd_parts *parts);

#endif
