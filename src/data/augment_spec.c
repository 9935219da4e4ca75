/* What the attributes of an augmentation say, and what makes sense for a shape. */
#include <string.h>

#include "base/ctx.h"
#include "base/num.h"
#include "data/augment.h"

/* Elastic: largest deviation and factor; a field beyond them is no distortion any more. */
static const double most_sigma = 64, most_alpha = 10000;

#define REAL(key, most, unit, text, from)                                                        \
    {                                                                                            \
        .name = key, .type = ND_OPT_REAL, .preset = "0", .min = 0, .max = most, .metavar = unit, \
        .help = text, .source = from                                                             \
    }

static const nd_option options[] = {
    REAL("shift", 10000, "PIXELS", "moved by up to so many pixels, across and down",
         "LeCun et al. 1998, section III.C"),
    REAL("rotate", 180, "DEGREES", "turned by up to so many degrees", "Simard et al. 2003"),
    REAL("scale", 0.9, "X", "larger or smaller by up to this share, across and down",
         "LeCun et al. 1998, section III.C"),
    REAL("shear", 2, "X", "slanted by up to so many pixels per line",
         "LeCun et al. 1998, section III.C"),
    {.name = "elastic",
     .type = ND_OPT_TEXT,
     .preset = "",
     .metavar = "SIGMA:ALPHA",
     .help = "bent by a random field, smoothed over SIGMA pixels and multiplied by ALPHA",
     .source = "Simard et al. 2003, section 2"},
    {.name = "flip",
     .type = ND_OPT_CHOICE,
     .preset = "none",
     .choices = "none|horizontal|vertical|both",
     .metavar = "WORD",
     .help = "mirrored in half of the cases: left and right, top and bottom, or each of both",
     .source = "Krizhevsky et al. 2012"},
    REAL("brightness", 1, "X", "pixels times a factor within 1 - X .. 1 + X",
         "Krizhevsky et al. 2012"),
    REAL("contrast", 1, "X", "distances from the image's mean times such a factor", "Howard 2013"),
    {.name = "cutout",
     .type = ND_OPT_INT,
     .preset = "0",
     .min = 0,
     .max = 10000,
     .metavar = "PIXELS",
     .help = "a square of this side blanked, around any pixel",
     .source = "DeVries & Taylor 2017"},
};

const nd_option *nd_augment_options(size_t *count)
{
    *count = sizeof options / sizeof options[0];
    return options;
}

/* "6:36"; a missing text leaves both at 0. */
static nd_status read_elastic(nd_ctx *ctx, const char *text, nd_augment_spec *spec)
{
    const char *colon = strchr(text, ':');
    if (text[0] == '\0') {
        return ND_OK;
    }
    bool fits = colon != NULL &&
                nd_num_parse(text, (size_t)(colon - text), &spec->sigma) == ND_NUM_OK &&
                nd_num_parse(colon + 1, strlen(colon + 1), &spec->alpha) == ND_NUM_OK;
    if (!fits || !(spec->sigma >= 0.5 && spec->sigma <= most_sigma) ||
        !(spec->alpha > 0 && spec->alpha <= most_alpha)) {
        return nd_fail(ctx, ND_ERR_OPTION,
                       "elastic: '%s' is not SIGMA:ALPHA, with SIGMA of 0.5 to %g pixels and ALPHA "
                       "above 0, at most %g; for characters 28 pixels high, 6:36 is usual",
                       text, most_sigma, most_alpha);
    }
    return ND_OK;
}

