#include <string.h>

#include "layer/layer.h"

#define ND_LAYER(name) extern const nd_layer_class nd_layer_##name;
#include "layer/layers.def"
#undef ND_LAYER

static const nd_layer_class *const table[] = {
#define ND_LAYER(name) &nd_layer_##name,
#include "layer/layers.def"
#undef ND_LAYER
};

const nd_layer_class *const *nd_layer_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_layer_class *nd_layer_find(const char *name)
{
    name = strcmp(name, "swish") == 0 ? "silu" : name;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
