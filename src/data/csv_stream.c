/* A file piece by piece: a buffer of whole rows, parsed on demand. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/csv_internal.h"
#include "data/gzip.h"

enum { BUFFER = 1 << 20 };

struct nd_csv_stream {
    nd_csv_file file;
    nd_csv_job job;
    nd_input *input;
    const nd_csv_want *want;
    size_t want_count;
    size_t *column;    /* [want_count] column of the file, SIZE_MAX if absent */
    unsigned char *as; /* [columns] */
    char *buffer;
    size_t room, fill;
    size_t at;        /* start of the next row in buffer */
    size_t complete;  /* rows before here are complete */
    size_t rows;      /* rows handed out */
    nd_status failed; /* what ended the stream, returned ever after */
};

/* A piece under construction. */
typedef struct part {
    nd_csv_chunk chunk;
    size_t room; /* rows that the columns have memory for */
} part;

static void set_text(nd_csv_stream *s)
{
    s->file.text = s->buffer;
    s->file.end = s->buffer + s->fill;
}

/* Read more behind what is there; at the end of the input file.ended is set. */
static nd_status read_more(nd_csv_stream *s)
{
    if (s->at > 0) {
        s->file.lines_before += nd_csv_count_lines(s->buffer, s->buffer + s->at);
        memmove(s->buffer, s->buffer + s->at, s->fill - s->at);
        s->fill -= s->at;
        s->complete -= s->at;
        s->at = 0;
    }
    if (s->fill == s->room) {
        char *grown = nd_realloc(s->buffer, 2 * s->room, 1);
        if (!grown) {
            return nd_fail_memory(s->file.ctx);
        }
        s->buffer = grown;
        s->room *= 2;
    }
    size_t got = 0, wanted = s->room - s->fill;
    nd_status status = nd_input_read(s->input, s->buffer + s->fill, wanted, &got);
    s->fill += got;
    s->file.ended = got < wanted;
    set_text(s);
    return status;
}

/* A cell of the unfinished row at hand that is already too long, or cannot end
 * well: told now, not after reading on. */
static nd_status check_partial(nd_csv_stream *s)
{
    const char *p = s->buffer + s->at, *end = s->buffer + s->fill;
    bool more = p < end;
    for (size_t c = 0; more; c++) {
        nd_csv_cell cell;
        nd_csv_fault fault = {.at = p, .column = c};
        p = nd_csv_cell_read(&s->file.dialect, p, end, &cell, &fault.kind);
        if (fault.kind == ND_CSV_FAULT_LONG) {
            return nd_csv_fail_fault(&s->file, &fault, s->rows);
        }
        more = p && nd_csv_next_cell(&s->file.dialect, &p, end);
    }
    return ND_OK;
}

/* Have at least one complete row at hand, or the end of the file. */
static nd_status fill_rows(nd_csv_stream *s)
{
    while (s->at == s->complete && !s->file.ended) {
        ND_TRY(check_partial(s));
        ND_TRY(read_more(s));
        const char *end = s->buffer + s->fill;
        s->complete =
            s->file.ended
                ? s->fill
                : (size_t)(nd_csv_complete(&s->file.dialect, s->buffer + s->at, end) - s->buffer);
    }
    return ND_OK;
}

/* ---- Matching of columns ---- */

static bool all_numbers(const nd_csv_stream *s)
{
    for (size_t i = 0; i < s->want_count; i++) {
        int64_t number = 0;
        if (!nd_num_parse_int(s->want[i].name, strlen(s->want[i].name), &number)) {
            return false;
        }
    }
    return true;
}

/* Without a header and without numbers for names: by order, if the counts agree
 * with or without the optional columns. */
static bool match_by_order(nd_csv_stream *s)
{
    size_t required = 0;
    for (size_t i = 0; i < s->want_count; i++) {
        required += s->want[i].optional ? 0 : 1;
    }
    bool with_optional = s->file.columns == s->want_count;
    if (s->file.dialect.header || all_numbers(s) ||
        (!with_optional && s->file.columns != required)) {
        return false;
    }
    size_t next = 0;
    for (size_t i = 0; i < s->want_count; i++) {
        bool taken = with_optional || !s->want[i].optional;
        s->column[i] = taken ? next++ : SIZE_MAX;
    }
    return true;
}

