#include "base/checksum.h"

#include <string.h>

enum { LANES = 4, WORD = sizeof(uint64_t) };

uint64_t nd_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* A bijection of the sum for each word, and of the word for each sum. */
static inline uint64_t join(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 32;
}

static uint64_t word_at(const unsigned char *bytes, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, bytes, size < WORD ? size : WORD);
    return word;
}

/* The lanes do not wait for each other's multiplications. */
uint64_t nd_checksum(uint64_t seed, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t lane[LANES] = {seed, ~seed, seed + 1, ~seed - 1};
    size_t at = 0;
    for (; size - at >= LANES * WORD; at += LANES * WORD) {
        for (size_t l = 0; l < LANES; l++) {
            lane[l] = join(lane[l], word_at(bytes + at + l * WORD, WORD));
        }
    }
    for (size_t l = 0; at < size; l++) {
        size_t rest = size - at < WORD ? size - at : WORD;
        lane[l] = join(lane[l], word_at(bytes + at, rest));
        at += rest;
    }
    uint64_t sum = size;
    for (size_t l = 0; l < LANES; l++) {
        sum = join(sum, nd_mix(lane[l]));
    }
    return nd_mix(sum);
}
