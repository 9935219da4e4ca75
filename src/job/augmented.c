#include "job/augmented.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"

/* A turn from which some digits become others, in degrees. */
static const double turns_digits = 60;

static bool asks(const nd_config *config)
{
    const char *text = nd_opt_text(&config->set, "augment");
    return text[0] != '\0' && strcmp(text, "none") != 0;
}

const nd_prep_column *nd_image_column(const nd_prep *prep)
{
    size_t i = 0;
    while (prep->column[i].kind == ND_PREP_DROPPED) {
        i++;
    }
    return &prep->column[i];
}

/* Side of the square that so many numbers fill, 0 if there is none to speak of. */
static size_t square_side(size_t n)
{
    size_t side = (size_t)(sqrt((double)n) + 0.5);
    return side > 2 && side * side == n ? side : 0;
}

/* Columns that could be pixels: those that are constant are inputs of an image too. */
static size_t candidates(const nd_prep *prep)
{
    size_t count = 0;
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        count += column->kind == ND_PREP_NUMBER ||
                 (column->kind == ND_PREP_DROPPED && strcmp(column->reason, "constant") == 0);
    }
    return count;
}

static nd_status fail_table(const nd_config *config, const nd_prep *prep)
{
    char hint[64] = "--image HEIGHTxWIDTH";
    size_t inputs = candidates(prep), side = square_side(inputs);
    if (side > 0) {
        snprintf(hint, sizeof hint, "--image %zux%zu", side, side);
    }
    return nd_fail(
        config->ctx, ND_ERR_OPTION,
        "augment: the rows are not images, which alone can be shifted, turned or bent; "
        "if the %zu number columns are pixels, %s says so; for other tables there are mixup, "
        "input_noise and input_dropout",
        inputs, hint);
}

nd_status nd_image_of(const nd_config *config, const nd_prep *prep, nd_image *image)
{
    const nd_prep_column *column = nd_image_column(prep);
    const char *given = nd_opt_text(&config->set, "image");
    if (prep->window > 0) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "augment: windows of rows are not images");
    }
    bool whole = column->kind == ND_PREP_IMAGE && column->features == prep->features;
    if (given[0] != '\0') {
        ND_TRY(nd_image_parse(config->ctx, given, image));
        return image->rows * image->cols * image->channels == prep->features
                   ? ND_OK
                   : nd_fail(config->ctx, ND_ERR_OPTION,
                             "image: %s does not fit rows of %zu numbers", given, prep->features);
    }
    if (!whole) {
        return fail_table(config, prep);
    }
    *image = (nd_image){.rows = column->image_rows, .cols = column->image_cols, .channels = 1};
    return ND_OK;
}

/* Ten classes, named by the digits. */
static bool are_digits(const nd_prep *prep)
{
    if (prep->task != ND_TASK_MULTICLASS || nd_dict_count(prep->classes) != 10) {
        return false;
    }
    for (uint32_t i = 0; i < 10; i++) {
        size_t n;
        const char *word = nd_dict_word(prep->classes, i, &n);
        if (n != 1 || word[0] < '0' || word[0] > '9') {
            return false;
        }
    }
    return true;
}

static void doubt(const nd_config *config, const nd_prep *prep, const nd_augment_spec *spec)
{
    if (!are_digits(prep)) {
        return;
    }
    if (spec->flip_across || spec->flip_down) {
        nd_log(config->ctx, 1,
               "augment: flip mirrors what look like digits: a mirrored 2 is no 2, and 6, turned "
               "over, is near 9; leave flip out unless the classes are something else");
    }
    if (spec->rotate >= turns_digits) {
        nd_log(config->ctx, 1,
               "augment: turned by up to %g degrees, 6 and 9 (and 1 and 7) become each other; "
               "5 to 15 degrees are usual for digits",
               spec->rotate);
    }
}

nd_status nd_build_augment(const nd_config *config, const nd_prep *prep, nd_augment **augment)
{
    nd_image image;
    *augment = NULL;
    if (!asks(config)) {
        return ND_OK;
    }
    const char *text = nd_opt_text(&config->set, "augment");
    const nd_prep_column *column = nd_image_column(prep);
    nd_augment_spec spec;
    ND_TRY(nd_augment_read(config->ctx, text, &spec));
    ND_TRY(nd_image_of(config, prep, &image));
    double background = 0 - column->center / column->scale;
    ND_TRY(nd_augment_create(config->ctx, &image, text, background, augment));
    doubt(config, prep, &spec);
    return ND_OK;
}

nd_status nd_read_mixup(const nd_config *config, const nd_setup *plan, double *alpha)
{
    *alpha = nd_opt_real(&config->set, "mixup");
    if (*alpha > 0 && plan->batch_size == 1) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "mixup: a batch of one row has no other row to mix it with (batch_size is "
                       "1)");
    }
    return ND_OK;
}