static nd_status fail_lacking(const nd_csv_stream *s, const nd_text *lacking, size_t count)
{
    const char *why = s->file.dialect.header ? "" : "the file has no header, and ";
    if (lacking->failed) {
        return nd_fail_memory(s->file.ctx);
    }
    return nd_fail(s->file.ctx, ND_ERR_DATA, "%s: %sthe column%s %s %s missing (the file has %zu)",
                   s->file.path, why, count == 1 ? "" : "s", lacking->data,
                   count == 1 ? "is" : "are", s->file.columns);
}

/* Column of a want; SIZE_MAX if the file lacks it. */
static size_t find_column(const nd_csv_stream *s, const nd_csv_want *want)
{
    if (!s->file.dialect.header && want->place > 0 && want->of == s->file.columns) {
        return want->place - 1;
    }
    return nd_csv_file_find(&s->file, want->name);
}

static bool has_places(const nd_csv_stream *s)
{
    bool some = false;
    for (size_t i = 0; i < s->want_count; i++) {
        some = some || (s->want[i].place > 0 && s->want[i].of == s->file.columns);
    }
    return some && !s->file.dialect.header;
}

static nd_status match(nd_csv_stream *s)
{
    if (!has_places(s) && match_by_order(s)) {
        return ND_OK;
    }
    nd_text lacking = {0};
    size_t count = 0;
    for (size_t i = 0; i < s->want_count; i++) {
        s->column[i] = find_column(s, &s->want[i]);
        if (s->column[i] == SIZE_MAX && !s->want[i].optional) {
            nd_text_printf(&lacking, "%s\"%s\"", count++ ? ", " : "", s->want[i].name);
        }
    }
    nd_status status = count > 0 ? fail_lacking(s, &lacking, count) : ND_OK;
    nd_text_free(&lacking);
    return status;
}

static nd_status plan_columns(nd_csv_stream *s)
{
    size_t columns = s->file.columns;
    s->column = nd_alloc(s->want_count, sizeof *s->column);
    s->as = nd_alloc(columns, 1);
    s->job.number = nd_alloc(columns, sizeof(double *));
    s->job.word = nd_alloc(columns, sizeof(uint32_t *));
    if (!s->column || !s->as || !s->job.number || !s->job.word) {
        return nd_fail_memory(s->file.ctx);
    }
    s->job.file = &s->file;
    s->job.as = s->as;
    s->job.strict = true;
    ND_TRY(match(s));
    for (size_t i = 0; i < s->want_count; i++) {
        if (s->column[i] != SIZE_MAX) {
            s->as[s->column[i]] |=
                s->want[i].dtype == ND_DT_WORD ? ND_CSV_AS_WORD : ND_CSV_AS_NUMBER;
        }
    }
    return ND_OK;
}

/* ---- Opening ---- */

/* True if a wanted name stands in the first row: then that row is a header,
 * whatever it looks like. */
static bool wanted_in_first_row(const nd_csv_stream *s, size_t sample)
{
    nd_csv_dialect dialect = s->file.dialect;
    nd_csv_grid grid = {0};
    bool found = false;
    bool filled = nd_csv_grid_fill(&grid, &dialect, s->file.body,
                                   (size_t)(s->buffer + sample - s->file.body), s->file.ended, 1);
    for (size_t c = 0; filled && grid.rows > 0 && c < grid.cells && !found; c++) {
        const nd_csv_cell *cell = &grid.cell[c];
        double value = 0;
        if (nd_csv_classify(&s->file.missing, cell->text, cell->size, &value) != ND_CSV_TEXT) {
            continue;
        }
        for (size_t i = 0; i < s->want_count && !found; i++) {
            found = strlen(s->want[i].name) == cell->size &&
                    memcmp(s->want[i].name, cell->text, cell->size) == 0;
        }
    }
    nd_csv_grid_free(&grid);
    return found;
}

static nd_status begin(nd_csv_stream *s)
{
    size_t sample = 0;
    do {
        ND_TRY(read_more(s));
        sample = nd_csv_sample_size(s->buffer, s->fill, s->file.ended);
    } while (sample == 0 && !s->file.ended);
    if (s->fill == 0) {
        return nd_fail(s->file.ctx, ND_ERR_FORMAT, "%s: the file is empty", s->file.path);
    }
    ND_TRY(nd_csv_file_begin(&s->file, sample));
    if (!s->file.dialect.header && s->file.params->header == ND_HEADER_AUTO &&
        wanted_in_first_row(s, sample)) {
        nd_csv_params params = *s->file.params;
        params.header = ND_HEADER_YES;
        const nd_csv_params *given = s->file.params;
        nd_csv_file_close(&s->file);
        s->file.name = NULL;
        s->file.columns = 0;
        s->file.params = &params;
        nd_status status = nd_csv_file_begin(&s->file, sample);
        s->file.params = given;
        ND_TRY(status);
    }
    s->at = (size_t)(s->file.body - s->buffer);
    const char *end = s->buffer + s->fill;
    s->complete = s->file.ended
                      ? s->fill
                      : (size_t)(nd_csv_complete(&s->file.dialect, s->file.body, end) - s->buffer);
    return plan_columns(s);
}

