/* A trained row of numbers for each word of a category column, in the place of the word's
 * number. The other columns pass. */
#include <string.h>

#include "base/ctx.h"
#include "layer/layer.h"

/* Columns of one task of backward, rows of one of forward. Numbers of words are whole in
 * nd_real up to the most. */
enum { BLOCK = 16, ROWS = 64, MOST_WORDS = 16777216 };

static const nd_option options[] = {
    {.name = "words",
     .type = ND_OPT_INT,
     .preset = "1",
     .min = 1,
     .max = MOST_WORDS,
     .metavar = "N",
     .help = "rows: numbers from 0 to N - 1 have one, any other number gives zeros"},
    {.name = "dims",
     .type = ND_OPT_INT,
     .preset = "1",
     .min = 1,
     .max = 65536,
     .metavar = "N",
     .help = "width of a row"},
    {.name = "column",
     .type = ND_OPT_INT,
     .preset = "0",
     .min = 0,
     .max = 16777215,
     .metavar = "N",
     .help = "column of the input that holds the number of the word, from 0"},
    {.name = "scale",
     .type = ND_OPT_REAL,
     .preset = "0.01",
     .min = 0,
     .max = 1000,
     .metavar = "X",
     .help = "deviation of the normal numbers that the rows begin with"},
};

static nd_status embedding_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    size_t words = (size_t)nd_opt_int(shape->attr, "words");
    size_t dims = (size_t)nd_opt_int(shape->attr, "dims");
    size_t column = (size_t)nd_opt_int(shape->attr, "column");
    if (column >= shape->in[0]) {
        return nd_fail(ctx, ND_ERR_SHAPE, "layer embedding: column %zu, but its input has %zu",
                       column, shape->in[0]);
    }
    if (__builtin_add_overflow(shape->in[0] - 1, dims, &shape->out)) {
        return nd_fail(ctx, ND_ERR_SHAPE, "layer embedding: too many columns");
    }
    shape->params = 1;
    shape->param[0] = (nd_tensor_spec){.name = "weight",
                                       .rows = words,
                                       .cols = dims,
                                       .init = ND_INIT_NORMAL,
                                       .decay = true,
                                       .value = nd_opt_real(shape->attr, "scale")};
    shape->back_needs_x = true;
    return ND_OK;
}

static size_t column_of(const nd_layer_io *io)
{
    return (size_t)nd_opt_int(io->shape->attr, "column");
}

/* Row of the table for a number, rounded to the nearest; NULL outside. */
static nd_real *row_at(const nd_layer_io *io, nd_real *table, nd_real number)
{
    const nd_tensor_spec *spec = &io->shape->param[0];
    double at = (double)number + 0.5;
    return at >= 0 && at < (double)spec->rows ? table + (size_t)at * spec->cols : NULL;
}

static void forward_rows(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t in = io->shape->in[0], out = io->shape->out, dims = io->shape->param[0].cols;
    size_t column = column_of(io),
           end = (task + 1) * ROWS < io->rows ? (task + 1) * ROWS : io->rows;
    for (size_t r = task * ROWS; r < end; r++) {
        const nd_real *x = io->x[0] + r * in;
        const nd_real *row = row_at(io, io->param[0], x[column]);
        nd_real *y = io->y + r * out;
        memcpy(y, x, column * sizeof *y);
        if (row) {
            memcpy(y + column, row, dims * sizeof *y);
        } else {
            memset(y + column, 0, dims * sizeof *y);
        }
        memcpy(y + column + dims, x + column + 1, (in - column - 1) * sizeof *y);
    }
}

static void embedding_forward(const nd_layer_io *io)
{
    nd_pool_run(io->pool, (io->rows + ROWS - 1) / ROWS, forward_rows, (void *)io);
}

/* gE_k = sum of gy over the rows with number k, in their order. */
static void add_columns(void *user, size_t task)
{
    const nd_layer_io *io = user;
    size_t in = io->shape->in[0], out = io->shape->out, dims = io->shape->param[0].cols;
    size_t column = column_of(io), first = task * BLOCK;
    size_t end = first + BLOCK < dims ? first + BLOCK : dims;
    for (size_t r = 0; r < io->rows; r++) {
        nd_real *grad = row_at(io, io->grad[0], io->x[0][r * in + column]);
        const nd_real *gy = io->gy + r * out + column;
        for (size_t j = first; grad && j < end; j++) {
            grad[j] += gy[j];
        }
    }
}

/* The number of a word has no slope; other columns pass their gradient on. */
static void pass_gradient(const nd_layer_io *io)
{
    size_t in = io->shape->in[0], out = io->shape->out, dims = io->shape->param[0].cols;
    size_t column = column_of(io);
    for (size_t r = 0; r < io->rows; r++) {
        const nd_real *gy = io->gy + r * out;
        nd_real *gx = io->gx[0] + r * in;
        memcpy(gx, gy, column * sizeof *gx);
        gx[column] = 0;
        memcpy(gx + column + 1, gy + column + dims, (in - column - 1) * sizeof *gx);
    }
}

static void embedding_backward(const nd_layer_io *io)
{
    const nd_tensor_spec *spec = &io->shape->param[0];
    memset(io->grad[0], 0, spec->rows * spec->cols * sizeof *io->grad[0]);
    nd_pool_run(io->pool, (spec->cols + BLOCK - 1) / BLOCK, add_columns, (void *)io);
    if (io->gx[0]) {
        pass_gradient(io);
    }
}

const nd_layer_class nd_layer_embedding = {
    .name = "embedding",
    .help = "a learned row of numbers for each word of a category column, in its place",
    .formula = "y = [x_1 .. x_(c-1), E_k, x_(c+1) .. x_n], k = x_c; E_k is row k, learned",
    .source = "Bengio et al. 2003, section 2; Guo & Berkhahn 2016",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = embedding_shape,
    .forward = embedding_forward,
    .backward = embedding_backward,
};
