/* Update rules on hand-worked steps; decay, clipping, divergence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "optim/optim.h"

static const double epsilon = sizeof(nd_real) == 8 ? 1e-14 : 1e-6;

typedef struct fixture {
    nd_ctx *ctx;
    nd_real w[4], g[4];
    nd_optimizer *optimizer;
} fixture;

/* Two weights that decay, two biases that do not. */
static const nd_span spans[] = {
    {.name = "w", .offset = 0, .rows = 2, .cols = 1, .decay = 1, .lr = 1},
    {.name = "b", .offset = 2, .rows = 1, .cols = 2, .decay = 0, .lr = 1},
};

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.w = {1, -2, 3, -4}, .g = {(nd_real)0.5, -1, 2, 0}};
    *state = &f;
    return nd_ctx_create(&f.ctx, 1) != ND_OK;
}

static int teardown(void **state)
{
    fixture *f = *state;
    nd_optimizer_destroy(f->optimizer);
    nd_ctx_destroy(f->ctx);
    return 0;
}

static void make(fixture *f, const char *rule, const char *attributes)
{
    assert_int_equal(nd_optimizer_on_block(f->ctx, rule, attributes, 4, f->w, f->g, spans, 2,
                                           &f->optimizer),
                     ND_OK);
}

static void step(fixture *f, const double expected[4])
{
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    for (size_t i = 0; i < 4; i++) {
        if (!(fabs((double)f->w[i] - expected[i]) <= epsilon * fmax(1, fabs(expected[i])))) {
            fail_msg("element %zu is %.17g, not %.17g", i, (double)f->w[i], expected[i]);
        }
    }
}

static void sgd_steps_against_the_gradient(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5");
    step(f, (const double[]){0.75, -1.5, 2, -4});
    step(f, (const double[]){0.5, -1, 1, -4});
    assert_int_equal(nd_optimizer_steps(f->optimizer), 2);
    assert_int_equal(nd_optimizer_states(f->optimizer), 0);
}

/* g + decay w, on the weights only: 0.5 + 0.2*1, -1 + 0.2*-2 */
static void weight_decay_leaves_biases_alone(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5, weight_decay=0.2");
    step(f, (const double[]){1 - 0.35, -2 + 0.7, 2, -4});
}

/* v1 = 0.1 g, v2 = 0.5 v1 + 0.1 g = 0.15 g: w moves by 0.1 g, then 0.15 g. */
static void momentum_keeps_a_share_of_the_last_update(void **state)
{
    fixture *f = *state;
    make(f, "momentum", "lr=0.1, momentum=0.5");
    step(f, (const double[]){0.95, -1.9, 2.8, -4});
    step(f, (const double[]){0.875, -1.75, 2.5, -4});
    assert_true(fabs((double)nd_optimizer_state(f->optimizer, 0)[2] - 0.3) < 1e-6);
    assert_null(nd_optimizer_state(f->optimizer, 1));
}

/* The first step of Adam is lr in the direction of the gradient's sign (but for
 * eps); with a constant gradient so is every other. */
static void adam_steps_by_lr_under_a_constant_gradient(void **state)
{
    fixture *f = *state;
    make(f, "adam", "lr=0.25, eps=1e-16");
    step(f, (const double[]){0.75, -1.75, 2.75, -4});
    step(f, (const double[]){0.5, -1.5, 2.5, -4});
    assert_int_equal(nd_optimizer_states(f->optimizer), 2);
}

/* |g| = sqrt(0.25 + 1 + 4) = sqrt(5.25), clipped to 1. */
static void a_long_gradient_is_clipped_and_a_short_one_is_not(void **state)
{
    fixture *f = *state;
    double norm = sqrt(5.25);
    make(f, "sgd", "lr=1, clip_norm=1");
    step(f, (const double[]){1 - 0.5 / norm, -2 + 1 / norm, 3 - 2 / norm, -4});
    nd_optimizer_destroy(f->optimizer);
    memcpy(f->w, (const nd_real[]){1, -2, 3, -4}, sizeof f->w);
    make(f, "sgd", "lr=1, clip_norm=2.3");
    step(f, (const double[]){0.5, -1, 1, -4});
}

