#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Rows of a batch when many are predicted. */
enum { BATCH_ROWS = 512 };

/* Outputs the net must have: one logit for two classes, means and variances for a loss with
 * both. */
static size_t net_outputs(const nd_net *net, const nd_prep *prep)
{
    if (prep->task == ND_TASK_BINARY) {
        return 1;
    }
    return nd_prep_outputs(prep) * (nd_net_loss_class(net)->spread ? 2 : 1);
}

static nd_status check_fit(nd_ctx *ctx, const nd_net *net, const nd_prep *prep)
{
    if (nd_net_inputs(net) != nd_prep_inputs(prep)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "the network takes %zu inputs, the preparation makes %zu",
                       nd_net_inputs(net), nd_prep_inputs(prep));
    }
    if (nd_net_outputs(net) != net_outputs(net, prep)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "the network has %zu outputs, the task needs %zu",
                       nd_net_outputs(net), net_outputs(net, prep));
    }
    if (nd_net_loss_class(net)->spread && prep->task != ND_TASK_REGRESSION) {
        return nd_fail(ctx, ND_ERR_SHAPE, "loss %s does not fit task %s",
                       nd_net_loss_class(net)->name, nd_task_name(prep->task));
    }
    return ND_OK;
}

/* Names of the deviations that stand behind the predicted means. */
static nd_status name_deviations(nd_model *model)
{
    const nd_prep *prep = model->prep;
    if (!nd_net_loss_class(model->net)->spread) {
        return ND_OK;
    }
    model->deviation = nd_alloc(prep->targets, sizeof *model->deviation);
    for (size_t t = 0; model->deviation != NULL && t < prep->targets; t++) {
        nd_text name = {0};
        nd_text_printf(&name, "%s_deviation", prep->target[t].name);
        if (name.failed) {
            nd_text_free(&name);
            return nd_fail_memory(model->ctx);
        }
        model->deviation[t] = name.data;
        model->deviations = t + 1;
    }
    return model->deviation != NULL ? ND_OK : nd_fail_memory(model->ctx);
}

nd_status nd_model_create(nd_ctx *ctx, nd_net *net, nd_prep *prep, char *record, nd_model **model)
{
    nd_model *made = nd_alloc(1, sizeof *made);
    *model = NULL;
    if (made == NULL) {
        nd_net_destroy(net);
        nd_prep_destroy(prep);
        nd_free(record);
        return nd_fail_memory(ctx);
    }
    *made = (nd_model){.ctx = ctx, .net = net, .prep = prep, .record = record};
    nd_status status = check_fit(ctx, net, prep);
    if (status == ND_OK) {
        status = name_deviations(made);
    }
    if (status != ND_OK) {
        nd_model_destroy(made);
        return status;
    }
    *model = made;
    return ND_OK;
}

void nd_model_destroy(nd_model *model)
{
    if (model == NULL) {
        return;
    }
    for (size_t t = 0; t < model->deviations; t++) {
        nd_free(model->deviation[t]);
    }
    nd_free(model->deviation);
    nd_net_destroy(model->net);
    for (size_t k = 0; k < model->mores; k++) {
        nd_net_destroy(model->more[k]);
    }
    nd_free(model->more);
    nd_prep_destroy(model->prep);
    nd_free(model->record);
    nd_free(model->x);
    nd_free(model->p);
    nd_free(model->unit);
    nd_free(model->each);
    nd_free(model);
}

size_t nd_model_members(const nd_model *model)
{
    return model ? 1 + model->mores : 0;
}

nd_net *nd_model_member(const nd_model *model, size_t k)
{
    return k == 0 ? model->net : model->more[k - 1];
}

nd_status nd_model_take_member(nd_model *model, nd_net *net)
{
    if (!nd_grow((void **)&model->more, &model->more_room, model->mores, sizeof(nd_net *))) {
        nd_net_destroy(net);
        return nd_fail_memory(model->ctx);
    }
    model->more[model->mores++] = net;
    model->scratch_rows = 0;
    return ND_OK;
}

