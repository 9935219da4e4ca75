/* Messages: file, row, line, column, value, and what to do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/option.h"
#include "data/csv_internal.h"
#include "data/idx.h"

enum { SHOWN = 40, WHERE_ROOM = 512 };

/* Text of a cell for a message: at most SHOWN bytes, cut between characters. */
static void show(char out[SHOWN + 4], const char *text, size_t n)
{
    size_t shown = n < SHOWN ? n : SHOWN;
    while (shown < n && shown > 0 && ((unsigned char)text[shown] & 0xC0) == 0x80) {
        shown--;
    }
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    memcpy(out + shown, shown < n ? "..." : "", shown < n ? 4 : 1);
}

static size_t line_of(const nd_csv_file *file, const char *at)
{
    return 1 + file->lines_before + nd_csv_count_lines(file->text, at);
}

/* "row 17 (line 18), column "age""; a row of SIZE_MAX is the header. Columns
 * without names of their own are told by number. */
static void where(char out[WHERE_ROOM], const nd_csv_file *file, size_t row, const char *at,
                  size_t column)
{
    size_t line = line_of(file, at);
    int n = row == SIZE_MAX ? snprintf(out, WHERE_ROOM, "line %zu (the header)", line)
                            : snprintf(out, WHERE_ROOM, "row %zu (line %zu)", row + 1, line);
    if (column == SIZE_MAX || n < 0) {
        return;
    }
    size_t used = (size_t)n;
    if (row != SIZE_MAX && column < file->columns && file->dialect.header) {
        char name[SHOWN + 4];
        show(name, file->name[column], strlen(file->name[column]));
        snprintf(out + used, WHERE_ROOM - used, ", column \"%s\"", name);
    } else {
        snprintf(out + used, WHERE_ROOM - used, ", column %zu", column + 1);
    }
}

static nd_status fail_ragged(const nd_csv_file *file, const nd_csv_fault *fault, const char *place)
{
    return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: %s has %zu cell%s, but %s has %zu", file->path,
                   place, fault->column, fault->column == 1 ? "" : "s",
                   file->dialect.header ? "the header" : "the first row", file->columns);
}

/* The first byte of a cell that is no UTF-8 is one above 0x7f; good enough to find it. */
static unsigned high_byte(const nd_csv_file *file, const char *at)
{
    while (at < file->end && (unsigned char)*at < 0x80) {
        at++;
    }
    return at < file->end ? (unsigned char)*at : 0;
}

nd_status nd_csv_fail_fault(const nd_csv_file *file, const nd_csv_fault *fault, size_t row)
{
    char place[WHERE_ROOM] = "";
    bool ragged = fault->kind == ND_CSV_FAULT_RAGGED;
    if (fault->kind != ND_CSV_FAULT_MEMORY) {
        where(place, file, row, fault->at, ragged ? SIZE_MAX : fault->column);
    }
    const char *path = file->path;
    char quote = file->dialect.quote;
    switch (fault->kind) {
    case ND_CSV_FAULT_RAGGED:
        return fail_ragged(file, fault, place);
    case ND_CSV_FAULT_UNCLOSED:
        return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: %s: the quote (%c) is never closed", path,
                       place, quote);
    case ND_CSV_FAULT_AFTER_QUOTE:
        return nd_fail(file->ctx, ND_ERR_FORMAT,
                       "%s: %s: text after the closing quote (inside quotes, a quote is written "
                       "twice)",
                       path, place);
    case ND_CSV_FAULT_NUL:
        if (file->lines_before == 0 &&
            nd_idx_detect(file->text, (size_t)(file->end - file->text))) {
            return nd_fail(file->ctx, ND_ERR_FORMAT,
                           "%s: images (IDX) are read from files with a name, not from a pipe",
                           path);
        }
        return nd_fail(file->ctx, ND_ERR_FORMAT, "%s: %s: NUL byte; not a text file?", path, place);
    case ND_CSV_FAULT_RETURN:
        return nd_fail(file->ctx, ND_ERR_FORMAT,
                       "%s: %s: carriage return inside a cell; lines must end with LF or CR LF",
                       path, place);
    case ND_CSV_FAULT_UTF8:
        return nd_fail(file->ctx, ND_ERR_FORMAT,
                       "%s: %s: invalid UTF-8 near byte 0x%02X; save the file as UTF-8", path,
                       place, high_byte(file, fault->at));
    case ND_CSV_FAULT_LONG:
        return nd_fail(file->ctx, ND_ERR_FORMAT,
                       "%s: %s: the cell is longer than %zu bytes; a quote that is never closed?",
                       path, place, file->dialect.max_field);
    case ND_CSV_FAULT_VALUE: {
        nd_csv_place cell = {.row = row, .column = fault->column, .at = fault->at};
        return nd_csv_fail_value(file, &cell, NAN, true);
    }
    case ND_CSV_FINE:
    case ND_CSV_FAULT_MEMORY:
        break;
    }
    return nd_fail_memory(file->ctx);
}

