#include "data/cell_hash.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"

static uint64_t number_bits(double x)
{
    uint64_t bits;
    x = isnan(x) ? NAN : x + 0.0;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? 1 : bits;
}

static uint64_t pixels_hash(const nd_column *column, size_t row)
{
    const char *pixel = (const char *)column->data + row * column->stride;
    return nd_checksum(0, pixel, column->width);
}

static uint64_t cell(const nd_cell_hash *h, size_t row)
{
    if (h->column->dtype == ND_DT_WORD) {
        uint32_t w = nd_column_word(h->column, row);
        return w == ND_DICT_NONE ? 2 : h->word[w];
    }
    return nd_mix(h->column->dtype == ND_DT_U8 ? pixels_hash(h->column, row)
                                               : number_bits(nd_column_number(h->column, row, 0)));
}

nd_status nd_cell_hash_init(nd_ctx *ctx, const nd_column *column, size_t salt, nd_cell_hash *hash)
{
    *hash = (nd_cell_hash){.column = column, .salt = nd_mix(salt + 1)};
    if (column->dtype != ND_DT_WORD) {
        return ND_OK;
    }
    size_t words = nd_dict_count(column->dict);
    hash->word = nd_alloc(words, sizeof *hash->word);
    for (uint32_t w = 0; hash->word && w < words; w++) {
        size_t n;
        const char *text = nd_dict_word(column->dict, w, &n);
        hash->word[w] = nd_hash(text, n);
    }
    return hash->word ? ND_OK : nd_fail_memory(ctx);
}

void nd_cell_hash_free(nd_cell_hash *hash)
{
    nd_free(hash->word);
    *hash = (nd_cell_hash){0};
}

uint64_t nd_cell_hash_at(const nd_cell_hash *hash, size_t row)
{
    return nd_mix(cell(hash, row) ^ hash->salt);
}
