/* Decimal to double against the C library, which rounds correctly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "data/csv_internal.h"

static void scaled_digits_round_like_strtod(void **state)
{
    (void)state;
    nd_rng rng = {.seed = 1};
    size_t told = 0, asked = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t digits = (uint64_t)nd_rng_bits(&rng, 4 * i) << 32 | nd_rng_bits(&rng, 4 * i + 1);
        digits >>= nd_rng_bits(&rng, 4 * i + 2) % 64;
        int q = (int)(nd_rng_bits(&rng, 4 * i + 3) % (2 * ND_CSV_SCALE_MAX + 1)) - ND_CSV_SCALE_MAX;
        char text[64];
        double value = 0;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, q);
        asked++;
        if (nd_csv_scale(digits, q, &value)) {
            double wanted = strtod(text, NULL);
            assert_memory_equal(&value, &wanted, sizeof value);
            told++;
        }
    }
    assert_true(told > asked - asked / 50);
}

static void ties_are_left_to_others(void **state)
{
    (void)state;
    double value = 0;
    assert_false(nd_csv_scale(9007199254740993u, 0, &value));
    assert_false(nd_csv_scale(9007199254740995u, 0, &value));
    assert_true(nd_csv_scale(9007199254740994u, 0, &value));
    assert_true(value == 9007199254740994.0);
    assert_false(nd_csv_scale(1, ND_CSV_SCALE_MAX + 1, &value));
    assert_true(nd_csv_scale(0, 999, &value));
    assert_true(value == 0);
}

/* Numbers as programs print them, through the whole reader. */
static void printed_numbers_come_back(void **state)
{
    (void)state;
    static const char *const formats[] = {"%.17g", "%.15g", "%.18e", "%.6f", "%.0f", "%+.9g"};
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_rng rng = {.seed = 2};
    for (uint64_t i = 0; i < 20000; i++) {
        char text[128];
        double drawn = nd_rng_normal(&rng, i);
        drawn *= i % 5 == 0 ? 1e-9 : i % 7 == 0 ? 1e12 : 1;
        int n = snprintf(text, sizeof text, formats[i % 6], drawn);
        double wanted = strtod(text, NULL);
        text[n] = '\n';
        nd_csv_params params = {.header = ND_HEADER_NO, .delimiter = ','};
        nd_table *table = NULL;
        assert_int_equal(nd_csv_parse(ctx, "t", text, (size_t)n + 1, &params, &table), ND_OK);
        double value = nd_column_number(&table->column[0], 0, 0);
        assert_memory_equal(&value, &wanted, sizeof value);
        nd_table_destroy(table);
    }
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_digits_round_like_strtod),
        cmocka_unit_test(ties_are_left_to_others),
        cmocka_unit_test(printed_numbers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
