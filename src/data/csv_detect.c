/* What dialect a text is in, judged by its first rows. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/csv_internal.h"

enum { SAMPLE_ROWS = 100 };

size_t nd_csv_sample_size(const char *text, size_t have, bool ended)
{
    for (size_t most = ND_CSV_SAMPLE;; most *= 2) {
        if (have <= most) {
            return ended ? have : 0;
        }
        size_t lines = nd_csv_count_lines(text, text + most);
        bool long_lines = lines >= 1 && most >= ND_CSV_SAMPLE << 4;
        if (lines >= 3 || long_lines || most >= ND_CSV_SAMPLE << 8) {
            return most;
        }
    }
}

typedef struct peek {
    const char *sample;
    size_t size;
    bool whole;
    const nd_csv_missing *missing;
    bool commas; /* "1,5" is a number as well */
    nd_csv_grid grid;
} peek;

/* How well a dialect fits. */
typedef struct fit {
    size_t width;   /* the most common number of cells above one */
    double share;   /* rows of that width among all */
    bool first;     /* the first row is one of them */
    double numbers; /* number-looking cells among all */
} fit;

static bool looks_number(const peek *look, const nd_csv_cell *cell)
{
    double value = 0;
    nd_csv_class is = nd_csv_classify(look->missing, cell->text, cell->size, &value);
    return is == ND_CSV_NUMBER || is == ND_CSV_INFINITE || is == ND_CSV_OVERFLOW ||
           (look->commas && is == ND_CSV_TEXT && nd_csv_comma_number(cell->text, cell->size));
}

static size_t rows_of_width(const nd_csv_grid *grid, size_t width)
{
    size_t count = 0;
    for (size_t r = 0; r < grid->rows; r++) {
        count += nd_csv_grid_width(grid, r) == width ? 1 : 0;
    }
    return count;
}

static fit judge_grid(const peek *look)
{
    const nd_csv_grid *grid = &look->grid;
    fit found = {0};
    size_t best = 0, numbers = 0;
    for (size_t r = 0; r < grid->rows; r++) {
        size_t width = nd_csv_grid_width(grid, r);
        size_t rows = width > 1 && width != found.width ? rows_of_width(grid, width) : 0;
        if (rows > best) {
            best = rows;
            found.width = width;
        }
    }
    for (size_t i = 0; i < grid->cells; i++) {
        numbers += looks_number(look, &grid->cell[i]) ? 1 : 0;
    }
    if (grid->rows > 0) {
        found.first = nd_csv_grid_width(grid, 0) == found.width;
        found.share = (double)best / (double)grid->rows;
        found.numbers = (double)numbers / (double)grid->cells;
    }
    return found;
}

static bool fill(peek *look, const nd_csv_dialect *dialect, char delimiter, char quote)
{
    nd_csv_dialect tried = *dialect;
    look->commas = delimiter == ';';
    nd_csv_dialect_set(&tried, delimiter, quote);
    return nd_csv_grid_fill(&look->grid, &tried, look->sample, look->size, look->whole,
                            SAMPLE_ROWS);
}

/* Runs of blanks beat a tab, which is a blank itself, if they make more cells
 * and those are numbers; otherwise they are taken only if nothing else fits. */
static bool blanks_win(const fit *blanks, const fit *best, char delimiter)
{
    bool fits = blanks->width > 1 && blanks->numbers >= 0.25 &&
                (blanks->share >= 0.8 || blanks->numbers >= 0.9);
    if (delimiter == '\t') {
        return fits && blanks->width > best->width && blanks->numbers > best->numbers;
    }
    return fits && delimiter == 0;
}

/* Whether a candidate is better than the best so far: nearly all rows agree on its
 * width, then the first row does, then it makes more cells. Semicolons come with
 * decimal commas: among such cells the comma would find more columns, but fewer numbers. */
static bool beats(const fit *now, const fit *best, char delimiter)
{
    bool agreed = now->share >= 0.9, best_agreed = best->share >= 0.9;
    if (now->width <= 1 || now->share < 0.5) {
        return false;
    }
    if (agreed != best_agreed) {
        return agreed;
    }
    if (best->width > 1 && now->first != best->first) {
        return now->first;
    }
    return now->width > best->width || (delimiter == ';' && now->numbers > best->numbers);
}

/* The delimiter that fits best; *delimiter is ',' if none makes columns, ';'
 * where the comma is the decimal mark. */
static bool find_delimiter(peek *look, const nd_csv_dialect *dialect, char quote, char *delimiter)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    fit best = {0};
    *delimiter = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        if (candidates[i] == ',' && look->missing->comma) {
            continue;
        }
        if (!fill(look, dialect, candidates[i], quote)) {
            return false;
        }
        fit now = judge_grid(look);
        if (beats(&now, &best, candidates[i])) {
            best = now;
            *delimiter = candidates[i];
        }
    }
    if (!fill(look, dialect, ' ', quote)) {
        return false;
    }
    fit blanks = judge_grid(look);
    if (blanks_win(&blanks, &best, *delimiter)) {
        *delimiter = ' ';
    }
    if (!*delimiter) {
        *delimiter = look->missing->comma ? ';' : ',';
    }
    return true;
}

/* Quotes are ' only if cells begin with it, none begins with ", and all of the
 * sample reads as cells quoted that way. */
