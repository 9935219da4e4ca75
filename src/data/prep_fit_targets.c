/* How targets are scaled, and how often their classes occur, decided on the training rows. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/prep_parts.h"
#include "data/stats.h"

/* Predictions are nd_real: a target must stay inside its range, and its values be
 * told apart there. */
static nd_status check_values(const nd_prep *prep, const char *path, const nd_prep_target *target,
                              const nd_stats *stats)
{
    const double most = 1e30, least = 1e-30; /* with room for errors and their squares */
    double size = fmax(fabs(stats->min), fabs(stats->max));
    if (size > most || (stats->deviation > 0 && stats->deviation < least)) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" runs from %g to %g; what can be learned lies between "
                       "1e-30 and 1e30 in size: multiply it by a power of ten",
                       path, target->name, stats->min, stats->max);
    }
    double step = size * (sizeof(nd_real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON);
    if (stats->deviation > 0 && stats->deviation < step) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: target \"%s\" varies by %.2g only around %g, which predictions cannot "
                       "tell apart: subtract a constant from it",
                       path, target->name, stats->deviation, stats->mean);
    }
    if (stats->deviation > 0 && stats->deviation < 100 * step) {
        nd_log(prep->ctx, 1,
               "target \"%s\" varies by %.2g only around %g: predictions are exact to about "
               "%.1g; subtract a constant from it",
               target->name, stats->deviation, stats->mean, step);
    }
    return ND_OK;
}

static nd_status fit_values(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                            size_t count)
{
    for (size_t t = 0; t < prep->targets; t++) {
        nd_stats stats;
        nd_prep_target *target = &prep->target[t];
        if (!nd_stats_take(&table->column[target->position], rows, count, &stats)) {
            return nd_fail_memory(prep->ctx);
        }
        target->center = prep->by_mean || prep->shares ? 0 : stats.mean;
        target->scale = prep->shares    ? 1
                        : prep->by_mean ? nd_prep_guard(stats.mean, 0)
                                        : nd_prep_guard(stats.deviation, stats.mean);
        target->share = prep->shares;
        target->mean = stats.mean;
        nd_status status = check_values(prep, table->path, target, &stats);
        nd_stats_free(&stats);
        ND_TRY(status);
    }
    return ND_OK;
}

static nd_status count_classes(nd_prep *prep, const nd_prep_map *map, const uint32_t *rows,
                               size_t count)
{
    size_t classes = nd_dict_count(prep->classes);
    memset(prep->class_count, 0, classes * sizeof *prep->class_count);
    for (size_t i = 0; i < count; i++) {
        nd_real label;
        ND_TRY(nd_prep_labels(map, rows ? rows + i : NULL, i, 1, &label));
        prep->class_count[(size_t)label]++;
    }
    for (size_t k = 0; k < classes; k++) {
        if (!(prep->class_count[k] > 0)) {
            nd_log(prep->ctx, 1, "class \"%s\" of target \"%s\" is not in the training rows",
                   nd_dict_word(prep->classes, (uint32_t)k, NULL), prep->target[0].name);
        }
    }
    return ND_OK;
}

nd_status nd_prep_fit_targets(nd_prep *prep, const nd_table *table, const uint32_t *rows,
                              size_t count)
{
    if (nd_prep_values(prep)) {
        return fit_values(prep, table, rows, count);
    }
    if (prep->task == ND_TASK_MULTILABEL) {
        return nd_prep_fit_labels(prep, table, rows, count);
    }
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(prep, table, true, &map));
    nd_status status = count_classes(prep, &map, rows, count);
    nd_prep_map_free(&map);
    return status;
}