nd_status nd_model_add_member(nd_model *model, const nd_real *parameters, const nd_real *buffers)
{
    nd_net *net = NULL;
    nd_text loss = {0};
    nd_loss_write(nd_net_loss_in_force(model->net), &loss);
    nd_status status = loss.failed ? nd_fail_memory(model->ctx)
                                   : nd_net_create(model->ctx, nd_net_desc(model->net), loss.data,
                                                   nd_net_max_rows(model->net), 0, &net);
    nd_text_free(&loss);
    ND_TRY(status);
    memcpy(nd_net_parameters(net), parameters, nd_net_size(net) * sizeof *parameters);
    memcpy(nd_net_buffers(net), buffers, nd_net_buffer_size(net) * sizeof *buffers);
    return nd_model_take_member(model, net);
}

/* Numbers that one raw column takes in an array of rows. */
static size_t column_width(const nd_prep_column *column)
{
    return column->kind == ND_PREP_IMAGE ? column->features : 1;
}

size_t nd_model_inputs(const nd_model *model)
{
    size_t width = 0;
    for (size_t i = 0; model && i < model->prep->columns; i++) {
        width += column_width(&model->prep->column[i]);
    }
    return width;
}

size_t nd_model_outputs(const nd_model *model)
{
    return model ? nd_prep_outputs(model->prep) * (model->deviation != NULL ? 2 : 1) : 0;
}

const char *nd_model_output_name(const nd_model *model, size_t j)
{
    if (j >= nd_model_outputs(model)) {
        return NULL;
    }
    size_t pixel;
    return j < nd_prep_outputs(model->prep) ? nd_prep_output_name(model->prep, j, &pixel)
                                            : model->deviation[j - nd_prep_outputs(model->prep)];
}

static nd_status make_units(nd_model *model)
{
    size_t n = nd_prep_outputs(model->prep);
    if (model->unit != NULL || !nd_prep_values(model->prep)) {
        return ND_OK;
    }
    model->unit = nd_alloc(n, 3 * sizeof *model->unit);
    if (model->unit == NULL) {
        return nd_fail_memory(model->ctx);
    }
    nd_prep_units(model->prep, model->unit, model->unit + n, model->unit + 2 * n);
    return ND_OK;
}

/* Room for a batch of up to rows; the nets are planned again where that pays. */
static nd_status make_scratch(nd_model *model, size_t rows)
{
    ND_TRY(make_units(model));
    size_t batch = rows < BATCH_ROWS ? rows : BATCH_ROWS, members = nd_model_members(model);
    for (size_t k = 0; k < members; k++) {
        nd_net *net = nd_model_member(model, k);
        if (nd_net_max_rows(net) < batch) {
            ND_TRY(nd_net_replan(net, batch));
        }
    }
    if (model->scratch_rows >= batch) {
        return ND_OK;
    }
    size_t n = nd_net_outputs(model->net);
    nd_real *x = nd_alloc_aligned(batch, nd_prep_inputs(model->prep) * sizeof *x);
    nd_real *p = nd_alloc_aligned(batch, n * sizeof *p);
    nd_real *each = members > 1 ? nd_alloc(batch * members, n * sizeof *each) : NULL;
    if (x == NULL || p == NULL || (members > 1 && each == NULL)) {
        nd_free(x);
        nd_free(p);
        nd_free(each);
        return nd_fail_memory(model->ctx);
    }
    nd_free(model->x);
    nd_free(model->p);
    nd_free(model->each);
    model->x = x;
    model->p = p;
    model->each = each;
    model->scratch_rows = batch;
    return ND_OK;
}

/* Mean of what the members predict for element i of a batch of n elements. */
static double mean_at(const nd_model *model, size_t n, size_t i)
{
    double sum = 0;
    for (size_t k = 0; k <= model->mores; k++) {
        sum += (double)model->each[k * n + i];
    }
    return sum / (double)nd_model_members(model);
}

/* Deviation of a mixture of normal distributions with equal shares: its variance is that of the
 * members on average and that of their means (Lakshminarayanan et al. 2017, section 2.4).
 *   i  of a mean; its deviation stands `ahead` elements behind it */
