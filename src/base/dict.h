/* Dictionary: distinct byte strings, numbered from 0 in order of insertion.
 * The hash is SipHash-1-3 with a fixed key: keys that differ little spread well,
 * and a table of real words cannot become quadratic as with a weak hash. */
#ifndef ND_BASE_DICT_H
#define ND_BASE_DICT_H

#include <stddef.h>
#include <stdint.h>

#define ND_DICT_NONE UINT32_MAX

typedef struct nd_dict nd_dict;

nd_dict *nd_dict_create(void);
void nd_dict_destroy(nd_dict *dict);

/* Number of text[n], added if new; ND_DICT_NONE only without memory. */
uint32_t nd_dict_add(nd_dict *dict, const char *text, size_t n);

/* Number of text[n], ND_DICT_NONE if absent. */
uint32_t nd_dict_find(const nd_dict *dict, const char *text, size_t n);

/* NUL-terminated text of a word, NULL if there is none of that number; *n (may be
 * NULL) gets its length, since a word may hold NUL bytes. Valid until the next add. */
const char *nd_dict_word(const nd_dict *dict, uint32_t word, size_t *n);
size_t nd_dict_count(const nd_dict *dict);

/* 64-bit hash of text[n], the one the dictionary uses; the same on every
 * machine and in every version (hashed categories in model files rely on it). */
uint64_t nd_hash(const char *text, size_t n);

/* SipHash-c-d of text[n]; nd_hash is SipHash-1-3 with a zero key. */
uint64_t nd_siphash(int c, int d, const uint64_t key[2], const char *text, size_t n);

#endif
