/* The hot loop: rows of a chunk into columns. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num_scale.h"
#include "data/csv_internal.h"

bool nd_csv_chunk_init(const nd_csv_job *job, nd_csv_chunk *chunk)
{
    size_t columns = job->file->columns;
    chunk->tally = nd_alloc(columns, sizeof *chunk->tally);
    chunk->dict = nd_alloc(columns, sizeof(nd_dict *));
    if (!chunk->tally || !chunk->dict) {
        return false;
    }
    for (size_t c = 0; c < columns; c++) {
        if (job->as[c] & ND_CSV_AS_WORD) {
            chunk->dict[c] = nd_dict_create();
            if (!chunk->dict[c]) {
                return false;
            }
        }
    }
    return true;
}

void nd_csv_chunk_free(const nd_csv_job *job, nd_csv_chunk *chunk)
{
    for (size_t c = 0; chunk->dict && c < job->file->columns; c++) {
        nd_dict_destroy(chunk->dict[c]);
    }
    nd_free(chunk->dict);
    nd_free(chunk->tally);
    nd_free(chunk->scratch);
    chunk->dict = NULL;
    chunk->tally = NULL;
    chunk->scratch = NULL;
}

/* Digits at *p appended to *mantissa; stops at end. */
static inline const char *take_digits(const char *p, const char *end, uint64_t *mantissa)
{
    uint64_t m = *mantissa;
    unsigned digit = 0;
    while (p < end && (digit = (unsigned)(unsigned char)*p - '0') < 10) {
        m = m * 10 + digit;
        p++;
    }
    *mantissa = m;
    return p;
}

/* The exponent at *p, "e-05"; *p stays where it was if there is none. */
static inline int take_exponent(const char **p, const char *end)
{
    const char *at = *p + 1;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+') ? 1 : 0;
    uint64_t exponent = 0;
    const char *stop = take_digits(at, end, &exponent);
    if (stop == at || stop - at > 3) {
        return 0;
    }
    *p = stop;
    return negative ? -(int)exponent : (int)exponent;
}

/* True if 19 digits or fewer follow the leading zeros of a number. */
static bool fits_19(const char *first, size_t digits)
{
    for (; digits > 19 && (*first == '0' || *first == '.'); first++) {
        digits -= *first == '0' ? 1 : 0;
    }
    return digits <= 19;
}

/* The usual numbers, [-]digits[.digits][e[+-]digits] of up to 19 digits. Returns
 * where it stopped, before end, or NULL if it takes the long way. */
static inline const char *easy_number(const char *p, const char *end, double *value)
{
    bool negative = *p == '-';
    p += negative;
    uint64_t mantissa = 0;
    const char *first = p;
    p = take_digits(p, end, &mantissa);
    size_t digits = (size_t)(p - first);
    int q = 0;
    if (p < end && *p == '.') {
        const char *point = p++;
        p = take_digits(p, end, &mantissa);
        size_t places = (size_t)(p - point) - 1;
        digits += places;
        q = places < 100 ? -(int)places : -100;
    }
    if (digits == 0 || (digits > 19 && !fits_19(first, digits))) {
        return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        q += take_exponent(&p, end);
    }
    if (p == end || !nd_num_scale(mantissa, q, value)) {
        return NULL;
    }
    *value = negative ? -*value : *value;
    return p;
}

static bool is_sentinel(const nd_csv_missing *missing, double value)
{
    for (size_t i = 0; i < missing->number_count; i++) {
        if (missing->number[i] == value) {
            return true;
        }
    }
    return false;
}

