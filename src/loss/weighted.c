/* Rows that count more than others, or have two labels: any loss, row by row. */
#include <math.h>
#include <string.h>

#include "loss/loss.h"

/* Blocks that rows are cut into, by their number alone, and the fewest rows of one. */
enum { BLOCKS = 64, BLOCK_ROWS = 32 };

typedef struct work {
    const nd_loss *loss;
    size_t rows, n, width, block;
    const nd_real *logits, *target;
    double share;
    nd_real *grad, *spare;
    bool mixed;
    double value[BLOCKS];
} work;

/* Of row r with a label and its weight at target. */
static double label_value(const work *w, size_t r, const nd_real *target, nd_real *grad)
{
    double weight = (double)target[w->width];
    if (!(weight > 0)) {
        if (grad) {
            memset(grad, 0, w->n * sizeof *grad);
        }
        return 0;
    }
    return weight * w->loss->class->value(w->loss, NULL, 1, w->n, w->logits + r * w->n, target,
                                          (nd_real)(w->share * weight), grad);
}

static double row_value(const work *w, size_t r)
{
    const nd_real *target = w->target + r * (w->width + 1);
    return label_value(w, r, target, w->grad ? w->grad + r * w->n : NULL);
}

static double mixed_value(const work *w, size_t r)
{
    const nd_real *target = w->target + r * 2 * (w->width + 1);
    nd_real *grad = w->grad ? w->grad + r * w->n : NULL;
    nd_real *other = grad ? w->spare + r * w->n : NULL;
    double sum = label_value(w, r, target, grad);
    sum += label_value(w, r, target + w->width + 1, other);
    for (size_t j = 0; grad && j < w->n; j++) {
        grad[j] += other[j];
    }
    return sum;
}

static void add_block(void *user, size_t i)
{
    work *w = user;
    size_t from = i * w->block, to = from + w->block < w->rows ? from + w->block : w->rows;
    w->value[i] = 0;
    for (size_t r = from; r < to; r++) {
        w->value[i] += w->mixed ? mixed_value(w, r) : row_value(w, r);
    }
}

static double value_of(work *w, nd_pool *pool)
{
    size_t block = (w->rows + BLOCKS - 1) / BLOCKS;
    w->block = block > BLOCK_ROWS ? block : BLOCK_ROWS;
    size_t blocks = (w->rows + w->block - 1) / w->block;
    double total = 0;
    nd_pool_run(pool, blocks, add_block, w);
    for (size_t i = 0; i < blocks; i++) {
        total += w->value[i];
    }
    return total;
}

double nd_loss_weighted_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                              const nd_real *logits, const nd_real *target, double share,
                              nd_real *grad)
{
    work w = {.loss = loss,
              .rows = rows,
              .n = n,
              .width = loss->class->label_width(n),
              .logits = logits,
              .target = target,
              .share = share,
              .grad = grad};
    return value_of(&w, pool);
}

double nd_loss_mixed_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                           const nd_real *logits, const nd_real *target, double share,
                           nd_real *grad, nd_real *spare)
{
    work w = {.loss = loss,
              .rows = rows,
              .n = n,
              .width = loss->class->label_width(n),
              .logits = logits,
              .target = target,
              .share = share,
              .grad = grad,
              .spare = spare,
              .mixed = true};
    return value_of(&w, pool);
}

size_t nd_loss_weighted_check(const nd_loss *loss, size_t rows, size_t n, const nd_real *target)
{
    size_t width = loss->class->label_width(n);
    for (size_t r = 0; r < rows; r++) {
        const nd_real *row = target + r * (width + 1);
        if (!(row[width] >= 0) || !isfinite(row[width]) || loss->class->check(1, n, row) == 0) {
            return r;
        }
    }
    return rows;
}

double nd_loss_weight(const nd_loss *loss, size_t rows, size_t n, const nd_real *target)
{
    size_t width = loss->class->label_width(n);
    double sum = 0;
    for (size_t r = 0; r < rows; r++) {
        sum += (double)target[r * (width + 1) + width];
    }
    return sum;
}
