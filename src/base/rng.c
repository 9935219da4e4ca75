#include "base/rng.h"

#include <math.h>

/* Layout of the counter and the key, on which the meaning of a seed rests:
 *   block      = element / 4; word element % 4 of the block is the number
 *   counter[0] = block, bits 0..31
 *   counter[1] = block, bits 32..47, and step, bits 32..47, above them
 *   counter[2] = step, bits 0..31
 *   counter[3] = stream
 *   key        = seed, low and high half
 * Different (seed, stream, step, element) give different (key, counter, word)
 * while element < 2^50 and step < 2^48; higher bits are left out. */
void nd_rng_counter(const nd_rng *rng, uint64_t block, uint32_t counter[4], uint32_t key[2])
{
    counter[0] = (uint32_t)block;
    counter[1] = (uint32_t)((block >> 32) & 0xffff) | (uint32_t)((rng->step >> 32) & 0xffff) << 16;
    counter[2] = (uint32_t)rng->step;
    counter[3] = rng->stream;
    key[0] = (uint32_t)rng->seed;
    key[1] = (uint32_t)(rng->seed >> 32);
}

/* Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.3
 * and table 2: multipliers of Philox4x32 and the Weyl increments of its key. */
void nd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xd2511f53u * c0;
        uint64_t p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void nd_rng_block(const nd_rng *rng, uint64_t block, uint32_t out[4])
{
    uint32_t counter[4], key[2];
    nd_rng_counter(rng, block, counter, key);
    nd_philox(counter, key, out);
}

uint32_t nd_rng_bits(const nd_rng *rng, uint64_t element)
{
    uint32_t word[4];
    nd_rng_block(rng, element / 4, word);
    return word[element % 4];
}

static double unit_interval(uint32_t high, uint32_t low)
{
    uint64_t bits = (uint64_t)high << 32 | low;
    return (double)(bits >> 11) * 0x1p-53;
}

double nd_rng_uniform(const nd_rng *rng, uint64_t element)
{
    uint32_t word[4];
    nd_rng_block(rng, element / 2, word);
    size_t at = (element % 2) * 2;
    return unit_interval(word[at], word[at + 1]);
}

double nd_rng_normal(const nd_rng *rng, uint64_t element)
{
    uint32_t word[4];
    nd_rng_block(rng, element, word);
    double u = 1 - unit_interval(word[0], word[1]); /* in (0, 1], so the log is finite */
    double v = unit_interval(word[2], word[3]);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

void nd_rng_fill(const nd_rng *rng, uint64_t first, uint32_t *out, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint32_t word[4];
        uint64_t element = first + i;
        nd_rng_block(rng, element / 4, word);
        for (size_t at = element % 4; at < 4 && i < n; at++) {
            out[i++] = word[at];
        }
    }
}

/* Index in 0..bound-1 from 64 random bits: floor(bits * bound / 2^64), whose bias
 * is under bound / 2^64. */
static uint32_t below(uint64_t bits, uint64_t bound)
{
    uint64_t high = (bits >> 32) * bound;
    uint64_t low = (bits & 0xffffffffu) * bound;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

void nd_rng_shuffle(const nd_rng *rng, uint32_t *index, size_t n)
{
    uint32_t word[4] = {0};
    for (size_t i = n; i-- > 1;) {
        if (i == n - 1 || i % 2 == 1) {
            nd_rng_block(rng, i / 2, word);
        }
        size_t at = (i % 2) * 2;
        uint32_t j = below((uint64_t)word[at] << 32 | word[at + 1], (uint64_t)i + 1);
        uint32_t held = index[i];
        index[i] = index[j];
        index[j] = held;
    }
}