static nd_csv_fault_kind store_number(const nd_csv_job *job, nd_csv_chunk *chunk,
                                      const nd_csv_cell *cell, const char *at, size_t column)
{
    nd_csv_tally *tally = &chunk->tally[column];
    double value = NAN;
    nd_csv_class is = nd_csv_classify(&job->file->missing, cell->text, cell->size, &value);
    job->number[column][chunk->slot + chunk->rows] = is == ND_CSV_NUMBER ? value : NAN;
    if (is == ND_CSV_NUMBER) {
        return ND_CSV_FINE;
    }
    if (is == ND_CSV_MISSING) {
        tally->missing++;
        return ND_CSV_FINE;
    }
    if (is == ND_CSV_TEXT && tally->texts++ == 0) {
        tally->first_text = at;
        tally->first_text_row = chunk->rows;
    }
    if (is != ND_CSV_TEXT && !tally->first_bad) {
        tally->first_bad = at;
        tally->first_bad_row = chunk->rows;
    }
    return job->strict ? ND_CSV_FAULT_VALUE : ND_CSV_FINE;
}

/* Text of a cell with doubled quotes made single, in the chunk's scratch. */
static const char *unquoted(const nd_csv_job *job, nd_csv_chunk *chunk, const nd_csv_cell *cell,
                            size_t *n)
{
    if (chunk->scratch_room < cell->size) {
        char *grown = nd_realloc(chunk->scratch, 2 * cell->size, 1);
        if (!grown) {
            return NULL;
        }
        chunk->scratch = grown;
        chunk->scratch_room = 2 * cell->size;
    }
    *n = nd_csv_unquote(cell, job->file->dialect.quote, chunk->scratch);
    return chunk->scratch;
}

static nd_csv_fault_kind store_word(const nd_csv_job *job, nd_csv_chunk *chunk,
                                    const nd_csv_cell *cell, size_t column)
{
    uint32_t *out = &job->word[column][chunk->slot + chunk->rows];
    double value = 0;
    size_t n = cell->size;
    if (nd_csv_classify(&job->file->missing, cell->text, n, &value) == ND_CSV_MISSING) {
        *out = ND_DICT_NONE;
        chunk->tally[column].missing += job->as[column] & ND_CSV_AS_NUMBER ? 0 : 1;
        return ND_CSV_FINE;
    }
    const char *text = cell->doubled ? unquoted(job, chunk, cell, &n) : cell->text;
    *out = text ? nd_dict_add(chunk->dict[column], text, n) : ND_DICT_NONE;
    return *out == ND_DICT_NONE ? ND_CSV_FAULT_MEMORY : ND_CSV_FINE;
}

/* Any cell, the long way. Returns where it stopped, or NULL with chunk->fault. */
static const char *parse_cell(const nd_csv_job *job, nd_csv_chunk *chunk, const char *p,
                              size_t column)
{
    nd_csv_cell cell;
    nd_csv_fault_kind fault = ND_CSV_FINE;
    unsigned as = job->as[column];
    const char *stop = nd_csv_cell_read(&job->file->dialect, p, chunk->end, &cell, &fault);
    if (stop && as) {
        fault = nd_csv_cell_check(&cell);
    }
    if (fault == ND_CSV_FINE && (as & ND_CSV_AS_NUMBER)) {
        fault = store_number(job, chunk, &cell, p, column);
    }
    if (fault == ND_CSV_FINE && (as & ND_CSV_AS_WORD)) {
        fault = store_word(job, chunk, &cell, column);
    }
    if (fault != ND_CSV_FINE) {
        chunk->fault = (nd_csv_fault){.kind = fault, .at = p, .column = column};
        return NULL;
    }
    return stop;
}

/* Number of cells in the row at p, for the message about a ragged row. */
static size_t count_cells(const nd_csv_dialect *dialect, const char *p, const char *end)
{
    for (size_t count = 1;; count++) {
        nd_csv_cell cell;
        nd_csv_fault_kind fault = ND_CSV_FINE;
        p = nd_csv_cell_read(dialect, p, end, &cell, &fault);
        if (!p || !nd_csv_next_cell(dialect, &p, end)) {
            return count;
        }
    }
}

static const char *ragged(const nd_csv_job *job, nd_csv_chunk *chunk, const char *row)
{
    size_t found = count_cells(&job->file->dialect, row, chunk->end);
    chunk->fault = (nd_csv_fault){.kind = ND_CSV_FAULT_RAGGED, .at = row, .column = found};
    return NULL;
}

