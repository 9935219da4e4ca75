/* A whole text into a table: cut, parse in parallel, settle the types. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "data/csv_reading.h"
#include "data/gzip.h"

enum { GUESS_ROWS = 100 };

static bool mostly_numbers(size_t numbers, size_t texts)
{
    return numbers >= 3 && texts <= numbers / 19;
}

static nd_status declare(nd_csv_reading *r, const char *const *names, size_t count,
                         unsigned char as)
{
    for (size_t i = 0; i < count; i++) {
        size_t c = nd_csv_file_find(&r->file, names[i]);
        if (c == SIZE_MAX) {
            const char *near =
                nd_nearest(names[i], (const char *const *)r->file.name, r->file.columns);
            return nd_fail(r->file.ctx, ND_ERR_DATA, "%s: there is no column \"%s\"%s%s%s",
                           r->file.path, names[i], near ? "; did you mean \"" : "",
                           near ? near : "", near ? "\"?" : "");
        }
        r->declared[c] = as;
        r->as[c] = as;
    }
    return ND_OK;
}

/* A column with more than a few texts among its first cells is read as words at
 * once; a wrong guess costs time, not truth. */
static nd_status guess_columns(nd_csv_reading *r)
{
    nd_csv_grid grid = {0};
    const nd_csv_file *file = &r->file;
    if (!nd_csv_grid_fill(&grid, &file->dialect, file->body, (size_t)(file->end - file->body), true,
                          GUESS_ROWS)) {
        nd_csv_grid_free(&grid);
        return nd_fail_memory(file->ctx);
    }
    for (size_t c = 0; c < file->columns; c++) {
        size_t texts = 0, numbers = 0;
        for (size_t row = 0; row < grid.rows; row++) {
            if (c >= nd_csv_grid_width(&grid, row)) {
                continue;
            }
            double value = 0;
            const nd_csv_cell *cell = &grid.cell[grid.start[row] + c];
            nd_csv_class is = nd_csv_classify(&file->missing, cell->text, cell->size, &value);
            texts += is == ND_CSV_TEXT ? 1 : 0;
            numbers += is == ND_CSV_TEXT || is == ND_CSV_MISSING ? 0 : 1;
        }
        r->as[c] = texts > numbers / 19 ? ND_CSV_AS_WORD : ND_CSV_AS_NUMBER;
    }
    nd_csv_grid_free(&grid);
    return ND_OK;
}

static nd_status plan_columns(nd_csv_reading *r)
{
    size_t columns = r->file.columns;
    r->as = nd_alloc(columns, 1);
    r->declared = nd_alloc(columns, 1);
    r->dict = nd_alloc(columns, sizeof(nd_dict *));
    r->job.number = nd_alloc(columns, sizeof(double *));
    r->job.word = nd_alloc(columns, sizeof(uint32_t *));
    r->word_column = nd_alloc(columns, sizeof *r->word_column);
    r->word_status = nd_alloc(columns, sizeof *r->word_status);
    if (!r->as || !r->declared || !r->dict || !r->job.number || !r->job.word || !r->word_column ||
        !r->word_status) {
        return nd_fail_memory(r->file.ctx);
    }
    r->job.file = &r->file;
    r->job.as = r->as;
    const nd_csv_params *params = r->file.params;
    ND_TRY(guess_columns(r));
    ND_TRY(declare(r, params->number, params->number_count, ND_CSV_AS_NUMBER));
    return declare(r, params->category, params->category_count, ND_CSV_AS_WORD);
}

static void find_quotes(void *user, size_t i)
{
    nd_csv_reading *r = user;
    const char *begin = r->file.body + i * r->piece;
    size_t left = (size_t)(r->file.end - begin);
    left = left < r->piece ? left : r->piece;
    r->quoted[i] = memchr(begin, r->file.dialect.quote, left) != NULL;
    nd_csv_forget_text(r, begin, begin + left);
}

/* Cuts lie at the first row start at or behind each multiple of the piece size,
 * found by walking the quotes from the front, if there are any. */
