#include "job/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/prep_parts.h"
#include "data/window.h"

/* Data of PROBEN1 and FANN is judged in the figures of its field. */
static void tell_percent(const nd_table *table, nd_metrics *metrics, nd_metrics **baseline)
{
    metrics->in_percent = table->patterns;
    if (baseline != NULL) {
        (*baseline)->in_percent = table->patterns;
    }
}

/* Labels of a part and room for its predictions. */
typedef struct eval {
    const nd_prep *prep;
    const nd_loss *loss;
    nd_prep_map map;
    size_t rows, outputs, label_width;
    nd_real *p, *label;    /* classes: probabilities and class indices, or labels */
    nd_real *logit;        /* [outputs] classes and labels: of one row, for the loss */
    double *value, *truth; /* numbers: predictions and targets, in target units */
    double *deviation;     /* predicted ones, where the loss has them: behind the values */
    const uint32_t *index; /* of a series: the rows that windows end with; else NULL */
    double *unit;          /* [3][outputs] nd_prep_units, for numbers */
} eval;

static void eval_free(eval *e)
{
    nd_prep_map_free(&e->map);
    nd_free(e->p);
    nd_free(e->logit);
    nd_free(e->label);
    nd_free(e->value);
    nd_free(e->truth);
    nd_free(e->unit);
}

/* Targets from labels, which are scaled. */
static void unscale_labels(eval *e)
{
    for (size_t i = 0; e->truth != NULL && i < e->rows * e->label_width; i++) {
        size_t j = i % e->outputs;
        e->truth[i] = (double)e->label[i] * e->unit[e->outputs + j] + e->unit[j];
    }
}

/* Targets as the table has them; for those who have none, their inputs. */
static void fill_truth(eval *e, const nd_rows *rows)
{
    if (e->prep->task == ND_TASK_AUTOENCODER) {
        unscale_labels(e);
        return;
    }
    for (size_t i = 0; e->truth != NULL && i < e->rows * e->label_width; i++) {
        size_t row = i / e->label_width;
        e->truth[i] =
            nd_prep_value_at(&e->map, rows->index ? rows->index[row] : row, i % e->label_width);
    }
}

/* Label rows of a source may end with a weight, which figures do not go by. */
static void drop_weights(eval *e, size_t stride)
{
    for (size_t i = 0; i < e->rows * e->label_width; i++) {
        e->label[i] = e->label[i / e->label_width * stride + i % e->label_width];
    }
}

static nd_status eval_room(eval *e, size_t stride)
{
    bool values = nd_prep_values(e->prep);
    size_t numbers = e->outputs * (e->loss->class->spread ? 2 : 1);
    e->p = values ? NULL : nd_alloc_aligned(e->rows, e->outputs * sizeof(nd_real));
    e->logit = values ? NULL : nd_alloc(e->outputs, sizeof *e->logit);
    e->label = nd_alloc(e->rows, stride * sizeof(nd_real));
    e->value = values ? nd_alloc(e->rows, numbers * sizeof *e->value) : NULL;
    e->truth = values ? nd_alloc(e->rows, e->label_width * sizeof *e->truth) : NULL;
    e->unit = values ? nd_alloc(e->outputs, 3 * sizeof *e->unit) : NULL;
    bool room = e->label && (values ? e->value && e->truth && e->unit : e->p && e->logit);
    if (room && values) {
        nd_prep_units(e->prep, e->unit, e->unit + e->outputs, e->unit + 2 * e->outputs);
    }
    return room ? ND_OK : nd_fail_memory(e->prep->ctx);
}

static nd_status eval_fill(eval *e, const nd_rows *rows)
{
    ND_TRY(eval_room(e, e->label_width));
    ND_TRY(nd_prep_labels(&e->map, rows->index, 0, e->rows, e->label));
    fill_truth(e, rows);
    return ND_OK;
}

