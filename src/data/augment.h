/* Images distorted at random while training: shifted, turned, bent, ... What becomes of an
 * image is a function of the image and of a random key alone. */
#ifndef ND_DATA_AUGMENT_H
#define ND_DATA_AUGMENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/ctx.h"
#include "base/option.h"
#include "kern/warp.h"
#include "nadir.h"

/* Bounds of what is drawn, uniformly; 0 where a distortion is left out. */
typedef struct nd_augment_spec {
    double shift;                /* pixels, across and down */
    double rotate;               /* degrees */
    double scale;                /* factors 1 - scale .. 1 + scale, across and down */
    double shear;                /* pixels across per pixel down */
    double sigma, alpha;         /* elastic: deviation of the Gaussian, factor; pixels */
    bool flip_across, flip_down; /* each in half of the cases */
    double brightness, contrast; /* factors 1 - x .. 1 + x */
    size_t cutout;               /* side of a square, pixels */
} nd_augment_spec;

/* The options of the attributes, and their values. ND_ERR_OPTION (key, bounds). */
const nd_option *nd_augment_options(size_t *count);
nd_status nd_augment_read(nd_ctx *ctx, const char *attributes, nd_augment_spec *spec);

/* ND_ERR_OPTION, saying why, for what makes no sense with images of this shape. */
nd_status nd_augment_check(nd_ctx *ctx, const nd_augment_spec *spec, const nd_image *image);

/* "28x28", "32x32x3" (channels of a pixel side by side) or "3x32x32" (planes; the first of
 * three is 4 at most and the last more). ND_ERR_OPTION. */
nd_status nd_image_parse(nd_ctx *ctx, const char *text, nd_image *image);

/* One image's draw of the distortions that move pixels: p -> A (p - centre) + centre + shift
 * with A = rotate(angle) shear scale, and mirrored before. */
typedef struct nd_augment_move {
    double angle; /* radians */
    double across, down, shear;
    double shift_across, shift_down;
    bool flip_across, flip_down;
} nd_augment_move;

/* The way back, from a pixel of the result to its place in the source, as nd_warp takes. */
void nd_augment_matrix(const nd_augment_move *move, size_t rows, size_t cols, nd_real m[2][3]);

/* Working space of one thread. */
typedef struct nd_augment_room {
    nd_warp_room warp;
    nd_real *field, *spare;
    atomic_flag taken;
} nd_augment_room;

struct nd_augment {
    nd_ctx *ctx;
    nd_image image;
    size_t pixels, size; /* rows cols; with the channels */
    nd_augment_spec spec;
    nd_real background;
    nd_smooth smooth;
    nd_augment_room *room;
    size_t rooms;
};

/* Elements of the random numbers of a row; a stretch of each is for one use. */
enum { ND_AUGMENT_DRAWS = 0, ND_AUGMENT_MIX = 32, ND_AUGMENT_FIELD = 512 };

/* The random key of each row of a batch: that of row r is (seed, ND_STREAM_AUGMENT,
 * step + number), number being index[r], or first + r where index is NULL. */
typedef struct nd_augment_keys {
    uint64_t seed, step;
    const uint32_t *index;
    size_t first;
} nd_augment_keys;

nd_rng nd_augment_key(const nd_augment_keys *keys, size_t row);

/* x, y [rows][size], y not x; pool may be NULL. Several threads may call at once. */
void nd_augment_batch(nd_augment *augment, nd_pool *pool, const nd_augment_keys *keys,
                      const nd_real *x, size_t rows, nd_real *y);

/* ---- Mixup (mixup.c): Zhang et al. 2018 */

/* How the rows of a batch are mixed; y rows are [width], and a weight if weighted. */
typedef struct nd_mixup {
    double alpha;
    size_t features, width;
    bool weighted;
    bool values; /* labels are quantities, to be mixed themselves; else a mixed row gets both */
} nd_mixup;

/* Numbers of a mixed label row: width [+ 1] for values, else 2 (width + 1). */
size_t nd_mixup_width(const nd_mixup *mixup);

/* Row r becomes lambda row r + (1 - lambda) another row of the batch, in to_x, to_y, which
 * do not overlap x, y. lambda is Beta(alpha, alpha), drawn for each row by its key; the other
 * row is a number of rows further on, drawn by the key of the first. rows 2 or more. */
void nd_mixup_batch(const nd_mixup *mixup, nd_pool *pool, const nd_augment_keys *keys,
                    const nd_real *x, const nd_real *y, size_t rows, nd_real *to_x, nd_real *to_y);

/* A number from Beta(alpha, alpha), by the key from element ND_AUGMENT_MIX + 2 on. */
double nd_mixup_lambda(const nd_rng *rng, double alpha);

#endif
