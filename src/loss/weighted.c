/* Rows that count more than others: any loss, row by row. */
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
    nd_real *grad;
    double value[BLOCKS];
} work;

static double row_value(const work *w, size_t r)
{
    const nd_real *target = w->target + r * (w->width + 1);
    nd_real *grad = w->grad ? w->grad + r * w->n : NULL;
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

static void add_block(void *user, size_t i)
{
    work *w = user;
    size_t from = i * w->block, to = from + w->block < w->rows ? from + w->block : w->rows;
    w->value[i] = 0;
    for (size_t r = from; r < to; r++) {
        w->value[i] += row_value(w, r);
    }
}

double nd_loss_weighted_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                              const nd_real *logits, const nd_real *target, double share,
                              nd_real *grad)
{
    size_t block = (rows + BLOCKS - 1) / BLOCKS;
    work w = {.loss = loss,
              .rows = rows,
              .n = n,
              .width = loss->class->label_width(n),
              .block = block > BLOCK_ROWS ? block : BLOCK_ROWS,
              .logits = logits,
              .target = target,
              .share = share,
              .grad = grad};
    size_t blocks = (rows + w.block - 1) / w.block;
    double total = 0;
    nd_pool_run(pool, blocks, add_block, &w);
    for (size_t i = 0; i < blocks; i++) {
        total += w.value[i];
    }
    return total;
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
