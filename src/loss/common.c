#include <math.h>
#include <string.h>

#include "loss/loss.h"

size_t nd_loss_width_one(size_t n)
{
    (void)n;
    return 1;
}

size_t nd_loss_width_all(size_t n)
{
    return n;
}

size_t nd_loss_check_values(size_t rows, size_t n, const nd_real *target)
{
    for (size_t i = 0; i < rows * n; i++) {
        if (!isfinite(target[i])) {
            return i / n;
        }
    }
    return rows;
}

size_t nd_loss_check_classes(size_t rows, size_t n, const nd_real *target)
{
    size_t classes = n == 1 ? 2 : n;
    for (size_t r = 0; r < rows; r++) {
        double label = (double)target[r];
        if (!(label >= 0 && label < (double)classes) || label != (double)(size_t)label) {
            return r;
        }
    }
    return rows;
}

void nd_loss_predict_same(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    (void)pool;
    if (p != logits) {
        memcpy(p, logits, rows * n * sizeof *p);
    }
}

void nd_loss_predict_classes(nd_pool *pool, size_t rows, size_t n, const nd_real *logits,
                             nd_real *p)
{
    if (n == 1) {
        nd_k_sigmoid(pool, rows, logits, p);
    } else {
        nd_k_softmax(pool, rows, n, logits, p);
    }
}

double nd_loss_point_value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                           const nd_real *logits, const nd_real *target, nd_real scale,
                           nd_real *grad)
{
    double total = 0, share = (double)scale / (double)n;
    (void)pool;
    for (size_t i = 0; i < rows * n; i++) {
        double slope;
        total += loss->class->point(loss, (double)logits[i] - (double)target[i], &slope);
        if (grad) {
            grad[i] = (nd_real)(share * slope);
        }
    }
    return total / (double)n;
}