static double mixed_deviation(const nd_model *model, size_t n, size_t i, size_t ahead)
{
    double mean = mean_at(model, n, i), sum = 0;
    for (size_t k = 0; k <= model->mores; k++) {
        double off = (double)model->each[k * n + i] - mean;
        double own = (double)model->each[k * n + i + ahead];
        sum += own * own + off * off;
    }
    return sqrt(sum / (double)nd_model_members(model));
}

/* A batch of n rows in x to what is predicted in p: for classes the mean of the members'
 * probabilities, p = (1/M) sum_m p_m (Lakshminarayanan et al. 2017, section 2.4). */
static nd_status forward_batch(nd_model *model, size_t n)
{
    if (model->mores == 0 || model->only > 0) {
        nd_net *net = nd_model_member(model, model->only > 0 ? model->only - 1 : 0);
        return nd_net_forward(net, model->x, n, model->p);
    }
    size_t size = n * nd_net_outputs(model->net);
    for (size_t k = 0; k <= model->mores; k++) {
        ND_TRY(nd_net_forward(nd_model_member(model, k), model->x, n, model->each + k * size));
    }
    size_t targets = nd_prep_outputs(model->prep);
    for (size_t i = 0; i < size; i++) {
        bool spread = model->deviation != NULL && i % (2 * targets) >= targets;
        model->p[i] = (nd_real)(spread ? mixed_deviation(model, size, i - targets, targets)
                                       : mean_at(model, size, i));
    }
    return ND_OK;
}

/* Element i of the numbers that the net predicts for a batch, in their own units. A deviation
 * has no center. */
static double in_target_units(const nd_model *model, size_t i)
{
    size_t n = nd_prep_outputs(model->prep), at = i % nd_net_outputs(model->net), j = at % n;
    return (double)model->p[i] * model->unit[n + j] + (at < n ? model->unit[j] : 0);
}

/* From what the net predicts to what users see. */
static void finish_rows(const nd_model *model, size_t rows, nd_real *y)
{
    const nd_prep *prep = model->prep;
    size_t n = nd_net_outputs(model->net);
    if (prep->task == ND_TASK_MULTICLASS || prep->task == ND_TASK_MULTILABEL) {
        memcpy(y, model->p, rows * n * sizeof *y);
        return;
    }
    if (prep->task == ND_TASK_BINARY) {
        for (size_t r = 0; r < rows; r++) {
            y[2 * r] = 1 - model->p[r];
            y[2 * r + 1] = model->p[r];
        }
        return;
    }
    for (size_t i = 0; i < rows * n; i++) {
        y[i] = (nd_real)in_target_units(model, i);
    }
}

/* What element i of the predictions of a series counts from; a deviation counts from 0. */
static double level_at(const nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                       size_t first, size_t i)
{
    size_t outputs = nd_model_outputs(model), r = i / outputs;
    if (!model->prep->relative || i % outputs >= nd_prep_outputs(model->prep)) {
        return 0;
    }
    return nd_prep_level(map, rows != NULL ? rows[r] : first + r);
}

/* The next rows of count, of which done are done, through the net; *n gets how many. */
static nd_status forward_next(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, size_t done, size_t *n)
{
    *n = count - done < model->scratch_rows ? count - done : model->scratch_rows;
    nd_prep_features(map, rows != NULL ? rows + done : NULL, first + done, *n, model->x);
    return forward_batch(model, *n);
}

nd_status nd_model_predict_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                               size_t first, size_t count, nd_real *y)
{
    size_t outputs = nd_model_outputs(model);
    ND_TRY(make_scratch(model, count));
    for (size_t done = 0, n; done < count; done += n) {
        ND_TRY(forward_next(model, map, rows, first, count, done, &n));
        finish_rows(model, n, y + done * outputs);
        for (size_t i = 0; model->prep->relative && i < n * outputs; i++) {
            y[done * outputs + i] += (nd_real)level_at(model, map, rows, first, done * outputs + i);
        }
    }
    return ND_OK;
}

