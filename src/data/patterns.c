#include "data/patterns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/gzip.h"

enum { BOOL_IN, REAL_IN, BOOL_OUT, REAL_OUT, TRAINING, VALIDATION, TEST, KEYS };

static const char *const keys[KEYS] = {
    "bool_in",       "real_in", "bool_out", "real_out", "training_examples", "validation_examples",
    "test_examples",
};

/* A text on its way into columns. */
typedef struct reader {
    nd_ctx *ctx;
    const char *path, *at, *end;
    size_t line; /* number of the line that was read last, from 1 */
    size_t rows, inputs, outputs;
    size_t part[3];
    bool proben1;
    bool real;     /* outputs that the file calls real numbers */
    double *value; /* [inputs + outputs][rows] */
} reader;

typedef struct span {
    const char *at, *end;
} span;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that holds something, without blanks at its ends; false at the end. */
static bool next_line(reader *r, span *line)
{
    while (r->at < r->end) {
        const char *at = r->at, *stop = memchr(at, '\n', (size_t)(r->end - at));
        r->line++;
        stop = stop ? stop : r->end;
        r->at = stop < r->end ? stop + 1 : stop;
        while (at < stop && is_blank(*at)) {
            at++;
        }
        while (stop > at && is_blank(stop[-1])) {
            stop--;
        }
        if (at < stop) {
            *line = (span){at, stop};
            return true;
        }
    }
    return false;
}

static bool next_word(span *line, span *word)
{
    while (line->at < line->end && is_blank(*line->at)) {
        line->at++;
    }
    word->at = line->at;
    while (line->at < line->end && !is_blank(*line->at)) {
        line->at++;
    }
    word->end = line->at;
    return word->at < word->end;
}

static size_t count_words(span line)
{
    span word;
    size_t count = 0;
    while (next_word(&line, &word)) {
        count++;
    }
    return count;
}

static bool read_count(span word, size_t *count)
{
    int64_t number;
    bool whole = nd_num_parse_int(word.at, (size_t)(word.end - word.at), &number);
    *count = whole && number >= 0 ? (size_t)number : 0;
    return whole && number >= 0;
}

/* FANN's first line: three whole numbers above 0, and nothing else. */
static bool read_sizes(span line, size_t size[3])
{
    span word;
    for (size_t i = 0; i < 3; i++) {
        if (!next_word(&line, &word) || !read_count(word, &size[i]) || size[i] == 0) {
            return false;
        }
    }
    return !next_word(&line, &word);
}

/* Key of a line KEY=COUNT, KEYS if it is none. */
static size_t find_key(span line)
{
    for (size_t k = 0; k < KEYS; k++) {
        size_t n = strlen(keys[k]);
        if ((size_t)(line.end - line.at) <= n || memcmp(line.at, keys[k], n) != 0) {
            continue;
        }
        const char *next = line.at + n;
        while (next < line.end && is_blank(*next)) {
            next++;
        }
        if (next < line.end && *next == '=') {
            return k;
        }
    }
    return KEYS;
}

bool nd_patterns_possible(const char *head, size_t size)
{
    reader r = {.at = head, .end = head + size};
    span line;
    size_t sizes[3];
    return next_line(&r, &line) && (find_key(line) < KEYS || read_sizes(line, sizes));
}

static bool begins_with_number(span line)
{
    span word;
    double value;
    return next_word(&line, &word) &&
           nd_num_parse(word.at, (size_t)(word.end - word.at), &value) == ND_NUM_OK;
}

/* Lines of three columns look like rows of three inputs and three outputs: then the
 * number of lines decides. */
static bool is_counted(reader *r, const size_t size[3])
{
    span line, after = {NULL, NULL};
    if (!next_line(r, &line)) {
        return true;
    }
    bool more = next_line(r, &after);
    if (!begins_with_number(line)) {
        return false;
    }
    if (count_words(line) != 3 || (more && count_words(after) != 3)) {
        return true;
    }
    size_t lines = 2;
    while (next_line(r, &line)) {
        lines++;
    }
    return more && size[1] == 3 && size[2] == 3 && lines % 2 == 0 && lines / 2 == size[0];
}

bool nd_patterns_detect(const char *text, size_t size)
{
    reader r = {.at = text, .end = text + size};
    span line;
    size_t sizes[3];
    if (!next_line(&r, &line)) {
        return false;
    }
    return find_key(line) < KEYS || (read_sizes(line, sizes) && is_counted(&r, sizes));
}

static nd_status fail_line(const reader *r, const char *what)
{
    return nd_fail(r->ctx, ND_ERR_FORMAT, "%s: line %zu: %s", r->path, r->line, what);
}

/* "x3", "y1" */
static void column_name(const reader *r, size_t column, char name[32])
{
    bool input = column < r->inputs;
    snprintf(name, 32, "%c%zu", input ? 'x' : 'y', (input ? column : column - r->inputs) + 1);
}

