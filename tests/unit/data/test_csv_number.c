/* Decimal to double through the reader against the C library, which rounds correctly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "data/csv_internal.h"

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
        cmocka_unit_test(printed_numbers_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
