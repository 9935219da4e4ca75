#include "data/augment.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "base/mem.h"

/* Rows of one task, and bits of a step's row numbers where a batch is keyed by position. */
enum { BLOCK = 4, ROW_BITS = 20 };

/* Which random word each draw takes. */
enum {
    SHIFT_ACROSS,
    SHIFT_DOWN,
    ANGLE,
    ACROSS,
    DOWN,
    SHEAR,
    FLIPS,
    BRIGHTNESS,
    CONTRAST,
    CUT_ROW,
    CUT_COL,
    DRAWS
};

nd_rng nd_augment_key(const nd_augment_keys *keys, size_t row)
{
    uint64_t number = keys->index ? keys->index[row] : keys->first + row;
    return (nd_rng){keys->seed, ND_STREAM_AUGMENT, keys->step + number};
}

/* In -1 .. 1, and in 0 .. 1, both without their ends. */
static double both_ways(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-31 - 1;
}

static double unit(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-32;
}

/* A^-1 = scale^-1 shear^-1 rotate^-1; mirrored last on the way back. */
void nd_augment_matrix(const nd_augment_move *move, size_t rows, size_t cols, nd_real m[2][3])
{
    double c = cos(move->angle), s = sin(move->angle), k = move->shear;
    double back[2][2] = {{(c + k * s) / move->across, (s - k * c) / move->across},
                         {-s / move->down, c / move->down}};
    const double centre[2] = {((double)cols - 1) / 2, ((double)rows - 1) / 2};
    const double moved[2] = {centre[0] + move->shift_across, centre[1] + move->shift_down};
    for (size_t i = 0; i < 2; i++) {
        double sign = (i == 0 ? move->flip_across : move->flip_down) ? -1 : 1;
        double x = sign * back[i][0], y = sign * back[i][1];
        m[i][0] = (nd_real)x;
        m[i][1] = (nd_real)y;
        m[i][2] = (nd_real)(centre[i] - x * moved[0] - y * moved[1]);
    }
}

static nd_augment_move draw_move(const nd_augment_spec *spec, const uint32_t *word)
{
    const double degree = 3.14159265358979323846 / 180;
    return (nd_augment_move){.angle = spec->rotate * degree * both_ways(word[ANGLE]),
                             .across = 1 + spec->scale * both_ways(word[ACROSS]),
                             .down = 1 + spec->scale * both_ways(word[DOWN]),
                             .shear = spec->shear * both_ways(word[SHEAR]),
                             .shift_across = spec->shift * both_ways(word[SHIFT_ACROSS]),
                             .shift_down = spec->shift * both_ways(word[SHIFT_DOWN]),
                             .flip_across = spec->flip_across && (word[FLIPS] & 0x80000000u),
                             .flip_down = spec->flip_down && (word[FLIPS] & 0x40000000u)};
}

static bool moves(const nd_augment_spec *s)
{
    return s->shift > 0 || s->rotate > 0 || s->scale > 0 || s->shear > 0 || s->alpha > 0 ||
           s->flip_across || s->flip_down;
}

static void sample(const nd_augment *a, const nd_augment_room *room, const nd_warp *warp,
                   const nd_real *x, nd_real *y)
{
    size_t channels = a->image.channels;
    size_t step = a->image.planar ? 1 : channels, next = a->image.planar ? a->pixels : 1;
    nd_warp_places(warp, &room->warp);
    for (size_t k = 0; k < channels; k++) {
        nd_warp_sample(warp, &room->warp, step, x + k * next, y + k * next);
    }
}

static void move_pixels(const nd_augment *a, const nd_augment_room *room, const nd_rng *rng,
                        const uint32_t *word, const nd_real *x, nd_real *y)
{
    nd_warp warp = {.rows = a->image.rows, .cols = a->image.cols, .outside = a->background};
    nd_augment_move move = draw_move(&a->spec, word);
    nd_augment_matrix(&move, warp.rows, warp.cols, warp.m);
    if (a->spec.alpha > 0) {
        nd_warp_field(&a->smooth, a->spec.alpha, rng, ND_AUGMENT_FIELD, warp.rows, warp.cols,
                      room->field, room->spare);
        warp.field = room->field;
    }
    sample(a, room, &warp, x, y);
}