/* Sample deviation over the members, of element i of a batch of n elements. */
static double deviation_at(const nd_model *model, size_t n, size_t i)
{
    double mean = mean_at(model, n, i), sum = 0;
    for (size_t k = 0; k <= model->mores; k++) {
        double off = (double)model->each[k * n + i] - mean;
        sum += off * off;
    }
    return sqrt(sum / (double)model->mores);
}

static void finish_spread(const nd_model *model, size_t rows, nd_real *spread)
{
    const nd_prep *prep = model->prep;
    size_t n = rows * nd_net_outputs(model->net), outputs = nd_prep_outputs(prep);
    for (size_t i = 0; i < n; i++) {
        double deviation = deviation_at(model, n, i);
        if (prep->task == ND_TASK_BINARY) {
            spread[2 * i] = spread[2 * i + 1] = (nd_real)deviation;
        } else if (nd_prep_values(prep)) {
            spread[i] = (nd_real)(deviation * model->unit[outputs + i % outputs]);
        } else {
            spread[i] = (nd_real)deviation;
        }
    }
}

nd_status nd_model_spread_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, nd_real *y, nd_real *spread)
{
    size_t outputs = nd_model_outputs(model);
    if (model->mores == 0) {
        return nd_fail(model->ctx, ND_ERR_ARGUMENT,
                       "spread: the model is one network; an ensemble has a spread");
    }
    ND_TRY(make_scratch(model, count));
    for (size_t done = 0, n; done < count; done += n) {
        ND_TRY(forward_next(model, map, rows, first, count, done, &n));
        finish_rows(model, n, y + done * outputs);
        for (size_t i = 0; model->prep->relative && i < n * outputs; i++) {
            y[done * outputs + i] += (nd_real)level_at(model, map, rows, first, done * outputs + i);
        }
        finish_spread(model, n, spread + done * outputs);
    }
    return ND_OK;
}

/* The next n predictions as doubles. */
static void finish_values(nd_model *model, size_t n, double *value)
{
    for (size_t i = 0; i < n * nd_model_outputs(model); i++) {
        value[i] = in_target_units(model, i);
    }
}

nd_status nd_model_values_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, double *y)
{
    size_t outputs = nd_model_outputs(model);
    ND_TRY(make_scratch(model, count));
    for (size_t done = 0, n; done < count; done += n) {
        ND_TRY(forward_next(model, map, rows, first, count, done, &n));
        finish_values(model, n, y + done * outputs);
        for (size_t i = 0; model->prep->relative && i < n * outputs; i++) {
            y[done * outputs + i] += level_at(model, map, rows, first, done * outputs + i);
        }
    }
    return ND_OK;
}

nd_status nd_model_predict_source(nd_model *model, const nd_source *source, nd_real *y,
                                  double *value, nd_real *label)
{
    size_t outputs = nd_model_outputs(model);
    ND_TRY(make_scratch(model, source->rows));
    for (size_t done = 0, n; done < source->rows; done += n) {
        n = source->rows - done;
        n = n < model->scratch_rows ? n : model->scratch_rows;
        nd_source_gather(source, model->ctx->pool, NULL, done, n, model->x,
                         label + done * source->label_width);
        ND_TRY(nd_source_whole(source));
        ND_TRY(forward_batch(model, n));
        if (value != NULL) {
            finish_values(model, n, value + done * outputs);
        } else {
            finish_rows(model, n, y + done * outputs);
        }
    }
    return ND_OK;
}

/* Rows of a table before its first whole window; what is predicted for them is NaN. */
static size_t skip_rows(const nd_model *model, const nd_table *table, nd_real *y)
{
    size_t window = model->prep->window, first = window ? window - 1 : 0;
    first = first < table->rows ? first : table->rows;
    for (size_t i = 0; i < first * nd_model_outputs(model); i++) {
        y[i] = (nd_real)NAN;
    }
    return first;
}