static bool find_quote(peek *look, const nd_csv_dialect *dialect, const nd_csv_params *params,
                       char *quote)
{
    *quote = '"';
    if (!memchr(look->sample, '\'', look->size)) {
        return true;
    }
    char delimiter = params->delimiter;
    if (!delimiter && !find_delimiter(look, dialect, '\'', &delimiter)) {
        return false;
    }
    if (!fill(look, dialect, delimiter, '\'')) {
        return false;
    }
    size_t single = 0, twice = 0;
    for (size_t i = 0; i < look->grid.cells; i++) {
        const nd_csv_cell *cell = &look->grid.cell[i];
        single += cell->quoted ? 1 : 0;
        twice += !cell->quoted && cell->size > 0 && cell->text[0] == '"' ? 1 : 0;
    }
    bool complete = look->grid.rows == SAMPLE_ROWS || !look->whole ||
                    look->grid.after == look->sample + look->size;
    if (single > 0 && twice == 0 && complete) {
        *quote = '\'';
    }
    return true;
}

/* True if text stands in a later row of its column as well. */
static bool recurs(const nd_csv_grid *grid, size_t column)
{
    const nd_csv_cell *name = &grid->cell[column];
    for (size_t r = 1; r < grid->rows; r++) {
        if (column >= nd_csv_grid_width(grid, r)) {
            continue;
        }
        const nd_csv_cell *cell = &grid->cell[grid->start[r] + column];
        if (cell->size == name->size && memcmp(cell->text, name->text, name->size) == 0) {
            return true;
        }
    }
    return false;
}

/* True if most later cells of a column are numbers. */
static bool numbers_below(const peek *look, size_t column)
{
    const nd_csv_grid *grid = &look->grid;
    size_t numbers = 0, texts = 0;
    for (size_t r = 1; r < grid->rows; r++) {
        if (column >= nd_csv_grid_width(grid, r)) {
            continue;
        }
        const nd_csv_cell *cell = &grid->cell[grid->start[r] + column];
        double value = 0;
        nd_csv_class is = nd_csv_classify(look->missing, cell->text, cell->size, &value);
        texts += is == ND_CSV_TEXT ? 1 : 0;
        numbers += is != ND_CSV_TEXT && is != ND_CSV_MISSING ? 1 : 0;
    }
    return numbers > texts;
}

static bool same_text(const nd_csv_cell *a, const nd_csv_cell *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* Cells of the first row that could be names: no number, no '?', not blank
 * except the very first (the index column that other programs write). */
static bool could_be_names(const peek *look)
{
    const nd_csv_grid *grid = &look->grid;
    size_t width = nd_csv_grid_width(grid, 0);
    for (size_t c = 0; c < width; c++) {
        const nd_csv_cell *cell = &grid->cell[c];
        bool blank = cell->size == 0 && (c > 0 || width == 1);
        bool question = cell->size == 1 && cell->text[0] == '?';
        if (blank || question || looks_number(look, cell)) {
            return false;
        }
    }
    return true;
}

/* The names that pandas writes for columns without names: 0, 1, 2, 3, ... */
static bool counts_columns(const peek *look)
{
    enum { LEAST = 4 }; /* fewer could be a row of small numbers */
    const nd_csv_grid *grid = &look->grid;
    size_t width = nd_csv_grid_width(grid, 0);
    for (size_t c = 0; c < width; c++) {
        const nd_csv_cell *cell = &grid->cell[c];
        char number[24];
        int n = snprintf(number, sizeof number, "%zu", c);
        if ((size_t)n != cell->size || memcmp(number, cell->text, cell->size) != 0) {
            return false;
        }
    }
    return width >= LEAST && grid->rows > 1;
}

/* A first row of possible names is a header if numbers stand below one of them;
 * in a table of text alone, if no cell of it comes again (in its column, or in
 * the row itself). */
static bool find_header(const peek *look)
{
    const nd_csv_grid *grid = &look->grid;
    if (grid->rows > 0 && counts_columns(look)) {
        return true;
    }
    if (grid->rows == 0 || !could_be_names(look)) {
        return false;
    }
    size_t width = nd_csv_grid_width(grid, 0);
    for (size_t c = 0; c < width; c++) {
        if (numbers_below(look, c)) {
            return true;
        }
    }
    for (size_t c = 0; c < width; c++) {
        if (recurs(grid, c)) {
            return false;
        }
        for (size_t other = 0; other < c && width <= SAMPLE_ROWS; other++) {
            if (same_text(&grid->cell[c], &grid->cell[other])) {
                return false;
            }
        }
    }
    return true;
}

static bool settle(peek *look, const nd_csv_params *params, nd_csv_dialect *dialect)
{
    char delimiter = params->delimiter;
    char quote = params->quote == '\x01' ? '\0' : params->quote;
    if (!params->quote && !find_quote(look, dialect, params, &quote)) {
        return false;
    }
    if (!delimiter && !find_delimiter(look, dialect, quote, &delimiter)) {
        return false;
    }
    nd_csv_dialect_set(dialect, delimiter, quote);
    dialect->header = params->header == ND_HEADER_YES;
    if (params->header == ND_HEADER_AUTO) {
        if (!fill(look, dialect, delimiter, quote)) {
            return false;
        }
        dialect->header = find_header(look);
    }
    return true;
}

nd_status nd_csv_detect(nd_ctx *ctx, const char *sample, size_t size, bool whole,
                        const nd_csv_params *params, const nd_csv_missing *missing,
                        nd_csv_dialect *dialect)
{
    peek look = {.sample = sample, .size = size, .whole = whole, .missing = missing};
    bool settled = settle(&look, params, dialect);
    nd_csv_grid_free(&look.grid);
    return settled ? ND_OK : nd_fail_memory(ctx);
}
