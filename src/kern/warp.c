#include "kern/warp.h"

#include <math.h>
#include <string.h>

#include "kern/isa.h"

/* One pixel of frame before the source, and two behind it: the places are cut to
 * -1 .. cols, and each reads a pixel and the next. */
enum { BEFORE = 1, AROUND = 3 };

size_t nd_warp_padded(size_t rows, size_t cols)
{
    return (rows + AROUND) * (cols + AROUND);
}

void nd_warp_places(const nd_warp *warp, const nd_warp_room *room)
{
    nd_isa_at(0)->warp_places(warp, room);
}

static void pad(const nd_warp *warp, const nd_warp_room *room, size_t step, const nd_real *x)
{
    size_t stride = warp->cols + AROUND;
    nd_k_fill(warp->outside, nd_warp_padded(warp->rows, warp->cols), room->padded);
    for (size_t i = 0; i < warp->rows; i++) {
        nd_real *to = room->padded + (i + BEFORE) * stride + BEFORE;
        const nd_real *from = x + i * warp->cols * step;
        if (step == 1) {
            memcpy(to, from, warp->cols * sizeof *to);
            continue;
        }
        for (size_t j = 0; j < warp->cols; j++) {
            to[j] = from[j * step];
        }
    }
}

void nd_warp_sample(const nd_warp *warp, const nd_warp_room *room, size_t step, const nd_real *x,
                    nd_real *y)
{
    pad(warp, room, step, x);
    nd_isa_at(0)->warp_blend(room, warp->cols + AROUND, warp->rows * warp->cols, step, y);
}

size_t nd_smooth_radius(double sigma)
{
    return (size_t)(4 * sigma + 0.5);
}

static size_t band_width(size_t radius)
{
    return ND_SMOOTH_BLOCK + 2 * radius;
}

size_t nd_smooth_size(size_t radius)
{
    return ND_SMOOTH_BLOCK * band_width(radius);
}

void nd_smooth_fill(const nd_smooth *smooth, double sigma)
{
    size_t radius = smooth->radius, width = band_width(radius);
    double sum = 1;
    for (size_t t = 1; t <= radius; t++) {
        sum += 2 * exp(-0.5 * (double)(t * t) / (sigma * sigma));
    }
    memset(smooth->band, 0, nd_smooth_size(radius) * sizeof *smooth->band);
    for (size_t t = 0; t <= 2 * radius; t++) {
        double away = (double)t - (double)radius;
        nd_real weight = (nd_real)(exp(-0.5 * away * away / (sigma * sigma)) / sum);
        for (size_t i = 0; i < ND_SMOOTH_BLOCK; i++) {
            smooth->band[i * width + i + t] = weight;
        }
    }
}

/* The pixels that a block of n - first, at most ND_SMOOTH_BLOCK, reaches: first .. end - 1;
 * skip of the band lie before the image. */
typedef struct reach {
    size_t count, first, end, skip;
} reach;

static reach reach_of(size_t radius, size_t block, size_t n)
{
    size_t count = n - block < ND_SMOOTH_BLOCK ? n - block : ND_SMOOTH_BLOCK;
    size_t first = block > radius ? block - radius : 0;
    size_t end = block + count + radius < n ? block + count + radius : n;
    return (reach){count, first, end, first + radius - block};
}

/* to[i][j] = sum over k of w(k - i) from[k][j], for cols neighbouring columns. */
static void smooth_down(const nd_smooth *s, size_t rows, size_t cols, const nd_real *from,
                        nd_real *to)
{
    for (size_t i = 0; i < rows; i += ND_SMOOTH_BLOCK) {
        reach r = reach_of(s->radius, i, rows);
        nd_gemm_piece piece = {.m = r.count,
                               .n = cols,
                               .k = r.end - r.first,
                               .a = s->band + r.skip,
                               .a_row = band_width(s->radius),
                               .a_col = 1,
                               .b = from + r.first * cols,
                               .b_row = cols,
                               .b_col = 1,
                               .c = to + i * cols,
                               .ldc = cols};
        nd_isa_at(0)->gemm(&piece);
    }
}

/* to[i][j] = sum over k of from[i][k] w(k - j). */
static void smooth_across(const nd_smooth *s, size_t rows, size_t cols, const nd_real *from,
                          nd_real *to)
{
    for (size_t j = 0; j < cols; j += ND_SMOOTH_BLOCK) {
        reach r = reach_of(s->radius, j, cols);
        nd_gemm_piece piece = {.m = rows,
                               .n = r.count,
                               .k = r.end - r.first,
                               .a = from + r.first,
                               .a_row = cols,
                               .a_col = 1,
                               .b = s->band + r.skip,
                               .b_row = 1,
                               .b_col = band_width(s->radius),
                               .c = to + j,
                               .ldc = cols};
        nd_isa_at(0)->gemm(&piece);
    }
}

void nd_warp_field(const nd_smooth *smooth, double alpha, const nd_rng *rng, uint64_t first,
                   size_t rows, size_t cols, nd_real *field, nd_real *spare)
{
    nd_isa_at(0)->warp_noise(rng, first, (nd_real)alpha, rows, cols, field);
    smooth_down(smooth, rows, 2 * cols, field, spare);
    smooth_across(smooth, 2 * rows, cols, spare, field);
}
