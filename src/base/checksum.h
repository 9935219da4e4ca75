/* A fast hash of many bytes, several times as fast as nd_hash: tells data apart, but does
 * not withstand an attacker who looks for collisions. A change within one aligned word of
 * 8 bytes always changes it. The same at any number of threads; it depends on the byte
 * order of the machine. */
#ifndef ND_BASE_CHECKSUM_H
#define ND_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Finalizer of SplitMix64 (Steele, Lea & Flood 2014): a bijection that spreads bits. */
uint64_t nd_mix(uint64_t x);

uint64_t nd_checksum(uint64_t seed, const void *data, size_t size);

#endif
