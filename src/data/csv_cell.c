#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "data/csv_internal.h"

void nd_csv_dialect_set(nd_csv_dialect *dialect, char delimiter, char quote)
{
    dialect->delimiter = delimiter;
    dialect->quote = quote;
    dialect->runs = delimiter == ' ';
    memset(dialect->of, 0, sizeof dialect->of);
    memset(dialect->of + 0x80, ND_CSV_HIGH, 0x80);
    dialect->of[0] = ND_CSV_BAD;
    dialect->of['\r'] = ND_CSV_BAD;
    dialect->of['\n'] = ND_CSV_STOP;
    dialect->of[(unsigned char)delimiter] = ND_CSV_STOP;
    if (dialect->runs) {
        dialect->of['\t'] = ND_CSV_STOP;
    }
}

static bool is_blank(const nd_csv_dialect *dialect, char c)
{
    return (c == ' ' || c == '\t') && (dialect->runs || c != dialect->delimiter);
}

static const char *skip_blanks(const nd_csv_dialect *dialect, const char *p, const char *end)
{
    while (p < end && is_blank(dialect, *p)) {
        p++;
    }
    return p;
}

/* Over a CR that ends a line. */
static const char *skip_return(const char *p, const char *end)
{
    return p < end && *p == '\r' && (p + 1 == end || p[1] == '\n') ? p + 1 : p;
}

/* p is behind the opening quote; returns the closing one, or NULL. */
static const char *find_closing(const nd_csv_dialect *dialect, const char *p, const char *end,
                                bool *doubled)
{
    *doubled = false;
    for (;;) {
        const char *q = p < end ? memchr(p, dialect->quote, (size_t)(end - p)) : NULL;
        if (!q || q + 1 >= end || q[1] != dialect->quote) {
            return q;
        }
        *doubled = true;
        p = q + 2;
    }
}

static const char *read_quoted(const nd_csv_dialect *dialect, const char *p, const char *end,
                               nd_csv_cell *cell, nd_csv_fault_kind *fault)
{
    cell->text = p + 1;
    cell->quoted = true;
    const char *closing = find_closing(dialect, p + 1, end, &cell->doubled);
    cell->size = (size_t)((closing ? closing : end) - cell->text);
    if (cell->size > dialect->max_field) {
        *fault = ND_CSV_FAULT_LONG;
        return NULL;
    }
    if (!closing) {
        *fault = ND_CSV_FAULT_UNCLOSED;
        return NULL;
    }
    const char *after = closing + 1;
    if (!dialect->runs) {
        after = skip_blanks(dialect, after, end);
    }
    after = skip_return(after, end);
    if (after < end && !(dialect->of[(unsigned char)*after] & ND_CSV_STOP)) {
        *fault = ND_CSV_FAULT_AFTER_QUOTE;
        return NULL;
    }
    return after;
}

const char *nd_csv_cell_read(const nd_csv_dialect *dialect, const char *p, const char *end,
                             nd_csv_cell *cell, nd_csv_fault_kind *fault)
{
    p = skip_blanks(dialect, p, end);
    cell->doubled = false;
    cell->seen = 0;
    if (p < end && dialect->quote && *p == dialect->quote) {
        return read_quoted(dialect, p, end, cell, fault);
    }
    cell->quoted = false;
    cell->text = p;
    unsigned seen = 0;
    while (p < end) {
        unsigned of = dialect->of[(unsigned char)*p];
        if (of & ND_CSV_STOP) {
            break;
        }
        seen |= of;
        p++;
    }
    const char *stop = p;
    if ((seen & ND_CSV_BAD) && stop > cell->text && stop[-1] == '\r' && (p == end || *p == '\n')) {
        stop--;
    }
    while (stop > cell->text && is_blank(dialect, stop[-1])) {
        stop--;
    }
    cell->size = (size_t)(stop - cell->text);
    cell->seen = seen;
    if (cell->size > dialect->max_field) {
        *fault = ND_CSV_FAULT_LONG;
        return NULL;
    }
    return p;
}

nd_csv_fault_kind nd_csv_cell_check(const nd_csv_cell *cell)
{
    if (!cell->quoted && !(cell->seen & (ND_CSV_HIGH | ND_CSV_BAD))) {
        return ND_CSV_FINE;
    }
    if (memchr(cell->text, 0, cell->size)) {
        return ND_CSV_FAULT_NUL;
    }
    if (!cell->quoted && memchr(cell->text, '\r', cell->size)) {
        return ND_CSV_FAULT_RETURN;
    }
    return nd_utf8_valid(cell->text, cell->size) ? ND_CSV_FINE : ND_CSV_FAULT_UTF8;
}

bool nd_csv_next_cell(const nd_csv_dialect *dialect, const char **p, const char *end)
{
    const char *at = *p;
    if (dialect->runs) {
        at = skip_return(skip_blanks(dialect, at, end), end);
    }
    bool last = at >= end || *at == '\n';
    if (last) {
        *p = at < end ? at + 1 : end;
    } else {
        *p = dialect->runs ? at : at + 1;
    }
    return !last;
}

const char *nd_csv_blank_line(const nd_csv_dialect *dialect, const char *p, const char *end)
{
    if ((unsigned char)*p > ' ') {
        return NULL;
    }
    const char *at = skip_return(skip_blanks(dialect, p, end), end);
    if (at == end) {
        return end;
    }
    return *at == '\n' ? at + 1 : NULL;
}

size_t nd_csv_unquote(const nd_csv_cell *cell, char quote, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < cell->size; i++) {
        out[n++] = cell->text[i];
        if (cell->text[i] == quote && i + 1 < cell->size && cell->text[i + 1] == quote) {
            i++;
        }
    }
    return n;
}