/* y = factor (y - from) + from */
static void stretch(double factor, double from, size_t n, nd_real *y)
{
    const nd_real slope = (nd_real)factor, offset = (nd_real)(from - factor * from);
    for (size_t i = 0; i < n; i++) {
        y[i] = slope * y[i] + offset;
    }
}

/* Factors on raw values: raw 0 is the background. */
static void light(const nd_augment *a, const uint32_t *word, nd_real *y)
{
    if (a->spec.brightness > 0) {
        double factor = 1 + a->spec.brightness * both_ways(word[BRIGHTNESS]);
        stretch(factor, (double)a->background, a->size, y);
    }
    if (a->spec.contrast > 0) {
        double factor = 1 + a->spec.contrast * both_ways(word[CONTRAST]);
        stretch(factor, nd_k_sum(NULL, a->size, y) / (double)a->size, a->size, y);
    }
}

/* First and last + 1 of side pixels around one of n, as far as they are inside. */
static size_t cut_from(uint32_t word, size_t n, size_t side, size_t *end)
{
    size_t centre = (size_t)(unit(word) * (double)n), half = side / 2;
    size_t behind = centre + side - half;
    *end = behind < n ? behind : n;
    return centre > half ? centre - half : 0;
}

/* The paper blanks with 0 after scaling: the mean of all pixels, where they are standardized. */
static void cut_out(const nd_augment *a, const uint32_t *word, nd_real *y)
{
    const nd_image *image = &a->image;
    size_t bottom, right, inner = image->planar ? 1 : image->channels;
    size_t planes = image->planar ? image->channels : 1;
    size_t top = cut_from(word[CUT_ROW], image->rows, a->spec.cutout, &bottom);
    size_t left = cut_from(word[CUT_COL], image->cols, a->spec.cutout, &right);
    for (size_t p = 0; p < planes; p++) {
        for (size_t i = top; i < bottom; i++) {
            nd_real *at = y + p * a->pixels + (i * image->cols + left) * inner;
            memset(at, 0, (right - left) * inner * sizeof *at);
        }
    }
}

static void distort(const nd_augment *a, const nd_augment_room *room, const nd_rng *rng,
                    const nd_real *x, nd_real *y)
{
    uint32_t word[DRAWS];
    nd_rng_fill(rng, ND_AUGMENT_DRAWS, word, DRAWS);
    if (moves(&a->spec)) {
        move_pixels(a, room, rng, word, x, y);
    } else {
        memcpy(y, x, a->size * sizeof *y);
    }
    light(a, word, y);
    if (a->spec.cutout > 0) {
        cut_out(a, word, y);
    }
}

/* ---- Batches ---- */

typedef struct job {
    nd_augment *augment;
    const nd_augment_keys *keys;
    const nd_real *x;
    size_t rows;
    nd_real *y;
} job;

/* There is a room for each thread; a context that got more threads since lets them wait. */
static nd_augment_room *take_room(nd_augment *a)
{
    for (size_t i = 0;; i = (i + 1) % a->rooms) {
        if (!atomic_flag_test_and_set_explicit(&a->room[i].taken, memory_order_acquire)) {
            return &a->room[i];
        }
        if (i + 1 == a->rooms) {
            sched_yield();
        }
    }
}

static void distort_block(void *user, size_t block)
{
    const job *j = user;
    nd_augment *a = j->augment;
    size_t from = block * BLOCK, to = from + BLOCK < j->rows ? from + BLOCK : j->rows;
    nd_augment_room *room = take_room(a);
    for (size_t r = from; r < to; r++) {
        nd_rng rng = nd_augment_key(j->keys, r);
        distort(a, room, &rng, j->x + r * a->size, j->y + r * a->size);
    }
    atomic_flag_clear_explicit(&room->taken, memory_order_release);
}

void nd_augment_batch(nd_augment *augment, nd_pool *pool, const nd_augment_keys *keys,
                      const nd_real *x, size_t rows, nd_real *y)
{
    job j = {.augment = augment, .keys = keys, .x = x, .rows = rows, .y = y};
    nd_pool_run(pool, (rows + BLOCK - 1) / BLOCK, distort_block, &j);
}

