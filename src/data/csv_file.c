/* The start of a file: byte order mark, dialect, column names. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "data/csv_internal.h"

static nd_status check_params(nd_ctx *ctx, const nd_csv_params *params)
{
    unsigned char d = (unsigned char)params->delimiter, q = (unsigned char)params->quote;
    bool bad = d >= 0x80 || d == '\n' || d == '\r' || q >= 0x80 || q == '\n' || q == '\r' ||
               q == ' ' || q == '\t' || (d && d == q);
    return bad ? nd_fail(ctx, ND_ERR_OPTION,
                         "delimiter and quote must be two different ASCII characters")
               : ND_OK;
}

/* Files that are often given for a table, by their first bytes, and what to do with them. */
static const char *name_other_kind(const char *text, size_t size)
{
    static const struct {
        const char *magic;
        size_t size;
        const char *kind;
    } other[] = {
        {"PK\3\4", 4,
         "a zip archive, which workbooks (.xlsx, .ods) are too; save the table as CSV"},
        {"\xD0\xCF\x11\xE0", 4, "an old Office file (.xls); save the table as CSV"},
        {"PAR1\x15", 5, "a Parquet file; save the table as CSV"},
        {"BZh91AY&SY", 10, "packed with bzip2; unpack it: bzip2 -dc FILE | nadir ... -"},
        {"\xFD"
         "7zXZ",
         5, "packed with xz; unpack it: xz -dc FILE | nadir ... -"},
        {"\x28\xB5\x2F\xFD", 4, "packed with zstd; unpack it: zstd -dc FILE | nadir ... -"},
        {"%PDF-", 5, "a PDF; save the table as CSV"},
        {"nadirrow", 8, "a row cache; give the table that it was made from"},
        {"[{", 2, "JSON; a table is CSV (jq -r '... | @csv' writes it)"},
        {"{\"", 2, "JSON; a table is CSV (jq -r '... | @csv' writes it)"},
        {"\xFF\xFE", 2, "UTF-16; save it as UTF-8"},
        {"\xFE\xFF", 2, "UTF-16; save it as UTF-8"},
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (size >= other[i].size && memcmp(text, other[i].magic, other[i].size) == 0) {
            return other[i].kind;
        }
    }
    /* A length of less than 2^24 in eight bytes, then JSON. */
    return size > 9 && memcmp(text + 3, "\0\0\0\0\0{\"", 7) == 0
               ? "safetensors, a model (-m of predict, eval; --from); a table is CSV"
               : NULL;
}

/* Over the byte order mark of UTF-8; what is no CSV is named in the message. */
static nd_status skip_mark(nd_csv_file *file)
{
    size_t size = (size_t)(file->end - file->text);
    if (size >= 3 && memcmp(file->text, "\xEF\xBB\xBF", 3) == 0) {
        file->body = file->text + 3;
        return ND_OK;
    }
    const char *kind = name_other_kind(file->text, size);
    if (kind) {
        return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: the file is %s", file->path, kind);
    }
    file->body = file->text;
    return ND_OK;
}

/* Name of a header cell: its text, or its number if it is blank. */
static nd_status take_name(nd_csv_file *file, const nd_csv_cell *cell, size_t column)
{
    nd_csv_fault fault = {.kind = nd_csv_cell_check(cell), .at = cell->text, .column = column};
    if (fault.kind != ND_CSV_FINE) {
        return nd_csv_fail_fault(file, &fault, SIZE_MAX);
    }
    char *name = NULL;
    if (cell->size == 0) {
        char number[24];
        snprintf(number, sizeof number, "%zu", column + 1);
        name = nd_strdup(number);
    } else {
        name = nd_strndup(cell->text, cell->size);
        if (name && cell->doubled) {
            name[nd_csv_unquote(cell, file->dialect.quote, name)] = '\0';
        }
    }
    file->name[column] = name;
    return name ? ND_OK : nd_fail_memory(file->ctx);
}

static nd_status number_names(nd_csv_file *file)
{
    for (size_t c = 0; c < file->columns; c++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", c + 1);
        file->name[c] = nd_strdup(number);
        if (!file->name[c]) {
            return nd_fail_memory(file->ctx);
        }
    }
    return ND_OK;
}

