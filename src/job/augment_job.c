/* nadir augment: images as a training with the same settings would see them. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "data/png.h"
#include "job/augmented.h"
#include "job/build.h"
#include "job/settings.h"

/* Pixels between images, and behind the first of a line; and the least that an image is wide,
 * being shown larger by a whole factor if it is less. */
enum { GAP = 2, WIDE_GAP = 8, LEAST_WIDTH = 48, MOST = 1000 };

static const uint8_t gap_shade = 128;

typedef struct job {
    nd_ctx *ctx;
    const nd_config *config;
    const nd_table *table;
    nd_settings settings;
    nd_prep *prep;
    nd_parts parts;
    nd_source *source;
    nd_augment *augment;
    nd_image image;
    size_t lines, times;      /* images, and how often each is shown */
    size_t zoom, channels;    /* of the sheet */
    size_t height, width;     /* of the sheet, in pixels */
    double black, white;      /* raw values */
    nd_real *original, *seen; /* [lines][features] and one row */
    uint8_t *sheet;
} job;

static void job_free(job *j)
{
    nd_settings_free(&j->settings);
    nd_prep_destroy(j->prep);
    nd_parts_free(&j->parts);
    nd_source_destroy(j->source);
    nd_augment_destroy(j->augment);
    nd_free(j->original);
    nd_free(j->seen);
    nd_free(j->sheet);
}

static nd_status read_sheet(job *j)
{
    const char *text = nd_opt_text(&j->config->set, "sheet");
    const char *by = strchr(text, 'x');
    int64_t lines, times;
    if (by == NULL || !nd_num_parse_int(text, (size_t)(by - text), &lines) ||
        !nd_num_parse_int(by + 1, strlen(by + 1), &times) || lines < 1 || times < 2 ||
        lines > MOST || times > MOST) {
        return nd_fail(j->ctx, ND_ERR_OPTION,
                       "sheet: '%s' is not LINESxIMAGES, like 10x12, with 1 and 2 or more", text);
    }
    j->lines = (size_t)lines < j->source->rows ? (size_t)lines : j->source->rows;
    j->times = (size_t)times;
    return ND_OK;
}

static nd_status prepare(job *j)
{
    ND_TRY(nd_settings_from(j->ctx, j->config, &j->settings));
    ND_TRY(nd_prep_begin(j->ctx, j->table, &j->settings.prep, &j->prep));
    ND_TRY(nd_parts_make(j->ctx, j->config, j->prep, j->table, &j->parts));
    const nd_rows *train = &j->parts.train;
    ND_TRY(nd_parts_fit(j->config, j->table, &j->parts, &j->settings.prep, j->prep));
    ND_TRY(nd_build_augment(j->config, j->prep, &j->augment));
    if (j->augment == NULL) {
        return nd_fail(j->ctx, ND_ERR_OPTION,
                       "augment: nothing to show; give distortions, such as --augment "
                       "shift=2,rotate=10,elastic=6:36");
    }
    ND_TRY(nd_image_of(j->config, j->prep, &j->image));
    ND_TRY(nd_rows_source(j->prep, train, &j->source));
    return read_sheet(j);
}

/* Images spread over the training rows. */
static uint32_t row_of(const job *j, size_t line)
{
    return (uint32_t)((uint64_t)line * j->source->rows / j->lines);
}

static nd_status make_room(job *j)
{
    size_t height = j->image.rows, width = j->image.cols;
    j->zoom = width < LEAST_WIDTH ? (LEAST_WIDTH + width - 1) / width : 1;
    j->channels = j->image.channels == 3 ? 3 : 1;
    j->height = j->lines * (height * j->zoom + GAP) + GAP;
    j->width = j->times * (width * j->zoom + GAP) + WIDE_GAP;
    j->original = nd_alloc_aligned(j->lines, j->source->features * sizeof *j->original);
    j->seen = nd_alloc_aligned(j->source->features, sizeof *j->seen);
    j->sheet = nd_alloc(j->height, j->width * j->channels);
    return j->original && j->seen && j->sheet ? ND_OK : nd_fail_memory(j->ctx);
}