static nd_status cut(nd_csv_reading *r, size_t piece)
{
    nd_csv_file *file = &r->file;
    size_t size = (size_t)(file->end - file->body);
    size_t spread = r->store ? file->params->piece : size / ND_CSV_CHUNKS + 1;
    r->piece = piece ? piece : spread > ND_CSV_CHUNK ? spread : ND_CSV_CHUNK;
    r->chunks = (size + r->piece - 1) / r->piece;
    r->chunk = nd_alloc(r->chunks, sizeof *r->chunk);
    r->quoted = nd_alloc(r->chunks, sizeof *r->quoted);
    if (!r->chunk || !r->quoted) {
        return nd_fail_memory(file->ctx);
    }
    nd_csv_dialect dialect = file->dialect;
    bool any = false;
    if (dialect.quote && r->chunks > 1) {
        nd_pool_run(file->ctx->pool, r->chunks, find_quotes, r);
        for (size_t i = 0; i < r->chunks; i++) {
            any = any || r->quoted[i];
        }
    }
    dialect.quote = any ? dialect.quote : '\0';
    const char *start = file->body;
    for (size_t i = 0; i < r->chunks; i++) {
        const char *target = file->body + (i + 1) * r->piece;
        r->chunk[i].begin = start;
        if (i + 1 == r->chunks) {
            start = file->end;
        } else if (start < target) {
            start = nd_csv_row_start(&dialect, start, target, file->end);
        }
        r->chunk[i].end = start;
        nd_csv_forget_text(r, r->chunk[i].begin, any ? start : r->chunk[i].begin);
    }
    return ND_OK;
}

/* Most rows that a chunk can hold: a row takes a line feed, and a byte for each
 * of its cells. */
static void bound_rows(void *user, size_t i)
{
    nd_csv_reading *r = user;
    nd_csv_chunk *chunk = &r->chunk[i];
    size_t size = (size_t)(chunk->end - chunk->begin);
    size_t by_size = size ? size / r->file.columns + 2 : 0;
    size_t by_lines = nd_csv_count_lines(chunk->begin, chunk->end);
    by_lines += size && chunk->end[-1] != '\n' ? 1 : 0;
    chunk->room = by_lines < by_size ? by_lines : by_size;
    nd_csv_forget_text(r, chunk->begin, chunk->end);
}

static nd_status allocate_columns(nd_csv_reading *r)
{
    for (size_t c = 0; c < r->file.columns; c++) {
        bool number = r->as[c] & ND_CSV_AS_NUMBER, word = r->as[c] & ND_CSV_AS_WORD;
        if (number) {
            ND_TRY(nd_csv_get_block(r, sizeof(double), r->room, (void **)&r->job.number[c]));
        }
        if (word) {
            ND_TRY(nd_csv_get_block(r, sizeof(uint32_t), r->room, (void **)&r->job.word[c]));
        }
    }
    return ND_OK;
}

static void parse_chunk(void *user, size_t i)
{
    nd_csv_reading *r = user;
    if (nd_csv_chunk_init(&r->job, &r->chunk[i])) {
        nd_csv_chunk_parse(&r->job, &r->chunk[i]);
    } else {
        r->chunk[i].fault.kind = ND_CSV_FAULT_MEMORY;
    }
    nd_csv_forget_chunk(r, &r->chunk[i]);
}

/* The first fault in file order. */
static nd_status first_fault(const nd_csv_reading *r)
{
    size_t rows = 0;
    for (size_t i = 0; i < r->chunks; i++) {
        const nd_csv_chunk *chunk = &r->chunk[i];
        if (chunk->fault.kind != ND_CSV_FINE) {
            return nd_csv_fail_fault(&r->file, &chunk->fault, rows + chunk->rows);
        }
        rows += chunk->rows;
    }
    return ND_OK;
}

/* Close the gaps that blank lines and line feeds inside quotes leave. */
static void close_gaps(nd_csv_reading *r)
{
    size_t rows = 0;
    for (size_t i = 0; i < r->chunks; i++) {
        nd_csv_chunk *chunk = &r->chunk[i];
        bool moves = chunk->slot != rows;
        for (size_t c = 0; c < r->file.columns && moves; c++) {
            if (r->job.number[c]) {
                double *base = r->job.number[c];
                memmove(base + rows, base + chunk->slot, chunk->rows * sizeof *base);
            }
            if (r->job.word[c]) {
                uint32_t *base = r->job.word[c];
                memmove(base + rows, base + chunk->slot, chunk->rows * sizeof *base);
            }
        }
        if (moves) {
            nd_csv_forget_chunk(r, chunk);
        }
        chunk->slot = rows;
        rows += chunk->rows;
        if (moves) {
            nd_csv_forget_chunk(r, chunk);
        }
    }
    r->rows = rows;
}