nd_status nd_csv_open_sized(nd_ctx *ctx, const char *path, const nd_csv_params *params,
                            const nd_csv_want *want, size_t want_count, size_t buffer,
                            nd_csv_stream **stream)
{
    *stream = NULL;
    nd_csv_stream *s = nd_alloc(1, sizeof *s);
    if (!s) {
        return nd_fail_memory(ctx);
    }
    s->file = (nd_csv_file){.ctx = ctx, .path = path, .params = params};
    s->want = want;
    s->want_count = want_count;
    s->room = buffer ? buffer : BUFFER;
    s->buffer = nd_alloc(s->room, 1);
    nd_status status = s->buffer ? nd_input_open(ctx, path, &s->input) : nd_fail_memory(ctx);
    if (status == ND_OK) {
        status = begin(s);
    }
    if (status != ND_OK) {
        nd_csv_close(s);
        return status;
    }
    *stream = s;
    return ND_OK;
}

nd_status nd_csv_open(nd_ctx *ctx, const char *path, const nd_csv_params *params,
                      const nd_csv_want *want, size_t want_count, nd_csv_stream **stream)
{
    return nd_csv_open_sized(ctx, path, params, want, want_count, 0, stream);
}

void nd_csv_close(nd_csv_stream *stream)
{
    if (!stream) {
        return;
    }
    nd_input_close(stream->input);
    nd_free(stream->job.word);
    nd_free(stream->job.number);
    nd_free(stream->as);
    nd_free(stream->column);
    nd_free(stream->buffer);
    nd_csv_file_close(&stream->file);
    nd_free(stream);
}

/* ---- Pieces ---- */

static bool grow_columns(nd_csv_stream *s, size_t room)
{
    for (size_t c = 0; c < s->file.columns; c++) {
        if (s->as[c] & ND_CSV_AS_NUMBER) {
            double *grown = nd_realloc(s->job.number[c], room, sizeof *grown);
            if (!grown) {
                return false;
            }
            s->job.number[c] = grown;
        }
        if (s->as[c] & ND_CSV_AS_WORD) {
            uint32_t *grown = nd_realloc(s->job.word[c], room, sizeof *grown);
            if (!grown) {
                return false;
            }
            s->job.word[c] = grown;
        }
    }
    return true;
}

/* Room for the rows that the complete text at hand can hold, or max_rows. */
static bool make_room(nd_csv_stream *s, part *piece, size_t max_rows)
{
    size_t most = (s->complete - s->at) / s->file.columns + 2;
    size_t left = max_rows - piece->chunk.rows;
    size_t need = piece->chunk.rows + (most < left ? most : left);
    if (need > piece->room) {
        if (!grow_columns(s, need)) {
            return false;
        }
        piece->room = need;
    }
    piece->chunk.room = need;
    return true;
}

static nd_status take_rows(nd_csv_stream *s, part *piece, size_t max_rows)
{
    nd_csv_chunk *chunk = &piece->chunk;
    while (chunk->rows < max_rows) {
        ND_TRY(fill_rows(s));
        if (s->at == s->complete) {
            return ND_OK;
        }
        if (!make_room(s, piece, max_rows)) {
            return nd_fail_memory(s->file.ctx);
        }
        chunk->begin = s->buffer + s->at;
        chunk->end = s->buffer + s->complete;
        nd_csv_chunk_parse(&s->job, chunk);
        if (chunk->fault.kind != ND_CSV_FINE) {
            return nd_csv_fail_fault(&s->file, &chunk->fault, s->rows + chunk->rows);
        }
        s->at = (size_t)(chunk->stop - s->buffer);
    }
    return ND_OK;
}

