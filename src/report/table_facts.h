/* The facts that both forms of a table's description show. */
#ifndef ND_REPORT_TABLE_FACTS_H
#define ND_REPORT_TABLE_FACTS_H

#include "data/prep.h"
#include "data/stats.h"

enum { ND_REPORT_WORDS = 5 };

typedef struct nd_column_facts {
    const nd_column *column;
    nd_stats stats;
    size_t distinct;                /* different values; 0 for images */
    uint32_t word[ND_REPORT_WORDS]; /* most frequent first */
    size_t words;                   /* how many of them */
    const nd_prep_column *use;      /* NULL: a target, or no preparation */
    bool target;
} nd_column_facts;

typedef struct nd_table_facts {
    const nd_table *table;
    nd_column_facts *column; /* [table->columns] */
    nd_prep *prep;           /* NULL if the task could not be decided */
    bool fitted;
    char *problem; /* why there is no task or no feature, or NULL */
    char **note;   /* warnings of the preparation */
    size_t notes, notes_room;
} nd_table_facts;

nd_status nd_table_facts_gather(const nd_table *table, const nd_prep_params *params,
                                nd_table_facts *facts);
void nd_table_facts_free(nd_table_facts *facts);

/* "number", "text", "image". */
const char *nd_column_type_name(const nd_column *column);

#endif
