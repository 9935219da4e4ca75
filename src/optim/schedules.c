/* The table of schedules. */
#include <string.h>

#include "optim/optim.h"

#define ND_SCHEDULE(name) extern const nd_schedule_class nd_schedule_##name;
#include "optim/schedules.def"
#undef ND_SCHEDULE

static const nd_schedule_class *const table[] = {
#define ND_SCHEDULE(name) &nd_schedule_##name,
#include "optim/schedules.def"
#undef ND_SCHEDULE
};

const nd_schedule_class *const *nd_schedule_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const nd_schedule_class *nd_schedule_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}