nd_status nd_model_predict_table(nd_model *model, const nd_table *table, nd_real *y)
{
    nd_prep_map map;
    if (model == NULL || table == NULL || y == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_predict_table: a null pointer was passed");
    }
    ND_TRY(nd_prep_map_create(model->prep, table, false, &map));
    size_t first = skip_rows(model, table, y);
    nd_status status = nd_model_predict_map(model, &map, NULL, first, table->rows - first,
                                            y + first * nd_model_outputs(model));
    nd_prep_map_free(&map);
    return status;
}

nd_status nd_model_predict_spread(nd_model *model, const nd_table *table, nd_real *y,
                                  nd_real *spread)
{
    nd_prep_map map;
    if (model == NULL || table == NULL || y == NULL || spread == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_predict_spread: a null pointer was passed");
    }
    ND_TRY(nd_prep_map_create(model->prep, table, false, &map));
    size_t first = skip_rows(model, table, y), at = first * nd_model_outputs(model);
    skip_rows(model, table, spread);
    nd_status status =
        nd_model_spread_map(model, &map, NULL, first, table->rows - first, y + at, spread + at);
    nd_prep_map_free(&map);
    return status;
}

/* Pixels are bytes in a table: copy those of one image column. */
static nd_status make_pixels(const nd_prep_column *from, const nd_real *x, size_t stride,
                             nd_table *table, nd_column *column)
{
    size_t width = from->features;
    unsigned char *pixel = nd_alloc(table->rows, width);
    if (pixel == NULL) {
        return nd_fail_memory(table->ctx);
    }
    ND_TRY(nd_table_own(table, pixel));
    for (size_t i = 0; i < table->rows * width; i++) {
        nd_real value = x[i / width * stride + i % width];
        pixel[i] = value >= 0 && value <= 255 ? (unsigned char)value : 0;
        if ((nd_real)pixel[i] != value) {
            return nd_fail(table->ctx, ND_ERR_DATA,
                           "row %zu, column \"%s\": pixel %zu is %g, not a whole number 0..255",
                           i / width + 1, from->name, i % width, (double)value);
        }
    }
    column->dtype = ND_DT_U8;
    column->data = pixel;
    column->stride = width;
    column->image_rows = from->image_rows;
    column->image_cols = from->image_cols;
    return ND_OK;
}

/* One column of the caller's array under its name of training. */
static nd_status add_column(const nd_prep_column *from, const nd_real *x, size_t stride,
                            nd_table *table)
{
    nd_column column = {
        .dtype = ND_DT_REAL, .data = x, .stride = stride, .width = column_width(from)};
    if (from->kind == ND_PREP_ONE_HOT || from->kind == ND_PREP_HASHED ||
        from->kind == ND_PREP_INDEX) {
        return nd_fail(table->ctx, ND_ERR_DATA,
                       "column \"%s\" holds categories; predict from a table instead of an array",
                       from->name);
    }
    if (from->kind == ND_PREP_IMAGE) {
        ND_TRY(make_pixels(from, x, stride, table, &column));
    }
    column.name = nd_strdup(from->name);
    return column.name != NULL ? nd_table_add(table, &column) : nd_fail_memory(table->ctx);
}

static nd_status add_columns(const nd_model *model, const nd_real *x, nd_table *table)
{
    size_t stride = nd_model_inputs(model);
    table->header = true;
    for (size_t i = 0; i < model->prep->columns; i++) {
        const nd_prep_column *column = &model->prep->column[i];
        ND_TRY(add_column(column, x, stride, table));
        x += column_width(column);
    }
    return ND_OK;
}

nd_status nd_model_predict(nd_model *model, const nd_real *x, size_t rows, nd_real *y)
{
    nd_table *table;
    if (model == NULL || x == NULL || y == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_predict: a null pointer was passed");
    }
    ND_TRY(nd_table_create(model->ctx, "<array>", &table));
    table->rows = rows;
    nd_status status = add_columns(model, x, table);
    if (status == ND_OK) {
        status = nd_model_predict_table(model, table, y);
    }
    nd_table_destroy(table);
    return status;
}
