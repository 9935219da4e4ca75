/* From the option table's values to the parameters of the floors below. */
#ifndef ND_JOB_SETTINGS_H
#define ND_JOB_SETTINGS_H

#include "data/augment.h"
#include "data/csv.h"
#include "data/prep.h"
#include "job/options.h"

/* The texts of one LIST option. */
typedef struct nd_strings {
    char **item;
    size_t count;
} nd_strings;

nd_status nd_strings_from(const nd_optset *set, const char *key, nd_strings *strings);
void nd_strings_free(nd_strings *strings);

/* Parameters of readers and preparation, with the lists they point into. Options
 * that the verb does not take are at their defaults. */
typedef struct nd_settings {
    nd_csv_params csv;
    nd_prep_params prep;
    nd_strings number, category, target, drop, keep, class_weight;
    nd_image image; /* rows 0: not given */
} nd_settings;

/* config NULL means every default of verb. ND_ERR_OPTION, ND_ERR_MEMORY. */
nd_status nd_settings_from(nd_ctx *ctx, const nd_config *config, nd_settings *settings);

/* One more column that is no input. ND_ERR_MEMORY. */
nd_status nd_settings_drop(nd_ctx *ctx, nd_settings *settings, const char *column);
void nd_settings_free(nd_settings *settings);

/* Width of the embedding of a category column by the option embedding: 0 where it is off or no option.
 *   rows  of the embedding: words, and perhaps other and missing
 * ND_ERR_OPTION. */
nd_status nd_embedding_dims(const nd_config *config, size_t rows, size_t *dims);

/* The caller's settings, or fresh ones with the defaults of verb in *owned when
 * there are none (destroy *owned in either case). ND_ERR_ARGUMENT for settings of
 * another verb, which lack the options of this one. */
nd_status nd_settings_or_default(nd_ctx *ctx, const nd_config *config, unsigned verb,
                                 nd_config **owned, const nd_config **effective);

#endif