nd_status nd_augment_rows(nd_augment *augment, uint64_t seed, uint64_t step, const nd_real *x,
                          size_t rows, nd_real *y)
{
    if (!augment) {
        return ND_ERR_ARGUMENT;
    }
    if (!x || !y || x == y) {
        return nd_fail(augment->ctx, ND_ERR_ARGUMENT,
                       "nd_augment_rows: x and y must be there, and must not be the same");
    }
    nd_augment_keys keys = {.seed = seed, .step = step << ROW_BITS};
    nd_augment_batch(augment, augment->ctx->pool, &keys, x, rows, y);
    return ND_OK;
}

/* ---- Made and gone ---- */

static bool make_room(const nd_augment *a, nd_augment_room *room)
{
    atomic_flag_clear(&room->taken);
    room->warp.padded =
        nd_alloc_aligned(nd_warp_padded(a->image.rows, a->image.cols), sizeof(nd_real));
    room->warp.fx = nd_alloc_aligned(a->pixels, sizeof(nd_real));
    room->warp.fy = nd_alloc_aligned(a->pixels, sizeof(nd_real));
    room->warp.at = nd_alloc_aligned(a->pixels, sizeof(int32_t));
    room->field = nd_alloc_aligned(a->pixels, 2 * sizeof(nd_real));
    room->spare = nd_alloc_aligned(a->pixels, 2 * sizeof(nd_real));
    return room->warp.padded && room->warp.fx && room->warp.fy && room->warp.at && room->field &&
           room->spare;
}

static bool make_smooth(nd_augment *a)
{
    if (!(a->spec.alpha > 0)) {
        return true;
    }
    a->smooth.radius = nd_smooth_radius(a->spec.sigma);
    a->smooth.band = nd_alloc_aligned(nd_smooth_size(a->smooth.radius), sizeof(nd_real));
    if (a->smooth.band) {
        nd_smooth_fill(&a->smooth, a->spec.sigma);
    }
    return a->smooth.band;
}

static bool make_rooms(nd_augment *a)
{
    a->rooms = (size_t)nd_ctx_threads(a->ctx);
    a->room = nd_alloc(a->rooms, sizeof *a->room);
    for (size_t i = 0; a->room && i < a->rooms; i++) {
        if (!make_room(a, &a->room[i])) {
            return false;
        }
    }
    return a->room && make_smooth(a);
}

static nd_status check_image(nd_ctx *ctx, const nd_image *image)
{
    const size_t most = 1 << 15;
    bool fits = image->rows > 0 && image->cols > 0 && image->channels > 0 && image->rows <= most &&
                image->cols <= most && image->channels <= most;
    return fits ? ND_OK
                : nd_fail(ctx, ND_ERR_ARGUMENT,
                          "nd_augment_create: height, width and channels are 1 to %zu", most);
}

nd_status nd_augment_create(nd_ctx *ctx, const nd_image *image, const char *attributes,
                            double background, nd_augment **augment)
{
    nd_augment_spec spec;
    if (augment) {
        *augment = NULL;
    }
    if (!ctx || !image || !augment) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_augment_create: a null pointer was passed");
    }
    ND_TRY(check_image(ctx, image));
    ND_TRY(nd_augment_read(ctx, attributes, &spec));
    ND_TRY(nd_augment_check(ctx, &spec, image));
    nd_augment *a = nd_alloc(1, sizeof *a);
    if (!a) {
        return nd_fail_memory(ctx);
    }
    a->ctx = ctx;
    a->image = *image;
    a->spec = spec;
    a->background = (nd_real)background;
    a->pixels = image->rows * image->cols;
    a->size = a->pixels * image->channels;
    if (!make_rooms(a)) {
        nd_augment_destroy(a);
        return nd_fail_memory(ctx);
    }
    *augment = a;
    return ND_OK;
}

void nd_augment_destroy(nd_augment *a)
{
    if (!a) {
        return;
    }
    for (size_t i = 0; a->room && i < a->rooms; i++) {
        nd_free(a->room[i].warp.padded);
        nd_free(a->room[i].warp.fx);
        nd_free(a->room[i].warp.fy);
        nd_free(a->room[i].warp.at);
        nd_free(a->room[i].field);
        nd_free(a->room[i].spare);
    }
    nd_free(a->room);
    nd_free(a->smooth.band);
    nd_free(a);
}
