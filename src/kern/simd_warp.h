/* Places and values of bent images, and the noise of their fields; warp.h. */
#ifndef ND_KERN_SIMD_WARP_H
#define ND_KERN_SIMD_WARP_H

#include "kern/simd_map.h"
#include "kern/warp.h"

/* Pixels that are worked on at once; random words for their noise. */
enum { WARP_CHUNK = 8 * PHILOX_LANES, WARP_WORDS = WARP_CHUNK / 2 };

/* WARP_CHUNK pixels by the words first .. first + WARP_WORDS - 1: their bytes as numbers in
 * -1 .. 1, times alpha. */
static void noise_chunk(const nd_rng *rng, uint64_t first, nd_real alpha, nd_real *dx, nd_real *dy)
{
    const nd_real unit = alpha * (nd_real)0x1p-7, shift = alpha * (nd_real)(0x1p-8 - 1);
    uint64_t pair[WARP_WORDS / 2];
    uint32_t word[WARP_WORDS];
    philox_lanes(rng, first / 4, pair);
    memcpy(word, pair, sizeof word);
    for (size_t i = 0; i < WARP_WORDS; i++) {
        dx[i] = (nd_real)(int32_t)(word[i] & 0xff) * unit + shift;
        dy[i] = (nd_real)(int32_t)(word[i] >> 8 & 0xff) * unit + shift;
        dx[WARP_WORDS + i] = (nd_real)(int32_t)(word[i] >> 16 & 0xff) * unit + shift;
        dy[WARP_WORDS + i] = (nd_real)(int32_t)(word[i] >> 24) * unit + shift;
    }
}

/* A chunk of pixels goes to the rows that it reaches into. */
static void warp_noise(const nd_rng *rng, uint64_t first, nd_real alpha, size_t rows, size_t cols,
                       nd_real *field)
{
    nd_real dx[WARP_CHUNK], dy[WARP_CHUNK];
    size_t n = rows * cols, at = 0;
    for (size_t p = 0; p < n; p += WARP_CHUNK) {
        size_t end = n - p < WARP_CHUNK ? n - p : WARP_CHUNK;
        noise_chunk(rng, first + p / 2, alpha, dx, dy);
        for (size_t k = 0; k < end;) {
            size_t run = cols - at < end - k ? cols - at : end - k;
            memcpy(field + at, dx + k, run * sizeof *dx);
            memcpy(field + cols + at, dy + k, run * sizeof *dy);
            k += run;
            at += run;
            field += at == cols ? 2 * cols : 0;
            at = at == cols ? 0 : at;
        }
    }
}

/* One row: places from x0, y0 in steps of sx, sy, with dx, dy added unless these are NULL. */
static inline void row_places(size_t n, const nd_real *restrict dx, const nd_real *restrict dy,
                              const nd_real from[2], const nd_real step[2], const nd_real most[2],
                              int32_t stride, int32_t *restrict at, nd_real *restrict fx,
                              nd_real *restrict fy)
{
    for (size_t j = 0; j < n; j++) {
        nd_real x = step[0] * (nd_real)(int32_t)j + from[0];
        nd_real y = step[1] * (nd_real)(int32_t)j + from[1];
        x += dx ? dx[j] : 0;
        y += dy ? dy[j] : 0;
        x = x > 0 ? x : 0;
        y = y > 0 ? y : 0;
        x = x < most[0] ? x : most[0];
        y = y < most[1] ? y : most[1];
        int32_t col = (int32_t)x, row = (int32_t)y;
        fx[j] = x - (nd_real)col;
        fy[j] = y - (nd_real)row;
        at[j] = row * stride + col;
    }
}

/* Places are those in the padded source, one more than in the source. */
static void warp_places(const nd_warp *w, const nd_warp_room *room)
{
    const nd_real most[2] = {(nd_real)(w->cols + 1), (nd_real)(w->rows + 1)};
    const nd_real step[2] = {w->m[0][0], w->m[1][0]};
    int32_t stride = (int32_t)w->cols + 3;
    for (size_t i = 0; i < w->rows; i++) {
        const nd_real from[2] = {w->m[0][1] * (nd_real)i + w->m[0][2] + 1,
                                 w->m[1][1] * (nd_real)i + w->m[1][2] + 1};
        size_t at = i * w->cols;
        if (w->field) {
            const nd_real *dx = w->field + 2 * at;
            row_places(w->cols, dx, dx + w->cols, from, step, most, stride, room->at + at,
                       room->fx + at, room->fy + at);
        } else {
            row_places(w->cols, NULL, NULL, from, step, most, stride, room->at + at, room->fx + at,
                       room->fy + at);
        }
    }
}

/* Linear between four pixels, written so that equal pixels give their value exactly:
 * a background stays one. The loads of pairs come first: they do not vectorize. */
static void warp_blend(const nd_warp_room *room, size_t stride, size_t n, size_t step, nd_real *y)
{
    nd_real upper[2 * WARP_CHUNK], lower[2 * WARP_CHUNK], value[WARP_CHUNK];
    for (size_t i = 0; i < n; i += WARP_CHUNK) {
        size_t count = n - i < WARP_CHUNK ? n - i : WARP_CHUNK;
        const int32_t *at = room->at + i;
        const nd_real *fx = room->fx + i, *fy = room->fy + i;
        for (size_t j = 0; j < count; j++) {
            const nd_real *from = room->padded + at[j];
            memcpy(upper + 2 * j, from, 2 * sizeof *from);
            memcpy(lower + 2 * j, from + stride, 2 * sizeof *from);
        }
        for (size_t j = 0; j < count; j++) {
            nd_real a = upper[2 * j] + fx[j] * (upper[2 * j + 1] - upper[2 * j]);
            nd_real b = lower[2 * j] + fx[j] * (lower[2 * j + 1] - lower[2 * j]);
            value[j] = a + fy[j] * (b - a);
        }
        if (step == 1) {
            memcpy(y + i, value, count * sizeof *value);
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            y[(i + j) * step] = value[j];
        }
    }
}

#endif
