/* Between binary and decimal with 128-bit powers of five: what the parsing and the
 * printing of numbers share, and the inner loop of the CSV reader. */
#ifndef ND_BASE_NUM_SCALE_H
#define ND_BASE_NUM_SCALE_H

#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 nd_wide;

/* 5^q as a binary fraction of 128 bits, high and low half, the first bit set,
 * rounded down: floor(2^(127 - floor(log2 5^q)) * 5^q). Exact for 0 <= q <= 55. */
enum { ND_NUM_FIVE_FIRST = -342, ND_NUM_FIVE_LAST = 342, ND_NUM_FIVE_EXACT = 55 };
extern const uint64_t nd_num_five[ND_NUM_FIVE_LAST - ND_NUM_FIVE_FIRST + 1][2];

/* 10^0 .. 10^22 are doubles without error. */
enum { ND_NUM_TEN_LAST = 22 };
extern const double nd_num_ten[ND_NUM_TEN_LAST + 1];

/* floor(log2 10^q) and floor(log10 2^e) for every exponent of a double. The shift of
 * a negative number rounds down on every compiler that knows a 128-bit integer. */
static inline int nd_num_log2_ten(int q)
{
    return (q * 1741647) >> 19;
}

static inline int nd_num_log10_two(int e)
{
    return (e * 1262611) >> 22;
}

/* nd_num_scale where exact doubles do not suffice. */
bool nd_num_scale_far(uint64_t digits, int q, double *value);

/* digits * 10^q, correctly rounded; false if the result is no normal double, or lies
 * too near the middle of two doubles to be told this way. Up to 2^53 and 10^22 both
 * are exact, so that one multiplication or division rounds correctly (Clinger 1990,
 * "How to read floating point numbers accurately"). */
static inline bool nd_num_scale(uint64_t digits, int q, double *value)
{
    if (digits > (uint64_t)1 << 53 || q < -ND_NUM_TEN_LAST || q > ND_NUM_TEN_LAST) {
        return nd_num_scale_far(digits, q, value);
    }
    *value = q < 0 ? (double)digits / nd_num_ten[-q] : (double)digits * nd_num_ten[q];
    return true;
}

#endif
