/* Figures of an evaluation as a JSON value, and as text. */
#ifndef ND_REPORT_METRICS_JSON_H
#define ND_REPORT_METRICS_JSON_H

#include <jansson.h>

#include "base/num.h"
#include "base/text.h"
#include "train/metrics.h"

/* A new object, NULL without memory; figures that do not apply are null. */
json_t *nd_metrics_json(const nd_metrics *metrics);

/* A figure for people, in at most 9 characters unless negative: 0.8371, 65048.076, 150612. */
void nd_metrics_print_figure(char out[ND_NUM_TEXT], double value);

/* A real, or null for NaN and infinities, which JSON does not have. */
json_t *nd_json_number(double value);

/* A text that need not be UTF-8, such as a path, which JSON must be: bytes beyond ASCII
 * are shown as '?' then. NULL without memory. */
json_t *nd_json_text(const char *text);

/* Add a value, which is taken, to an object or a list. Without memory for the value or
 * its place the whole tree is freed and becomes NULL, and stays so: what is not whole
 * is not written. */
void nd_json_set(json_t **object, const char *key, json_t *value);
void nd_json_append(json_t **list, json_t *value);

/* JSON onto text, with jansson's flags; takes over value, NULL means that there was no
 * memory. Whether all of it is there is seen in text->failed: json_dumps passes over a lack
 * of memory inside the name of a member, and gives a text that lacks it. */
void nd_json_dump(nd_text *text, json_t *value, size_t flags);

/* The same, compact (0) or indented, ended by a line feed. ND_ERR_MEMORY. */
nd_status nd_json_add(nd_ctx *ctx, json_t *value, int indent, nd_text *text);

#endif