/* The dictionary of a column goes to the first who wants it; others get a copy. */
static nd_dict *give_dict(part *piece, const nd_table *table, size_t c, const void *data)
{
    nd_dict *dict = piece->chunk.dict[c];
    piece->chunk.dict[c] = NULL;
    for (size_t i = 0; i < table->columns && !dict; i++) {
        const nd_dict *given = table->column[i].dict;
        if (table->column[i].data != data || !given) {
            continue;
        }
        dict = nd_dict_create();
        for (size_t w = 0; dict && w < nd_dict_count(given); w++) {
            size_t n = 0;
            const char *text = nd_dict_word(given, (uint32_t)w, &n);
            if (nd_dict_add(dict, text, n) == ND_DICT_NONE) {
                nd_dict_destroy(dict);
                return NULL;
            }
        }
    }
    return dict;
}

/* Hand a column to the table. */
static nd_status give_column(nd_csv_stream *s, part *piece, nd_table *table, size_t i)
{
    size_t c = s->column[i];
    if (c == SIZE_MAX) {
        return ND_OK;
    }
    bool word = s->want[i].dtype == ND_DT_WORD;
    nd_column column = {.name = nd_strdup(s->want[i].name),
                        .dtype = word ? ND_DT_WORD : ND_DT_F64,
                        .data = word ? (const void *)s->job.word[c] : s->job.number[c],
                        .stride = 1,
                        .width = 1,
                        .missing = piece->chunk.tally[c].missing};
    if (word) {
        column.dict = give_dict(piece, table, c, column.data);
    }
    if (word && !column.dict) {
        nd_free(column.name);
        return nd_fail_memory(s->file.ctx);
    }
    return nd_table_add(table, &column);
}

/* The table comes to own every block, whatever happens. */
static nd_status give_blocks(nd_csv_stream *s, nd_table *table)
{
    nd_status status = ND_OK;
    for (size_t c = 0; c < s->file.columns; c++) {
        void *block[2] = {s->job.number[c], s->job.word[c]};
        for (size_t i = 0; i < 2; i++) {
            if (block[i] && nd_table_own(table, block[i]) != ND_OK) {
                status = ND_ERR_MEMORY;
            }
        }
    }
    return status;
}

static nd_status make_table(nd_csv_stream *s, part *piece, nd_table **table)
{
    nd_table *made = NULL;
    ND_TRY(nd_table_create(s->file.ctx, s->file.path, &made));
    made->rows = piece->chunk.rows;
    made->header = s->file.dialect.header;
    nd_status status = ND_OK;
    for (size_t i = 0; i < s->want_count && status == ND_OK; i++) {
        status = give_column(s, piece, made, i);
    }
    nd_status owned = give_blocks(s, made);
    memset(s->job.number, 0, s->file.columns * sizeof *s->job.number);
    memset(s->job.word, 0, s->file.columns * sizeof *s->job.word);
    if (status != ND_OK || owned != ND_OK) {
        nd_table_destroy(made);
        return status != ND_OK ? status : owned;
    }
    *table = made;
    return ND_OK;
}

static void drop_columns(nd_csv_stream *s)
{
    for (size_t c = 0; c < s->file.columns; c++) {
        nd_free(s->job.number[c]);
        nd_free(s->job.word[c]);
        s->job.number[c] = NULL;
        s->job.word[c] = NULL;
    }
}

static nd_status next_piece(nd_csv_stream *s, size_t max_rows, nd_table **table)
{
    part piece = {0};
    nd_status status = ND_OK;
    if (!nd_csv_chunk_init(&s->job, &piece.chunk)) {
        status = nd_fail_memory(s->file.ctx);
    }
    if (status == ND_OK) {
        status = take_rows(s, &piece, max_rows);
    }
    if (status == ND_OK && s->rows + piece.chunk.rows == 0) {
        status =
            nd_fail(s->file.ctx, ND_ERR_FORMAT, "%s: there is a header, but no rows", s->file.path);
    }
    if (status == ND_OK && piece.chunk.rows > 0) {
        s->rows += piece.chunk.rows;
        status = make_table(s, &piece, table);
    }
    drop_columns(s);
    nd_csv_chunk_free(&s->job, &piece.chunk);
    return status;
}

nd_status nd_csv_next(nd_csv_stream *stream, size_t max_rows, nd_table **table)
{
    *table = NULL;
    if (stream->failed != ND_OK) {
        return stream->failed;
    }
    if (max_rows == 0) {
        return nd_fail(stream->file.ctx, ND_ERR_ARGUMENT, "pieces of no rows");
    }
    stream->failed = next_piece(stream, max_rows, table);
    return stream->failed;
}
