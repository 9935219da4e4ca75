/* What is in a table, and what the preparation would make of it. */
#ifndef ND_REPORT_TABLE_TEXT_H
#define ND_REPORT_TABLE_TEXT_H

#include "data/prep.h"

/* Describe a table: per column type, missing cells, number of different values,
 * range, mean, or the most frequent words; the task and the classes; what each
 * column would become if all rows were training rows; and the warnings of the
 * preparation. A target that cannot be used is part of the description ("problem").
 *   json  0: text for people, 1: one JSON object
 * ND_ERR_DATA after the whole description if there is such a problem, which is then the
 * message; ND_ERR_MEMORY, ND_ERR_IO. The log of the context is silent meanwhile. */
nd_status nd_report_table(const nd_table *table, const nd_prep_params *params, int json,
                          const nd_sink *sink);

#endif
