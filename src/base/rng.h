/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011). A number is
 * a pure function of (seed, stream, step, element); there is no state. */
#ifndef ND_BASE_RNG_H
#define ND_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Streams keep uses apart; layer i adds i to ND_STREAM_LAYER. Append-only:
 * a number here is part of what a seed means. */
enum {
    ND_STREAM_SPLIT = 1,
    ND_STREAM_SHUFFLE = 2,
    ND_STREAM_AUGMENT = 3,
    ND_STREAM_NOISE = 4,
    ND_STREAM_WINDOW = 5, /* rows of neighbouring blocks of a row cache */
    ND_STREAM_FOLDS = 9,  /* which fold a row or a group goes to */
    ND_STREAM_LABEL_NOISE = 16,
    ND_STREAM_INIT = 0x10000,         /* + index of the parameter span */
    ND_STREAM_LAYER = 0x20000,        /* + index of the layer */
    ND_STREAM_WEIGHT_NOISE = 0x30000, /* + index of the parameter span */
    ND_STREAM_GRADIENT_NOISE = 0x40000
};

typedef struct nd_rng {
    uint64_t seed;
    uint32_t stream;
    uint64_t step;
} nd_rng;

/* Ten rounds of Philox4x32 on a counter with a key; the reference block. */
void nd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The counter and key of one block, for vector code that runs many blocks at once. */
void nd_rng_counter(const nd_rng *rng, uint64_t block, uint32_t counter[4], uint32_t key[2]);

/* The four words of elements 4*block .. 4*block + 3. How seed, stream, step and
 * block make key and counter is stated in rng.c; no two uses share a number while
 * element < 2^50 and step < 2^48. */
void nd_rng_block(const nd_rng *rng, uint64_t block, uint32_t out[4]);

/* 32 random bits for one element: word element % 4 of block element / 4. */
uint32_t nd_rng_bits(const nd_rng *rng, uint64_t element);

/* Uniform in [0, 1), 53 bits from two words; element e uses words 2e, 2e+1. */
double nd_rng_uniform(const nd_rng *rng, uint64_t element);

/* Standard normal by Box-Muller on two uniforms; element e uses block e. */
double nd_rng_normal(const nd_rng *rng, uint64_t element);

/* Fill out[n] with 32-bit words of elements first.. ; the bulk form of
 * nd_rng_bits, same values. */
void nd_rng_fill(const nd_rng *rng, uint64_t first, uint32_t *out, size_t n);

/* Fisher-Yates shuffle of index[n]; n < 2^32. */
void nd_rng_shuffle(const nd_rng *rng, uint32_t *index, size_t n);

#endif
