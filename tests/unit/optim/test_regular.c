/* Penalties, bounds, clipping and the moving average of an optimizer, on hand-worked steps. */
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

/* Layer 0: a matrix [2][2] and a bias; layer 1: a matrix [2][1]. */
enum { SIZE = 8 };

typedef struct fixture {
    nd_ctx *ctx;
    nd_real w[SIZE], g[SIZE];
    nd_span span[3];
    nd_regular own;
    nd_optimizer *optimizer;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){
        .w = {3, 1, 4, -1, 5, -6, 2, 0},
        .g = {0, 0, 0, 0, 0, 0, 0, 0},
        .span = {{.name = "a", .rows = 2, .cols = 2, .decay = 1, .lr = 1},
                 {.name = "b", .offset = 4, .rows = 1, .cols = 2, .lr = 1},
                 {.name = "c", .offset = 6, .rows = 2, .cols = 1, .layer = 1, .decay = 1, .lr = 1}},
        .own = {NAN, NAN, NAN, NAN, NAN},
    };
    f.span[2].own = &f.own;
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

static nd_status try_make(fixture *f, const char *rule, const char *attributes)
{
    nd_optimizer_destroy(f->optimizer);
    return nd_optimizer_on_block(f->ctx, rule, attributes, SIZE, f->w, f->g, f->span, 3,
                                 &f->optimizer);
}

static void make(fixture *f, const char *rule, const char *attributes)
{
    assert_int_equal(try_make(f, rule, attributes), ND_OK);
}

static void are(const nd_real *got, const double expected[SIZE])
{
    for (size_t i = 0; i < SIZE; i++) {
        if (!(fabs((double)got[i] - expected[i]) <= epsilon * fmax(1, fabs(expected[i])))) {
            fail_msg("element %zu is %.17g, not %.17g", i, (double)got[i], expected[i]);
        }
    }
}

static void step(fixture *f, const double expected[SIZE])
{
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    are(f->w, expected);
}

static void refused(fixture *f, const char *rule, const char *attributes, const char *word)
{
    assert_int_equal(try_make(f, rule, attributes), ND_ERR_OPTION);
    assert_null(f->optimizer);
    if (!strstr(nd_ctx_message(f->ctx), word)) {
        fail_msg("\"%s\" does not name %s", nd_ctx_message(f->ctx), word);
    }
}

static void l1_pulls_weights_to_zero_and_leaves_biases(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5, l1=0.2");
    step(f, (const double[]){2.9, 0.9, 3.9, -0.9, 5, -6, 1.9, 0});
}

static void elastic_net_is_the_sum_of_both(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5, l1=0.2, l2=0.4");
    step(f, (const double[]){2.3, 0.7, 3.1, -0.7, 5, -6, 1.5, 0});
}

static void decay_all_penalizes_biases_as_well(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5, l1=0.2, decay_all=true");
    step(f, (const double[]){2.9, 0.9, 3.9, -0.9, 4.9, -5.9, 1.9, 0});
}

/* lion's own decay goes beside the step; l2 turns the sign of its gradient. */
static void l2_goes_through_the_gradient_of_any_rule(void **state)
{
    fixture *f = *state;
    make(f, "lion", "lr=0.5, l2=0.4");
    step(f, (const double[]){2.5, 0.5, 3.5, -0.5, 5, -6, 1.5, 0});
}

static void decoupled_decay_is_not_divided_by_the_rule(void **state)
{
    fixture *f = *state;
    make(f, "adagrad", "lr=0.5, weight_decay=0.4, decoupled_decay=true");
    step(f, (const double[]){2.4, 0.8, 3.2, -0.8, 5, -6, 1.6, 0});
}

static void a_layer_overrides_the_optimizer(void **state)
{
    fixture *f = *state;
    f->own.l1 = 0;
    f->own.max_norm = 0.5;
    make(f, "sgd", "lr=0.5, l1=0.2");
    step(f, (const double[]){2.9, 0.9, 3.9, -0.9, 5, -6, 0.5, 0});
}