static nd_status read_number(const reader *r, span word, size_t row, size_t column, double *value)
{
    int n = word.end - word.at < 40 ? (int)(word.end - word.at) : 40;
    char name[32];
    nd_num found = nd_num_parse(word.at, (size_t)(word.end - word.at), value);
    if (found == ND_NUM_OK && isfinite(*value)) {
        return ND_OK;
    }
    column_name(r, column, name);
    return nd_fail(r->ctx, found == ND_NUM_NONE ? ND_ERR_FORMAT : ND_ERR_DATA,
                   "%s: line %zu: row %zu, column \"%s\": \"%.*s\" is not a %snumber", r->path,
                   r->line, row + 1, name, n, word.at, found == ND_NUM_NONE ? "" : "finite ");
}

/* One line of count numbers into the columns from first on. */
static nd_status read_line(reader *r, size_t row, size_t first, size_t count, const char *what)
{
    span line, word;
    if (!next_line(r, &line)) {
        return nd_fail(r->ctx, ND_ERR_FORMAT,
                       "%s: the file ends in row %zu; its header announces %zu rows", r->path,
                       row + 1, r->rows);
    }
    size_t words = count_words(line);
    if (words != count) {
        return nd_fail(r->ctx, ND_ERR_FORMAT, "%s: line %zu: row %zu has %zu %s instead of %zu",
                       r->path, r->line, row + 1, words, what, count);
    }
    for (size_t c = first; next_word(&line, &word); c++) {
        ND_TRY(read_number(r, word, row, c, &r->value[c * r->rows + row]));
    }
    return ND_OK;
}

static nd_status read_rows(reader *r)
{
    span line;
    for (size_t row = 0; row < r->rows; row++) {
        if (r->proben1) {
            ND_TRY(read_line(r, row, 0, r->inputs + r->outputs, "numbers"));
        } else {
            ND_TRY(read_line(r, row, 0, r->inputs, "inputs"));
            ND_TRY(read_line(r, row, r->inputs, r->outputs, "outputs"));
        }
    }
    if (next_line(r, &line)) {
        return fail_line(r, "there are more rows than the header announces");
    }
    return ND_OK;
}

/* A number takes a byte and the one that parts it from the next. */
static nd_status make_room(reader *r)
{
    size_t left = (size_t)(r->end - r->at), columns, numbers;
    bool fits = !__builtin_add_overflow(r->inputs, r->outputs, &columns) &&
                !__builtin_mul_overflow(columns, r->rows, &numbers) && numbers <= left / 2 + 1;
    if (!fits) {
        return nd_fail(r->ctx, ND_ERR_FORMAT,
                       "%s: the header announces %zu rows of %zu inputs and %zu outputs, more "
                       "than the %zu bytes behind it can hold",
                       r->path, r->rows, r->inputs, r->outputs, left);
    }
    r->value = nd_alloc(numbers, sizeof *r->value);
    return r->value ? ND_OK : nd_fail_memory(r->ctx);
}

static nd_status add_up(const reader *r, size_t a, size_t b, size_t *sum)
{
    return __builtin_add_overflow(a, b, sum) ? fail_line(r, "impossible counts") : ND_OK;
}

static nd_status take_counts(reader *r, const size_t count[KEYS])
{
    ND_TRY(add_up(r, count[BOOL_IN], count[REAL_IN], &r->inputs));
    ND_TRY(add_up(r, count[BOOL_OUT], count[REAL_OUT], &r->outputs));
    for (size_t i = 0; i < 3; i++) {
        r->part[i] = count[TRAINING + i];
        ND_TRY(add_up(r, r->rows, r->part[i], &r->rows));
    }
    r->real = count[REAL_OUT] > 0;
    if (r->inputs == 0 || r->outputs == 0 || r->part[0] == 0) {
        return fail_line(r, r->part[0] == 0 ? "there are no training examples"
                                            : "there must be an input and an output");
    }
    return ND_OK;
}

/* KEY=COUNT seven times, in any order. */
static nd_status read_keys(reader *r)
{
    size_t count[KEYS] = {0};
    bool seen[KEYS] = {false};
    span line;
    for (size_t i = 0; i < KEYS; i++) {
        size_t key = next_line(r, &line) ? find_key(line) : KEYS;
        if (key == KEYS || seen[key]) {
            return fail_line(r, key == KEYS ? "not one of the seven lines KEY=COUNT at the head"
                                            : "the same key a second time");
        }
        line.at = (const char *)memchr(line.at, '=', (size_t)(line.end - line.at)) + 1;
        span word;
        if (!next_word(&line, &word) || !read_count(word, &count[key]) || line.at != line.end) {
            return fail_line(r, "not a whole number of 0 or more");
        }
        seen[key] = true;
    }
    r->proben1 = true;
    return take_counts(r, count);
}

