#include "data/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t row_at(const uint32_t *rows, size_t i)
{
    return rows ? rows[i] : i;
}

/* Rows after which the memory of a stored column is given back. */
enum { RUN = 1 << 17 };

/* Row i of a walk was seen, the walk being over at count: rows ascend. */
static void seen_row(const nd_column *column, const uint32_t *rows, size_t i, size_t count)
{
    if (column->stored > 0 && ((i + 1) % RUN == 0 || i + 1 == count)) {
        nd_column_forget(column, row_at(rows, i - i % RUN), row_at(rows, i) + 1);
    }
}

/* First pass: range, missing, infinite; and the plain mean of x / unit. */
static void scan_numbers(const nd_column *column, const uint32_t *rows, size_t count,
                         nd_stats *stats)
{
    stats->min = INFINITY;
    stats->max = -INFINITY;
    stats->whole = true;
    for (size_t i = 0; i < count; i++) {
        size_t row = row_at(rows, i);
        double x = nd_column_number(column, row, 0);
        seen_row(column, rows, i, count);
        if (isnan(x)) {
            stats->missing++;
            continue;
        }
        stats->present++;
        if (isinf(x)) {
            stats->infinite_row = stats->infinite++ ? stats->infinite_row : row;
            continue;
        }
        stats->min = x < stats->min ? x : stats->min;
        stats->max = x > stats->max ? x : stats->max;
        stats->whole = stats->whole && x == floor(x) && fabs(x) <= 9007199254740992.0;
    }
}

/* A unit that keeps sums and squares inside the range of double. */
static double safe_unit(double min, double max)
{
    double largest = fmax(fabs(min), fabs(max));
    return largest > 1e100 || (largest > 0 && largest < 1e-100) ? largest : 1;
}

/* Mean, then squared differences with the correction for the rounding of the mean:
 * (sum d^2 - (sum d)^2 / n) / n, Chan, Golub & LeVeque 1983, eq. 1.7. */
static void moments(const nd_column *column, const uint32_t *rows, size_t count, nd_stats *stats)
{
    double unit = safe_unit(stats->min, stats->max), n = (double)(stats->present - stats->infinite);
    double sum = 0, residue = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double x = nd_column_number(column, row_at(rows, i), 0);
        sum += isfinite(x) ? x / unit : 0;
        seen_row(column, rows, i, count);
    }
    double mean = sum / n;
    for (size_t i = 0; i < count; i++) {
        double x = nd_column_number(column, row_at(rows, i), 0);
        double d = isfinite(x) ? x / unit - mean : 0;
        residue += d;
        squares += d * d;
        seen_row(column, rows, i, count);
    }
    double variance = (squares - residue * residue / n) / n;
    stats->mean = fmin(fmax((mean + residue / n) * unit, stats->min), stats->max);
    stats->deviation = stats->min < stats->max ? sqrt(fmax(variance, 0)) * unit : 0;
}

static void take_numbers(const nd_column *column, const uint32_t *rows, size_t count,
                         nd_stats *stats)
{
    scan_numbers(column, rows, count, stats);
    if (stats->present > stats->infinite) {
        moments(column, rows, count, stats);
    } else {
        stats->min = stats->max = stats->mean = stats->deviation = NAN;
        stats->whole = false;
    }
}

/* Sums of so many squares up to 255^2 fit 32 bits, which vectorize best. */
enum { PIXEL_RUN = 1 << 15 };

typedef struct pixel_sums {
    uint64_t sum, squares;
    uint8_t low, high;
} pixel_sums;

static void add_run(const uint8_t *pixel, size_t n, pixel_sums *all)
{
    uint32_t sum = 0, squares = 0;
    uint8_t low = all->low, high = all->high;
    for (size_t j = 0; j < n; j++) {
        sum += pixel[j];
        squares += (uint32_t)pixel[j] * pixel[j];
        low = pixel[j] < low ? pixel[j] : low;
        high = pixel[j] > high ? pixel[j] : high;
    }
    all->sum += sum;
    all->squares += squares;
    all->low = low;
    all->high = high;
}

