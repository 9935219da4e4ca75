/* Folds: which rows they hold, and the split that each makes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/folds.h"

enum { ROWS = 103, FOLDS = 5, CLASSES = 3, GROUPS = 17 };

static nd_ctx *ctx;
static nd_real label[ROWS];
static uint32_t group[ROWS], fold[ROWS], other[ROWS];
static char heard[1024];

static void hear(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    strncat(heard, text, sizeof heard - strlen(heard) - 1);
}

/* Classes of 60, 32 and 11 rows; groups of 1 to 11 rows. */
static int setup(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS; r++) {
        label[r] = r % 7 == 3 && r < 76 ? 2 : r % 3 == 1 ? 1 : 0;
        group[r] = (uint32_t)(sqrt((double)r * 2.7));
    }
    return nd_ctx_create(&ctx, 1) == ND_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

static nd_folds stratified(void)
{
    return (nd_folds){.rows = ROWS,
                      .folds = FOLDS,
                      .labels = label,
                      .classes = CLASSES,
                      .group = group,
                      .groups = GROUPS};
}

/* Each row once, each class and all rows within one row of even. */
static void stratified_folds_are_even(void **state)
{
    (void)state;
    size_t count[FOLDS][CLASSES] = {{0}}, size[FOLDS] = {0}, total[CLASSES] = {0};
    nd_folds folds = stratified();
    assert_int_equal(nd_folds_deal(ctx, &folds, 4, 0, fold), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(fold[r] < FOLDS);
        count[fold[r]][(size_t)label[r]]++;
        size[fold[r]]++;
        total[(size_t)label[r]]++;
    }
    for (size_t k = 0; k < FOLDS; k++) {
        assert_true(size[k] == ROWS / FOLDS || size[k] == ROWS / FOLDS + 1);
        for (size_t c = 0; c < CLASSES; c++) {
            assert_true(count[k][c] == total[c] / FOLDS || count[k][c] == total[c] / FOLDS + 1);
        }
    }
}

static void the_seed_and_the_repeat_decide(void **state)
{
    (void)state;
    nd_folds folds = stratified();
    assert_int_equal(nd_folds_deal(ctx, &folds, 4, 0, fold), ND_OK);
    assert_int_equal(nd_folds_deal(ctx, &folds, 4, 0, other), ND_OK);
    assert_memory_equal(fold, other, sizeof fold);
    assert_int_equal(nd_folds_deal(ctx, &folds, 4, 1, other), ND_OK);
    assert_memory_not_equal(fold, other, sizeof fold);
    assert_int_equal(nd_folds_deal(ctx, &folds, 5, 0, other), ND_OK);
    assert_memory_not_equal(fold, other, sizeof fold);
}

/* The parts of a split are all rows, each once, ascending in each part. */
static void assert_whole(const nd_split *split, size_t rows)
{
    unsigned char seen[ROWS] = {0};
    size_t bound[] = {0, split->train, split->train + split->valid,
                      split->train + split->valid + split->test};
    assert_int_equal(bound[3], rows);
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = bound[p]; i < bound[p + 1]; i++) {
            assert_false(seen[split->index[i]]++);
            assert_true(i == bound[p] || split->index[i] > split->index[i - 1]);
        }
    }
}

static void groups_stay_together_in_every_part(void **state)
{
    (void)state;
    nd_folds folds = stratified();
    folds.kind = ND_FOLDS_GROUP;
    assert_int_equal(nd_folds_deal(ctx, &folds, 1, 0, fold), ND_OK);
    for (size_t k = 0; k < FOLDS; k++) {
        int part[GROUPS];
        nd_split split;
        assert_int_equal(nd_folds_split(ctx, &folds, fold, k, 0.2, 1, &split), ND_OK);
        assert_whole(&split, ROWS);
        assert_true(split.train > 0 && split.valid > 0 && split.test > 0);
        assert_true(split.test >= 14 && split.test <= 27); /* 20.6 if groups could be cut */
        memset(part, -1, sizeof part);
        for (size_t i = 0; i < ROWS; i++) {
            int in = i < split.train ? 0 : i < split.train + split.valid ? 1 : 2;
            int *own = &part[group[split.index[i]]];
            assert_true(*own == -1 || *own == in);
            *own = in;
        }
        nd_split_free(&split);
    }
}

