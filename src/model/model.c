#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Rows of a batch when many are predicted. */
enum { BATCH_ROWS = 512 };

/* Outputs the net must have: one logit for two classes. */
static size_t net_outputs(const nd_prep *prep)
{
    return prep->task == ND_TASK_BINARY ? 1 : nd_prep_outputs(prep);
}

static nd_status check_fit(nd_ctx *ctx, const nd_net *net, const nd_prep *prep)
{
    if (nd_net_inputs(net) != nd_prep_inputs(prep)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "the network takes %zu inputs, the preparation makes %zu",
                       nd_net_inputs(net), nd_prep_inputs(prep));
    }
    if (nd_net_outputs(net) != net_outputs(prep)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "the network has %zu outputs, the task needs %zu",
                       nd_net_outputs(net), net_outputs(prep));
    }
    return ND_OK;
}

nd_status nd_model_create(nd_ctx *ctx, nd_net *net, nd_prep *prep, char *record, nd_model **model)
{
    nd_model *made = nd_alloc(1, sizeof *made);
    nd_status status = made != NULL ? check_fit(ctx, net, prep) : nd_fail_memory(ctx);
    *model = NULL;
    if (status != ND_OK) {
        nd_net_destroy(net);
        nd_prep_destroy(prep);
        nd_free(record);
        nd_free(made);
        return status;
    }
    *made = (nd_model){.ctx = ctx, .net = net, .prep = prep, .record = record};
    *model = made;
    return ND_OK;
}

void nd_model_destroy(nd_model *model)
{
    if (model == NULL) {
        return;
    }
    nd_net_destroy(model->net);
    nd_prep_destroy(model->prep);
    nd_free(model->record);
    nd_free(model->x);
    nd_free(model->p);
    nd_free(model->unit);
    nd_free(model);
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
    return model ? nd_prep_outputs(model->prep) : 0;
}

const char *nd_model_output_name(const nd_model *model, size_t j)
{
    if (j >= nd_model_outputs(model)) {
        return NULL;
    }
    size_t pixel;
    return nd_prep_output_name(model->prep, j, &pixel);
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

/* Room for a batch of up to rows; the net is planned again where that pays. */
static nd_status make_scratch(nd_model *model, size_t rows)
{
    ND_TRY(make_units(model));
    size_t batch = rows < BATCH_ROWS ? rows : BATCH_ROWS;
    if (nd_net_max_rows(model->net) < batch) {
        ND_TRY(nd_net_replan(model->net, batch));
    }
    if (model->scratch_rows >= batch) {
        return ND_OK;
    }
    nd_real *x = nd_alloc_aligned(batch, nd_prep_inputs(model->prep) * sizeof *x);
    nd_real *p = nd_alloc_aligned(batch, nd_net_outputs(model->net) * sizeof *p);
    if (x == NULL || p == NULL) {
        nd_free(x);
        nd_free(p);
        return nd_fail_memory(model->ctx);
    }
    nd_free(model->x);
    nd_free(model->p);
    model->x = x;
    model->p = p;
    model->scratch_rows = batch;
    return ND_OK;
}

/* Element i of the numbers that the net predicts for a batch, in their own units. */
static double in_target_units(const nd_model *model, size_t i)
{
    size_t n = nd_net_outputs(model->net), j = i % n;
    return (double)model->p[i] * model->unit[n + j] + model->unit[j];
}

/* From what the net predicts to what users see. */
static void finish_rows(const nd_model *model, size_t rows, nd_real *y)
{
    const nd_prep *prep = model->prep;
    size_t n = nd_net_outputs(model->net);
    if (prep->task == ND_TASK_MULTICLASS) {
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

/* The next rows of count, of which done are done, through the net; *n gets how many. */
static nd_status forward_next(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, size_t done, size_t *n)
{
    *n = count - done < model->scratch_rows ? count - done : model->scratch_rows;
    nd_prep_features(map, rows != NULL ? rows + done : NULL, first + done, *n, model->x);
    return nd_net_forward(model->net, model->x, *n, model->p);
}

/* What prediction i of a series counts from. */
static double level_at(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t i)
{
    return nd_prep_level(map, rows != NULL ? rows[i] : first + i);
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
            y[done * outputs + i] += (nd_real)level_at(map, rows, first, done + i / outputs);
        }
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
            y[done * outputs + i] += level_at(map, rows, first, done + i / outputs);
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
        ND_TRY(nd_net_forward(model->net, model->x, n, model->p));
        if (value != NULL) {
            finish_values(model, n, value + done * outputs);
        } else {
            finish_rows(model, n, y + done * outputs);
        }
    }
    return ND_OK;
}

nd_status nd_model_predict_table(nd_model *model, const nd_table *table, nd_real *y)
{
    nd_prep_map map;
    if (model == NULL || table == NULL || y == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_predict_table: a null pointer was passed");
    }
    ND_TRY(nd_prep_map_create(model->prep, table, false, &map));
    size_t window = model->prep->window, first = window ? window - 1 : 0;
    first = first < table->rows ? first : table->rows;
    for (size_t i = 0; i < first * nd_model_outputs(model); i++) {
        y[i] = (nd_real)NAN;
    }
    nd_status status = nd_model_predict_map(model, &map, NULL, first, table->rows - first,
                                            y + first * nd_model_outputs(model));
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
    if (from->kind == ND_PREP_ONE_HOT || from->kind == ND_PREP_HASHED) {
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
