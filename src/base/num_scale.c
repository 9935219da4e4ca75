#include "base/num_scale.h"

#include <string.h>

const double nd_num_ten[ND_NUM_TEN_LAST + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* Digits times a 128-bit power of five decides the rounding (Lemire 2021, "Number
 * parsing at a gigabyte per second"), or says that it cannot. */
bool nd_num_scale_far(uint64_t digits, int q, double *value)
{
    *value = 0;
    if (digits == 0 || q < ND_NUM_FIVE_FIRST || q > ND_NUM_FIVE_LAST) {
        return digits == 0;
    }
    int zeros = __builtin_clzll(digits);
    uint64_t w = digits << zeros;
    const uint64_t *five = nd_num_five[q - ND_NUM_FIVE_FIRST];
    nd_wide product = (nd_wide)w * five[0] + (uint64_t)((nd_wide)w * five[1] >> 64);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    /* 53 bits stay; the true product is less than 2 units of low above this one */
    int shift = 10 + (int)(high >> 63);
    uint64_t half = (uint64_t)1 << (shift - 1), rest = high & (2 * half - 1);
    bool tie = rest == half && low == 0;
    bool nearly = rest == half - 1 && low >= UINT64_MAX - 1;
    if (tie || nearly) {
        return false;
    }
    uint64_t kept = (high >> shift) + (rest >= half ? 1 : 0);
    /* value = kept * 2^(shift + 1 - zeros + floor(log2 10^q)); the leading bit of kept
     * adds the 1 that the exponent field lacks */
    int field = shift + 1 - zeros + nd_num_log2_ten(q) + 52 + 1023;
    if (field < 1 || field > 2045) {
        return false;
    }
    uint64_t bits = ((uint64_t)(field - 1) << 52) + kept;
    memcpy(value, &bits, sizeof *value);
    return true;
}
