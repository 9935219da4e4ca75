#!/usr/bin/python3
"""Write src/base/num_power.c: the powers of five that number text is made with.

usage: make_powers.py >src/base/num_power.c"""
FIRST, LAST = -342, 342


def power(q):
    """5^q as a binary fraction of 128 bits, the first bit set, rounded down."""
    if q >= 0:
        return (5 ** q << 128) >> (5 ** q).bit_length()
    divisor = 5 ** -q
    value = (1 << (127 + divisor.bit_length())) // divisor
    return value >> 1 if value.bit_length() > 128 else value


def main():
    print("/* Written by scripts/make_powers.py. */")
    print('#include "base/num_scale.h"\n')
    print("const uint64_t nd_num_five[ND_NUM_FIVE_LAST - ND_NUM_FIVE_FIRST + 1][2] = {")
    for q in range(FIRST, LAST + 1):
        value = power(q)
        assert value.bit_length() == 128 and (value + 1) % 2 ** 64 != 0
        print("    {0x%016Xu, 0x%016Xu}," % (value >> 64, value % 2 ** 64))
    print("};")


if __name__ == "__main__":
    main()
