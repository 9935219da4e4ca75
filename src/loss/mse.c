/* Mean squared error: mean over rows and outputs. The textbook cost
 * J = 1/(2m) sum (h - y)^2 of one output is half of it. */
#include <math.h>
#include <string.h>

#include "loss/loss.h"

static size_t label_width(size_t n)
{
    return n;
}

static size_t check(size_t rows, size_t n, const nd_real *target)
{
    for (size_t i = 0; i < rows * n; i++) {
        if (!isfinite(target[i])) {
            return i / n;
        }
    }
    return rows;
}

static double value(const nd_loss *loss, nd_pool *pool, size_t rows, size_t n,
                    const nd_real *logits, const nd_real *target, nd_real scale, nd_real *grad)
{
    (void)loss;
    nd_real share = scale / (nd_real)n;
    return nd_k_squared_error(pool, rows * n, logits, target, share, grad) / (double)n;
}

static void predict(nd_pool *pool, size_t rows, size_t n, const nd_real *logits, nd_real *p)
{
    (void)pool;
    if (p != logits) {
        memcpy(p, logits, rows * n * sizeof *p);
    }
}

const nd_loss_class nd_loss_mse = {
    .name = "mse",
    .help = "mean squared error of values, over rows and outputs",
    .formula = "L = (z - t)^2, mean over rows and outputs (twice J = 1/(2m) sum (h - y)^2)",
    .source = "Goodfellow, Bengio & Courville 2016, section 5.1.4",
    .link = "identity",
    .min_outputs = 1,
    .label_width = label_width,
    .check = check,
    .value = value,
    .kernel = ND_LOSS_SQUARED,
    .predict = predict,
};
