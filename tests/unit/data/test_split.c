#include "data/split.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static nd_ctx *ctx;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

/* Every row in exactly one part, each part ascending. */
static void check_partition(const nd_split *s, size_t rows)
{
    unsigned char seen[512] = {0};
    size_t end[] = {s->train, s->train + s->valid, s->train + s->valid + s->test};
    assert_int_equal(end[2], rows);
    for (size_t i = 0; i < rows; i++) {
        assert_true(s->index[i] < rows);
        seen[s->index[i]]++;
        bool begins = i == 0 || i == end[0] || i == end[1];
        assert_true(begins || s->index[i - 1] < s->index[i]);
    }
    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(seen[i], 1);
    }
}

static void split(size_t rows, const nd_real *labels, size_t classes, double valid, double test,
                  uint64_t seed, nd_split *s)
{
    nd_status status = nd_split_make(ctx, rows, labels, classes, valid, test, seed, s);
    if (status != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    check_partition(s, rows);
}

static void rows_go_to_parts_by_their_shares(void **state)
{
    (void)state;
    nd_split s;
    split(100, NULL, 0, 0.15, 0.2, 1, &s);
    assert_int_equal(s.train, 65);
    assert_int_equal(s.valid, 15);
    assert_int_equal(s.test, 20);
    nd_split_free(&s);
}

static size_t count_class(const nd_split *s, size_t from, size_t n, const nd_real *labels, int k)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += labels[s->index[from + i]] == (nd_real)k;
    }
    return count;
}

static void every_part_has_the_classes_in_proportion(void **state)
{
    (void)state;
    nd_real labels[200];
    for (size_t r = 0; r < 200; r++) {
        labels[r] = r % 10 < 6 ? 0 : r % 10 < 9 ? 1 : 2; /* 120, 60, 20 */
    }
    nd_split s;
    split(200, labels, 3, 0.15, 0.2, 7, &s);
    size_t tests[] = {24, 12, 4}, valids[] = {18, 9, 3};
    for (int k = 0; k < 3; k++) {
        assert_int_equal(count_class(&s, s.train + s.valid, s.test, labels, k), tests[k]);
        assert_int_equal(count_class(&s, s.train, s.valid, labels, k), valids[k]);
    }
    nd_split_free(&s);
}

/* Hand-worked: 7, 3 and 2 rows at one half want 3.5, 1.5 and 1 of 6; one row stays
 * in training, so the floors are 3, 1, 1 and the sixth row comes from the larger
 * of the two remainders of one half, which is the class with more room. */
static void remainders_go_to_the_largest(void **state)
{
    (void)state;
    const nd_real labels[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2};
    nd_split s;
    split(12, labels, 3, 0, 0.5, 3, &s);
    assert_int_equal(s.test, 6);
    assert_int_equal(count_class(&s, s.train, 6, labels, 0), 4);
    assert_int_equal(count_class(&s, s.train, 6, labels, 1), 1);
    assert_int_equal(count_class(&s, s.train, 6, labels, 2), 1);
    nd_split_free(&s);
}

/* Shares of 2.4 and 1.8 rows: the fourth row comes from the smaller class. */
static void the_larger_remainder_goes_before_the_larger_class(void **state)
{
    (void)state;
    nd_real labels[21];
    for (size_t r = 0; r < 21; r++) {
        labels[r] = r < 12 ? 0 : 1;
    }
    nd_split s;
    split(21, labels, 2, 0, 0.2, 1, &s);
    assert_int_equal(s.test, 4);
    assert_int_equal(count_class(&s, s.train, 4, labels, 1), 2);
    nd_split_free(&s);
}

static void shares_are_rounded_to_the_nearest_row(void **state)
{
    (void)state;
    nd_split s;
    split(10, NULL, 0, 0.13, 0.17, 1, &s); /* 1.3 and 1.7 rows */
    assert_int_equal(s.valid, 1);
    assert_int_equal(s.test, 2);
    nd_split_free(&s);
}

/* Classes of equal size in alternating rows: not the same places in each. */
static void each_class_is_dealt_on_its_own(void **state)
{
    (void)state;
    nd_real labels[200];
    bool taken[2][100] = {{false}};
    for (size_t r = 0; r < 200; r++) {
        labels[r] = (nd_real)(r % 2);
    }
    nd_split s;
    split(200, labels, 2, 0, 0.2, 1, &s);
    for (size_t i = s.train; i < 200; i++) {
        taken[s.index[i] % 2][s.index[i] / 2] = true;
    }
    assert_true(memcmp(taken[0], taken[1], sizeof taken[0]) != 0);
    nd_split_free(&s);
}

static void a_class_with_one_row_stays_in_training(void **state)
{
    (void)state;
    nd_real labels[40] = {0};
    labels[17] = 1;
    for (uint64_t seed = 0; seed < 20; seed++) {
        nd_split s;
        split(40, labels, 2, 0.2, 0.3, seed, &s);
        assert_int_equal(count_class(&s, 0, s.train, labels, 1), 1);
        nd_split_free(&s);
    }
}

