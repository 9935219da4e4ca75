#include "base/mem.h"
#include "data/csv_internal.h"

/* Numbers of a chunk's words in the file's dictionary; NULL without memory. */
static uint32_t *map_words(const nd_dict *local, nd_dict *dict)
{
    size_t count = nd_dict_count(local);
    uint32_t *map = nd_alloc(count, sizeof *map);
    for (size_t i = 0; map && i < count; i++) {
        size_t n = 0;
        const char *text = nd_dict_word(local, (uint32_t)i, &n);
        map[i] = nd_dict_add(dict, text, n);
        if (map[i] == ND_DICT_NONE) {
            nd_free(map);
            return NULL;
        }
    }
    return map;
}

nd_status nd_csv_merge_words(const nd_csv_job *job, nd_csv_chunk *chunks, size_t count,
                             size_t column, nd_dict **dict)
{
    nd_dict *merged = chunks[0].dict[column];
    chunks[0].dict[column] = NULL;
    for (size_t k = 1; k < count; k++) {
        uint32_t *map = map_words(chunks[k].dict[column], merged);
        if (!map) {
            nd_dict_destroy(merged);
            return ND_ERR_MEMORY;
        }
        uint32_t *word = job->word[column] + chunks[k].slot;
        for (size_t r = 0; r < chunks[k].rows; r++) {
            word[r] = word[r] == ND_DICT_NONE ? ND_DICT_NONE : map[word[r]];
        }
        nd_free(map);
        nd_dict_destroy(chunks[k].dict[column]);
        chunks[k].dict[column] = NULL;
    }
    *dict = merged;
    return ND_OK;
}