nd_status nd_augment_read(nd_ctx *ctx, const char *attributes, nd_augment_spec *spec)
{
    nd_optset set;
    size_t count;
    const nd_option *rows = nd_augment_options(&count);
    *spec = (nd_augment_spec){0};
    ND_TRY(nd_optset_init(ctx, rows, count, "distortion of augment", &set));
    nd_status status = nd_optset_parse(&set, attributes, ND_FROM_CALL);
    if (status == ND_OK) {
        int flip = nd_opt_choice(&set, "flip");
        *spec = (nd_augment_spec){.shift = nd_opt_real(&set, "shift"),
                                  .rotate = nd_opt_real(&set, "rotate"),
                                  .scale = nd_opt_real(&set, "scale"),
                                  .shear = nd_opt_real(&set, "shear"),
                                  .flip_across = (flip & 1) != 0,
                                  .flip_down = (flip & 2) != 0,
                                  .brightness = nd_opt_real(&set, "brightness"),
                                  .contrast = nd_opt_real(&set, "contrast"),
                                  .cutout = (size_t)nd_opt_int(&set, "cutout")};
        status = read_elastic(ctx, nd_opt_text(&set, "elastic"), spec);
    }
    nd_optset_free(&set);
    return status;
}

static nd_status fail_shape(nd_ctx *ctx, const char *key, const nd_image *image, const char *why)
{
    return nd_fail(ctx, ND_ERR_OPTION,
                   "augment: %s makes no sense for images of %zux%zu pixels: %s", key, image->rows,
                   image->cols, why);
}

nd_status nd_augment_check(nd_ctx *ctx, const nd_augment_spec *spec, const nd_image *image)
{
    size_t low = image->rows < image->cols ? image->rows : image->cols;
    size_t high = image->rows < image->cols ? image->cols : image->rows;
    const char *line = "they are a single line (is that their shape? --image HEIGHTxWIDTH says "
                       "another)";
    const struct {
        bool given;
        const char *key;
    } plane[] = {
        {spec->rotate > 0, "rotate"}, {spec->shear > 0, "shear"}, {spec->alpha > 0, "elastic"}};
    for (size_t i = 0; low < 2 && i < sizeof plane / sizeof plane[0]; i++) {
        if (plane[i].given) {
            return fail_shape(ctx, plane[i].key, image, line);
        }
    }
    if (high < 2 && (spec->shift > 0 || spec->scale > 0)) {
        return fail_shape(ctx, spec->shift > 0 ? "shift" : "scale", image, "there is one pixel");
    }
    if ((spec->flip_across && image->cols < 2) || (spec->flip_down && image->rows < 2)) {
        return fail_shape(ctx, "flip", image, "mirrored they are the same");
    }
    if (spec->shift >= (double)high) {
        return fail_shape(ctx, "shift", image, "so far off nothing of them is left");
    }
    if (spec->cutout >= high) {
        return fail_shape(ctx, "cutout", image, "a square of this side can hide all of them");
    }
    return ND_OK;
}

/* One whole number of 1 or more up to the next 'x'; *text moves behind it. */
static bool read_size(const char **text, size_t *size)
{
    size_t n = strcspn(*text, "xX*");
    int64_t value;
    if (!nd_num_parse_int(*text, n, &value) || value < 1 || value > 1 << 15) {
        return false;
    }
    *size = (size_t)value;
    *text += n + ((*text)[n] != '\0');
    return true;
}

nd_status nd_image_parse(nd_ctx *ctx, const char *text, nd_image *image)
{
    size_t size[3], count = 0, length = strlen(text);
    const char *at = text;
    bool fits = length > 0 && strchr("xX*", text[length - 1]) == NULL;
    while (fits && *at != '\0') {
        fits = count < 3 && read_size(&at, &size[count]);
        count++;
    }
    if (!fits || count < 2) {
        return nd_fail(ctx, ND_ERR_OPTION,
                       "image: '%s' is not a shape like 28x28 (height, width), 32x32x3 (and "
                       "channels) or 3x32x32 (planes)",
                       text);
    }
    *image = (nd_image){.rows = size[0], .cols = size[1], .channels = count == 3 ? size[2] : 1};
    if (count == 3 && size[0] <= 4 && size[2] > 4) {
        *image = (nd_image){.rows = size[1], .cols = size[2], .channels = size[0], .planar = 1};
    }
    return ND_OK;
}
