/* Signals of layers as lines of text and as JSON. */
#ifndef ND_REPORT_SIGNALS_H
#define ND_REPORT_SIGNALS_H

#include <jansson.h>

#include "base/text.h"
#include "nadir.h"

/* A table with a head; nothing without signals. */
void nd_signals_text(nd_text *text, const nd_layer_signal *signal, size_t count);

/* [{"name": "dense1", "gradient": 0.1, ...}, ...]; numbers that do not apply are left
 * out. NULL without memory. */
json_t *nd_signals_json(const nd_layer_signal *signal, size_t count);

#endif
