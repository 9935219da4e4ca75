#include <math.h>

#include "kern/ref.h"

static long double pixel_of(const nd_warp *w, size_t step, const nd_real *x, long row, long col)
{
    bool inside = row >= 0 && col >= 0 && row < (long)w->rows && col < (long)w->cols;
    return inside ? (long double)x[((size_t)row * w->cols + (size_t)col) * step]
                  : (long double)w->outside;
}

/* Sum over the four pixels around (x, y) of their value times their share of it. */
static long double sample(const nd_warp *w, size_t step, const nd_real *image, long double x,
                          long double y)
{
    long col = (long)floorl(x), row = (long)floorl(y);
    long double fx = x - (long double)col, fy = y - (long double)row;
    return (1 - fy) * ((1 - fx) * pixel_of(w, step, image, row, col) +
                       fx * pixel_of(w, step, image, row, col + 1)) +
           fy * ((1 - fx) * pixel_of(w, step, image, row + 1, col) +
                 fx * pixel_of(w, step, image, row + 1, col + 1));
}

void nd_ref_warp(const nd_warp *warp, size_t step, const nd_real *x, nd_real *y)
{
    for (size_t i = 0; i < warp->rows; i++) {
        for (size_t j = 0; j < warp->cols; j++) {
            long double at[2];
            for (size_t k = 0; k < 2; k++) {
                const nd_real *m = warp->m[k];
                at[k] = (long double)m[0] * (long double)j + (long double)m[1] * (long double)i +
                        (long double)m[2];
                if (warp->field) {
                    at[k] += (long double)warp->field[(2 * i + k) * warp->cols + j];
                }
            }
            y[(i * warp->cols + j) * step] = (nd_real)sample(warp, step, x, at[0], at[1]);
        }
    }
}

/* Weight of a pixel so far away, without the divisor. */
static long double weight(double sigma, long away)
{
    long double share = (long double)away / (long double)sigma;
    return expl(-0.5L * share * share);
}

static long double noise(const nd_rng *rng, uint64_t first, size_t pixel, size_t which)
{
    size_t chunk = pixel / 128, place = pixel % 128;
    uint32_t word = nd_rng_bits(rng, first + 64 * chunk + place % 64);
    uint32_t byte = word >> (8 * (2 * (place / 64) + which)) & 0xff;
    return ((long double)byte + 0.5L) / 128 - 1;
}

static long double smoothed(double sigma, const nd_rng *rng, uint64_t first, size_t rows,
                            size_t cols, long i, long j, size_t which)
{
    long radius = (long)(4 * sigma + 0.5);
    long double sum = 0, divisor = 0;
    for (long t = -radius; t <= radius; t++) {
        divisor += weight(sigma, t);
    }
    for (long r = i - radius; r <= i + radius; r++) {
        for (long c = j - radius; c <= j + radius; c++) {
            if (r >= 0 && c >= 0 && r < (long)rows && c < (long)cols) {
                size_t at = (size_t)r * cols + (size_t)c;
                sum += weight(sigma, r - i) * weight(sigma, c - j) * noise(rng, first, at, which);
            }
        }
    }
    return sum / (divisor * divisor);
}

void nd_ref_warp_field(double sigma, double alpha, const nd_rng *rng, uint64_t first, size_t rows,
                       size_t cols, nd_real *field)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < 2; k++) {
            for (size_t j = 0; j < cols; j++) {
                long double mean = smoothed(sigma, rng, first, rows, cols, (long)i, (long)j, k);
                field[(2 * i + k) * cols + j] = (nd_real)((long double)alpha * mean);
            }
        }
    }
}
