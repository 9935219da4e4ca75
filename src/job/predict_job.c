/* Predictions for a file of any size, piece by piece. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/idx.h"
#include "job/read.h"
#include "job/settings.h"
#include "model/model.h"

enum { PIECE_ROWS = 4096, FLUSH_BYTES = 1 << 16 };

/* One prediction run. */
typedef struct run {
    nd_ctx *ctx;
    nd_model *model;
    const nd_sink *sink;
    const char *id; /* column to copy, NULL: row numbers */
    int digits;
    uint64_t row; /* rows written */
    nd_real *y;   /* [PIECE_ROWS][outputs] */
    nd_text text;
} run;

/* A CSV cell: quoted if it holds a comma, a quote or a line break (RFC 4180). */
static void put_cell(nd_text *text, const char *cell, size_t n)
{
    bool quoted = false;
    for (size_t i = 0; i < n && !quoted; i++) {
        quoted = strchr(",\"\r\n", cell[i]) != NULL;
    }
    if (!quoted) {
        nd_text_add(text, cell, n);
        return;
    }
    nd_text_puts(text, "\"");
    for (size_t i = 0; i < n; i++) {
        nd_text_add(text, cell + i, 1);
        if (cell[i] == '"') {
            nd_text_puts(text, "\"");
        }
    }
    nd_text_puts(text, "\"");
}

static void put_string(nd_text *text, const char *cell)
{
    put_cell(text, cell, strlen(cell));
}

static void put_number(run *r, double value)
{
    char number[ND_NUM_TEXT];
    size_t n = nd_num_print_general(number, value, r->digits);
    nd_text_add(&r->text, number, n);
}

/* row,species,p_setosa,p_versicolor,... or row,price */
static void put_header(run *r)
{
    const nd_prep *prep = r->model->prep;
    put_string(&r->text, r->id == NULL ? "row" : r->id);
    if (prep->task == ND_TASK_REGRESSION) {
        for (size_t t = 0; t < prep->targets; t++) {
            nd_text_puts(&r->text, ",");
            put_string(&r->text, prep->target[t].name);
        }
    } else {
        nd_text_puts(&r->text, ",");
        put_string(&r->text, prep->target[0].name);
        for (size_t c = 0; c < nd_dict_count(prep->classes); c++) {
            nd_text name = {0};
            nd_text_printf(&name, "p_%s", nd_dict_word(prep->classes, (uint32_t)c, NULL));
            nd_text_puts(&r->text, ",");
            put_string(&r->text, name.failed ? "" : name.data);
            r->text.failed = r->text.failed || name.failed;
            nd_text_free(&name);
        }
    }
    nd_text_puts(&r->text, "\n");
}

static void put_id(run *r, const nd_table *table, size_t row)
{
    if (r->id == NULL) {
        char number[24];
        int n = snprintf(number, sizeof number, "%" PRIu64, r->row + 1);
        nd_text_add(&r->text, number, (size_t)n);
        return;
    }
    const nd_column *column = &table->column[table->columns - 1];
    uint32_t word = nd_column_word(column, row);
    if (word != ND_DICT_NONE) {
        size_t n;
        const char *cell = nd_dict_word(column->dict, word, &n);
        put_cell(&r->text, cell, n);
    }
}

static size_t most_likely(const nd_real *p, size_t n)
{
    size_t best = 0;
    for (size_t j = 1; j < n; j++) {
        if (p[j] > p[best]) {
            best = j;
        }
    }
    return best;
}

static void put_row(run *r, const nd_table *table, size_t row, const nd_real *y)
{
    const nd_prep *prep = r->model->prep;
    size_t outputs = nd_prep_outputs(prep);
    put_id(r, table, row);
    if (prep->task != ND_TASK_REGRESSION) {
        nd_text_puts(&r->text, ",");
        put_string(&r->text, nd_dict_word(prep->classes, (uint32_t)most_likely(y, outputs), NULL));
    }
    for (size_t j = 0; j < outputs; j++) {
        nd_text_add(&r->text, ",", 1);
        put_number(r, (double)y[j]);
    }
    nd_text_add(&r->text, "\n", 1);
    r->row++;
}

/* Predict rows first..first+count of a mapped table and write them. */
static nd_status write_piece(run *r, const nd_prep_map *map, size_t first, size_t count)
{
    size_t outputs = nd_prep_outputs(r->model->prep);
    ND_TRY(nd_model_predict_map(r->model, map, NULL, first, count, r->y));
    for (size_t i = 0; i < count; i++) {
        put_row(r, map->table, first + i, r->y + i * outputs);
        if (r->text.size >= FLUSH_BYTES) {
            ND_TRY(nd_text_flush(r->ctx, &r->text, r->sink));
        }
    }
    return ND_OK;
}