static nd_status parse_all(nd_csv_reading *r)
{
    nd_pool *pool = r->file.ctx->pool;
    nd_pool_run(pool, r->chunks, bound_rows, r);
    for (size_t i = 0; i < r->chunks; i++) {
        r->chunk[i].slot = r->room;
        r->room += r->chunk[i].room;
    }
    ND_TRY(allocate_columns(r));
    nd_pool_run(pool, r->chunks, parse_chunk, r);
    ND_TRY(first_fault(r));
    close_gaps(r);
    if (r->rows == 0) {
        return nd_fail(r->file.ctx, ND_ERR_FORMAT, "%s: there is a header, but no rows",
                       r->file.path);
    }
    return ND_OK;
}

/* Sum of a column's tallies; places become rows of the file. */
static nd_csv_tally total(const nd_csv_reading *r, size_t column)
{
    nd_csv_tally sum = {0};
    for (size_t i = 0; i < r->chunks; i++) {
        const nd_csv_tally *part = &r->chunk[i].tally[column];
        if (!sum.first_text && part->first_text) {
            sum.first_text = part->first_text;
            sum.first_text_row = r->chunk[i].slot + part->first_text_row;
        }
        if (!sum.first_bad && part->first_bad) {
            sum.first_bad = part->first_bad;
            sum.first_bad_row = r->chunk[i].slot + part->first_bad_row;
        }
        sum.missing += part->missing;
        sum.texts += part->texts;
    }
    return sum;
}

/* A column read as numbers: keep it, refuse it, or mark it to be read again. */
static nd_status settle_number(nd_csv_reading *r, size_t column)
{
    nd_csv_tally sum = total(r, column);
    size_t numbers = r->rows - sum.missing - sum.texts;
    bool forced = r->declared[column] == ND_CSV_AS_NUMBER;
    if (sum.texts > 0 && !forced && !mostly_numbers(numbers, sum.texts)) {
        r->as[column] = ND_CSV_AS_WORD;
        return ND_OK;
    }
    double share = (double)numbers / (double)(numbers + sum.texts);
    nd_csv_place text = {sum.first_text_row, column, sum.first_text};
    nd_csv_place bad = {sum.first_bad_row, column, sum.first_bad};
    bool text_first = text.at && (!bad.at || text.at < bad.at);
    if (text.at || bad.at) {
        return nd_csv_fail_value(&r->file, text_first ? &text : &bad, share, forced);
    }
    return ND_OK;
}

/* The columns to read again: marked in as, their numbers freed, room for words
 * made. */
static nd_status turn_to_words(nd_csv_reading *r, unsigned char *as, size_t *count)
{
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->as[c] != ND_CSV_AS_WORD || !r->job.number[c]) {
            continue;
        }
        nd_csv_drop_block(r, r->job.number[c]);
        r->job.number[c] = NULL;
        as[c] = ND_CSV_AS_WORD;
        ++*count;
        ND_TRY(nd_csv_get_block(r, sizeof(uint32_t), r->rows, (void **)&r->job.word[c]));
    }
    return ND_OK;
}

/* What a second reading of a chunk found goes to the first reading's chunk. */
static void adopt(const nd_csv_reading *r, nd_csv_chunk *first, nd_csv_chunk *second)
{
    for (size_t c = 0; c < r->file.columns && second->dict && second->tally; c++) {
        if (r->job.as[c]) {
            first->dict[c] = second->dict[c];
            first->tally[c] = second->tally[c];
            second->dict[c] = NULL;
        }
    }
    nd_csv_chunk_free(&r->job, second);
}

/* All chunks once more, for the columns marked in as alone. */
static nd_status parse_again(nd_csv_reading *r, const unsigned char *as)
{
    nd_csv_chunk *first = r->chunk;
    nd_csv_chunk *second = nd_alloc(r->chunks, sizeof *second);
    if (!second) {
        return nd_fail_memory(r->file.ctx);
    }
    for (size_t i = 0; i < r->chunks; i++) {
        second[i] = (nd_csv_chunk){.begin = first[i].begin,
                                   .end = first[i].end,
                                   .slot = first[i].slot,
                                   .room = first[i].rows};
    }
    r->job.as = as;
    r->chunk = second;
    nd_pool_run(r->file.ctx->pool, r->chunks, parse_chunk, r);
    nd_status status = first_fault(r);
    for (size_t i = 0; i < r->chunks; i++) {
        adopt(r, &first[i], &second[i]);
    }
    nd_free(second);
    r->chunk = first;
    r->job.as = r->as;
    return status;
}