static nd_status eval_init(const nd_prep *prep, const nd_loss *loss, const nd_rows *rows, eval *e)
{
    *e = (eval){
        .prep = prep,
        .loss = loss,
        .rows = rows->count,
        .outputs = nd_prep_outputs(prep),
        .label_width = nd_prep_label_width(prep),
        .index = prep->window ? rows->index : NULL,
    };
    ND_TRY(nd_prep_map_create(prep, rows->table, true, &e->map));
    nd_status status = eval_fill(e, rows);
    if (status != ND_OK) {
        eval_free(e);
    }
    return status;
}

/* The loss of logits that give the predicted probabilities: their logarithms, since
 * softmax forgets what is added to all. A hinge needs the decision values themselves. */
static double class_loss(const eval *e, double log_loss)
{
    const nd_loss_class *class = e->loss->class;
    if (strcmp(class->name, "hinge") == 0) {
        return NAN;
    }
    bool plain = class->option_count == 0 || e->loss->setting[0] == 0;
    if (plain && strcmp(class->name, "brier") != 0) {
        return log_loss;
    }
    double total = 0;
    bool binary = e->prep->task == ND_TASK_BINARY;
    nd_real *z = e->logit;
    for (size_t r = 0; r < e->rows; r++) {
        for (size_t c = 0; c < e->outputs; c++) {
            double p = (double)e->p[r * e->outputs + c];
            z[c] = (nd_real)log(p > 1e-37 ? p : 1e-37);
        }
        z[0] = binary ? z[1] - z[0] : z[0];
        total += class->value(e->loss, NULL, 1, binary ? 1 : e->outputs, z, e->label + r, 1, NULL);
    }
    return total / (double)e->rows;
}

static nd_status class_metrics(const eval *e, nd_metrics **metrics)
{
    const char **name = nd_alloc(e->outputs, sizeof *name);
    if (name == NULL) {
        return nd_fail_memory(e->prep->ctx);
    }
    for (size_t c = 0; c < e->outputs; c++) {
        name[c] = nd_dict_word(e->prep->classes, (uint32_t)c, NULL);
    }
    nd_status status =
        nd_metrics_classes(e->prep->ctx, e->p, e->label, e->rows, e->outputs, name, metrics);
    nd_free(name);
    if (status == ND_OK) {
        (*metrics)->loss = class_loss(e, (*metrics)->log_loss);
    }
    return status;
}

/* The loss of labels, whose logits are those of their probabilities. */
static double label_loss(const eval *e)
{
    double total = 0;
    nd_real *z = e->logit;
    for (size_t r = 0; r < e->rows; r++) {
        for (size_t t = 0; t < e->outputs; t++) {
            double p = (double)e->p[r * e->outputs + t];
            z[t] = (nd_real)(log(p > 1e-37 ? p : 1e-37) - log(p < 1 ? 1 - p : 1e-37));
        }
        total += e->loss->class->value(e->loss, NULL, 1, e->outputs, z, e->label + r * e->outputs,
                                       1, NULL);
    }
    return total / (double)e->rows;
}

static nd_status target_names(const eval *e, const char ***name)
{
    *name = nd_alloc(e->prep->targets, sizeof **name);
    if (*name == NULL) {
        return nd_fail_memory(e->prep->ctx);
    }
    for (size_t t = 0; t < e->prep->targets; t++) {
        (*name)[t] = e->prep->target[t].name;
    }
    return ND_OK;
}

static nd_status label_metrics(const eval *e, nd_metrics **metrics)
{
    const char **name;
    ND_TRY(target_names(e, &name));
    nd_status status =
        nd_metrics_labels(e->prep->ctx, e->p, e->label, e->rows, e->outputs, name, metrics);
    nd_free(name);
    if (status == ND_OK) {
        (*metrics)->loss = label_loss(e);
    }
    return status;
}

/* Mean of the squared errors in deviations of the training target. */
static double scaled_loss(const eval *e, const nd_metrics *metrics)
{
    double sum = 0;
    for (size_t t = 0; t < e->outputs; t++) {
        double scaled = metrics->target_rmse[t] / e->unit[e->outputs + t];
        sum += scaled * scaled;
    }
    return sum / (double)e->outputs;
}

