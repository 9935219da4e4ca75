#include "train/score.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "train/fit.h"

/* Running sums of one scoring pass. */
typedef struct tally {
    const nd_loss_class *loss;
    size_t outputs;
    bool classes, mirror;
    double loss_sum, weight;           /* of the rows so far */
    double right;                      /* classes */
    double target_sum, target_squares; /* values, over all label columns */
    double error_squares, values;
} tally;

/* Several labels of 0 and 1, each a question of its own. */
static bool is_multilabel(const nd_loss_class *loss, size_t outputs)
{
    return loss->classes && outputs > 1 && loss->label_width(outputs) == outputs;
}

const char *nd_score_metric(const nd_loss_class *loss, size_t outputs, bool mirror)
{
    if (mirror) {
        return "reconstruction";
    }
    return is_multilabel(loss, outputs) ? "label_accuracy" : loss->classes ? "accuracy" : "R2";
}

static size_t argmax(const nd_real *p, size_t n)
{
    size_t best = 0;
    for (size_t j = 1; j < n; j++) {
        if (p[j] > p[best]) {
            best = j;
        }
    }
    return best;
}

static void tally_classes(tally *t, const nd_real *logits, const nd_real *label, size_t stride,
                          size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        size_t guess =
            t->outputs == 1 ? (size_t)(logits[r] > 0) : argmax(logits + r * t->outputs, t->outputs);
        t->right += (double)guess == (double)label[r * stride] ? 1 : 0;
    }
    t->values += (double)rows;
}

static void tally_labels(tally *t, const nd_real *logits, const nd_real *label, size_t stride,
                         size_t rows)
{
    for (size_t i = 0; i < rows * t->outputs; i++) {
        bool yes = label[i / t->outputs * stride + i % t->outputs] > 0;
        t->right += yes == (logits[i] > 0);
    }
    t->values += (double)(rows * t->outputs);
}

/* What the net says of target j of a row: its logit by the link of the loss. */
static double guess_of(const tally *t, const nd_real *logits, size_t j)
{
    if (strcmp(t->loss->link, "exp") == 0) {
        return exp((double)logits[j]);
    }
    if (strcmp(t->loss->link, "sigmoid") == 0) {
        return 1 / (1 + exp(-(double)logits[j]));
    }
    if (strcmp(t->loss->link, "softmax") != 0) {
        return (double)logits[j];
    }
    double sum = 0;
    for (size_t k = 0; k < t->outputs; k++) {
        sum += exp((double)logits[k] - (double)logits[j]);
    }
    return 1 / sum;
}

static void tally_values(tally *t, const nd_real *value, const nd_real *target, size_t stride,
                         size_t rows)
{
    size_t targets = t->loss->label_width(t->outputs);
    for (size_t i = 0; i < rows * targets; i++) {
        size_t r = i / targets, j = i % targets;
        double truth = (double)target[r * stride + j];
        double error = guess_of(t, value + r * t->outputs, j) - truth;
        t->error_squares += error * error;
        t->target_sum += truth;
        t->target_squares += truth * truth;
    }
    t->values += (double)(rows * targets);
}

static double tally_metric(const tally *t)
{
    if (t->classes) {
        return t->right / t->values;
    }
    if (t->mirror) {
        return t->error_squares / t->values * (double)t->outputs;
    }
    /* R2 = 1 - sum (t - y)^2 / sum (t - mean t)^2 */
    double spread = t->target_squares - t->target_sum * t->target_sum / t->values;
    return spread > 0 ? 1 - t->error_squares / spread : NAN;
}

static nd_status score_batch(nd_net *net, tally *t, const nd_real *x, const nd_real *y, size_t rows,
                             size_t label_width)
{
    double loss;
    ND_TRY(nd_net_loss(net, x, y, rows, &loss));
    const nd_real *logits;
    ND_TRY(nd_net_last_logits(net, &logits));
    double weight = nd_net_weight(net, y, rows);
    t->loss_sum += loss * weight;
    t->weight += weight;
    if (t->classes && is_multilabel(t->loss, t->outputs)) {
        tally_labels(t, logits, y, label_width, rows);
    } else if (t->classes) {
        tally_classes(t, logits, y, label_width, rows);
    } else {
        tally_values(t, logits, y, label_width, rows);
    }
    return ND_OK;
}

nd_status nd_fit_score(nd_net *net, const nd_source *source, nd_real *x, nd_real *y, double *loss,
                       double *metric)
{
    tally t = {.loss = nd_net_loss_class(net), .outputs = nd_net_outputs(net)};
    t.mirror = source->mirror;
    t.classes = t.loss->classes && !t.mirror;
    size_t most = nd_net_max_rows(net);
    for (size_t first = 0; first < source->rows; first += most) {
        size_t rows = source->rows - first < most ? source->rows - first : most;
        nd_source_gather(source, nd_net_ctx(net)->pool, NULL, first, rows, x, y);
        ND_TRY(nd_source_whole(source));
        ND_TRY(score_batch(net, &t, x, y, rows, source->label_width));
    }
    if (!(t.weight > 0)) {
        return nd_fail(nd_net_ctx(net), ND_ERR_DATA,
                       "the weights of all %zu rows to validate on are 0", source->rows);
    }
    *loss = t.loss_sum / t.weight;
    *metric = tally_metric(&t);
    return ND_OK;
}
