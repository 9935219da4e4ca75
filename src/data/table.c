#include "data/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "data/store.h"

nd_status nd_table_create(nd_ctx *ctx, const char *path, nd_table **table)
{
    *table = NULL;
    nd_table *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->ctx = ctx;
    made->path = nd_strdup(path ? path : "<array>");
    if (!made->path) {
        nd_free(made);
        return nd_fail_memory(ctx);
    }
    *table = made;
    return ND_OK;
}

void nd_table_destroy(nd_table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->columns; i++) {
        nd_free(table->column[i].name);
        nd_dict_destroy(table->column[i].dict);
    }
    for (size_t i = 0; i < table->owned_count; i++) {
        nd_free(table->owned[i]);
    }
    nd_free(table->column);
    nd_free(table->owned);
    nd_free(table->origin);
    nd_free(table->path);
    nd_free(table);
}

nd_status nd_table_add(nd_table *table, const nd_column *column)
{
    if (!column->name || !nd_grow((void **)&table->column, &table->column_room, table->columns,
                                  sizeof *table->column)) {
        nd_free(column->name);
        nd_dict_destroy(column->dict);
        return nd_fail_memory(table->ctx);
    }
    table->column[table->columns++] = *column;
    return ND_OK;
}

nd_status nd_table_own(nd_table *table, void *block)
{
    if (!nd_grow((void **)&table->owned, &table->owned_room, table->owned_count,
                 sizeof *table->owned)) {
        nd_free(block);
        return nd_fail_memory(table->ctx);
    }
    table->owned[table->owned_count++] = block;
    return ND_OK;
}

size_t nd_column_element(const nd_column *column)
{
    switch (column->dtype) {
    case ND_DT_F64:
        return sizeof(double);
    case ND_DT_REAL:
        return sizeof(nd_real);
    case ND_DT_U8:
        return 1;
    case ND_DT_WORD:
        break;
    }
    return sizeof(uint32_t);
}

/* Rows move up in place: none is written over before it was read. */
static void keep_cells(nd_column *column, const uint32_t *rows, size_t count)
{
    size_t size = nd_column_element(column), step = column->stride * size;
    char *data = (char *)(uintptr_t)column->data; /* the table owns it */
    column->missing = 0;
    for (size_t i = 0; i < count; i++) {
        memmove(data + i * step, data + rows[i] * step, column->width * size);
        column->missing += column->dtype == ND_DT_WORD ? nd_column_word(column, i) == ND_DICT_NONE
                                                       : isnan(nd_column_number(column, i, 0));
    }
}

nd_status nd_table_keep(nd_table *table, const uint32_t *rows, size_t count)
{
    uint32_t *origin = nd_alloc(count, sizeof *origin);
    if (!origin) {
        return nd_fail_memory(table->ctx);
    }
    for (size_t i = 0; i < count; i++) {
        origin[i] = (uint32_t)(nd_table_row(table, rows[i]) - 1);
    }
    for (size_t c = 0; c < table->columns; c++) {
        keep_cells(&table->column[c], rows, count);
    }
    nd_free(table->origin);
    table->origin = origin;
    table->rows = count;
    return ND_OK;
}

size_t nd_table_row(const nd_table *table, size_t row)
{
    return 1 + (table->origin ? table->origin[row] : row);
}

int nd_table_find(const nd_table *table, const char *name)
{
    for (size_t i = 0; i < table->columns; i++) {
        if (strcmp(table->column[i].name, name) == 0) {
            return (int)i;
        }
    }
    int64_t number = 0;
    if (nd_num_parse_int(name, strlen(name), &number) && number >= 1 &&
        (uint64_t)number <= table->columns) {
        return (int)(number - 1);
    }
    return -1;
}

double nd_column_number(const nd_column *column, size_t row, size_t j)
{
    size_t at = row * column->stride + j;
    switch (column->dtype) {
    case ND_DT_F64:
        return ((const double *)column->data)[at];
    case ND_DT_REAL:
        return (double)((const nd_real *)column->data)[at];
    case ND_DT_U8:
        return (double)((const uint8_t *)column->data)[at];
    case ND_DT_WORD:
        break;
    }
    return NAN;
}

uint32_t nd_column_word(const nd_column *column, size_t row)
{
    return ((const uint32_t *)column->data)[row * column->stride];
}

void nd_column_forget(const nd_column *column, size_t from, size_t to)
{
    if (column->stored == 0 || from >= to) {
        return;
    }
    size_t element = column->dtype == ND_DT_WORD ? sizeof(uint32_t) : sizeof(double);
    nd_pages_forget(column->data, column->stored * element, from * element, (to - from) * element);
}

void nd_table_forget(const nd_table *table)
{
    for (size_t c = 0; c < table->columns; c++) {
        nd_column_forget(&table->column[c], 0, table->rows);
    }
}

size_t nd_table_rows(const nd_table *table)
{
    return table ? table->rows : 0;
}

size_t nd_table_columns(const nd_table *table)
{
    return table ? table->columns : 0;
}

const char *nd_table_column_name(const nd_table *table, size_t column)
{
    return table && column < table->columns ? table->column[column].name : NULL;
}

/* Columns of one borrowed array [rows][width], named prefix0, prefix1, ...; the
 * bare prefix if it is a single target. */
static nd_status add_array(nd_table *table, const nd_real *data, size_t width, char prefix)
{
    for (size_t j = 0; j < width; j++) {
        char name[32];
        snprintf(name, sizeof name, "%c%zu", prefix, j);
        if (prefix == 'y' && width == 1) {
            name[1] = '\0';
        }
        nd_column column = {.name = nd_strdup(name),
                            .dtype = ND_DT_REAL,
                            .data = data + j,
                            .stride = width,
                            .width = 1};
        for (size_t r = 0; r < table->rows; r++) {
            column.missing += isnan(data[r * width + j]) ? 1 : 0;
        }
        ND_TRY(nd_table_add(table, &column));
    }
    return ND_OK;
}

nd_status nd_table_from_arrays(nd_ctx *ctx, const nd_real *x, size_t rows, size_t n_in,
                               const nd_real *y, size_t n_out, nd_table **table)
{
    if (!table) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_table_from_arrays: a null pointer was passed");
    }
    *table = NULL;
    if (!ctx || rows == 0 || n_in == 0 || !x || (n_out > 0 && !y)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "a table needs at least one row and one input column");
    }
    size_t most = SIZE_MAX / sizeof *x / rows;
    if (n_in > most || n_out > most) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "no array can have %zu rows of %zu and %zu numbers",
                       rows, n_in, n_out);
    }
    nd_table *made = NULL;
    ND_TRY(nd_table_create(ctx, NULL, &made));
    made->rows = rows;
    made->targets = n_out;
    nd_status status = add_array(made, x, n_in, 'x');
    if (status == ND_OK && n_out > 0) {
        status = add_array(made, y, n_out, 'y');
    }
    if (status != ND_OK) {
        nd_table_destroy(made);
        return status;
    }
    *table = made;
    return ND_OK;
}