/* Of an autoencoder whose outputs are probabilities: none is so small that it has no
 * logarithm. */
static double unit_loss(const eval *e)
{
    double sum = 0;
    for (size_t i = 0; i < e->rows * e->outputs; i++) {
        size_t j = i % e->outputs;
        double scale = e->unit[e->outputs + j], center = e->unit[j];
        double p = (e->value[i] - center) / scale, t = (e->truth[i] - center) / scale;
        sum -= t * log(fmax(p, 1e-37)) + (1 - t) * log(fmax(1 - p, 1e-37));
    }
    return sum / (double)(e->rows * e->outputs);
}

/* A loss of errors, in deviations of the training target. */
static double point_loss(const eval *e)
{
    double sum = 0, slope;
    for (size_t i = 0; i < e->rows * e->outputs; i++) {
        double error = e->value[i] - e->truth[i];
        sum += e->loss->class->point(e->loss, error / e->unit[e->outputs + i % e->outputs], &slope);
    }
    return sum / (double)(e->rows * e->outputs);
}

/* Means are in units of the training target's mean; none is so small that it has no
 * logarithm. */
static double poisson_loss(const eval *e)
{
    double sum = 0;
    for (size_t i = 0; i < e->rows * e->outputs; i++) {
        double scale = e->unit[e->outputs + i % e->outputs], mean = e->value[i] / scale;
        double t = e->truth[i] / scale;
        sum += mean - t + (t > 0 ? t * log(t / (mean > 1e-37 ? mean : 1e-37)) : 0);
    }
    return sum / (double)(e->rows * e->outputs);
}

/* Predicted shares are those that the loss goes by. */
static double divergence(const eval *e)
{
    double sum = 0;
    for (size_t i = 0; i < e->rows * e->outputs; i++) {
        double t = e->truth[i], p = e->value[i] > 1e-37 ? e->value[i] : 1e-37;
        sum += t > 0 ? t * log(t / p) : 0;
    }
    return sum / (double)e->rows;
}

/* Half of log v + error^2 / v, in units of the training target. */
static double gaussian_loss(const eval *e)
{
    double sum = 0;
    for (size_t i = 0; i < e->rows * e->outputs; i++) {
        double scale = e->prep->target[i % e->outputs].scale;
        double z = (e->value[i] - e->truth[i]) / e->deviation[i];
        sum += log(e->deviation[i] / scale) + z * z / 2;
    }
    return sum / (double)(e->rows * e->outputs);
}

static double value_loss(const eval *e, const nd_metrics *metrics)
{
    if (e->deviation != NULL) {
        return gaussian_loss(e);
    }
    if (strcmp(e->loss->class->link, "softmax") == 0) {
        return divergence(e);
    }
    if (strcmp(e->loss->class->link, "exp") == 0) {
        return poisson_loss(e);
    }
    if (strcmp(e->loss->class->link, "sigmoid") == 0) {
        return unit_loss(e);
    }
    return e->loss->class->point ? point_loss(e) : scaled_loss(e, metrics);
}

static nd_status value_metrics(const eval *e, nd_metrics **metrics)
{
    const char **name = nd_alloc(e->outputs, sizeof *name);
    if (name == NULL) {
        return nd_fail_memory(e->prep->ctx);
    }
    for (size_t t = 0; t < e->outputs; t++) {
        size_t pixel;
        name[t] = nd_prep_output_name(e->prep, t, &pixel);
    }
    nd_status status =
        nd_metrics_regression(e->prep->ctx, e->value, e->truth, e->rows, e->outputs, name, metrics);
    nd_free(name);
    if (status == ND_OK && e->deviation != NULL) {
        nd_metrics_spread(*metrics, e->value, e->deviation, e->truth);
    }
    if (status == ND_OK) {
        (*metrics)->loss = value_loss(e, *metrics);
    }
    if (status == ND_OK && e->prep->task == ND_TASK_AUTOENCODER) {
        nd_metrics_mirror(*metrics, e->value, e->truth, e->unit + e->outputs);
    }
    return status;
}

