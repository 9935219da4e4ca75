#include <string.h>

#include "optim/optim.h"

#define ND_OPTIM(name) extern const nd_optim_class nd_optim_##name;
#include "optim/optims.def"
#undef ND_OPTIM

static const nd_optim_class *const table[] = {
#define ND_OPTIM(name) &nd_optim_##name,
#include "optim/optims.def"
#undef ND_OPTIM
};

const nd_optim_class *const *nd_optim_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_optim_class *nd_optim_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