/* The words that mean a missing value and one more, as --missing takes them: it sets the list,
 * so the others must stand in it as well. */
static char *missing_with(const nd_csv_missing *missing, const char *word)
{
    nd_text list = {0}, argument = {0};
    nd_text_puts(&list, missing->text);
    nd_text_puts(&list, missing->text[0] ? "," : "");
    nd_opt_list_add(&list, word);
    nd_text_shell(&argument, list.failed ? "" : list.data);
    bool failed = list.failed || argument.failed;
    nd_text_free(&list);
    if (failed) {
        nd_text_free(&argument);
    }
    return argument.data;
}

static nd_status fail_infinite(const nd_csv_file *file, const char *at, const char *text)
{
    char *words = missing_with(&file->missing, text);
    nd_status status =
        nd_fail(file->ctx, ND_ERR_DATA,
                "%s: %s: \"%s\" is not a finite number; use --missing %s to leave it out",
                file->path, at, text, words ? words : text);
    nd_free(words);
    return status;
}

/* Name of a mark of thousands as --thousands takes it. */
static const char *mark_name(char mark)
{
    return mark == ' ' ? "space" : mark == '\'' ? "\\'" : mark == '.' ? "." : ",";
}

/* A value that a model, or --number, wants to be a number. */
static nd_status fail_forced(const nd_csv_file *file, const char *at, const char *text,
                             const nd_csv_cell *cell)
{
    const nd_csv_missing *marks = &file->missing;
    char hint[96] = "", mark = nd_csv_thousands_mark(marks, cell->text, cell->size);
    bool comma = !marks->comma && nd_csv_comma_number(cell->text, cell->size) &&
                 !memchr(cell->text, '.', cell->size);
    size_t n = 0;
    if (comma) {
        n = (size_t)snprintf(hint, sizeof hint, "; --decimal , reads 1,5 as 1.5");
    }
    if (mark) {
        const char *shown = mark == ' ' ? " " : mark == '\'' ? "'" : mark_name(mark);
        snprintf(hint + n, sizeof hint - n, "; --thousands %s reads 1%s000 as 1000",
                 mark_name(mark), shown);
    }
    return nd_fail(file->ctx, ND_ERR_DATA, "%s: %s: \"%s\" is not a number%s", file->path, at, text,
                   hint);
}

/* share: of the column, rounded down so that it never reads 100%. */
static nd_status fail_text(const nd_csv_file *file, const nd_csv_place *place, const char *at,
                           const char *text, const nd_csv_cell *cell, double share)
{
    char name[SHOWN + 4], number[64] = "", mark;
    mark = nd_csv_thousands_mark(&file->missing, cell->text, cell->size);
    if (mark) {
        snprintf(number, sizeof number, "--thousands %s to read it as one, ", mark_name(mark));
    }
    show(name, file->name[place->column], strlen(file->name[place->column]));
    bool names = place->row == 0 && !file->dialect.header;
    char *column = nd_opt_argument(name), *words = missing_with(&file->missing, text);
    nd_status status =
        nd_fail(file->ctx, ND_ERR_DATA,
                "%s: %s: \"%s\" is not a number (%.1f%% of the column is); %swrite %s--category %s "
                "to read it as text, or --missing %s",
                file->path, at, text, floor(share * 1000) / 10,
                names ? "if this line holds the names, write --header yes; else " : "", number,
                column ? column : name, words ? words : text);
    nd_free(column);
    nd_free(words);
    return status;
}

nd_status nd_csv_fail_value(const nd_csv_file *file, const nd_csv_place *place, double share,
                            bool forced)
{
    char at[WHERE_ROOM], text[SHOWN + 4];
    nd_csv_cell cell = {0};
    nd_csv_fault_kind fault = ND_CSV_FINE;
    double value = 0;
    nd_csv_cell_read(&file->dialect, place->at, file->end, &cell, &fault);
    where(at, file, place->row, place->at, place->column);
    show(text, cell.text, cell.size);
    nd_csv_class is = nd_csv_classify(&file->missing, cell.text, cell.size, &value);
    if (is == ND_CSV_OVERFLOW) {
        return nd_fail(file->ctx, ND_ERR_DATA, "%s: %s: \"%s\" is beyond the range of numbers",
                       file->path, at, text);
    }
    if (is == ND_CSV_INFINITE) {
        return fail_infinite(file, at, text);
    }
    return forced ? fail_forced(file, at, text, &cell)
                  : fail_text(file, place, at, text, &cell, share);
}
