/* What a check of a table found, for people and as JSON. */
#ifndef ND_REPORT_FINDINGS_H
#define ND_REPORT_FINDINGS_H

#include "data/check.h"

/* Write the findings on a table, errors first; as text at most ten of a name.
 *   looked  rows of it that were looked at
 *   json    0: text for people, 1: one JSON object
 * ND_ERR_MEMORY, ND_ERR_IO. */
nd_status nd_report_findings(const nd_table *table, size_t looked, const nd_findings *findings,
                             int json, const nd_sink *sink);

#endif
