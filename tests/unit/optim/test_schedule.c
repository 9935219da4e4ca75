#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optim/optim.h"

static void rate(const char *schedule, uint64_t step, uint64_t steps, uint64_t warmup,
                 double expected)
{
    double lr = nd_schedule_lr(nd_schedule_find(schedule), 0.5, step, steps, warmup);
    if (!(fabs(lr - expected) < 1e-15)) {
        fail_msg("%s at %d of %d: %.17g, not %.17g", schedule, (int)step, (int)steps, lr, expected);
    }
}

static void constant_stays(void **state)
{
    (void)state;
    rate("constant", 0, 100, 0, 0.5);
    rate("constant", 100, 100, 0, 0.5);
    rate("constant", 7, 0, 0, 0.5);
}

/* cos(pi/3) = 1/2, cos(pi/2) = 0 */
static void cosine_falls_to_zero(void **state)
{
    (void)state;
    rate("cosine", 0, 300, 0, 0.5);
    rate("cosine", 100, 300, 0, 0.375);
    rate("cosine", 150, 300, 0, 0.25);
    rate("cosine", 300, 300, 0, 0);
    rate("cosine", 400, 300, 0, 0);
}

static void linear_falls_to_zero(void **state)
{
    (void)state;
    rate("linear", 0, 100, 0, 0.5);
    rate("linear", 25, 100, 0, 0.375);
    rate("linear", 100, 100, 0, 0);
}

static void warmup_rises_in_a_straight_line(void **state)
{
    (void)state;
    rate("constant", 0, 100, 4, 0.125);
    rate("constant", 1, 100, 4, 0.25);
    rate("constant", 3, 100, 4, 0.5);
    rate("constant", 4, 100, 4, 0.5);
    rate("linear", 1, 4, 4, 0.5 * 0.5 * 0.75);
}

static void schedules_are_found_by_name(void **state)
{
    (void)state;
    size_t count;
    const nd_schedule_class *const *table = nd_schedule_table(&count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(nd_schedule_find(table[i]->name), table[i]);
        assert_true(table[i]->factor(0) == 1);
    }
    assert_null(nd_schedule_find("cosin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(cosine_falls_to_zero),
        cmocka_unit_test(linear_falls_to_zero),
        cmocka_unit_test(warmup_rises_in_a_straight_line),
        cmocka_unit_test(schedules_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
