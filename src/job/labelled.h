/* Rows without a target, which a training can leave out. */
#ifndef ND_JOB_LABELLED_H
#define ND_JOB_LABELLED_H

#include "data/prep.h"
#include "job/options.h"

/* Where config allows target_missing, or target_missing:COLUMN: leave the rows that lack a
 * target (that one) out of a table that was just read into memory, with a warning. Rows of a
 * series stay, since windows reach over them.
 *   prep  the targets
 *   like  table whose last column is the target where prep names none
 * ND_ERR_DATA if no row is left. */
nd_status nd_table_keep_labelled(const nd_config *config, const nd_prep_params *prep,
                                 const nd_table *like, nd_table *table);

#endif
