/* Rows mixed with each other (Zhang, Cisse, Dauphin & Lopez-Paz 2018, eq. 1):
 *   x = lambda x_i + (1 - lambda) x_j,  y likewise,  lambda ~ Beta(alpha, alpha) */
#include <math.h>

#include "data/augment.h"

/* Rows of one task; numbers from which dispatching pays. */
enum { BLOCK = 16, PARALLEL = 1 << 15 };

/* Words of one round of the draw below, and rounds after which the draw is cut short, which
 * less than one in 10^30 gets to. */
enum { ROUND = 4, ROUNDS = 24 };

/* Logarithm of a Gamma(shape, 1) number, shape below 1 as well (Marsaglia & Tsang 2000):
 * d v with d = shape + 1 - 1/3, v = (1 + x / sqrt(9 d))^3, x normal, accepted if
 * log u < x^2 / 2 + d - d v + d log v; times u'^(1/shape) for the 1 added to the shape. */
static double log_gamma_number(const nd_rng *rng, uint64_t element, double shape)
{
    double d = shape + 1 - 1.0 / 3, log_v = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t at = element + ROUND * (2 * round + 1);
        double x = nd_rng_normal(rng, at / ROUND);
        double u = 1 - nd_rng_uniform(rng, (at + ROUND) / 2);
        double root = 1 + x / sqrt(9 * d);
        if (root > 0) {
            log_v = 3 * log(root);
            if (log(u) < 0.5 * x * x + d - d * exp(log_v) + d * log_v) {
                break;
            }
            log_v = 0;
        }
    }
    return log(d) + log_v + log(1 - nd_rng_uniform(rng, element / 2)) / shape;
}

/* g / (g + h) of two Gamma numbers, by their logarithms: for small shapes both may be
 * smaller than any number. */
double nd_mixup_lambda(const nd_rng *rng, double alpha)
{
    const uint64_t first = ND_AUGMENT_MIX + ROUND, each = ROUND * (2 * ROUNDS + 2);
    double g = log_gamma_number(rng, first, alpha);
    double h = log_gamma_number(rng, first + each, alpha);
    return 1 / (1 + exp(h - g));
}

typedef struct job {
    const nd_mixup *mixup;
    const nd_augment_keys *keys;
    const nd_real *x, *y;
    size_t rows, offset;
    nd_real *to_x, *to_y;
} job;

size_t nd_mixup_width(const nd_mixup *mixup)
{
    return mixup->values ? mixup->width + mixup->weighted : 2 * (mixup->width + 1);
}

static void mix(size_t n, double share, const nd_real *a, const nd_real *b, nd_real *to)
{
    const nd_real keep = (nd_real)share;
    for (size_t i = 0; i < n; i++) {
        to[i] = b[i] + keep * (a[i] - b[i]);
    }
}

/* A label and its weight. */
static nd_real *put_label(const nd_mixup *m, double share, const nd_real *label, nd_real *to)
{
    for (size_t i = 0; i < m->width; i++) {
        to[i] = label[i];
    }
    to[m->width] = (nd_real)(share * (m->weighted ? (double)label[m->width] : 1));
    return to + m->width + 1;
}

static void mix_row(const job *j, size_t r)
{
    const nd_mixup *m = j->mixup;
    nd_rng rng = nd_augment_key(j->keys, r);
    double lambda = nd_mixup_lambda(&rng, m->alpha);
    size_t other = (r + j->offset) % j->rows, width = m->width + m->weighted;
    const nd_real *a = j->y + r * width, *b = j->y + other * width;
    nd_real *to = j->to_y + r * nd_mixup_width(m);
    mix(m->features, lambda, j->x + r * m->features, j->x + other * m->features,
        j->to_x + r * m->features);
    if (m->values) {
        mix(width, lambda, a, b, to);
    } else {
        put_label(m, 1 - lambda, b, put_label(m, lambda, a, to));
    }
}

static void mix_block(void *user, size_t block)
{
    const job *j = user;
    size_t from = block * BLOCK, to = from + BLOCK < j->rows ? from + BLOCK : j->rows;
    for (size_t r = from; r < to; r++) {
        mix_row(j, r);
    }
}

void nd_mixup_batch(const nd_mixup *mixup, nd_pool *pool, const nd_augment_keys *keys,
                    const nd_real *x, const nd_real *y, size_t rows, nd_real *to_x, nd_real *to_y)
{
    nd_rng first = nd_augment_key(keys, 0);
    double place = nd_rng_uniform(&first, ND_AUGMENT_MIX / 2);
    job j = {.mixup = mixup,
             .keys = keys,
             .x = x,
             .y = y,
             .rows = rows,
             .offset = rows > 1 ? 1 + (size_t)(place * (double)(rows - 1)) : 0,
             .to_x = to_x,
             .to_y = to_y};
    bool parallel = rows * mixup->features >= PARALLEL;
    nd_pool_run(parallel ? pool : NULL, (rows + BLOCK - 1) / BLOCK, mix_block, &j);
}