static nd_status check_unique(const nd_csv_file *file)
{
    nd_dict *dict = nd_dict_create();
    nd_status status = dict ? ND_OK : nd_fail_memory(file->ctx);
    for (size_t c = 0; c < file->columns && status == ND_OK; c++) {
        uint32_t number = nd_dict_add(dict, file->name[c], strlen(file->name[c]));
        if (number == ND_DICT_NONE) {
            status = nd_fail_memory(file->ctx);
        } else if (number < c) {
            status =
                nd_fail(file->ctx, ND_ERR_FORMAT, "%s: columns %u and %zu are both called \"%s\"",
                        file->path, (unsigned)number + 1, c + 1, file->name[c]);
        }
    }
    nd_dict_destroy(dict);
    return status;
}

/* The fault that keeps the first row from being read. */
static nd_status first_row_fault(const nd_csv_file *file, const char *p)
{
    const char *next = NULL;
    while (p < file->end && (next = nd_csv_blank_line(&file->dialect, p, file->end))) {
        p = next;
    }
    if (p >= file->end) {
        return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: the file is empty", file->path);
    }
    for (size_t column = 0;; column++) {
        nd_csv_cell cell;
        nd_csv_fault fault = {.at = p, .column = column};
        p = nd_csv_cell_read(&file->dialect, p, file->end, &cell, &fault.kind);
        if (!p) {
            return nd_csv_fail_fault(file, &fault, file->dialect.header ? SIZE_MAX : 0);
        }
        if (!nd_csv_next_cell(&file->dialect, &p, file->end)) {
            return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: the first line is too long", file->path);
        }
    }
}

static nd_status take_names(nd_csv_file *file, const nd_csv_grid *grid)
{
    file->columns = nd_csv_grid_width(grid, 0);
    file->name = nd_alloc(file->columns, sizeof *file->name);
    if (!file->name) {
        file->columns = 0;
        return nd_fail_memory(file->ctx);
    }
    if (!file->dialect.header) {
        return number_names(file);
    }
    for (size_t c = 0; c < file->columns; c++) {
        ND_TRY(take_name(file, &grid->cell[c], c));
    }
    file->body = grid->after;
    return check_unique(file);
}

nd_status nd_csv_file_begin(nd_csv_file *file, size_t sample)
{
    static const nd_csv_params defaults = {0};
    const nd_csv_params *params = file->params ? file->params : &defaults;
    file->params = params;
    file->body = file->text;
    ND_TRY(check_params(file->ctx, params));
    ND_TRY(nd_csv_missing_init(file->ctx, params->missing, &file->missing));
    file->missing.comma = params->decimal == ',';
    file->missing.thousands = params->thousands;
    ND_TRY(skip_mark(file));
    size_t mark = (size_t)(file->body - file->text);
    file->dialect.max_field = params->max_field ? params->max_field : (size_t)16 << 20;
    bool whole = file->ended && file->text + sample == file->end;
    ND_TRY(nd_csv_detect(file->ctx, file->body, sample - mark, whole, params, &file->missing,
                         &file->dialect));
    nd_csv_grid grid = {0};
    size_t size = (size_t)(file->end - file->body);
    nd_status status = ND_OK;
    if (!nd_csv_grid_fill(&grid, &file->dialect, file->body, size, file->ended, 1)) {
        status = nd_fail_memory(file->ctx);
    } else if (grid.rows == 0) {
        status = first_row_fault(file, file->body);
    } else {
        status = take_names(file, &grid);
    }
    nd_csv_grid_free(&grid);
    return status;
}

void nd_csv_file_close(nd_csv_file *file)
{
    for (size_t c = 0; c < file->columns; c++) {
        nd_free(file->name[c]);
    }
    nd_free(file->name);
    nd_csv_missing_free(&file->missing);
}

size_t nd_csv_file_find(const nd_csv_file *file, const char *name)
{
    for (size_t c = 0; c < file->columns; c++) {
        if (strcmp(file->name[c], name) == 0) {
            return c;
        }
    }
    int64_t number = 0;
    if (nd_num_parse_int(name, strlen(name), &number) && number >= 1 &&
        (uint64_t)number <= file->columns) {
        return (size_t)number - 1;
    }
    return SIZE_MAX;
}
