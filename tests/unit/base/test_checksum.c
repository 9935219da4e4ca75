/* nd_checksum tells data apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/checksum.h"

/* 100 bytes fill lanes, whole words and a tail. */
enum { BYTES = 100, MANY = 100000 };

static void every_flipped_bit_changes_it(void **state)
{
    (void)state;
    unsigned char data[BYTES];
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (unsigned char)(i * 37);
    }
    for (size_t size = 1; size <= BYTES; size++) {
        uint64_t whole = nd_checksum(0, data, size);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_true(nd_checksum(0, data, size) != whole);
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        assert_true(nd_checksum(0, data, size) == whole);
    }
}

static void size_seed_and_order_change_it(void **state)
{
    (void)state;
    unsigned char data[BYTES] = {0};
    for (size_t size = 1; size < BYTES; size++) {
        assert_true(nd_checksum(0, data, size) != nd_checksum(0, data, size - 1));
        assert_true(nd_checksum(0, data, size) != nd_checksum(1, data, size));
    }
    for (size_t i = 8; i < BYTES; i++) {
        unsigned char first[BYTES] = {1}, other[BYTES] = {0};
        other[i] = 1;
        assert_true(nd_checksum(0, first, BYTES) != nd_checksum(0, other, BYTES));
    }
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The chance that two of so many random sums agree is 3e-10. */
static void similar_data_have_different_sums(void **state)
{
    (void)state;
    uint64_t *sum = calloc(MANY, sizeof *sum);
    unsigned char data[BYTES] = {0};
    assert_non_null(sum);
    for (size_t i = 0; i < MANY; i++) {
        data[0] = (unsigned char)i;
        data[40] = (unsigned char)(i >> 8);
        data[BYTES - 1] = (unsigned char)(i >> 16);
        sum[i] = nd_checksum(0, data, BYTES);
    }
    qsort(sum, MANY, sizeof *sum, ascending);
    for (size_t i = 1; i < MANY; i++) {
        assert_true(sum[i] != sum[i - 1]);
    }
    free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_changes_it),
        cmocka_unit_test(size_seed_and_order_change_it),
        cmocka_unit_test(similar_data_have_different_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
