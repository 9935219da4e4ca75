/* Distortions and mixing of rows, from the settings of a run. */
#ifndef ND_JOB_AUGMENTED_H
#define ND_JOB_AUGMENTED_H

#include "data/augment.h"
#include "data/prep.h"
#include "job/auto.h"

/* The shape of the images that the prepared rows are: that of the option image, else the
 * file's. ND_ERR_OPTION, saying what to write, if the rows are not images. */
nd_status nd_image_of(const nd_config *config, const nd_prep *prep, nd_image *image);

/* The preparation that all pixels share. */
const nd_prep_column *nd_image_column(const nd_prep *prep);

/* What the option augment asks for; *augment is NULL if it asks for nothing. A warning is
 * logged for what is likely to be a mistake. ND_ERR_OPTION, ND_ERR_MEMORY. */
nd_status nd_build_augment(const nd_config *config, const nd_prep *prep, nd_augment **augment);

/* Alpha of the option mixup. ND_ERR_OPTION if the batches have one row. */
nd_status nd_read_mixup(const nd_config *config, const nd_setup *plan, double *alpha);

#endif
