/* What the files of the check share. */
#ifndef ND_DATA_CHECK_PARTS_H
#define ND_DATA_CHECK_PARTS_H

#include "data/check.h"
#include "data/stats.h"

/* An input column under check. */
typedef struct nd_check_column {
    size_t at; /* column of the table */
    nd_stats stats;
    const char *suspect;  /* why it looks like an identifier, or NULL */
    size_t extreme;       /* values far from all others */
    double extreme_value; /* the farthest of them */
    double low, high;     /* range of the others */
    double skill;         /* how far it tells the target by itself, at most 1 */
    bool exact;           /* it does in every row, value by value */
    bool class_like;      /* it has hardly more values than there are classes, or its
                                   gaps alone tell the class */
    bool ok;              /* false without memory */
} nd_check_column;

typedef struct nd_check {
    nd_ctx *ctx;
    const nd_table *table;
    const nd_prep *prep;
    const nd_check_params *params;
    nd_findings *findings;
    nd_check_column *column; /* [columns] inputs that are not ignored */
    size_t columns;
    uint32_t *label; /* [rows] class of each row, NULL without classes */
} nd_check;

/* Report a finding unless it is allowed. column: of the table, or SIZE_MAX. remedy:
 * the option that names the column and settles the matter ("ignore", "keep"), a whole
 * phrase if it holds a blank, or NULL. */
nd_status nd_check_add(nd_check *check, const char *name, bool error, size_t column, size_t count,
                       const char *remedy, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

/* Facts of column i of the check; tasks of a pool. */
void nd_check_look(void *user, size_t i);

/* Findings from those facts. */
nd_status nd_check_columns(nd_check *check);

/* How far column i tells the target by itself, on a sample of the rows; a task. */
void nd_check_tell(void *user, size_t i);
nd_status nd_check_leaks(nd_check *check);

/* Identical rows: within the table, with other labels, and in a part. */
nd_status nd_check_rows(nd_check *check, const nd_check_part *parts, size_t count);

/* Target t of a row as a number; the place of its word where it is text. */
double nd_check_number(const nd_check *check, size_t t, size_t row);

/* Pairs of equal keys in ascending key[n]. */
double nd_check_pairs(const uint64_t *key, size_t n);

#endif
