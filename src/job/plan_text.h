/* What is about to be done, for people to read before the first epoch. */
#ifndef ND_JOB_PLAN_TEXT_H
#define ND_JOB_PLAN_TEXT_H

#include "base/text.h"
#include "job/auto.h"
#include "job/rows.h"
#include "net/net.h"

void nd_plan_text(nd_text *text, const nd_config *config, const nd_table *table,
                  const nd_prep *prep, const nd_parts *parts, const nd_setup *plan,
                  const nd_desc *desc);

/* How many of the threads one training uses: a small network is faster on fewer than there
 * are. */
void nd_plan_threads(nd_text *text, int threads, size_t rows, const nd_setup *plan,
                     const nd_desc *desc);

#endif