static nd_status read_head(reader *r)
{
    reader start = *r;
    size_t size[3];
    span line;
    if (!next_line(r, &line)) {
        return nd_fail(r->ctx, ND_ERR_FORMAT, "%s: the file is empty", r->path);
    }
    if (read_sizes(line, size)) {
        r->rows = size[0];
        r->inputs = size[1];
        r->outputs = size[2];
        return ND_OK;
    }
    if (find_key(line) == KEYS) {
        return fail_line(r, "neither FANN's numbers of rows, inputs and outputs nor PROBEN1's "
                            "bool_in=...");
    }
    *r = start;
    return read_keys(r);
}

/* The output that is 1 in a row where all others are low; outputs if there is none. */
static size_t hot_output(const reader *r, size_t row, double low)
{
    size_t hot = r->outputs;
    for (size_t j = 0; j < r->outputs; j++) {
        double y = r->value[(r->inputs + j) * r->rows + row];
        if (y == 1 && hot == r->outputs) {
            hot = j;
        } else if (y != low) {
            return r->outputs;
        }
    }
    return hot;
}

static bool is_one_hot(const reader *r, double low)
{
    size_t row = 0;
    while (row < r->rows && hot_output(r, row, low) < r->outputs) {
        row++;
    }
    return r->outputs > 1 && row == r->rows;
}

static nd_status add_numbers(const reader *r, nd_table *table, size_t first, size_t end)
{
    for (size_t c = first; c < end; c++) {
        char name[32];
        column_name(r, c, name);
        nd_column column = {.name = nd_strdup(name),
                            .dtype = ND_DT_F64,
                            .data = r->value + c * r->rows,
                            .stride = 1,
                            .width = 1};
        ND_TRY(nd_table_add(table, &column));
    }
    return ND_OK;
}

static nd_dict *class_words(const reader *r)
{
    nd_dict *dict = nd_dict_create();
    for (size_t j = 0; dict && j < r->outputs; j++) {
        char name[32];
        column_name(r, r->inputs + j, name);
        if (nd_dict_add(dict, name, strlen(name)) == ND_DICT_NONE) {
            nd_dict_destroy(dict);
            return NULL;
        }
    }
    return dict;
}

static nd_status add_classes(const reader *r, nd_table *table, double low)
{
    uint32_t *word = nd_alloc(r->rows, sizeof *word);
    if (!word) {
        return nd_fail_memory(r->ctx);
    }
    ND_TRY(nd_table_own(table, word));
    for (size_t row = 0; row < r->rows; row++) {
        word[row] = (uint32_t)hot_output(r, row, low);
    }
    nd_dict *dict = class_words(r);
    if (!dict) {
        return nd_fail_memory(r->ctx);
    }
    nd_column column = {.name = nd_strdup("y"),
                        .dtype = ND_DT_WORD,
                        .data = word,
                        .stride = 1,
                        .width = 1,
                        .dict = dict};
    return nd_table_add(table, &column);
}

static nd_status add_columns(reader *r, bool values, nd_table *table)
{
    ND_TRY(nd_table_own(table, r->value));
    double low = is_one_hot(r, 0) ? 0 : -1;
    bool classes = !values && !r->real && is_one_hot(r, low);
    table->rows = r->rows;
    table->header = true;
    table->patterns = true;
    table->targets = classes ? 1 : r->outputs;
    for (size_t i = 0; i < 3; i++) {
        table->part[i] = r->part[i];
    }
    ND_TRY(add_numbers(r, table, 0, r->inputs));
    return classes ? add_classes(r, table, low)
                   : add_numbers(r, table, r->inputs, r->inputs + r->outputs);
}

static nd_status read_all(reader *r)
{
    ND_TRY(read_head(r));
    ND_TRY(make_room(r));
    return read_rows(r);
}

nd_status nd_patterns_parse(nd_ctx *ctx, const char *path, const char *text, size_t size,
                            bool values, nd_table **table)
{
    reader r = {.ctx = ctx, .path = path, .at = text, .end = text + size};
    *table = NULL;
    nd_status status = read_all(&r);
    nd_table *made = NULL;
    if (status == ND_OK) {
        status = nd_table_create(ctx, path, &made);
    }
    if (status != ND_OK) {
        nd_free(r.value);
        return status;
    }
    status = add_columns(&r, values, made);
    if (status != ND_OK) {
        nd_table_destroy(made);
        return status;
    }
    *table = made;
    return ND_OK;
}

nd_status nd_patterns_read(nd_ctx *ctx, const char *path, bool values, nd_table **table)
{
    nd_bytes bytes;
    *table = NULL;
    ND_TRY(nd_gzip_read(ctx, path, &bytes));
    nd_status status = nd_patterns_parse(ctx, path, bytes.data, bytes.size, values, table);
    status = nd_bytes_end(ctx, path, &bytes, status);
    if (status != ND_OK) {
        nd_table_destroy(*table);
        *table = NULL;
    }
    return status;
}