static void a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    fixture *f = *state;
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    make(f, "adam", "clip_norm=1");
    for (size_t i = 0; i < 3; i++) {
        nd_real before[4];
        memcpy(before, f->w, sizeof before);
        f->g[1] = (nd_real)bad[i];
        assert_int_equal(nd_optimizer_step(f->optimizer), ND_ERR_DIVERGED);
        assert_memory_equal(before, f->w, sizeof before);
        assert_int_equal(nd_optimizer_steps(f->optimizer), 0);
        assert_true(nd_optimizer_state(f->optimizer, 0)[0] == 0);
    }
    f->g[1] = -1;
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
}

static void a_large_finite_gradient_is_not_called_divergence(void **state)
{
    fixture *f = *state;
    f->g[0] = (nd_real)1e37; /* its square is beyond float */
    make(f, "sgd", "lr=1, clip_norm=1");
    step(f, (const double[]){0, -2, 3, -4});
}

/* 2e38 clipped to 1e-3: a scale of 5e-42 is no normal float, and would be read as 0. */
static void a_gradient_too_long_to_clip_is_divergence(void **state)
{
    fixture *f = *state;
    nd_real before[4];
    memcpy(before, f->w, sizeof before);
    make(f, "sgd", "lr=1, clip_norm=1e-3");
#ifndef ND_REAL_DOUBLE
    f->g[0] = (nd_real)2e38;
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_ERR_DIVERGED);
    assert_memory_equal(before, f->w, sizeof before);
    assert_int_equal(nd_optimizer_steps(f->optimizer), 0);
#endif
}

static void the_rate_has_a_default_and_can_be_changed(void **state)
{
    fixture *f = *state;
    make(f, "adam", NULL);
    assert_true(nd_optimizer_lr(f->optimizer) == 0.001);
    assert_int_equal(nd_optimizer_set_lr(f->optimizer, 0.5), ND_OK);
    assert_true(nd_optimizer_lr(f->optimizer) == 0.5);
    assert_int_equal(nd_optimizer_set_lr(f->optimizer, 0), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_set_lr(f->optimizer, NAN), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_set_lr(f->optimizer, INFINITY), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_set_lr(NULL, 1), ND_ERR_ARGUMENT);
    assert_true(nd_optimizer_lr(f->optimizer) == 0.5);
}

static void refused(fixture *f, const char *rule, const char *attributes, const char *words)
{
    nd_status status =
        nd_optimizer_on_block(f->ctx, rule, attributes, 4, f->w, f->g, spans, 2, &f->optimizer);
    assert_int_equal(status, ND_ERR_OPTION);
    assert_null(f->optimizer);
    if (!strstr(nd_ctx_message(f->ctx), words)) {
        fail_msg("'%s' does not say '%s'", nd_ctx_message(f->ctx), words);
    }
}

static void unknown_rules_and_attributes_are_named(void **state)
{
    fixture *f = *state;
    refused(f, "adamm", NULL, "sgd, momentum, nesterov");
    refused(f, "sgd", "momentum=0.9", "momentum");
    refused(f, "momentum", "momentun=0.9", "did you mean 'momentum'?");
    refused(f, "adam", "beta1=1", "beta1");
    refused(f, "sgd", "lr=-1", "lr");
    refused(f, "sgd", "weight_decay=x", "weight_decay");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sgd_steps_against_the_gradient, setup, teardown),
        cmocka_unit_test_setup_teardown(weight_decay_leaves_biases_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(momentum_keeps_a_share_of_the_last_update, setup, teardown),
        cmocka_unit_test_setup_teardown(adam_steps_by_lr_under_a_constant_gradient, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_long_gradient_is_clipped_and_a_short_one_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_gradient_that_is_not_finite_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_large_finite_gradient_is_not_called_divergence, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_gradient_too_long_to_clip_is_divergence, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rate_has_a_default_and_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_rules_and_attributes_are_named, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
