#include "data/prep_suspect.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

bool nd_suspect_name(const char *name)
{
    static const char *const whole[] = {"id",         "index",    "idx",        "key", "uuid",
                                        "guid",       "rowid",    "row_id",     "row", "rownum",
                                        "row_number", "rownames", "unnamed: 0", ""};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcasecmp(name, whole[i]) == 0) {
            return true;
        }
    }
    size_t n = strlen(name);
    if (n >= 4 && strcasecmp(name + n - 4, "uuid") == 0) {
        return true;
    }
    if (n < 3 || strcasecmp(name + n - 2, "id") != 0) {
        return n > 3 && strncasecmp(name, "id_", 3) == 0;
    }
    char before = name[n - 3];
    bool camel = islower((unsigned char)before) && name[n - 2] == 'I';
    return camel || strchr("_-. ", before) || strcasecmp(name, "passengerid") == 0;
}

static bool all_different(const nd_column *column, const uint32_t *rows, size_t count, bool *ok)
{
    size_t n;
    double *sorted = nd_stats_sorted(column, rows, count, &n);
    bool different = sorted && nd_stats_distinct(sorted, n) == n;
    *ok = *ok && sorted;
    nd_free(sorted);
    return different;
}

static const char *suspect_number(const nd_table *table, size_t c, const nd_stats *stats)
{
    double range = stats->max - stats->min;
    if (nd_suspect_name(table->column[c].name) && table->header) {
        return "a different whole number in every row, under such a name";
    }
    if (c == 0 && range < (double)table->rows) {
        return "it counts the rows";
    }
    if (c == 0 && !table->header && range > 20.0 * (double)table->rows) {
        return "a different large whole number in every row";
    }
    return NULL;
}

const char *nd_suspect(const nd_table *table, size_t c, const uint32_t *rows, size_t count,
                       const nd_stats *stats, bool *ok)
{
    const nd_column *column = &table->column[c];
    *ok = true;
    if (stats->present < ND_SUSPECT_ROWS || column->dtype == ND_DT_U8) {
        return NULL;
    }
    if (column->dtype == ND_DT_WORD) {
        return stats->words * 2 > stats->present ? "most of its texts differ" : NULL;
    }
    /* An array of a caller holds what the caller wants used. */
    if (column->dtype == ND_DT_REAL || stats->missing > 0 || !stats->whole) {
        return NULL;
    }
    const char *why = suspect_number(table, c, stats);
    return why && all_different(column, rows, count, ok) ? why : NULL;
}
