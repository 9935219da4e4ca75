/* Images bent and sampled anew. One thread's work: a caller spreads images over threads.
 * Distances are in pixels; the centre of the first pixel is at (0, 0). */
#ifndef ND_KERN_WARP_H
#define ND_KERN_WARP_H

#include "kern/kern.h"

/* Where each pixel of the result comes from: pixel (i, j), in row i, takes the value at
 *   x = m[0][0] j + m[0][1] i + m[0][2] + dx[i][j]   (column)
 *   y = m[1][0] j + m[1][1] i + m[1][2] + dy[i][j]   (row)
 * of the source, linear between the four pixels around it; outside of the source every
 * pixel has the value outside. */
typedef struct nd_warp {
    size_t rows, cols;
    nd_real m[2][3];
    const nd_real *field; /* [rows][2][cols]: dx and dy of each row; NULL: none */
    nd_real outside;
} nd_warp;

/* What sampling needs beside the images, from nd_warp_reals and nd_warp_pixels. */
typedef struct nd_warp_room {
    nd_real *padded;  /* [nd_warp_padded(rows, cols)]: the source in a frame of outside */
    nd_real *fx, *fy; /* [rows][cols]: place between the pixels, 0 to 1 */
    int32_t *at;      /* [rows][cols]: upper left of the four pixels, in padded */
} nd_warp_room;

/* Elements of padded. */
size_t nd_warp_padded(size_t rows, size_t cols);

/* The places that all channels of an image share; and then one channel after the other:
 * neighbouring pixels of a row are step apart in x as in y, rows cols step. */
void nd_warp_places(const nd_warp *warp, const nd_warp_room *room);
void nd_warp_sample(const nd_warp *warp, const nd_warp_room *room, size_t step, const nd_real *x,
                    nd_real *y);

/* A Gaussian of deviation sigma, cut at radius = floor(4 sigma + 1/2) and divided by its
 * sum, as a band of ND_SMOOTH_BLOCK rows: weight of pixel k - radius + i for pixel i. */
enum { ND_SMOOTH_BLOCK = 32 };

typedef struct nd_smooth {
    size_t radius;
    nd_real *band; /* [ND_SMOOTH_BLOCK][ND_SMOOTH_BLOCK + 2 radius] */
} nd_smooth;

size_t nd_smooth_radius(double sigma);
size_t nd_smooth_size(size_t radius);                       /* elements of band */
void nd_smooth_fill(const nd_smooth *smooth, double sigma); /* radius that of sigma */

/* A random field of displacements (Simard et al. 2003, section 2): numbers uniform in
 * -alpha .. alpha, smoothed down and across; beyond the image they are 0. Those of dx and dy
 * are two bytes b of a random word, as alpha ((b + 1/2) / 128 - 1): pixel i cols + j =
 * 128 c + q has its bytes in word first + 64 c + q % 64, the lower two if q < 64, else the
 * upper two; first is a multiple of 64.
 *   field  out  [rows][2][cols]
 *   spare       of the same size, written */
void nd_warp_field(const nd_smooth *smooth, double alpha, const nd_rng *rng, uint64_t first,
                   size_t rows, size_t cols, nd_real *field, nd_real *spare);

#endif