/* Whole numbers up to 255: the sums are exact (of 64-bit range for 2^48 pixels). */
static void take_pixels(const nd_column *column, const uint32_t *rows, size_t count,
                        nd_stats *stats)
{
    pixel_sums all = {.low = 255};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = (const uint8_t *)column->data + row_at(rows, i) * column->stride;
        for (size_t j = 0; j < column->width; j += PIXEL_RUN) {
            size_t rest = column->width - j;
            add_run(pixel + j, rest < PIXEL_RUN ? rest : PIXEL_RUN, &all);
        }
    }
    stats->present = count * column->width;
    stats->whole = true;
    stats->min = stats->max = stats->mean = stats->deviation = NAN;
    double n = (double)stats->present;
    if (n > 0) {
        stats->min = all.low;
        stats->max = all.high;
        stats->mean = (double)all.sum / n;
        stats->deviation = sqrt(fmax((double)all.squares / n - stats->mean * stats->mean, 0));
    }
}

static bool take_words(const nd_column *column, const uint32_t *rows, size_t count, nd_stats *stats)
{
    stats->word_count = nd_alloc(nd_dict_count(column->dict), sizeof *stats->word_count);
    if (!stats->word_count) {
        return false;
    }
    stats->min = stats->max = stats->mean = stats->deviation = NAN;
    for (size_t i = 0; i < count; i++) {
        uint32_t word = nd_column_word(column, row_at(rows, i));
        seen_row(column, rows, i, count);
        if (word == ND_DICT_NONE) {
            stats->missing++;
            continue;
        }
        stats->present++;
        stats->words += stats->word_count[word]++ == 0;
    }
    return true;
}

bool nd_stats_take(const nd_column *column, const uint32_t *rows, size_t count, nd_stats *stats)
{
    *stats = (nd_stats){0};
    if (column->dtype == ND_DT_WORD) {
        return take_words(column, rows, count, stats);
    }
    if (column->dtype == ND_DT_U8) {
        take_pixels(column, rows, count, stats);
    } else {
        take_numbers(column, rows, count, stats);
    }
    return true;
}

void nd_stats_free(nd_stats *stats)
{
    nd_free(stats->word_count);
    stats->word_count = NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Least significant digit first: six passes of 11 bits. */
void nd_sort_keys(uint64_t *key, uint64_t *spare, size_t n)
{
    enum { BITS = 11, BUCKETS = 1 << BITS, PASSES = 6 };
    for (int pass = 0; pass < PASSES; pass++) {
        size_t start[BUCKETS] = {0}, sum = 0;
        int shift = pass * BITS;
        for (size_t i = 0; i < n; i++) {
            start[(key[i] >> shift) % BUCKETS]++;
        }
        for (size_t b = 0; b < BUCKETS; b++) {
            size_t count = start[b];
            start[b] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++) {
            spare[start[(key[i] >> shift) % BUCKETS]++] = key[i];
        }
        uint64_t *swap = key;
        key = spare;
        spare = swap;
    }
}

/* A whole number that is ordered as the bits of a double are: the sign bit flipped, and
 * for a negative number all others as well. */
static uint64_t key_of_bits(uint64_t bits)
{
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static uint64_t bits_of_key(uint64_t key)
{
    return key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
}

/* False without memory. */
static bool sort_by_keys(double *value, size_t n)
{
    uint64_t *key = nd_alloc(n, sizeof *key), *spare = nd_alloc(n, sizeof *spare);
    bool made = key && spare;
    if (made) {
        memcpy(key, value, n * sizeof *key);
        for (size_t i = 0; i < n; i++) {
            key[i] = key_of_bits(key[i]);
        }
        nd_sort_keys(key, spare, n);
        for (size_t i = 0; i < n; i++) {
            key[i] = bits_of_key(key[i]);
        }
        memcpy(value, key, n * sizeof *key);
    }
    nd_free(key);
    nd_free(spare);
    return made;
}

/* Passes over 2048 counts pay for many values only; so does more memory. */
void nd_sort_numbers(double *value, size_t n)
{
    enum { MANY = 4096 };
    if (n < MANY || !sort_by_keys(value, n)) {
        qsort(value, n, sizeof *value, ascending);
    }
}

double *nd_stats_sorted(const nd_column *column, const uint32_t *rows, size_t count, size_t *n)
{
    double *value = nd_alloc(count, sizeof *value);
    *n = 0;
    if (!value) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        double x = nd_column_number(column, row_at(rows, i), 0);
        if (isfinite(x)) {
            value[(*n)++] = x;
        }
        seen_row(column, rows, i, count);
    }
    nd_sort_numbers(value, *n);
    return value;
}

size_t nd_stats_distinct(const double *sorted, size_t n)
{
    size_t distinct = n > 0;
    for (size_t i = 1; i < n; i++) {
        distinct += sorted[i] != sorted[i - 1];
    }
    return distinct;
}
