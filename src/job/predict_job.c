/* Predictions for a file of any size, piece by piece. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/idx.h"
#include "data/patterns.h"
#include "job/read.h"
#include "job/settings.h"
#include "model/model.h"

/* Rows of a piece at most and at least, values that a piece holds in between, and rows
 * of one printing task. */
enum { PIECE_ROWS = 4096, PIECE_LEAST = 64, PIECE_VALUES = 1 << 19, BLOCK_ROWS = 64 };
enum { BLOCKS = PIECE_ROWS / BLOCK_ROWS };

/* One prediction run. While a piece is printed, the next one is read. */
typedef struct run {
    nd_ctx *ctx;
    nd_model *model;
    const nd_sink *sink;
    nd_strings id; /* columns to copy; none: row numbers */
    int digits;
    size_t piece_rows;
    uint64_t row;    /* rows written */
    nd_real *y;      /* [piece_rows][outputs] */
    nd_real *spread; /* the same; NULL unless asked for */
    nd_text class;   /* cells of the classes, each with its comma, one behind the other */
    size_t *class_end;
    const nd_table *table; /* being printed: count rows from first on */
    size_t first, count;
    nd_text block[BLOCKS];
    nd_csv_stream *stream; /* to read from meanwhile, or NULL */
    nd_table *next;
    nd_status next_status;
} run;

static void put_string(nd_text *text, const char *cell)
{
    nd_text_csv(text, cell, strlen(cell));
}

static void put_number(nd_text *text, double value, int digits)
{
    char *out = nd_text_room(text, ND_NUM_TEXT + 1);
    if (out != NULL) {
        out[0] = ',';
        text->size += 1 + nd_num_print_general(out + 1, value, digits);
    }
}

/* ,setosa or ,p_setosa or, of an image that is given back, ,image_2 */
static void put_name(nd_text *text, const char *before, const char *word, size_t pixel)
{
    nd_text name = {0};
    nd_text_printf(&name, "%s%s", before, word);
    if (pixel > 0) {
        nd_text_printf(&name, "_%zu", pixel);
    }
    nd_text_puts(text, ",");
    put_string(text, name.failed ? "" : name.data);
    text->failed = text->failed || name.failed;
    nd_text_free(&name);
}

static void put_names(const run *r, nd_text *text, const char *before)
{
    size_t outputs = nd_prep_outputs(r->model->prep);
    for (size_t j = 0; j < nd_model_outputs(r->model); j++) {
        size_t pixel = 0;
        if (j < outputs) {
            nd_prep_output_name(r->model->prep, j, &pixel);
        }
        put_name(text, before, nd_model_output_name(r->model, j), pixel);
    }
}