static void a_class_with_two_rows_keeps_one_in_training(void **state)
{
    (void)state;
    nd_real labels[8] = {0, 1, 2, 3, 0, 1, 2, 3};
    nd_split s;
    split(8, labels, 4, 0.25, 0.25, 5, &s);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(count_class(&s, 0, s.train, labels, k), 1);
    }
    nd_split_free(&s);
}

static void the_seed_decides(void **state)
{
    (void)state;
    nd_split a, b, c;
    split(300, NULL, 0, 0.2, 0.2, 11, &a);
    split(300, NULL, 0, 0.2, 0.2, 11, &b);
    split(300, NULL, 0, 0.2, 0.2, 12, &c);
    assert_memory_equal(a.index, b.index, 300 * sizeof *a.index);
    assert_true(memcmp(a.index, c.index, 300 * sizeof *a.index) != 0);
    nd_split_free(&a);
    nd_split_free(&b);
    nd_split_free(&c);
}

static void rows_land_anywhere_in_the_file(void **state)
{
    (void)state;
    size_t tests[10] = {0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        nd_split s;
        split(10, NULL, 0, 0, 0.2, seed, &s);
        tests[s.index[8]]++;
        tests[s.index[9]]++;
        nd_split_free(&s);
    }
    for (size_t r = 0; r < 10; r++) {
        assert_in_range(tests[r], 15, 65); /* 40 expected, deviation 5.7 */
    }
}

static void tiny_tables_split_or_say_why(void **state)
{
    (void)state;
    for (size_t rows = 1; rows <= 5; rows++) {
        nd_split s;
        nd_status status = nd_split_make(ctx, rows, NULL, 0, 0.15, 0.2, 1, &s);
        if (rows < 3) {
            assert_int_equal(status, ND_ERR_DATA);
            assert_non_null(strstr(nd_ctx_message(ctx), "too few for a"));
            assert_null(s.index);
        } else {
            assert_int_equal(status, ND_OK);
            check_partition(&s, rows);
            assert_int_equal(s.valid, 1);
            assert_int_equal(s.test, 1);
        }
        nd_split_free(&s);
    }
}

static void no_share_takes_no_row(void **state)
{
    (void)state;
    const nd_real labels[] = {0, 1, 0};
    nd_split s;
    split(1, NULL, 0, 0, 0, 1, &s);
    assert_int_equal(s.train, 1);
    nd_split_free(&s);
    split(3, labels, 2, 0, 0, 1, &s);
    assert_int_equal(s.train, 3);
    nd_split_free(&s);
    split(3, labels, 2, 0.3, 0, 1, &s);
    assert_int_equal(s.valid, 1);
    assert_int_equal(s.test, 0);
    nd_split_free(&s);
}

static void impossible_shares_and_labels_are_refused(void **state)
{
    (void)state;
    const double bad[][2] = {{-0.1, 0}, {0, -0.1}, {0.5, 0.5}, {1, 0}, {NAN, 0}, {0, INFINITY}};
    const nd_real wrong[][2] = {{0, 2}, {-1, 0}, {(nd_real)0.5, 0}, {(nd_real)NAN, 0}};
    nd_split s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(nd_split_make(ctx, 10, NULL, 0, bad[i][0], bad[i][1], 1, &s),
                         ND_ERR_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(nd_split_make(ctx, 2, wrong[i], 2, 0.1, 0, 1, &s), ND_ERR_ARGUMENT);
    }
    assert_int_equal(nd_split_make(ctx, 0, NULL, 0, 0.1, 0, 1, &s), ND_ERR_DATA);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const nd_real labels[] = {0, 1, 0, 1};
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status != ND_OK; n++) {
        nd_split s;
        assert_true(n < 50);
        nd_alloc_fail_at(n, false);
        status = nd_split_make(ctx, 4, labels, 2, 0, 0.25, 1, &s);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || (status == ND_ERR_MEMORY && !s.index));
        nd_split_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_to_parts_by_their_shares),
        cmocka_unit_test(every_part_has_the_classes_in_proportion),
        cmocka_unit_test(remainders_go_to_the_largest),
        cmocka_unit_test(the_larger_remainder_goes_before_the_larger_class),
        cmocka_unit_test(shares_are_rounded_to_the_nearest_row),
        cmocka_unit_test(each_class_is_dealt_on_its_own),
        cmocka_unit_test(a_class_with_one_row_stays_in_training),
        cmocka_unit_test(a_class_with_two_rows_keeps_one_in_training),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(rows_land_anywhere_in_the_file),
        cmocka_unit_test(tiny_tables_split_or_say_why),
        cmocka_unit_test(no_share_takes_no_row),
        cmocka_unit_test(impossible_shares_and_labels_are_refused),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
