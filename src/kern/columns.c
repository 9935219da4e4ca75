/* Bounds on the norms of columns: a task takes WIDTH columns through all rows, twice where
 * one of them is too long, so that the second time finds them in a cache. */
#include <math.h>

#include "kern/isa.h"

enum { WIDTH = 128 };

typedef struct job {
    const nd_isa *isa;
    size_t rows, n;
    double most, share, least;
    const nd_real *w; /* NULL: most is the bound */
    nd_real *x;
} job;

static double bound_of(const job *j, double weight_square)
{
    double norm = sqrt(weight_square);
    return j->w ? j->share * (norm > j->least ? norm : j->least) : j->most;
}

/* Squares of large numbers can leave nd_real, but not double (or nothing can be done). */
static void squares_of(const job *j, size_t at, size_t width, const nd_real *x, double *square)
{
    j->isa->column_squares(j->rows, j->n, width, x + at, square);
    for (size_t c = 0; c < width; c++) {
        if (isfinite(square[c])) {
            continue;
        }
        square[c] = 0;
        for (size_t r = 0; r < j->rows; r++) {
            double value = (double)x[r * j->n + at + c];
            square[c] += value * value;
        }
    }
}

static void columns_task(void *user, size_t i)
{
    const job *j = user;
    size_t at = i * WIDTH, width = j->n - at < WIDTH ? j->n - at : WIDTH;
    double square[WIDTH], weight[WIDTH] = {0};
    nd_real factor[WIDTH];
    bool longer = false;
    squares_of(j, at, width, j->x, square);
    if (j->w) {
        squares_of(j, at, width, j->w, weight);
    }
    for (size_t c = 0; c < width; c++) {
        double bound = bound_of(j, weight[c]), norm = sqrt(square[c]);
        factor[c] = norm > bound ? (nd_real)(bound / norm) : 1;
        longer = longer || norm > bound;
    }
    if (longer) {
        j->isa->shrink_columns(j->rows, j->n, width, factor, j->x + at);
    }
}

static void run(nd_pool *pool, job *j)
{
    if (j->rows == 0 || j->n == 0) {
        return;
    }
    j->isa = nd_isa_at(0);
    size_t tasks = (j->n + WIDTH - 1) / WIDTH;
    if (tasks == 1) {
        columns_task(j, 0);
    } else {
        nd_pool_run(pool, tasks, columns_task, j);
    }
}

void nd_k_bound_columns(nd_pool *pool, size_t rows, size_t n, double most, nd_real *w)
{
    job j = {.rows = rows, .n = n, .most = most, .x = w};
    run(pool, &j);
}

void nd_k_clip_columns(nd_pool *pool, size_t rows, size_t n, double share, double least,
                       const nd_real *w, nd_real *g)
{
    job j = {.rows = rows, .n = n, .share = share, .least = least, .w = w, .x = g};
    run(pool, &j);
}
