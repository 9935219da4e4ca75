#include "doctor/layers.h"

#include <math.h>

/* Shares of units, or of results, from which a layer hardly passes a gradient on; and the
 * share of the gradient above that is next to nothing. Usual ones are over a hundredth
 * (docs/techniques/vanishing-gradient.md). */
static const double most_dead = 0.9, most_saturated = 0.9, vanished = 1e-3;

/* Length of the weights of a layer; the usual rules start with more than 1. */
static const double least_weights = 0.1;

static bool see_weights(const nd_layer_signal *s, nd_text *why)
{
    if (s->weight == 0) {
        nd_text_printf(why, "all weights of \"%s\" are 0: try init auto", s->name);
    } else if (s->weight < least_weights) {
        nd_text_printf(why,
                       "the weights of \"%s\" are next to nothing (length %.2g): try less of "
                       "weight_decay, l1 and l2, a larger max_norm, or init auto",
                       s->name, s->weight);
    }
    return s->weight < least_weights;
}

/* A saturated unit whose derivative is rounded to 0 is dead as well. */
static bool see_units(const nd_layer_signal *s, nd_text *why)
{
    if (s->saturated >= most_saturated) {
        nd_text_printf(why,
                       "%.3g %% of the results of \"%s\" are saturated: try a lower learning "
                       "rate, smaller initial weights, or scaled inputs",
                       100 * s->saturated, s->name);
        return true;
    }
    if (s->dead >= most_dead) {
        nd_text_printf(why,
                       "%.3g %% of the units of \"%s\" are dead: try activation leaky_relu, a "
                       "lower learning rate, or bias_init 0.1",
                       100 * s->dead, s->name);
        return true;
    }
    return false;
}

/* The lowest layer that gets a gradient against the one that gets most. */
static bool see_gradient(const nd_layer_signal *signal, size_t count, nd_text *why)
{
    const nd_layer_signal *low = NULL, *most = NULL;
    for (size_t i = 0; i < count; i++) {
        if (signal[i].gradient > 0) {
            low = low ? low : &signal[i];
            most = most && most->gradient > signal[i].gradient ? most : &signal[i];
        }
    }
    if (!low || low->gradient >= vanished * most->gradient) {
        return false;
    }
    nd_text_printf(why,
                   "the gradient vanishes on its way down: that of \"%s\" is %.2g of that of "
                   "\"%s\": try activation relu, norm batch, or residual",
                   low->name, low->gradient / most->gradient, most->name);
    return true;
}

bool nd_doctor_layers(const nd_layer_signal *signal, size_t count, nd_text *why)
{
    for (size_t i = 0; i < count; i++) {
        if (see_weights(&signal[i], why) || see_units(&signal[i], why)) {
            return true;
        }
    }
    return see_gradient(signal, count, why);
}