static nd_status eval_metrics(const eval *e, nd_metrics **metrics)
{
    if (e->prep->task == ND_TASK_MULTILABEL) {
        return label_metrics(e, metrics);
    }
    return nd_prep_values(e->prep) ? value_metrics(e, metrics) : class_metrics(e, metrics);
}

/* The mean, which is the center of a target, or the unit of one that cannot be below 0, or
 * kept beside one that is a share. */
static void trivial_values(const eval *e, double *value)
{
    bool by_mean = strcmp(e->loss->class->link, "exp") == 0;
    memcpy(value, e->unit + (by_mean ? 1 : 2) * e->outputs, e->outputs * sizeof *value);
}

/* The deviations of training around it. */
static void trivial_row(const eval *e, size_t row)
{
    trivial_values(e, e->value + row * e->outputs);
    for (size_t t = 0; e->deviation != NULL && t < e->outputs; t++) {
        e->deviation[row * e->outputs + t] = e->prep->target[t].scale;
    }
}

/* Classes, or labels, as often as in training. */
static void trivial_classes(const nd_prep *prep, nd_real *p)
{
    for (size_t t = 0; prep->task == ND_TASK_MULTILABEL && t < prep->targets; t++) {
        p[t] = (nd_real)prep->target[t].mean;
    }
    if (prep->classes == NULL) {
        return;
    }
    size_t classes = nd_dict_count(prep->classes);
    double sum = 0;
    for (size_t c = 0; c < classes; c++) {
        sum += prep->class_count[c];
    }
    for (size_t c = 0; c < classes; c++) {
        p[c] = (nd_real)(prep->class_count[c] / sum);
    }
}

static nd_status eval_baseline(const eval *e, nd_metrics **baseline)
{
    for (size_t r = 0; r < e->rows; r++) {
        if (e->index != NULL) {
            nd_windows_naive(&e->map, e->index[r], e->value + r * e->outputs);
        } else if (e->value != NULL) {
            trivial_row(e, r);
        } else {
            trivial_classes(e->prep, e->p + r * e->outputs);
        }
    }
    ND_TRY(eval_metrics(e, baseline));
    if (e->index != NULL) {
        (*baseline)->trivial = e->prep->period > 1 ? "seasonal" : "last value";
    }
    return ND_OK;
}

/* Where the predictions of an evaluation come from. */
typedef struct eval_from {
    nd_model *model;
    const nd_rows *rows;     /* or */
    const nd_source *source; /* of the same rows */
} eval_from;

static nd_status eval_predict(const eval_from *from, const eval *e)
{
    nd_model *model = from->model;
    if (from->source != NULL) {
        return nd_model_predict_source(model, from->source, e->p, e->value, e->label);
    }
    const uint32_t *index = from->rows->index;
    return e->value != NULL ? nd_model_values_map(model, &e->map, index, 0, e->rows, e->value)
                            : nd_model_predict_map(model, &e->map, index, 0, e->rows, e->p);
}

static nd_status eval_member(const eval_from *from, eval *e, nd_metrics *metrics)
{
    nd_metrics *alone;
    ND_TRY(eval_predict(from, e));
    if (from->source != NULL) {
        drop_weights(e, from->source->label_width);
    }
    ND_TRY(eval_metrics(e, &alone));
    nd_status status = nd_metrics_add_member(metrics, alone);
    nd_metrics_destroy(alone);
    return status;
}

/* What the members of an ensemble are worth alone. */
static nd_status eval_members(const eval_from *from, eval *e, nd_metrics *metrics)
{
    size_t members = nd_model_members(from->model);
    nd_status status = ND_OK;
    for (size_t k = 1; members > 1 && status == ND_OK && k <= members; k++) {
        from->model->only = k;
        status = eval_member(from, e, metrics);
    }
    from->model->only = 0;
    nd_metrics_mean_members(metrics);
    return status;
}

