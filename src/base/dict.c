#include "base/dict.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t load_le(const unsigned char *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

/* Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF", section 2. */
uint64_t nd_siphash(int c, int d, const uint64_t key[2], const char *text, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)(n > 0 ? text : "");
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = load_le(bytes + i, 8);
        v[3] ^= word;
        sip_rounds(v, c);
        v[0] ^= word;
    }
    uint64_t last = load_le(bytes + whole, n - whole) | (uint64_t)(n & 0xff) << 56;
    v[3] ^= last;
    sip_rounds(v, c);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t nd_hash(const char *text, size_t n)
{
    static const uint64_t key[2] = {0, 0};
    return nd_siphash(1, 3, key, text, n);
}

typedef struct entry {
    uint64_t hash;
    size_t offset; /* of the first byte in text */
    size_t size;
} entry;

struct nd_dict {
    entry *word; /* [count] */
    size_t count, room;
    char *text; /* words one after the other, a NUL behind each */
    size_t used, text_room;
    uint32_t *slot; /* [slots] number + 1, 0 if free; linear probing */
    size_t slots;   /* power of two, at least twice count */
};

nd_dict *nd_dict_create(void)
{
    nd_dict *dict = nd_alloc(1, sizeof *dict);
    if (!dict) {
        return NULL;
    }
    dict->slots = 16;
    dict->slot = nd_alloc(dict->slots, sizeof *dict->slot);
    if (!dict->slot) {
        nd_free(dict);
        return NULL;
    }
    return dict;
}

void nd_dict_destroy(nd_dict *dict)
{
    if (dict) {
        nd_free(dict->slot);
        nd_free(dict->text);
        nd_free(dict->word);
        nd_free(dict);
    }
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t slot_of(const nd_dict *dict, uint64_t hash, const char *text, size_t n)
{
    size_t mask = dict->slots - 1;
    size_t at = (size_t)hash & mask;
    for (; dict->slot[at] != 0; at = (at + 1) & mask) {
        const entry *word = &dict->word[dict->slot[at] - 1];
        if (word->hash == hash && word->size == n &&
            (n == 0 || memcmp(dict->text + word->offset, text, n) == 0)) {
            break;
        }
    }
    return at;
}

static bool grow_slots(nd_dict *dict)
{
    size_t slots = dict->slots * 2, mask = slots - 1;
    uint32_t *slot = nd_alloc(slots, sizeof *slot);
    if (!slot) {
        return false;
    }
    for (size_t i = 0; i < dict->count; i++) {
        size_t at = (size_t)dict->word[i].hash & mask;
        while (slot[at] != 0) {
            at = (at + 1) & mask;
        }
        slot[at] = (uint32_t)i + 1;
    }
    nd_free(dict->slot);
    dict->slot = slot;
    dict->slots = slots;
    return true;
}

/* Room for a word of n bytes in all three arrays. */
static bool reserve(nd_dict *dict, size_t n)
{
    size_t need;
    if (dict->count >= ND_DICT_NONE - 1 || __builtin_add_overflow(dict->used, n, &need) ||
        __builtin_add_overflow(need, (size_t)1, &need)) {
        return false;
    }
    if (need > dict->text_room) {
        size_t room = need + need / 2 + 64;
        char *text = room > need ? nd_realloc(dict->text, room, 1) : NULL;
        if (!text) {
            return false;
        }
        dict->text = text;
        dict->text_room = room;
    }
    void *list = dict->word;
    if (!nd_grow(&list, &dict->room, dict->count, sizeof *dict->word)) {
        return false;
    }
    dict->word = list;
    return (dict->count + 1) * 2 <= dict->slots || grow_slots(dict);
}

uint32_t nd_dict_add(nd_dict *dict, const char *text, size_t n)
{
    uint64_t hash = nd_hash(text, n);
    size_t at = slot_of(dict, hash, text, n);
    if (dict->slot[at] != 0) {
        return dict->slot[at] - 1;
    }
    if (!reserve(dict, n)) {
        return ND_DICT_NONE;
    }
    at = slot_of(dict, hash, text, n);
    dict->word[dict->count] = (entry){.hash = hash, .offset = dict->used, .size = n};
    if (n > 0) {
        memcpy(dict->text + dict->used, text, n);
    }
    dict->text[dict->used + n] = '\0';
    dict->used += n + 1;
    dict->slot[at] = (uint32_t)++dict->count;
    return (uint32_t)dict->count - 1;
}

uint32_t nd_dict_find(const nd_dict *dict, const char *text, size_t n)
{
    size_t at = slot_of(dict, nd_hash(text, n), text, n);
    return dict->slot[at] != 0 ? dict->slot[at] - 1 : ND_DICT_NONE;
}

const char *nd_dict_word(const nd_dict *dict, uint32_t word, size_t *n)
{
    if (word >= dict->count) {
        return NULL;
    }
    if (n) {
        *n = dict->word[word].size;
    }
    return dict->text + dict->word[word].offset;
}

size_t nd_dict_count(const nd_dict *dict)
{
    return dict->count;
}
