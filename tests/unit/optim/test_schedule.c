#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "optim/optim.h"

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

static nd_schedule make(const char *name, const char *attributes)
{
    nd_schedule schedule;
    assert_int_equal(nd_schedule_make(ctx, name, attributes, &schedule), ND_OK);
    return schedule;
}

static void close_to(const char *name, uint64_t step, double lr, double expected)
{
    if (!(fabs(lr - expected) < 1e-15)) {
        fail_msg("%s at %d: %.17g, not %.17g", name, (int)step, lr, expected);
    }
}

static void rate(const char *schedule, uint64_t step, uint64_t steps, uint64_t warmup,
                 double expected)
{
    nd_schedule s = make(schedule, NULL);
    nd_moment at = {.step = step, .steps = steps, .per_epoch = 1, .warmup = warmup};
    close_to(schedule, step, nd_schedule_rate(&s, 0.5, &at), expected);
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

/* 0.001^(2/3) = 0.01, 0.001^(1/3) = 0.1 */
static void an_exponential_warmup_rises_by_one_factor(void **state)
{
    (void)state;
    nd_schedule s = make("constant", NULL);
    s.exponential_warmup = true;
    static const double expected[] = {0.005, 0.05, 0.5, 0.5};
    for (uint64_t step = 0; step < 4; step++) {
        nd_moment at = {.step = step, .steps = 10, .per_epoch = 1, .warmup = 3};
        close_to("constant", step, nd_schedule_rate(&s, 0.5, &at), expected[step]);
    }
}

/* Four steps are an epoch: epoch 1.5 is in the second fall's stretch only from epoch 2 on,
 * and the smooth ones are at 1.5. */
static void epochs_are_counted_in_steps(void **state)
{
    (void)state;
    nd_moment at = {.step = 6, .steps = 100, .per_epoch = 4};
    nd_schedule step = make("step", "every=1, factor=0.5");
    nd_schedule smooth = make("inverse_time", "rate=2");
    close_to("step", 6, nd_schedule_rate(&step, 1, &at), 0.5);
    close_to("inverse_time", 6, nd_schedule_rate(&smooth, 1, &at), 0.25);
    at.step = 8;
    close_to("step", 8, nd_schedule_rate(&step, 1, &at), 0.25);
}

static void a_plateau_ends_where_the_loss_falls(void **state)
{
    (void)state;
    nd_schedule s = make("plateau", "factor=0.5, patience=1");
    nd_plateau p = nd_plateau_start();
    static const double loss[] = {3, 2, 2, 1, 1, 1, 1, 1};
    static const double expected[] = {1, 1, 1, 1, 1, 0.5, 0.5, 0.25};
    for (int i = 0; i < 8; i++) {
        nd_plateau_see(&p, &s, loss[i]);
        assert_true(p.scale == expected[i]);
    }
}

static void other_schedules_do_not_look_at_the_loss(void **state)
{
    (void)state;
    nd_schedule s = make("cosine", NULL);
    nd_plateau p = nd_plateau_start();
    for (int i = 0; i < 100; i++) {
        nd_plateau_see(&p, &s, 1);
    }
    assert_true(p.scale == 1 && p.waited == 0);
}

/* Rates stay within 0 and the base, wherever a run stands and however long it is. */
static void no_schedule_leaves_its_range(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 2, 3, 7, 1000, 1000000007};
    size_t count;
    const nd_schedule_class *const *table = nd_schedule_table(&count);
    for (size_t i = 0; i < count; i++) {
        nd_schedule s = make(table[i]->name, NULL);
        for (size_t k = 0; k < 7; k++) {
            for (uint64_t part = 0; part <= 8; part++) {
                nd_moment at = {.step = lengths[k] / 8 * part, .steps = lengths[k], .per_epoch = 3};
                double lr = nd_schedule_rate(&s, 0.5, &at);
                if (!(lr >= 0 && lr <= 0.5 + 1e-12)) {
                    fail_msg("%s: %g at %g of %g", s.class->name, lr, (double)at.step,
                             (double)at.steps);
                }
            }
        }
    }
}

static void refused(const char *name, const char *attributes, const char *words)
{
    nd_schedule s;
    assert_int_equal(nd_schedule_make(ctx, name, attributes, &s), ND_ERR_OPTION);
    if (!strstr(nd_ctx_message(ctx), words)) {
        fail_msg("'%s' does not say '%s'", nd_ctx_message(ctx), words);
    }
}

static void schedules_and_their_attributes_are_checked(void **state)
{
    (void)state;
    refused("cosin", NULL, "cosin");
    refused("step", "evry=3", "did you mean 'every'?");
    refused("step", "every=0", "every");
    refused("multistep", "at=3|x", "'x'");
    refused("multistep", "at=3|3", "'3'");
    refused("plateau", "factor=1", "factor");
}

static void schedules_are_found_by_name(void **state)
{
    (void)state;
    size_t count;
    const nd_schedule_class *const *table = nd_schedule_table(&count);
    assert_true(count >= 11);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(nd_schedule_find(table[i]->name), table[i]);
        assert_true(table[i]->option_count <= ND_SCHEDULE_SETTINGS);
        nd_schedule s = make(table[i]->name, NULL);
        nd_moment at = {.steps = 100, .per_epoch = 1};
        assert_true((nd_schedule_rate(&s, 1, &at) == 1) == !table[i]->rises);
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
        cmocka_unit_test(an_exponential_warmup_rises_by_one_factor),
        cmocka_unit_test(epochs_are_counted_in_steps),
        cmocka_unit_test(a_plateau_ends_where_the_loss_falls),
        cmocka_unit_test(other_schedules_do_not_look_at_the_loss),
        cmocka_unit_test(no_schedule_leaves_its_range),
        cmocka_unit_test(schedules_and_their_attributes_are_checked),
        cmocka_unit_test(schedules_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