/* 103 rows in 5 folds: 103 / 6 = 17 rows in each, 18 before the first. */
static void folds_in_time_train_on_what_comes_before(void **state)
{
    (void)state;
    nd_folds folds = {.kind = ND_FOLDS_TIME, .rows = ROWS, .folds = FOLDS};
    assert_int_equal(nd_folds_deal(ctx, &folds, 1, 0, fold), ND_OK);
    for (size_t k = 0; k < FOLDS; k++) {
        nd_split split;
        size_t before = 18 + 17 * k;
        assert_int_equal(nd_folds_split(ctx, &folds, fold, k, 0.25, 1, &split), ND_OK);
        assert_int_equal(split.train + split.valid, before);
        assert_int_equal(split.valid, (size_t)floor(0.25 * (double)before + 0.5));
        assert_int_equal(split.test, 17);
        for (size_t i = 0; i < before + 17; i++) {
            assert_int_equal(split.index[i], i);
        }
        nd_split_free(&split);
    }
}

static void validation_rows_come_in_proportion(void **state)
{
    (void)state;
    nd_folds folds = stratified();
    nd_split split;
    size_t count[2][CLASSES] = {{0}};
    assert_int_equal(nd_folds_deal(ctx, &folds, 4, 0, fold), ND_OK);
    assert_int_equal(nd_folds_split(ctx, &folds, fold, 2, 0.25, 9, &split), ND_OK);
    assert_whole(&split, ROWS);
    for (size_t i = 0; i < split.train + split.valid; i++) {
        count[i >= split.train][(size_t)label[split.index[i]]]++;
    }
    for (size_t c = 0; c < CLASSES; c++) {
        double share = (double)count[1][c] / (double)(count[0][c] + count[1][c]);
        assert_true(share > 0.15 && share < 0.35);
    }
    nd_split_free(&split);
    assert_int_equal(nd_folds_split(ctx, &folds, fold, 2, 0, 9, &split), ND_OK);
    assert_int_equal(split.valid, 0);
    nd_split_free(&split);
}

static void folds_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const name[] = {"a", "b", "c"};
    nd_folds folds = stratified();
    heard[0] = '\0';
    nd_ctx_set_log(ctx, hear, NULL);
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_OK);
    assert_string_equal(heard, "");
    folds.folds = 12;
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_OK);
    assert_non_null(strstr(heard, "1 class has fewer rows than the 12 folds: some folds go "
                                  "without (\"c\" has 11)"));
    folds.folds = 80;
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_ERR_DATA);
    folds.folds = ROWS + 1;
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_ERR_DATA);
    folds = (nd_folds){.kind = ND_FOLDS_TIME, .rows = ROWS, .folds = ROWS};
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_ERR_DATA);
    folds = stratified();
    folds.kind = ND_FOLDS_GROUP;
    folds.folds = GROUPS + 1;
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "17 groups cannot be dealt into 18 folds"));
    folds.kind = ND_FOLDS_GIVEN;
    folds.groups = 1;
    assert_int_equal(nd_folds_check(ctx, &folds, name), ND_ERR_DATA);
    nd_ctx_set_log(ctx, NULL, NULL);
}

/* 2.5, -1, 2.5, 7 are numbers 1, 0, 1, 2; a missing one is named. */
static void numbers_become_groups_by_size(void **state)
{
    (void)state;
    nd_real x[] = {(nd_real)2.5, -1, (nd_real)2.5, 7};
    static const uint32_t expected[] = {1, 0, 1, 2};
    uint32_t *number;
    size_t count;
    nd_table *table;
    assert_int_equal(nd_table_from_arrays(ctx, x, 4, 1, NULL, 0, &table), ND_OK);
    assert_int_equal(nd_folds_number(table, 0, &number, &count), ND_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(number, expected, sizeof expected);
    nd_free(number);
    x[2] = (nd_real)NAN;
    assert_int_equal(nd_folds_number(table, 0, &number, &count), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "row 3"));
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stratified_folds_are_even),
        cmocka_unit_test(the_seed_and_the_repeat_decide),
        cmocka_unit_test(groups_stay_together_in_every_part),
        cmocka_unit_test(folds_in_time_train_on_what_comes_before),
        cmocka_unit_test(validation_rows_come_in_proportion),
        cmocka_unit_test(folds_that_cannot_be_are_refused),
        cmocka_unit_test(numbers_become_groups_by_size),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
