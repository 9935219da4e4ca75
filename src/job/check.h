/* Data that lies, looked for with the settings of a verb. */
#ifndef ND_JOB_CHECK_H
#define ND_JOB_CHECK_H

#include "data/check.h"
#include "job/rows.h"
#include "job/settings.h"

/* What nd_train says before it starts: each finding that the preparation does not report
 * by itself is logged as a warning, and the first that is an error ends the call with
 * ND_ERR_DATA. Where a class that no training row has was allowed, its rows leave the parts.
 * Tables made from arrays are not looked at. */
nd_status nd_train_check(const nd_config *config, const nd_settings *settings, const nd_prep *prep,
                         const nd_table *table, nd_parts *parts);

/* The same for tables that memory does not hold: on a sample of their rows where they have more
 * than an eighth of memory bytes could hold. */
nd_status nd_train_check_large(const nd_config *config, const nd_settings *settings,
                               const nd_prep *prep, const nd_table *table, nd_parts *parts,
                               size_t memory);

#endif
