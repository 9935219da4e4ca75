/* Why a network does not learn, from the signals of its layers. */
#ifndef ND_DOCTOR_LAYERS_H
#define ND_DOCTOR_LAYERS_H

#include "base/text.h"

/* Say which layer stands in the way, why, and what usually helps, the nearest cause first:
 * weights that are next to nothing, dead units, saturated units, a gradient that vanishes on its way
 * down.
 *   why  gets one clause without full stop
 * False if no layer stands out; why is then unchanged. */
bool nd_doctor_layers(const nd_layer_signal *signal, size_t count, nd_text *why);

#endif