static bool is_target(const nd_prep *prep, const char *name)
{
    for (size_t t = 0; t < prep->targets; t++) {
        if (strcmp(prep->target[t].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "row", or the columns to copy. One that is a target as well holds the truth, and is called so:
 * the prediction has its name. */
static void put_ids(const run *r, nd_text *text)
{
    nd_text_puts(text, r->id.count == 0 ? "row" : "");
    for (size_t i = 0; i < r->id.count; i++) {
        nd_text name = {0};
        nd_text_puts(&name, is_target(r->model->prep, r->id.item[i]) ? "true_" : "");
        nd_text_puts(&name, r->id.item[i]);
        nd_text_puts(text, i > 0 ? "," : "");
        put_string(text, name.failed ? "" : name.data);
        text->failed = text->failed || name.failed;
        nd_text_free(&name);
    }
}

/* row,species,p_setosa,p_versicolor,... or row,rain,wind,p_rain,p_wind or row,price; then
 * sd_... */
static nd_status put_header(const run *r)
{
    const nd_prep *prep = r->model->prep;
    bool values = nd_prep_values(prep);
    nd_text text = {0};
    put_ids(r, &text);
    for (size_t t = 0; !values && t < prep->targets; t++) {
        put_name(&text, "", prep->target[t].name, 0);
    }
    put_names(r, &text, values ? "" : "p_");
    if (r->spread != NULL) {
        put_names(r, &text, "sd_");
    }
    nd_text_puts(&text, "\n");
    nd_status status = nd_text_flush(r->ctx, &text, r->sink);
    nd_text_free(&text);
    return status;
}

static void put_id(const run *r, nd_text *text, size_t i)
{
    if (r->id.count == 0) {
        char *out = nd_text_room(text, ND_NUM_TEXT);
        if (out != NULL) {
            text->size += nd_num_print_whole(out, r->row + i + 1);
        }
        return;
    }
    const nd_column *column = &r->table->column[r->table->columns - r->id.count];
    for (size_t k = 0; k < r->id.count; k++) {
        uint32_t word = nd_column_word(&column[k], r->first + i);
        nd_text_puts(text, k > 0 ? "," : "");
        if (word != ND_DICT_NONE) {
            size_t n;
            const char *cell = nd_dict_word(column[k].dict, word, &n);
            nd_text_csv(text, cell, n);
        }
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

static void put_class(const run *r, nd_text *text, size_t class)
{
    size_t begin = class > 0 ? r->class_end[class - 1] : 0;
    nd_text_add(text, r->class.data + begin, r->class_end[class] - begin);
}

/* Cell 2 t and the one behind it say that label t is not, or is, decided for. */
static void put_labels(const run *r, nd_text *text, const nd_real *p)
{
    for (size_t t = 0; t < r->model->prep->targets; t++) {
        put_class(r, text, 2 * t + (p[t] > (nd_real)0.5));
    }
}

static void put_row(const run *r, nd_text *text, size_t i)
{
    size_t outputs = nd_model_outputs(r->model);
    const nd_real *y = r->y + i * outputs;
    put_id(r, text, i);
    if (r->model->prep->task == ND_TASK_MULTILABEL) {
        put_labels(r, text, y);
    } else if (r->class_end != NULL) {
        put_class(r, text, most_likely(y, outputs));
    }
    for (size_t j = 0; j < outputs; j++) {
        put_number(text, (double)y[j], r->digits);
    }
    for (size_t j = 0; r->spread != NULL && j < outputs; j++) {
        put_number(text, (double)r->spread[i * outputs + j], r->digits);
    }
    nd_text_add(text, "\n", 1);
}

/* Task 0 reads the next piece if there is a stream, each other one prints a block. */
static void print_or_read(void *user, size_t task)
{
    run *r = user;
    if (r->stream != NULL && task-- == 0) {
        r->next_status = nd_csv_next(r->stream, r->piece_rows, &r->next);
        return;
    }
    size_t begin = task * BLOCK_ROWS;
    size_t end = r->count - begin < BLOCK_ROWS ? r->count : begin + BLOCK_ROWS;
    for (size_t i = begin; i < end; i++) {
        put_row(r, &r->block[task], i);
    }
}

/* Predict rows first..first+count of a mapped table and write them. */
static nd_status write_piece(run *r, const nd_prep_map *map, size_t first, size_t count)
{
    ND_TRY(r->spread != NULL
               ? nd_model_spread_map(r->model, map, NULL, first, count, r->y, r->spread)
               : nd_model_predict_map(r->model, map, NULL, first, count, r->y));
    size_t blocks = (count + BLOCK_ROWS - 1) / BLOCK_ROWS;
    r->table = map->table;
    r->first = first;
    r->count = count;
    nd_pool_run(r->ctx->pool, blocks + (r->stream != NULL), print_or_read, r);
    for (size_t i = 0; i < blocks; i++) {
        if (r->block[i].failed) { /* a piece is written whole or not at all */
            return nd_fail_memory(r->ctx);
        }
    }
    for (size_t i = 0; i < blocks; i++) {
        ND_TRY(nd_text_flush(r->ctx, &r->block[i], r->sink));
    }
    r->row += count;
    return ND_OK;
}

static nd_status write_table(run *r, const nd_table *table)
{
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(r->model->prep, table, false, &map));
    nd_status status = ND_OK;
    size_t window = r->model->prep->window, from = window ? window - 1 : 0;
    r->row = window ? from : r->row;
    for (size_t first = from; first < table->rows && status == ND_OK; first += r->piece_rows) {
        size_t left = table->rows - first;
        status = write_piece(r, &map, first, left < r->piece_rows ? left : r->piece_rows);
    }
    nd_prep_map_free(&map);
    return status;
}

/* Images, and patterns: files that are read whole. */
static nd_status predict_whole(run *r, const char *path, nd_content content)
{
    nd_table *table;
    bool images = content == ND_CONTENT_IMAGES;
    if (r->id.count > 0) {
        return nd_fail(r->ctx, ND_ERR_OPTION, "id: %s holds %s, it has no column to copy", path,
                       images ? "images" : "numbers");
    }
    ND_TRY(images ? nd_idx_read(r->ctx, path, NULL, &table)
                  : nd_patterns_read(r->ctx, path, true, &table));
    nd_status status = put_header(r);
    if (status == ND_OK) {
        status = write_table(r, table);
    }
    nd_table_destroy(table);
    return status;
}

/* The columns that a stream must deliver: those the model uses, then those to copy. */
static nd_status list_wants(const run *r, nd_csv_want **want, size_t *count)
{
    const nd_prep *prep = r->model->prep;
    *count = 0;
    *want = nd_alloc(prep->columns + r->id.count + 1, sizeof **want);
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
            (*want)[(*count)++] = (nd_csv_want){
                .name = column->name, .dtype = type, .place = i + 1, .of = prep->columns};
        }
    }
    for (size_t k = 0; k < r->id.count; k++) {
        (*want)[(*count)++] = (nd_csv_want){.name = r->id.item[k], .dtype = ND_DT_WORD};
    }
    return ND_OK;
}

/* Each piece is a table of at most piece_rows, written as one piece: while that is
 * printed, the next one is read. Nothing is written for a file that cannot be used. */
static nd_status stream_pieces(run *r, nd_csv_stream *stream)
{
    nd_table *piece = NULL;
    ND_TRY(nd_csv_next(stream, r->piece_rows, &piece));
    r->stream = stream;
    nd_status status = put_header(r);
    while (piece != NULL && status == ND_OK) {
        r->next = NULL;
        r->next_status = ND_OK;
        status = write_table(r, piece);
        nd_table_destroy(piece);
        piece = r->next;
        status = status != ND_OK ? status : r->next_status;
    }
    nd_table_destroy(piece);
    r->stream = NULL;
    return status;
}

/* Windows reach over pieces: the whole file is one. */
static nd_status stream_series(run *r, nd_csv_stream *stream)
{
    nd_table *table = NULL;
    ND_TRY(nd_csv_next(stream, SIZE_MAX, &table));
    nd_status status = ND_OK;
    if (table->rows < r->model->prep->window) {
        status = nd_fail(r->ctx, ND_ERR_DATA, "%s: %zu rows, but a window takes %zu", table->path,
                         table->rows, r->model->prep->window);
    }
    if (status == ND_OK) {
        status = put_header(r);
    }
    if (status == ND_OK) {
        status = write_table(r, table);
    }
    nd_table_destroy(table);
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
        status = r->model->prep->window ? stream_series(r, stream) : stream_pieces(r, stream);
        nd_csv_close(stream);
    }
    nd_free(want);
    return status;
}

static nd_status run_file(run *r, const nd_config *config, const char *path)
{
    nd_content content;
    ND_TRY(nd_content_find(r->ctx, config, path, &content));
    if (content != ND_CONTENT_CSV) {
        return predict_whole(r, path, content);
    }
    nd_settings settings;
    ND_TRY(nd_settings_from(r->ctx, config, &settings));
    nd_status status = predict_csv(r, path, &settings.csv);
    nd_settings_free(&settings);
    return status;
}

/* ",setosa" ",versicolor" ..., or ",no" ",yes" of each label: quoted once, not in every row. */
static nd_status make_classes(run *r)
{
    const nd_prep *prep = r->model->prep;
    bool labels = prep->task == ND_TASK_MULTILABEL;
    if (nd_prep_values(prep)) {
        return ND_OK;
    }
    size_t cells = labels ? 2 * prep->targets : nd_dict_count(prep->classes);
    r->class_end = nd_alloc(cells, sizeof *r->class_end);
    for (size_t c = 0; r->class_end != NULL && c < cells; c++) {
        const nd_dict *words = labels ? prep->target[c / 2].classes : prep->classes;
        nd_text_puts(&r->class, ",");
        put_string(&r->class, nd_dict_word(words, (uint32_t)(labels ? c % 2 : c), NULL));
        r->class_end[c] = r->class.size;
    }
    return r->class_end == NULL || r->class.failed ? nd_fail_memory(r->ctx) : ND_OK;
}

static nd_status run_init(run *r, bool spread)
{
    if (spread && nd_model_members(r->model) == 1) {
        return nd_fail(r->ctx, ND_ERR_OPTION,
                       "spread: the model is one network; train with --ensemble for several");
    }
    size_t outputs = nd_model_outputs(r->model);
    size_t rows = PIECE_VALUES / (r->model->prep->columns + outputs);
    r->piece_rows = rows > PIECE_ROWS ? PIECE_ROWS : rows < PIECE_LEAST ? PIECE_LEAST : rows;
    r->y = nd_alloc_aligned(r->piece_rows, outputs * sizeof(nd_real));
    if (spread) {
        r->spread = nd_alloc(r->piece_rows, outputs * sizeof(nd_real));
    }
    bool room = r->y != NULL && (!spread || r->spread != NULL);
    return room ? make_classes(r) : nd_fail_memory(r->ctx);
}

static void run_free(run *r)
{
    nd_strings_free(&r->id);
    for (size_t i = 0; i < BLOCKS; i++) {
        nd_text_free(&r->block[i]);
    }
    nd_free(r->class_end);
    nd_text_free(&r->class);
    nd_free(r->y);
    nd_free(r->spread);
}

nd_status nd_model_predict_file(nd_model *model, const nd_config *config, const char *path,
                                const nd_sink *sink)
{
    if (!model || !path || !sink) {
        return nd_fail(model ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_predict_file: a null pointer was passed");
    }
    nd_ctx *ctx = model->ctx;
    nd_config *owned;
    const nd_config *effective;
    ND_TRY(nd_settings_or_default(ctx, config, ND_VERB_PREDICT, &owned, &effective));
    run r = {
        .ctx = ctx,
        .model = model,
        .sink = sink,
        .digits = (int)nd_opt_int(&effective->set, "digits"),
    };
    nd_status status = nd_strings_from(&effective->set, "id", &r.id);
    if (status == ND_OK) {
        status = run_init(&r, nd_opt_bool(&effective->set, "spread"));
    }
    if (status == ND_OK) {
        status = run_file(&r, effective, path);
    }
    run_free(&r);
    nd_config_destroy(owned);
    return status;
}