/* Read the columns again that turned out to be text. */
static nd_status read_again(nd_csv_reading *r)
{
    size_t count = 0;
    unsigned char *as = nd_alloc(r->file.columns, 1);
    if (!as) {
        return nd_fail_memory(r->file.ctx);
    }
    nd_status status = turn_to_words(r, as, &count);
    if (status == ND_OK && count > 0) {
        status = parse_again(r, as);
    }
    nd_free(as);
    return status;
}

static void forget_words(const nd_csv_reading *r, size_t c)
{
    if (r->store) {
        nd_pages_forget(r->job.word[c], r->rows * sizeof(uint32_t), 0, r->rows * sizeof(uint32_t));
    }
}

static void merge_task(void *user, size_t i)
{
    nd_csv_reading *r = user;
    size_t c = r->word_column[i];
    r->word_status[i] = nd_csv_merge_words(&r->job, r->chunk, r->chunks, c, &r->dict[c]);
    forget_words(r, c);
}

static nd_status merge_words(nd_csv_reading *r)
{
    size_t words = 0;
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->as[c] == ND_CSV_AS_WORD) {
            r->word_column[words++] = c;
        }
    }
    nd_pool_run(r->file.ctx->pool, words, merge_task, r);
    for (size_t i = 0; i < words; i++) {
        if (r->word_status[i] != ND_OK) {
            return nd_fail_memory(r->file.ctx);
        }
    }
    return ND_OK;
}

/* Start of a cell by its row in the file. */
static const char *cell_at(const nd_csv_reading *r, size_t row, size_t column)
{
    size_t i = 0;
    while (i + 1 < r->chunks && row >= r->chunk[i].slot + r->chunk[i].rows) {
        i++;
    }
    return nd_csv_chunk_cell(&r->file, &r->chunk[i], row - r->chunk[i].slot, column);
}

/* Rows whose word is not a number; *first is the first of them. */
static size_t count_texts(const uint32_t *word, size_t rows, const bool *number, size_t *first)
{
    size_t texts = 0;
    for (size_t row = rows; row-- > 0;) {
        if (word[row] != ND_DICT_NONE && !number[word[row]]) {
            texts++;
            *first = row;
        }
    }
    return texts;
}

/* A column read as words at once: the same rule as for the others. */
static nd_status settle_word(nd_csv_reading *r, size_t column, size_t missing)
{
    const nd_dict *dict = r->dict[column];
    size_t count = nd_dict_count(dict), first = 0, numeric = 0, commas = 0;
    bool *number = nd_alloc(count, sizeof *number);
    if (!number) {
        return nd_fail_memory(r->file.ctx);
    }
    for (size_t w = 0; w < count; w++) {
        size_t n = 0;
        double value = 0;
        const char *text = nd_dict_word(dict, (uint32_t)w, &n);
        number[w] = nd_csv_classify(&r->file.missing, text, n, &value) != ND_CSV_TEXT;
        numeric += number[w] ? 1 : 0;
        commas += !number[w] && nd_csv_comma_number(text, n) ? 1 : 0;
    }
    nd_status status = ND_OK;
    if (numeric > 0) {
        size_t texts = count_texts(r->job.word[column], r->rows, number, &first);
        forget_words(r, column);
        size_t numbers = r->rows - missing - texts;
        nd_csv_place place = {first, column, cell_at(r, first, column)};
        double share = (double)numbers / (double)(numbers + texts);
        if (mostly_numbers(numbers, texts)) {
            status = nd_csv_fail_value(&r->file, &place, share, false);
        } else if (share >= 0.5) {
            nd_log(r->file.ctx, 2, "%s: column \"%s\" holds numbers and text; read as categories",
                   r->file.path, r->file.name[column]);
        }
    }
    if (status == ND_OK && commas > 0 && commas + numeric == count) {
        nd_log(
            r->file.ctx, 1,
            "%s: column \"%s\" is read as text: its numbers are written with commas; --decimal , "
            "reads 1,5 as 1.5, --thousands , reads 1,000 as 1000",
            r->file.path, r->file.name[column]);
    }
    nd_free(number);
    return status;
}

static nd_status settle_types(nd_csv_reading *r)
{
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->as[c] == ND_CSV_AS_NUMBER) {
            ND_TRY(settle_number(r, c));
        }
    }
    ND_TRY(read_again(r));
    ND_TRY(merge_words(r));
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->as[c] == ND_CSV_AS_WORD && !r->declared[c]) {
            ND_TRY(settle_word(r, c, total(r, c).missing));
        }
    }
    return ND_OK;
}

