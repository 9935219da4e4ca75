/* Data that lies: what in a table makes a model worse, or its figures too good. */
#ifndef ND_DATA_CHECK_H
#define ND_DATA_CHECK_H

#include "data/prep.h"

/* One finding. Its name is what --allow takes. */
typedef struct nd_finding {
    const char *name; /* "leak"; static */
    bool error;       /* true: a training would be worthless; false: a warning */
    char *column;     /* NULL: about the table as a whole */
    size_t count;     /* rows concerned */
    char *text;       /* what was found */
    char *remedy;     /* what to write to go on: "--ignore x, or --allow leak:x" */
} nd_finding;

typedef struct nd_findings {
    nd_finding *item; /* in the order they were found */
    size_t count, room;
    size_t errors;
} nd_findings;

/* A table that belongs to the one checked: test or validation rows. */
typedef struct nd_check_part {
    const char *what; /* "test" */
    const nd_table *table;
    const nd_table *whole; /* the one that table is a sample of, or NULL */
} nd_check_part;

typedef struct nd_check_params {
    const nd_prep_params *prep;
    const char *const *allow; /* findings not to report: NAME, or NAME:COLUMN */
    size_t allow_count;
    bool brief; /* leave out what the preparation reports by itself */
} nd_check_params;

/* Look for everything named in nd_check_name. prep: of nd_prep_begin on this table;
 * NULL: begin here, a target that cannot be used becoming a finding. parts[count] may be
 * NULL with 0. The log of the context is silent meanwhile.
 * Each column is sorted at most once, on at most 50000 rows for a leak; rows are compared by
 * 64-bit hashes, so that time is O(cells + rows log rows).
 * ND_ERR_OPTION for an allow that names no finding (the nearest is given), ND_ERR_DATA
 * for a target column that the table lacks, ND_ERR_MEMORY; *findings is then empty. */
nd_status nd_check_table(const nd_table *table, const nd_prep *prep, const nd_check_part *parts,
                         size_t count, const nd_check_params *params, nd_findings *findings);
void nd_findings_free(nd_findings *findings);

/* Name and one sentence of finding i, NULL behind the last. */
const char *nd_check_name(size_t i, const char **help);

#endif
