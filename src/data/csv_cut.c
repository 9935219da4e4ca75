#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif
#include <string.h>

#include "data/csv_internal.h"

/* True if the quote at q, met outside of quotes, opens a cell: only blanks lie
 * between it and a delimiter, a line feed or the start of the text. */
static bool opens(const nd_csv_dialect *dialect, const char *start, const char *q)
{
    while (q > start) {
        char c = *--q;
        if (dialect->of[(unsigned char)c] & ND_CSV_STOP) {
            return true;
        }
        if (c != ' ' && c != '\t') {
            return false;
        }
    }
    return true;
}

/* Behind the quote that closes the one at q; end if none does. */
static const char *close_quote(const nd_csv_dialect *dialect, const char *q, const char *end)
{
    for (const char *p = q + 1; p < end;) {
        const char *c = memchr(p, dialect->quote, (size_t)(end - p));
        if (!c) {
            return end;
        }
        if (c + 1 == end || c[1] != dialect->quote) {
            return c + 1;
        }
        p = c + 2;
    }
    return end;
}

/* The first quote of [p, end) that opens a cell, or NULL; start is a row start. */
static const char *find_opening(const nd_csv_dialect *dialect, const char *start, const char *p,
                                const char *end)
{
    while (dialect->quote && p < end) {
        const char *q = memchr(p, dialect->quote, (size_t)(end - p));
        if (!q || opens(dialect, start, q)) {
            return q;
        }
        p = q + 1;
    }
    return NULL;
}

const char *nd_csv_row_start(const nd_csv_dialect *dialect, const char *p, const char *target,
                             const char *end)
{
    const char *start = p;
    if (p == target) {
        return p;
    }
    while (p < end) {
        const char *until = target - 1;
        if (p >= until) {
            const char *feed = memchr(p, '\n', (size_t)(end - p));
            until = feed ? feed : end;
        }
        const char *q = find_opening(dialect, start, p, until);
        if (q) {
            p = close_quote(dialect, q, end);
        } else if (p >= target - 1) {
            return until < end ? until + 1 : end;
        } else {
            p = until;
        }
    }
    return end;
}

const char *nd_csv_complete(const nd_csv_dialect *dialect, const char *p, const char *end)
{
    const char *start = p, *best = p;
    while (p < end) {
        const char *q = find_opening(dialect, start, p, end);
        const char *until = q ? q : end;
        const char *feed = memrchr(p, '\n', (size_t)(until - p));
        best = feed ? feed + 1 : best;
        if (!q) {
            break;
        }
        p = close_quote(dialect, q, end);
    }
    return best;
}

size_t nd_csv_count_lines(const char *p, const char *end)
{
    size_t n = (size_t)(end - p), lines = 0;
    for (size_t i = 0; i < n; i++) {
        lines += p[i] == '\n' ? 1 : 0;
    }
    return lines;
}
