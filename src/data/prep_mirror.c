/* What an autoencoder learns to give back: its prepared inputs, in the units of the raw
 * columns wherever people see them. */
#include <string.h>

#include "data/prep_parts.h"

bool nd_prep_values(const nd_prep *prep)
{
    return prep->task == ND_TASK_REGRESSION || prep->task == ND_TASK_AUTOENCODER;
}

/* Why the features of a column cannot be turned back into its values; NULL if they can. */
static const char *no_way_back(const nd_prep_column *column)
{
    if (column->kind == ND_PREP_ONE_HOT || column->kind == ND_PREP_HASHED ||
        column->kind == ND_PREP_INDEX) {
        return "it holds categories";
    }
    if (column->kind == ND_PREP_DROPPED) {
        return NULL;
    }
    if (column->scaling == ND_SCALING_QUANTILE) {
        return "quantile scaling cannot be undone";
    }
    return column->missing_feature ? "values are missing in it" : NULL;
}

const char *nd_prep_mirror_error(const nd_prep *prep, const char **column)
{
    *column = NULL;
    for (size_t i = 0; i < prep->columns; i++) {
        const char *why = no_way_back(&prep->column[i]);
        if (why) {
            *column = prep->column[i].name;
            return why;
        }
    }
    return prep->features < 2 ? "there is a single input" : NULL;
}

/* Pixels of any file, and numbers cut to what training showed, from 0 to 1. */
static bool make_unit(nd_prep_column *column)
{
    if (column->kind == ND_PREP_DROPPED) {
        return true;
    }
    if (column->kind == ND_PREP_IMAGE) {
        column->center = 0;
        column->scale = 255;
        return column->scaling == ND_SCALING_MINMAX;
    }
    column->low = column->center;
    column->high = column->center + column->scale;
    return column->scaling == ND_SCALING_MINMAX;
}

nd_status nd_prep_fit_mirror(nd_prep *prep, const nd_table *table, const nd_prep_params *params)
{
    const char *name, *why = nd_prep_mirror_error(prep, &name);
    if (why && !name) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: %s; an autoencoder has nothing to learn there",
                       table->path, why);
    }
    if (why) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: column \"%s\": %s, so an autoencoder could not give it back; --ignore "
                       "\"%s\" leaves it out",
                       table->path, name, why, name);
    }
    for (size_t i = 0; params->unit && i < prep->columns; i++) {
        if (!make_unit(&prep->column[i])) {
            return nd_fail(prep->ctx, ND_ERR_OPTION,
                           "loss: binary_cross_entropy of an autoencoder takes inputs from 0 to 1: "
                           "set --scaling minmax");
        }
    }
    return ND_OK;
}

void nd_prep_units(const nd_prep *prep, double *center, double *scale, double *mean)
{
    for (size_t t = 0; prep->task == ND_TASK_REGRESSION && t < prep->targets; t++) {
        center[t] = prep->target[t].center;
        scale[t] = prep->target[t].scale;
        mean[t] = prep->target[t].share ? prep->target[t].mean : center[t];
    }
    for (size_t i = 0; prep->task == ND_TASK_AUTOENCODER && i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        for (size_t j = column->first; j < column->first + column->features; j++) {
            center[j] = column->center;
            scale[j] = column->scale;
            mean[j] = column->fill;
        }
    }
}

const char *nd_prep_output_name(const nd_prep *prep, size_t j, size_t *pixel)
{
    *pixel = 0;
    if (prep->task == ND_TASK_REGRESSION || prep->task == ND_TASK_MULTILABEL) {
        return prep->target[j].name;
    }
    if (prep->task != ND_TASK_AUTOENCODER) {
        return nd_dict_word(prep->classes, (uint32_t)j, NULL);
    }
    const nd_prep_column *column = prep->column;
    while (j >= column->first + column->features) {
        column++;
    }
    *pixel = column->kind == ND_PREP_IMAGE ? j - column->first + 1 : 0;
    return column->name;
}
