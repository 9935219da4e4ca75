/* Small tables for tests, and a context that remembers what was logged. */
#ifndef ND_TESTS_MAKE_TABLE_H
#define ND_TESTS_MAKE_TABLE_H

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/prep.h"

static nd_ctx *ctx;
static char logged[8192];

static inline void remember(void *user, int level, const char *text)
{
    (void)user;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%d %s\n", level, text);
}

static inline int start_ctx(void **state)
{
    (void)state;
    logged[0] = '\0';
    if (nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    nd_ctx_set_log(ctx, remember, NULL);
    return 0;
}

static inline int stop_ctx(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    ctx = NULL;
    return 0;
}

static inline nd_table *make_table(size_t rows, bool header)
{
    nd_table *table = NULL;
    assert_int_equal(nd_table_create(ctx, "t.csv", &table), ND_OK);
    table->rows = rows;
    table->header = header;
    return table;
}

static inline void add_numbers(nd_table *table, const char *name, const double *value)
{
    double *copy = nd_alloc(table->rows, sizeof *copy);
    memcpy(copy, value, table->rows * sizeof *copy);
    assert_int_equal(nd_table_own(table, copy), ND_OK);
    nd_column column = {
        .name = nd_strdup(name), .dtype = ND_DT_F64, .data = copy, .stride = 1, .width = 1};
    assert_int_equal(nd_table_add(table, &column), ND_OK);
}

/* NULL among the words means missing. */
static inline void add_words(nd_table *table, const char *name, const char *const *word)
{
    uint32_t *copy = nd_alloc(table->rows, sizeof *copy);
    nd_dict *dict = nd_dict_create();
    for (size_t r = 0; r < table->rows; r++) {
        copy[r] = word[r] ? nd_dict_add(dict, word[r], strlen(word[r])) : ND_DICT_NONE;
    }
    assert_int_equal(nd_table_own(table, copy), ND_OK);
    nd_column column = {.name = nd_strdup(name),
                        .dtype = ND_DT_WORD,
                        .data = copy,
                        .stride = 1,
                        .width = 1,
                        .dict = dict};
    assert_int_equal(nd_table_add(table, &column), ND_OK);
}

/* start, start + step, ... */
static inline void add_ramp(nd_table *table, const char *name, double start, double step)
{
    double *value = nd_alloc(table->rows, sizeof *value);
    for (size_t r = 0; r < table->rows; r++) {
        value[r] = start + step * (double)r;
    }
    add_numbers(table, name, value);
    nd_free(value);
}

/* Words prefix0, prefix1, ... of row % different. */
static inline void add_cycle(nd_table *table, const char *name, const char *prefix,
                             size_t different)
{
    char(*text)[16] = nd_alloc(table->rows, sizeof *text);
    const char **word = nd_alloc(table->rows, sizeof *word);
    for (size_t r = 0; r < table->rows; r++) {
        snprintf(text[r], sizeof text[r], "%.6s%u", prefix, (unsigned)(r % different));
        word[r] = text[r];
    }
    add_words(table, name, word);
    nd_free(word);
    nd_free(text);
}

static const nd_prep_params plain = {.clip = 10, .max_one_hot = 64, .buckets = 16, .min_count = 2};

/* Begin and fit on all rows. */
static inline nd_prep *fit_all(const nd_table *table, const nd_prep_params *params)
{
    nd_prep *prep = NULL;
    if (nd_prep_begin(ctx, table, params, &prep) != ND_OK ||
        nd_prep_fit(prep, table, NULL, table->rows, params) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return prep;
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" lacks \"%s\"", text, part);
    }
}

#endif