/* Hand a column's memory to the table. */
static nd_status give_column(nd_csv_reading *r, nd_table *table, size_t c)
{
    bool word = r->as[c] == ND_CSV_AS_WORD;
    void *block = word ? (void *)r->job.word[c] : (void *)r->job.number[c];
    size_t element = word ? sizeof(uint32_t) : sizeof(double);
    r->job.word[c] = NULL;
    r->job.number[c] = NULL;
    bool stored = r->store;
    if (!stored && r->rows < r->room / 2) {
        void *fitted = nd_realloc(block, r->rows, element);
        block = fitted ? fitted : block;
    }
    if (!stored) {
        ND_TRY(nd_table_own(table, block));
    }
    nd_column column = {.name = r->file.name[c],
                        .dtype = word ? ND_DT_WORD : ND_DT_F64,
                        .data = block,
                        .stride = 1,
                        .width = 1,
                        .dict = r->dict[c],
                        .missing = total(r, c).missing,
                        .stored = stored ? r->rows : 0};
    r->file.name[c] = NULL;
    r->dict[c] = NULL;
    return nd_table_add(table, &column);
}

static nd_status make_table(nd_csv_reading *r, nd_table **table)
{
    nd_table *made = NULL;
    ND_TRY(nd_table_create(r->file.ctx, r->file.path, &made));
    made->rows = r->rows;
    made->header = r->file.dialect.header;
    made->store = r->store;
    for (size_t c = 0; c < r->file.columns; c++) {
        nd_status status = give_column(r, made, c);
        if (status != ND_OK) {
            nd_table_destroy(made);
            return status;
        }
    }
    *table = made;
    return ND_OK;
}

static void end_reading(nd_csv_reading *r)
{
    for (size_t i = 0; r->chunk && i < r->chunks; i++) {
        nd_csv_chunk_free(&r->job, &r->chunk[i]);
    }
    for (size_t c = 0; c < r->file.columns; c++) {
        if (r->dict) {
            nd_dict_destroy(r->dict[c]);
        }
        nd_csv_drop_block(r, r->job.number ? r->job.number[c] : NULL);
        nd_csv_drop_block(r, r->job.word ? r->job.word[c] : NULL);
    }
    nd_free(r->word_status);
    nd_free(r->word_column);
    nd_free(r->quoted);
    nd_free(r->chunk);
    nd_free(r->job.word);
    nd_free(r->job.number);
    nd_free(r->dict);
    nd_free(r->declared);
    nd_free(r->as);
    nd_csv_file_close(&r->file);
}

static nd_status read_text(nd_csv_reading *r, size_t piece, nd_table **table)
{
    nd_csv_file *file = &r->file;
    size_t size = (size_t)(file->end - file->text);
    ND_TRY(nd_csv_file_begin(file, nd_csv_sample_size(file->text, size, true)));
    ND_TRY(plan_columns(r));
    ND_TRY(cut(r, piece));
    ND_TRY(parse_all(r));
    ND_TRY(settle_types(r));
    return make_table(r, table);
}

nd_status nd_csv_parse_chunked(nd_ctx *ctx, const char *path, const char *text, size_t size,
                               const nd_csv_params *params, size_t chunk, nd_table **table)
{
    *table = NULL;
    if (size == 0) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: the file is empty", path);
    }
    nd_csv_reading r = {.file = {.ctx = ctx,
                                 .path = path,
                                 .params = params,
                                 .text = text,
                                 .end = text + size,
                                 .ended = true},
                        .store = params ? params->store : NULL};
    nd_status status = read_text(&r, chunk, table);
    end_reading(&r);
    return status;
}

nd_status nd_csv_parse(nd_ctx *ctx, const char *path, const char *text, size_t size,
                       const nd_csv_params *params, nd_table **table)
{
    return nd_csv_parse_chunked(ctx, path, text, size, params, 0, table);
}

nd_status nd_csv_read(nd_ctx *ctx, const char *path, const nd_csv_params *params, nd_table **table)
{
    *table = NULL;
    nd_bytes bytes = {0};
    ND_TRY(params && params->store ? nd_store_text(params->store, path, &bytes)
                                   : nd_gzip_read(ctx, path, &bytes));
    nd_status status = nd_csv_parse(ctx, path, bytes.data, bytes.size, params, table);
    status = nd_bytes_end(ctx, path, &bytes, status);
    if (status != ND_OK) {
        nd_table_destroy(*table);
        *table = NULL;
    }
    return status;
}