/* Rows of means and deviations become all means, then all deviations. */
static nd_status part_deviations(eval *e)
{
    size_t n = e->outputs, count = e->rows * n;
    if (e->value == NULL || !e->loss->class->spread) {
        return ND_OK;
    }
    double *parted = nd_alloc(2 * count, sizeof *parted);
    if (parted == NULL) {
        return nd_fail_memory(e->prep->ctx);
    }
    for (size_t i = 0; i < 2 * count; i++) {
        size_t r = i / (2 * n), j = i % (2 * n);
        parted[j < n ? r * n + j : count + r * n + j - n] = e->value[i];
    }
    nd_free(e->value);
    e->value = parted;
    e->deviation = parted + count;
    return ND_OK;
}

/* Figures of predictions that are made; frees e. */
static nd_status eval_finish(const eval_from *from, eval *e, nd_status status, nd_metrics **metrics,
                             nd_metrics **baseline)
{
    if (status == ND_OK) {
        status = part_deviations(e);
    }
    if (status == ND_OK) {
        status = eval_metrics(e, metrics);
    }
    if (status == ND_OK) {
        status = eval_members(from, e, *metrics);
    }
    if (status == ND_OK && baseline != NULL) {
        status = eval_baseline(e, baseline);
    }
    if (status != ND_OK) {
        nd_metrics_destroy(*metrics);
        *metrics = NULL;
    }
    eval_free(e);
    return status;
}

nd_status nd_evaluate_rows(nd_model *model, const nd_rows *rows, nd_metrics **metrics,
                           nd_metrics **baseline)
{
    eval e;
    *metrics = NULL;
    if (baseline != NULL) {
        *baseline = NULL;
    }
    ND_TRY(eval_init(model->prep, nd_net_loss_in_force(model->net), rows, &e));
    eval_from from = {.model = model, .rows = rows};
    nd_status status = eval_predict(&from, &e);
    ND_TRY(eval_finish(&from, &e, status, metrics, baseline));
    tell_percent(rows->table, *metrics, baseline);
    return ND_OK;
}

nd_status nd_evaluate_source(nd_model *model, const nd_source *source, nd_metrics **metrics,
                             nd_metrics **baseline)
{
    eval e = {.prep = model->prep,
              .loss = nd_net_loss_in_force(model->net),
              .rows = source->rows,
              .outputs = nd_prep_outputs(model->prep),
              .label_width = nd_prep_label_width(model->prep)};
    *metrics = NULL;
    if (baseline != NULL) {
        *baseline = NULL;
    }
    eval_from from = {.model = model, .source = source};
    nd_status status = eval_room(&e, source->label_width);
    if (status == ND_OK) {
        status = eval_predict(&from, &e);
        drop_weights(&e, source->label_width);
        unscale_labels(&e);
    }
    return eval_finish(&from, &e, status, metrics, baseline);
}

/* Every window of the table, beside the naive forecast. */
static nd_status evaluate_series(nd_model *model, const nd_table *table, nd_metrics **metrics)
{
    uint32_t *index;
    nd_rows rows = {table, NULL, 0};
    nd_metrics *naive = NULL;
    *metrics = NULL;
    ND_TRY(nd_windows_all(model->prep, table, &index, &rows.count));
    rows.index = index;
    nd_status status = nd_evaluate_rows(model, &rows, metrics, &naive);
    nd_free(index);
    if (status == ND_OK) {
        (*metrics)->naive = naive;
    }
    return status;
}

nd_status nd_model_evaluate(nd_model *model, const nd_table *table, nd_metrics **metrics)
{
    if (!model || !table || !metrics) {
        return nd_fail(model ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_evaluate: a null pointer was passed");
    }
    if (model->prep->window) {
        return evaluate_series(model, table, metrics);
    }
    nd_rows rows = {table, NULL, table->rows};
    return nd_evaluate_rows(model, &rows, metrics, NULL);
}