/* Column (3, 4) has norm 5, column (1, -1) the root of 2. */
static void max_norm_bounds_each_unit(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=0.5, max_norm=2");
    step(f, (const double[]){1.2, 1, 1.6, -1, 5, -6, 2, 0});
}

static void a_frozen_layer_keeps_its_weights(void **state)
{
    fixture *f = *state;
    f->span[0].lr = 0;
    make(f, "sgd", "lr=0.5, max_norm=1, l1=0.2, orthogonality=1");
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    assert_true(f->w[0] == 3 && f->w[1] == 1 && f->w[2] == 4 && f->w[3] == -1);
}

/* W = [[3, 1], [4, -1]]: W^T W - I = [[24, -1], [-1, 1]], the gradient 4 W times it is
 * 4 [[71, -2], [97, -5]]; layer 1 has 4 (4 - 1) 2 = 24. */
static void orthogonality_has_the_gradient_of_its_penalty(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=1, orthogonality=0.001");
    step(f, (const double[]){3 - 0.284, 1 + 0.008, 4 - 0.388, -1 + 0.02, 5, -6, 2 - 0.024, 0});
}

static void an_orthogonal_matrix_has_no_penalty(void **state)
{
    fixture *f = *state;
    const nd_real turn[] = {(nd_real)0.6, (nd_real)-0.8, (nd_real)0.8, (nd_real)0.6};
    memcpy(f->w, turn, sizeof turn);
    f->w[6] = 1;
    make(f, "sgd", "lr=1, orthogonality=1");
    step(f, (const double[]){0.6, -0.8, 0.8, 0.6, 5, -6, 1, 0});
}

/* Ascent is of the loss, not of what is added to it. */
static void penalties_are_made_small_while_a_loss_is_made_large(void **state)
{
    fixture *f = *state;
    f->g[4] = 1;
    make(f, "sgd", "lr=1, l1=0.5, orthogonality=0.001, maximize=true");
    step(f, (const double[]){2.5 - 0.284, 0.5 + 0.008, 3.5 - 0.388, -0.5 + 0.02, 6, -6, 1.5 - 0.024,
                             0});
}

static void clip_value_bounds_each_element(void **state)
{
    fixture *f = *state;
    f->g[0] = 9;
    f->g[1] = (nd_real)0.25;
    f->g[4] = -9;
    make(f, "sgd", "lr=1, clip_value=0.5");
    step(f, (const double[]){2.5, 0.75, 4, -1, 5.5, -6, 2, 0});
}

/* Layer 0 has the norm 5 over matrix and bias, layer 1 the norm 0.5. */
static void clip_layer_norm_shortens_layers_one_by_one(void **state)
{
    fixture *f = *state;
    f->g[0] = 3;
    f->g[4] = -4;
    f->g[6] = (nd_real)0.5;
    make(f, "sgd", "lr=1, clip_layer_norm=1");
    step(f, (const double[]){2.4, 1, 4, -1, 5.8, -6, 1.5, 0});
}

/* Column 0 of weights has norm 5, so its gradient keeps 0.5; the bias, one unit, has the
 * root of 61; the last layer is left alone. */
static void clip_adaptive_goes_by_the_norm_of_weights(void **state)
{
    fixture *f = *state;
    f->g[0] = 3;
    f->g[2] = -4;
    f->g[1] = (nd_real)0.125;
    f->g[4] = 10;
    f->g[6] = 100;
    make(f, "sgd", "lr=1, clip_adaptive=0.1");
    step(f, (const double[]){2.7, 0.875, 4.4, -1, 5 - sqrt(61) / 10, -6, -98, 0});
}

