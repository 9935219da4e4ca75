/* Numbers to text: integer arithmetic, and the C library where it cannot be sure. */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/num_scale.h"
#include "base/text.h"

/* A decimal number: digits * 10^exponent. */
typedef struct decimal {
    uint64_t digits;
    int exponent;
} decimal;

/* A number that a binary format holds: c * 2^q, and its neighbours at c-1 and c+1;
 * narrow: the one below is at c-1/2. */
typedef struct binary {
    uint64_t c;
    int q;
    bool narrow;
} binary;

static const uint64_t ten[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

/* Significant digits of the widest text: 17. */
enum { DIGITS_MOST = 17 };

/* ---- Layout ---- */

static const char pair[] = "0001020304050607080910111213141516171819"
                           "2021222324252627282930313233343536373839"
                           "4041424344454647484950515253545556575859"
                           "6061626364656667686970717273747576777879"
                           "8081828384858687888990919293949596979899";

/* floor(log10 2^b) for the highest bit b is right, or one too low. */
static int digits_of(uint64_t value)
{
    int n = nd_num_log10_two(63 - __builtin_clzll(value | 1)) + 1;
    return n < 20 && value >= ten[n] ? n + 1 : n;
}

/* The n last digits of value into out[n]. */
static void put_digits(char *out, uint64_t value, int n)
{
    for (; n >= 2; n -= 2, value /= 100) {
        memcpy(out + n - 2, pair + 2 * (value % 100), 2);
    }
    if (n > 0) {
        out[0] = (char)('0' + value % 10);
    }
}

static char *put_exponent(char *out, int exponent)
{
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    int n = size >= 100 ? 3 : 2;
    put_digits(out, size, n);
    return out + n;
}

/* Over the zeros before end, not below least. */
static char *trim(char *end, const char *least)
{
    while (end > least && end[-1] == '0') {
        end--;
    }
    return end;
}

/* d.ddde+xx */
static char *put_scientific(char *out, uint64_t digits, int n, int exponent)
{
    put_digits(out + 1, digits, n);
    out[0] = out[1];
    out[1] = '.';
    char *end = trim(out + 1 + n, out + 2);
    return put_exponent(end == out + 2 ? out + 1 : end, exponent);
}

/* ddd.ddd with whole digits before the point, 0 < whole < n */
static char *put_mixed(char *out, uint64_t digits, int n, int whole)
{
    put_digits(out + 1, digits, n);
    for (int i = 0; i < whole; i++) {
        out[i] = out[i + 1];
    }
    out[whole] = '.';
    char *end = trim(out + 1 + n, out + whole + 1);
    return end == out + whole + 1 ? end - 1 : end;
}

/* As "%.*g" of the given precision lays it out. */
static size_t put_decimal(char *out, bool negative, decimal number, int precision)
{
    int n = digits_of(number.digits), exponent = number.exponent + n - 1;
    char *end = out;
    if (negative) {
        *end++ = '-';
    }
    if (exponent < -4 || exponent >= precision) {
        end = put_scientific(end, number.digits, n, exponent);
    } else if (exponent < 0) {
        memcpy(end, "0.000", 5);
        end += 1 - exponent;
        put_digits(end, number.digits, n);
        end = trim(end + n, end);
    } else if (number.exponent < 0) {
        end = put_mixed(end, number.digits, n, exponent + 1);
    } else {
        put_digits(end, number.digits, n);
        memset(end + n, '0', (size_t)number.exponent);
        end += n + number.exponent;
    }
    *end = '\0';
    return (size_t)(end - out);
}

/* The shortest digits need a precision of their number, if that is more than the usual. */
static size_t put_shortest(char *out, bool negative, decimal number, int usual)
{
    while (number.digits % 10 == 0) {
        number.digits /= 10;
        number.exponent++;
    }
    int n = digits_of(number.digits);
    return put_decimal(out, negative, number, n > usual ? n : usual);
}

/* By the bits: subnormal numbers may count as zero in the environment at hand. */
static bool is_special(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return !isfinite(value) || bits << 1 == 0;
}

/* "nan", "inf", "-inf", "0" and "-0". */
static size_t put_special(char *out, double value)
{
    const char *word = isnan(value) ? "nan" : isinf(value) ? "inf" : "0";
    char *end = out;
    if (signbit(value) && !isnan(value)) {
        *end++ = '-';
    }
    size_t n = strlen(word);
    memcpy(end, word, n + 1);
    return n + (size_t)(end - out);
}

static size_t print_format(char *out, size_t room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t print_format(char *out, size_t room, const char *format, ...)
{
    va_list values;
    out[0] = '\0';
    va_start(values, format);
    int size = nd_vformat(out, room, format, values);
    va_end(values);
    size_t n = size > 0 ? (size_t)size : 0;
    return n < room ? n : room - 1;
}

/* ---- A given number of digits ---- */

static binary binary_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int field = (int)(bits >> 52 & 0x7ff);
    uint64_t part = bits & ((UINT64_C(1) << 52) - 1);
    if (field == 0) {
        return (binary){part, -1074, false};
    }
    return (binary){part | UINT64_C(1) << 52, field - 1075, part == 0 && field > 1};
}

/* w * 2^e * 10^k = P / 2^shift, P = w * five[k], rounded to a whole number, ties to
 * even; false if that cannot be told. 130 <= shift < 192. The top 128 bits of P are
 * exact, or the true ones are less than one unit above. */
static bool scaled(uint64_t w, int k, int shift, uint64_t *whole)
{
    const uint64_t *five = nd_num_five[k - ND_NUM_FIVE_FIRST];
    nd_wide low = (nd_wide)w * five[1];
    nd_wide top = (nd_wide)w * five[0] + (uint64_t)(low >> 64);
    nd_wide unit = (nd_wide)1 << (shift - 64);
    nd_wide rest = top & (unit - 1), half = unit >> 1;
    bool exact = k >= 0 && k <= ND_NUM_FIVE_EXACT;
    *whole = (uint64_t)(top >> (shift - 64));
    if (!exact && rest == half - 1) {
        return false;
    }
    bool tie = exact && rest == half && (uint64_t)low == 0;
    *whole += tie ? *whole & 1 : rest >= half;
    return true;
}

/* value > 0 rounded to n digits; false if only exact arithmetic can tell. */
static bool to_digits(double value, int n, decimal *number)
{
    binary b = binary_of(value);
    int zeros = __builtin_clzll(b.c);
    uint64_t w = b.c << zeros;
    int e = b.q - zeros;
    /* w * 2^e lies in [2^(e+63), 2^(e+64)): the first guess is right or one too low */
    for (int leading = nd_num_log10_two(e + 63);; leading++) {
        int k = n - 1 - leading;
        /* w * 2^e * 10^k = w * five[k] * 2^(e + floor(log2 10^k) - 127) */
        int shift = 127 - e - nd_num_log2_ten(k);
        if (!scaled(w, k, shift, &number->digits)) {
            return false;
        }
        number->exponent = -k;
        if (number->digits <= ten[n]) {
            return true;
        }
    }
}

size_t nd_num_print_general(char *out, double value, int digits)
{
    if (is_special(value)) {
        return put_special(out, value);
    }
    digits = digits < 1 ? 1 : digits > DIGITS_MOST ? DIGITS_MOST : digits;
    decimal number;
    if (!to_digits(fabs(value), digits, &number)) {
        return print_format(out, ND_NUM_TEXT, "%.*g", digits, value);
    }
    return put_decimal(out, signbit(value), number, digits);
}

size_t nd_num_print_fixed(char *out, double value, int digits)
{
    if (!isfinite(value)) {
        return put_special(out, value);
    }
    /* Beyond this the digits before the point do not fit. */
    if (fabs(value) >= 1e15 || digits < 0 || digits > 12) {
        return nd_num_print_general(out, value, DIGITS_MOST);
    }
    return print_format(out, ND_NUM_TEXT, "%.*f", digits, value);
}

/* ---- As few digits as read back ---- */

/* floor(c * power / 2^128), the last bit set if anything was lost beyond the error of
 * the power: rounding to odd, which keeps every later comparison right. */
static uint64_t round_to_odd(const uint64_t power[2], uint64_t c)
{
    nd_wide low = (nd_wide)power[1] * c;
    nd_wide high = (nd_wide)power[0] * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal number between the middles to the neighbours of b, the nearest
 * to b of those. Giulietti 2020, "The Schubfach way to render doubles", section 9;
 * numbers are held four times as large, so that the middles are whole. */
static decimal shortest(binary b)
{
    uint64_t odd = b.c & 1; /* the middles round to even: not to b */
    /* floor(log10(2^q)), or of 3/4 2^q where the interval is that much narrower */
    int k = (b.q * 1262611 - (b.narrow ? 524031 : 0)) >> 22;
    const uint64_t *five = nd_num_five[-k - ND_NUM_FIVE_FIRST];
    bool exact = -k >= 0 && -k <= ND_NUM_FIVE_EXACT;
    const uint64_t power[2] = {five[0], five[1] + !exact}; /* rounded up */
    int h = b.q + nd_num_log2_ten(-k) + 1;
    uint64_t lower = round_to_odd(power, (4 * b.c - 2 + b.narrow) << h) + odd;
    uint64_t v = round_to_odd(power, (4 * b.c) << h);
    uint64_t upper = round_to_odd(power, (4 * b.c + 2) << h) - odd;
    uint64_t s = v / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above) {
            return (decimal){tens + above, k + 1};
        }
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above) {
        return (decimal){s + above, k};
    }
    uint64_t middle = 4 * s + 2;
    return (decimal){s + (v > middle || (v == middle && (s & 1))), k};
}

size_t nd_num_print(char *out, double value)
{
    if (is_special(value)) {
        return put_special(out, value);
    }
    return put_shortest(out, signbit(value), shortest(binary_of(value)), 15);
}

size_t nd_num_print_float(char *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (!isfinite(value) || bits << 1 == 0) {
        return put_special(out, (double)value);
    }
    int field = (int)(bits >> 23 & 0xff);
    uint64_t part = bits & ((UINT32_C(1) << 23) - 1);
    binary b = {part, -149, false};
    if (field > 0) {
        b = (binary){part | UINT64_C(1) << 23, field - 150, part == 0 && field > 1};
    }
    return put_shortest(out, signbit(value), shortest(b), 6);
}

size_t nd_num_print_whole(char *out, uint64_t value)
{
    int n = digits_of(value);
    put_digits(out, value, n);
    out[n] = '\0';
    return (size_t)n;
}
