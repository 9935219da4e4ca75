/* What a run is made from, in a form that two runs can compare: its settings, line by
 * line, and its rows as one number. */
#ifndef ND_JOB_FINGERPRINT_H
#define ND_JOB_FINGERPRINT_H

#include "data/cache.h"
#include "job/options.h"
#include "job/rows.h"

enum { ND_FINGERPRINT_TEXT = 17 };

/* One line per setting that a result depends on, "lr 0.01"; check text->failed. */
void nd_fingerprint_settings(const nd_config *config, nd_text *text);

/* ND_ERR_OPTION with a message that names the first setting that is not the same. */
nd_status nd_fingerprint_compare(nd_ctx *ctx, const char *then, const char *now);

/* SipHash of every table of the parts: names, types, values and words. */
void nd_fingerprint_data(const nd_table *table, const nd_parts *parts,
                         char text[ND_FINGERPRINT_TEXT]);

/* The same of rows in a cache: hash of what it was made from. */
void nd_fingerprint_cache(const nd_cache_head *head, char text[ND_FINGERPRINT_TEXT]);

#endif