static void two_forms_of_clipping_are_refused(void **state)
{
    fixture *f = *state;
    refused(f, "sgd", "clip_norm=1, clip_value=2", "clip_value");
    refused(f, "adam", "clip_layer_norm=1, clip_adaptive=0.1", "clip_adaptive");
}

static void what_a_line_search_cannot_take_is_refused(void **state)
{
    fixture *f = *state;
    refused(f, "lbfgs", "l1=0.1", "kink");
    refused(f, "lbfgs", "max_norm=1", "max_norm");
    refused(f, "lbfgs", "clip_value=1", "clip_value");
    refused(f, "lbfgs", "weight_decay=1, decoupled_decay=true", "decoupled_decay");
    f->own.l1 = 0.1;
    refused(f, "lbfgs", NULL, "kink");
}

static void senseless_numbers_are_refused(void **state)
{
    fixture *f = *state;
    refused(f, "sgd", "max_norm=-1", "max_norm");
    refused(f, "sgd", "ema=1", "first weights");
    refused(f, "rprop", "decoupled_decay=true", "decoupled_decay");
}

/* The average that starts at 0, divided by 1 - d^t: after weights 2 and 5 at d = 0.5 it is
 * (0.25 * 2 + 0.5 * 5) / 0.75 = 4. */
static void the_average_is_corrected_for_its_start(void **state)
{
    fixture *f = *state;
    make(f, "sgd", "lr=1, ema=0.5");
    f->g[0] = 1;
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    f->g[0] = -3;
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    assert_true(f->w[0] == 5);
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_OK);
    are(f->w, (const double[]){4, 1, 4, -1, 5, -6, 2, 0});
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_OK);
    assert_true(f->w[0] == 5);
}

/* Weight 9 is bound to 2 before it counts. */
static void the_average_is_of_bound_weights_and_of_frozen_ones(void **state)
{
    fixture *f = *state;
    f->span[0].lr = 0;
    f->g[6] = -7;
    make(f, "sgd", "lr=1, ema=0.5, max_norm=2");
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_OK);
    are(f->w, (const double[]){3, 1, 4, -1, 5, -6, 2, 0});
}

static void there_is_no_average_to_swap_before_a_step_or_without_ema(void **state)
{
    fixture *f = *state;
    make(f, "sgd", NULL);
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_ERR_ARGUMENT);
    make(f, "nesterov", "ema=0.9");
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_look_ahead(f->optimizer), ND_OK);
    assert_int_equal(nd_optimizer_step(f->optimizer), ND_OK);
    assert_int_equal(nd_optimizer_look_ahead(f->optimizer), ND_OK);
    assert_int_equal(nd_optimizer_swap_average(f->optimizer), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_swap_average(NULL), ND_ERR_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(l1_pulls_weights_to_zero_and_leaves_biases),
        TEST(elastic_net_is_the_sum_of_both),
        TEST(decay_all_penalizes_biases_as_well),
        TEST(l2_goes_through_the_gradient_of_any_rule),
        TEST(decoupled_decay_is_not_divided_by_the_rule),
        TEST(a_layer_overrides_the_optimizer),
        TEST(max_norm_bounds_each_unit),
        TEST(a_frozen_layer_keeps_its_weights),
        TEST(orthogonality_has_the_gradient_of_its_penalty),
        TEST(an_orthogonal_matrix_has_no_penalty),
        TEST(penalties_are_made_small_while_a_loss_is_made_large),
        TEST(clip_value_bounds_each_element),
        TEST(clip_layer_norm_shortens_layers_one_by_one),
        TEST(clip_adaptive_goes_by_the_norm_of_weights),
        TEST(two_forms_of_clipping_are_refused),
        TEST(what_a_line_search_cannot_take_is_refused),
        TEST(senseless_numbers_are_refused),
        TEST(the_average_is_corrected_for_its_start),
        TEST(the_average_is_of_bound_weights_and_of_frozen_ones),
        TEST(there_is_no_average_to_swap_before_a_step_or_without_ema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
