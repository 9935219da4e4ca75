/* Figures of an evaluation as a JSON value. */
#ifndef ND_REPORT_METRICS_JSON_H
#define ND_REPORT_METRICS_JSON_H

#include <jansson.h>

#include "base/text.h"
#include "train/metrics.h"

/* A new object, NULL without memory; figures that do not apply are null. */
json_t *nd_metrics_json(const nd_metrics *metrics);

/* A real, or null for NaN and infinities, which JSON does not have. */
json_t *nd_json_number(double value);

/* Compact (0) or indented JSON onto text; takes over value, NULL means that
 * there was no memory. */
nd_status nd_json_add(nd_ctx *ctx, json_t *value, int indent, nd_text *text);

#endif
