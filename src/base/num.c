#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strtod_l */
#endif
#include "base/num.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num_scale.h"

/* A decimal number taken apart: +-digits * 10^exponent, where digits are the
 * bytes from first on, leading zeros removed, with at most one point among them. */
typedef struct decimal {
    const char *first; /* first significant digit */
    size_t digits;     /* significant digits, 0 for zero */
    uint64_t mantissa; /* the first 19 of them */
    int64_t exponent;  /* of the last digit */
    bool negative;
} decimal;

static bool is_digit(char c)
{
    return (unsigned)(c - '0') < 10;
}

/* Eight ASCII digits at once. Lemire 2022, "Parsing series of integers with
 * SIMD", and Mula's tests: each byte is '0'..'9' when its high nibble is 3 and
 * stays so after adding 6. */
static bool eight_digits(const char *text, uint64_t *value)
{
    uint64_t v;
    memcpy(&v, text, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    if ((v & high) != UINT64_C(0x3030303030303030) ||
        ((v + UINT64_C(0x0606060606060606)) & high) != UINT64_C(0x3030303030303030)) {
        return false;
    }
    v -= UINT64_C(0x3030303030303030);
    v = v * 10 + (v >> 8);
    uint64_t a = (v & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064);
    uint64_t b = ((v >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001);
    *value = (uint32_t)((a + b) >> 32);
    return true;
}

/* Digits from text on: value (modulo 2^64) and count. */
static const char *scan_digits(const char *text, const char *end, uint64_t *value)
{
    uint64_t eight, total = *value;
    while (end - text >= 8 && eight_digits(text, &eight)) {
        total = total * 100000000 + eight;
        text += 8;
    }
    while (text < end && is_digit(*text)) {
        total = total * 10 + (uint64_t)(*text++ - '0');
    }
    *value = total;
    return text;
}

/* Exponent behind the 'e'; false if there is none. Beyond a million it is as good
 * as infinite unless the digits are as many, so the sum stays exact to 2^62. */
static bool scan_exponent(const char *text, const char *end, int64_t *exponent)
{
    bool negative = false;
    if (text < end && (*text == '+' || *text == '-')) {
        negative = *text++ == '-';
    }
    if (text == end) {
        return false;
    }
    int64_t value = 0;
    for (; text < end; text++) {
        if (!is_digit(*text)) {
            return false;
        }
        if (value < INT64_C(1) << 55) {
            value = value * 10 + (*text - '0');
        }
    }
    *exponent += negative ? -value : value;
    return true;
}

/* Digits beyond the nineteenth overflow the mantissa: read it again from the
 * first significant digit, and give the exponent of the last digit used. */
static void cut_mantissa(decimal *number, const char *end)
{
    const char *p = number->first;
    number->mantissa = 0;
    for (int used = 0; used < 19 && p < end; p++) {
        if (is_digit(*p)) {
            number->mantissa = number->mantissa * 10 + (uint64_t)(*p - '0');
            used++;
        }
    }
}

/* False if text is not a decimal number. */
static bool scan(const char *text, const char *end, decimal *number)
{
    *number = (decimal){0};
    if (text < end && (*text == '-' || *text == '+')) {
        number->negative = *text++ == '-';
    }
    const char *start = text;
    const char *stop = scan_digits(text, end, &number->mantissa);
    size_t count = (size_t)(stop - start);
    if (stop < end && *stop == '.') {
        const char *fraction = stop + 1;
        stop = scan_digits(fraction, end, &number->mantissa);
        number->exponent = -(int64_t)(stop - fraction);
        count += (size_t)(stop - fraction);
    }
    if (count == 0) {
        return false;
    }
    const char *first = start;
    if (count > 19) {
        while (first < stop && (*first == '0' || *first == '.')) {
            count -= *first == '0';
            first++;
        }
    }
    number->first = first;
    number->digits = count;
    if (count > 19) {
        cut_mantissa(number, stop);
    }
    if (stop == end) {
        return true;
    }
    return (*stop == 'e' || *stop == 'E') && scan_exponent(stop + 1, end, &number->exponent);
}

/* The digits and exponent as text that strtod takes. No more than 770 digits
 * decide how a number rounds; a non-zero digit behind them stands for the rest. */
enum { DIGITS_MAX = 770 };

static double convert_by_library(const decimal *number, const char *end)
{
    char text[DIGITS_MAX + 32];
    size_t used = 0;
    bool rest = false;
    for (const char *p = number->first; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            continue;
        }
        if (used < DIGITS_MAX) {
            text[used++] = *p;
        } else if (*p != '0') {
            rest = true;
        }
    }
    int64_t exponent = number->exponent;
    if (number->digits > used) {
        exponent += (int64_t)(number->digits - used);
    }
    if (rest) {
        text[used++] = '1';
        exponent--;
    }
    int64_t limit = 100000;
    exponent = exponent > limit ? limit : exponent < -limit ? -limit : exponent;
    snprintf(text + used, sizeof text - used, "e%d", (int)exponent);
    /* glibc and musl give a static object for "C": nothing is allocated. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain) {
        return NAN;
    }
    int held = errno;
    double value = strtod_l(text, NULL, plain);
    errno = held;
    freelocale(plain);
    return value;
}

/* The first 19 digits are all, and tell. */
static bool convert_fast(const decimal *number, double *value)
{
    if (number->digits > 19) {
        return false;
    }
    int64_t q = number->exponent;
    return nd_num_scale(number->mantissa, q < -1000 ? -1000 : q > 1000 ? 1000 : (int)q, value);
}

static bool equals_word(const char *text, size_t n, const char *word)
{
    if (strlen(word) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((text[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return true;
}

static nd_num parse_word(const char *text, size_t n, double *value)
{
    bool negative = n > 0 && text[0] == '-';
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        text++;
        n--;
    }
    if (equals_word(text, n, "inf") || equals_word(text, n, "infinity")) {
        *value = negative ? -(double)INFINITY : (double)INFINITY;
        return ND_NUM_OK;
    }
    if (equals_word(text, n, "nan")) {
        *value = (double)NAN;
        return ND_NUM_OK;
    }
    return ND_NUM_NONE;
}

nd_num nd_num_parse(const char *text, size_t n, double *value)
{
    decimal number;
    if (!scan(text, text + n, &number)) {
        return parse_word(text, n, value);
    }
    double result;
    if (!convert_fast(&number, &result)) {
        result = convert_by_library(&number, text + n);
        if (isinf(result)) {
            return ND_NUM_OVERFLOW;
        }
    }
    *value = number.negative ? -result : result;
    return ND_NUM_OK;
}

bool nd_num_parse_int(const char *text, size_t n, int64_t *value)
{
    size_t i = 0;
    bool negative = n > 0 && text[0] == '-';
    if (n > 0 && (text[0] == '-' || text[0] == '+')) {
        i++;
    }
    if (i == n) {
        return false;
    }
    int64_t total = 0;
    for (; i < n; i++) {
        int digit = text[i] - '0';
        if (!is_digit(text[i]) || __builtin_mul_overflow(total, 10, &total) ||
            __builtin_add_overflow(total, negative ? -digit : digit, &total)) {
            return false;
        }
    }
    *value = total;
    return true;
}