static nd_status write_table(run *r, const nd_table *table)
{
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(r->model->prep, table, false, &map));
    nd_status status = ND_OK;
    for (size_t first = 0; first < table->rows && status == ND_OK; first += PIECE_ROWS) {
        size_t count = table->rows - first < PIECE_ROWS ? table->rows - first : PIECE_ROWS;
        status = write_piece(r, &map, first, count);
    }
    nd_prep_map_free(&map);
    return status;
}

static nd_status predict_images(run *r, const char *path)
{
    nd_table *table;
    if (r->id != NULL) {
        return nd_fail(r->ctx, ND_ERR_OPTION, "id: %s holds images, it has no columns to copy",
                       path);
    }
    ND_TRY(nd_idx_read(r->ctx, path, NULL, &table));
    nd_status status = write_table(r, table);
    nd_table_destroy(table);
    return status;
}

/* The columns that a stream must deliver: those the model uses, then the id. */
static nd_status list_wants(const run *r, nd_csv_want **want, size_t *count)
{
    const nd_prep *prep = r->model->prep;
    *count = 0;
    *want = nd_alloc(prep->columns + 1, sizeof **want);
    if (*want == NULL) {
        return nd_fail_memory(r->ctx);
    }
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind == ND_PREP_IMAGE) {
            nd_free(*want);
            return nd_fail(r->ctx, ND_ERR_DATA,
                           "the model was trained on images, give an IDX file");
        }
        if (column->kind != ND_PREP_DROPPED) {
            nd_dtype type = column->kind == ND_PREP_NUMBER ? ND_DT_F64 : ND_DT_WORD;
            (*want)[(*count)++] = (nd_csv_want){column->name, type, false};
        }
    }
    if (r->id != NULL) {
        (*want)[(*count)++] = (nd_csv_want){r->id, ND_DT_WORD, false};
    }
    return ND_OK;
}

static nd_status stream_pieces(run *r, nd_csv_stream *stream)
{
    nd_status status = ND_OK;
    for (nd_table *piece = NULL; status == ND_OK; piece = NULL) {
        ND_TRY(nd_csv_next(stream, PIECE_ROWS, &piece));
        if (piece == NULL) {
            break;
        }
        status = write_table(r, piece);
        nd_table_destroy(piece);
    }
    return status;
}

static nd_status predict_csv(run *r, const char *path, const nd_csv_params *params)
{
    nd_csv_want *want;
    size_t count;
    ND_TRY(list_wants(r, &want, &count));
    nd_csv_stream *stream;
    nd_status status = nd_csv_open(r->ctx, path, params, want, count, &stream);
    if (status == ND_OK) {
        status = stream_pieces(r, stream);
        nd_csv_close(stream);
    }
    nd_free(want);
    return status;
}

static nd_status run_file(run *r, const nd_config *config, const char *path)
{
    bool images;
    ND_TRY(nd_holds_images(r->ctx, path, &images));
    put_header(r);
    if (images) {
        ND_TRY(predict_images(r, path));
    } else {
        nd_settings settings;
        ND_TRY(nd_settings_from(r->ctx, config, &settings));
        nd_status status = predict_csv(r, path, &settings.csv);
        nd_settings_free(&settings);
        ND_TRY(status);
    }
    return nd_text_flush(r->ctx, &r->text, r->sink);
}

nd_status nd_model_predict_file(nd_model *model, const nd_config *config, const char *path,
                                const nd_sink *sink)
{
    nd_ctx *ctx = model->ctx;
    nd_config *owned;
    const nd_config *effective;
    ND_TRY(nd_settings_or_default(ctx, config, ND_VERB_PREDICT, &owned, &effective));
    run r = {
        .ctx = ctx,
        .model = model,
        .sink = sink,
        .id = nd_opt_given(&effective->set, "id") ? nd_opt_text(&effective->set, "id") : NULL,
        .digits = (int)nd_opt_int(&effective->set, "digits"),
        .y = nd_alloc_aligned(PIECE_ROWS, nd_prep_outputs(model->prep) * sizeof(nd_real)),
    };
    nd_status status = r.y == NULL ? nd_fail_memory(ctx) : run_file(&r, effective, path);
    nd_free(r.y);
    nd_text_free(&r.text);
    nd_config_destroy(owned);
    return status;
}