static double raw(const job *j, nd_real value)
{
    const nd_prep_column *column = nd_image_column(j->prep);
    return (double)value * column->scale + column->center;
}

/* Bytes are shown as they are; other numbers from 0, or the least, to the largest shown. */
static void find_range(job *j)
{
    j->black = 0;
    j->white = 255;
    if (nd_image_column(j->prep)->kind == ND_PREP_IMAGE) {
        return;
    }
    j->white = 0;
    for (size_t i = 0; i < j->lines * j->source->features; i++) {
        double value = raw(j, j->original[i]);
        j->black = value < j->black ? value : j->black;
        j->white = value > j->white ? value : j->white;
    }
    j->white = j->white > j->black ? j->white : j->black + 1;
}

static uint8_t shade(const job *j, nd_real value)
{
    double share = (raw(j, value) - j->black) / (j->white - j->black);
    return (uint8_t)(share <= 0 ? 0 : share >= 1 ? 255 : share * 255 + 0.5);
}

static void draw(const job *j, size_t line, size_t time, const nd_real *x)
{
    const nd_image *image = &j->image;
    size_t planes = image->planar ? image->rows * image->cols : 1;
    size_t step = image->planar ? 1 : image->channels;
    size_t top = GAP + line * (image->rows * j->zoom + GAP);
    size_t left = GAP + time * (image->cols * j->zoom + GAP) + (time > 0 ? WIDE_GAP - GAP : 0);
    for (size_t i = 0; i < image->rows * j->zoom; i++) {
        for (size_t c = 0; c < image->cols * j->zoom; c++) {
            const nd_real *pixel = x + (i / j->zoom * image->cols + c / j->zoom) * step;
            uint8_t *to = j->sheet + ((top + i) * j->width + left + c) * j->channels;
            for (size_t k = 0; k < j->channels; k++) {
                to[k] = shade(j, pixel[k * planes]);
            }
        }
    }
}

/* The keys of epoch number time, as train/vary.c makes them. */
static void draw_line(const job *j, size_t line)
{
    const nd_real *x = j->original + line * j->source->features;
    uint32_t row = row_of(j, line);
    draw(j, line, 0, x);
    for (size_t time = 1; time < j->times; time++) {
        const nd_augment_keys keys = {.seed = (uint64_t)nd_opt_int(&j->config->set, "seed"),
                                      .step = time * j->source->rows,
                                      .index = &row};
        nd_augment_batch(j->augment, NULL, &keys, x, 1, j->seen);
        draw(j, line, time, j->seen);
    }
}

static nd_status job_run(job *j, const nd_sink *sink)
{
    ND_TRY(prepare(j));
    ND_TRY(make_room(j));
    for (size_t line = 0; line < j->lines; line++) {
        uint32_t row = row_of(j, line);
        nd_source_gather(j->source, NULL, &row, 0, 1, j->original + line * j->source->features,
                         NULL);
    }
    find_range(j);
    memset(j->sheet, gap_shade, j->height * j->width * j->channels);
    for (size_t line = 0; line < j->lines; line++) {
        draw_line(j, line);
    }
    return nd_png_write(j->ctx, j->sheet, j->height, j->width, j->channels, sink);
}

nd_status nd_augment_sheet(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                           const nd_sink *sink)
{
    nd_config *own = NULL;
    if (ctx == NULL || data == NULL || sink == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT,
                       "nd_augment_sheet: ctx, data and sink must not be NULL");
    }
    job j = {.ctx = ctx, .table = data};
    nd_status status = nd_settings_or_default(ctx, config, ND_VERB_AUGMENT, &own, &j.config);
    if (status == ND_OK) {
        status = job_run(&j, sink);
    }
    job_free(&j);
    nd_config_destroy(own);
    return status;
}
