#include "job/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/ctx.h"
#include "job/record.h"

/* Where the rows come from is told by the rows themselves; what to do when training
 * diverges may change from one part of a run to the next. */
static bool may_change(const char *key)
{
    return nd_about_running(key) || strcmp(key, "data") == 0 || strcmp(key, "on_divergence") == 0 ||
           strcmp(key, "rollbacks") == 0 || strcmp(key, "from") == 0;
}

/* A value on one line, in ASCII. */
static void put_value(nd_text *text, const char *value)
{
    for (; *value; value++) {
        char plain = *value >= ' ' && *value < 0x7f ? *value : '?';
        nd_text_add(text, &plain, 1);
    }
    nd_text_puts(text, "\n");
}

void nd_fingerprint_settings(const nd_config *config, nd_text *text)
{
    for (size_t i = 0; i < config->set.count; i++) {
        const char *key = config->set.row[i].name;
        if (!may_change(key)) {
            nd_text_printf(text, "%s ", key);
            put_value(text, nd_opt_text(&config->set, key));
        }
    }
    for (size_t i = 0; i < config->layers; i++) {
        nd_text_printf(text, "layer_%zu %s: ", i + 1, config->layer[i].type);
        put_value(text, config->layer[i].attributes);
    }
}

/* The line that begins at text: its end, and in *space where the key ends. */
static const char *line_end(const char *text, size_t *key)
{
    size_t n = strcspn(text, "\n");
    *key = strcspn(text, " ");
    *key = *key < n ? *key : n;
    return text + n;
}

nd_status nd_fingerprint_compare(nd_ctx *ctx, const char *then, const char *now)
{
    while (*then != '\0' || *now != '\0') {
        size_t key_a, key_b;
        const char *end_a = line_end(then, &key_a), *end_b = line_end(now, &key_b);
        size_t n_a = (size_t)(end_a - then), n_b = (size_t)(end_b - now);
        if (n_a != n_b || memcmp(then, now, n_a) != 0) {
            if (key_a != key_b || memcmp(then, now, key_a) != 0) {
                return nd_fail(ctx, ND_ERR_OPTION,
                               "the checkpoint is of a run with other settings: \"%.*s\" then, "
                               "\"%.*s\" now",
                               (int)(n_a < 200 ? n_a : 200), then, (int)(n_b < 200 ? n_b : 200),
                               now);
            }
            return nd_fail(ctx, ND_ERR_OPTION,
                           "the checkpoint is of a run with other settings: %.*s was \"%.*s\" and "
                           "is \"%.*s\" now",
                           (int)key_a, then, (int)(end_a - then - (long)key_a) - 1,
                           then + key_a + 1, (int)(end_b - now - (long)key_b) - 1, now + key_b + 1);
        }
        then = *end_a != '\0' ? end_a + 1 : end_a;
        now = *end_b != '\0' ? end_b + 1 : end_b;
    }
    return ND_OK;
}

static uint64_t chain(uint64_t hash, const void *data, size_t size)
{
    return nd_checksum(hash, data, size);
}

static size_t element_size(nd_dtype dtype)
{
    switch (dtype) {
    case ND_DT_F64:
        return sizeof(double);
    case ND_DT_REAL:
        return sizeof(nd_real);
    case ND_DT_WORD:
        return sizeof(uint32_t);
    default:
        return 1;
    }
}

static uint64_t hash_column(uint64_t hash, const nd_column *column, size_t rows)
{
    size_t size = element_size(column->dtype);
    const char *data = column->data;
    const uint64_t shape[] = {rows, column->width, (uint64_t)column->dtype};
    hash = chain(hash, column->name, strlen(column->name));
    hash = chain(hash, shape, sizeof shape);
    if (column->stride == column->width) {
        hash = chain(hash, data, rows * column->width * size);
    } else {
        for (size_t r = 0; r < rows; r++) {
            hash = chain(hash, data + r * column->stride * size, column->width * size);
        }
    }
    size_t words = column->dict != NULL ? nd_dict_count(column->dict) : 0;
    for (size_t w = 0; w < words; w++) {
        size_t n;
        const char *word = nd_dict_word(column->dict, (uint32_t)w, &n);
        hash = chain(hash, word, n);
    }
    return hash;
}

static uint64_t hash_table(uint64_t hash, const nd_table *table)
{
    size_t columns = table != NULL ? table->columns : 0;
    for (size_t i = 0; i < columns; i++) {
        hash = hash_column(hash, &table->column[i], table->rows);
    }
    return chain(hash, &columns, sizeof columns);
}

void nd_fingerprint_data(const nd_table *table, const nd_parts *parts,
                         char text[ND_FINGERPRINT_TEXT])
{
    uint64_t hash = hash_table(0, table);
    hash = hash_table(hash, parts->valid_file);
    hash = hash_table(hash, parts->test_file);
    snprintf(text, ND_FINGERPRINT_TEXT, "%016llx", (unsigned long long)hash);
}

void nd_fingerprint_cache(const nd_cache_head *head, char text[ND_FINGERPRINT_TEXT])
{
    const uint64_t parts[] = {head->source, head->settings};
    snprintf(text, ND_FINGERPRINT_TEXT, "%016llx",
             (unsigned long long)chain(1, parts, sizeof parts));
}