/* A number column's cell if it is easy; NULL asks for the long way. */
static inline const char *parse_easy(const nd_csv_job *job, const nd_csv_chunk *chunk,
                                     const char *p, size_t column)
{
    const nd_csv_dialect *dialect = &job->file->dialect;
    const char *end = chunk->end;
    double value = 0;
    while (p < end && *p == ' ') {
        p++;
    }
    if (p == end) {
        return NULL;
    }
    const char *stop = job->file->missing.comma ? NULL : easy_number(p, end, &value);
    if (!stop) {
        return NULL;
    }
    if (*stop == '\r' && stop + 1 < end && stop[1] == '\n') {
        stop++;
    }
    if (!(dialect->of[(unsigned char)*stop] & ND_CSV_STOP)) {
        return NULL;
    }
    if (job->file->missing.number_count > 0 && is_sentinel(&job->file->missing, value)) {
        return NULL;
    }
    job->number[column][chunk->slot + chunk->rows] = value;
    return stop;
}

/* One row. Returns where the next begins, or NULL with chunk->fault. */
static const char *parse_row(const nd_csv_job *job, nd_csv_chunk *chunk, const char *row)
{
    const nd_csv_dialect *dialect = &job->file->dialect;
    const char *p = row, *end = chunk->end;
    size_t columns = job->file->columns;
    for (size_t c = 0; c < columns; c++) {
        const char *stop = NULL;
        if (job->as[c] == ND_CSV_AS_NUMBER) {
            stop = parse_easy(job, chunk, p, c);
        }
        p = stop ? stop : parse_cell(job, chunk, p, c);
        if (!p) {
            return NULL;
        }
        if (!dialect->runs && p < end && *p != '\n') {
            p++;
        } else if (!nd_csv_next_cell(dialect, &p, end)) {
            return c + 1 == columns ? p : ragged(job, chunk, row);
        }
    }
    return ragged(job, chunk, row);
}

/* In a file of one column a blank line is a missing cell. */
static void store_blank(const nd_csv_job *job, nd_csv_chunk *chunk, const char *p)
{
    nd_csv_cell cell = {.text = p};
    if (job->as[0] & ND_CSV_AS_NUMBER) {
        store_number(job, chunk, &cell, p, 0);
    }
    if (job->as[0] & ND_CSV_AS_WORD) {
        store_word(job, chunk, &cell, 0);
    }
}

void nd_csv_chunk_parse(const nd_csv_job *job, nd_csv_chunk *chunk)
{
    const char *p = chunk->begin;
    bool single = job->file->columns == 1;
    while (p < chunk->end && chunk->rows < chunk->room) {
        const char *next = nd_csv_blank_line(&job->file->dialect, p, chunk->end);
        if (next && !single) {
            p = next;
            continue;
        }
        if (next) {
            store_blank(job, chunk, p);
        } else {
            next = parse_row(job, chunk, p);
        }
        if (!next) {
            break;
        }
        p = next;
        chunk->rows++;
    }
    chunk->stop = p;
}

const char *nd_csv_chunk_cell(const nd_csv_file *file, const nd_csv_chunk *chunk, size_t row,
                              size_t column)
{
    const nd_csv_dialect *dialect = &file->dialect;
    const char *p = chunk->begin;
    nd_csv_cell cell;
    nd_csv_fault_kind fault = ND_CSV_FINE;
    for (size_t r = 0, c = 0; p < chunk->end;) {
        const char *next = c == 0 ? nd_csv_blank_line(dialect, p, chunk->end) : NULL;
        if (next && file->columns > 1) {
            p = next;
            continue;
        }
        if (r == row && c == column) {
            break;
        }
        const char *stop = nd_csv_cell_read(dialect, p, chunk->end, &cell, &fault);
        if (stop == NULL) { /* the file was changed since it was read */
            break;
        }
        p = stop;
        if (nd_csv_next_cell(dialect, &p, chunk->end)) {
            c++;
        } else {
            c = 0;
            r++;
        }
    }
    return p;
}
