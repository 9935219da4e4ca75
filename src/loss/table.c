#include <string.h>

#include "loss/loss.h"

#define ND_LOSS(name) extern const nd_loss_class nd_loss_##name;
#include "loss/losses.def"
#undef ND_LOSS

static const nd_loss_class *const table[] = {
#define ND_LOSS(name) &nd_loss_##name,
#include "loss/losses.def"
#undef ND_LOSS
};

const nd_loss_class *const *nd_loss_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_loss_class *nd_loss_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
