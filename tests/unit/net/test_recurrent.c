/* Recurrent layers in a network: initial values, steps that follow from what stands before,
 * truncation, the same bits at any number of threads, no allocation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/net.h"

enum { ROWS = 37, TIME = 6, FEATURES = 3, INPUTS = TIME * FEATURES, UNITS = 20 };

static nd_real x[ROWS * INPUTS], y[ROWS * 2];

static void fill_batch(void)
{
    nd_rng rng = {.seed = 9};
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        x[i] = (nd_real)nd_rng_normal(&rng, i);
    }
    for (size_t i = 0; i < ROWS * 2; i++) {
        y[i] = (nd_real)nd_rng_normal(&rng, ROWS * INPUTS + i);
    }
}

static nd_desc *describe(nd_ctx *ctx, const char *type, const char *attributes)
{
    nd_desc *desc;
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    if (nd_desc_add(desc, type, attributes) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    assert_int_equal(nd_desc_add(desc, "dense", "units=2"), ND_OK);
    return desc;
}

static nd_net *make_net(nd_ctx *ctx, const char *type, const char *attributes)
{
    nd_net *net;
    nd_desc *desc = describe(ctx, type, attributes);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 3, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static const nd_real *tensor(nd_net *net, const char *name, const nd_span **span)
{
    size_t count;
    const nd_span *all = nd_net_spans(net, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) == 0) {
            *span = &all[i];
            return nd_net_parameters(net) + all[i].offset;
        }
    }
    fail_msg("there is no %s", name);
    return NULL;
}

/* U^T U = I for the block of each gate. */
static void check_orthogonal(nd_net *net, const char *name)
{
    const nd_span *span = NULL;
    const nd_real *u = tensor(net, name, &span);
    for (size_t first = 0; first < span->cols; first += UNITS) {
        for (size_t i = 0; i < UNITS * UNITS; i++) {
            double dot = 0;
            for (size_t r = 0; r < UNITS; r++) {
                dot += (double)u[r * span->cols + first + i / UNITS] *
                       (double)u[r * span->cols + first + i % UNITS];
            }
            assert_true(fabs(dot - (i / UNITS == i % UNITS)) < 1e-5);
        }
    }
}

static void the_state_starts_with_an_orthogonal_matrix_per_gate(void **state)
{
    (void)state;
    static const char *const type[] = {"rnn", "lstm", "gru"};
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    for (size_t i = 0; i < 3; i++) {
        nd_net *net = make_net(ctx, type[i], "units=20, time=6, bidirectional=true");
        check_orthogonal(net, "layers.0.recurrent");
        check_orthogonal(net, "layers.0.reverse_recurrent");
        nd_net_destroy(net);
    }
    nd_ctx_destroy(ctx);
}

static void an_lstm_remembers_at_first(void **state)
{
    (void)state;
    nd_ctx *ctx;
    const nd_span *span = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "lstm", "units=20, time=6");
    const nd_real *bias = tensor(net, "layers.0.bias", &span);
    assert_int_equal(span->cols, 4 * UNITS);
    assert_false(span->decay);
    for (size_t j = 0; j < span->cols; j++) { /* i, f, g, o */
        assert_true(bias[j] == (nd_real)(j / UNITS == 1));
    }
    nd_net_destroy(net);
    net = make_net(ctx, "gru", "units=20, time=6");
    bias = tensor(net, "layers.0.bias", &span);
    for (size_t j = 0; j < span->cols; j++) {
        assert_true(bias[j] == 0);
    }
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

/* What a layer behind learns about the steps becomes part of the description. */
static void the_steps_follow_from_the_layer_before(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "lstm", "units=4, features=3, return=all"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dropout", "rate=0.1"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "gru", "units=5, bidirectional=true"), ND_OK);
    assert_int_equal(desc->layer[0]->shape.out, TIME * 4);
    assert_int_equal(desc->layer[2]->shape.times, TIME);
    assert_int_equal(desc->layer[2]->shape.out, 2 * 5);
    assert_int_equal(nd_opt_int(&desc->layer[2]->attr, "time"), TIME);
    assert_int_equal(desc->layer[2]->shape.param[0].rows, 4);
    /* A dense layer has no steps any more: each of its results is one. */
    assert_int_equal(nd_desc_add(desc, "dense", "units=7"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "rnn", "units=2"), ND_OK);
    assert_int_equal(desc->layer[4]->shape.times, 7);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

static void steps_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "lstm", "units=4, time=5"), ND_ERR_SHAPE);
    assert_non_null(strstr(nd_ctx_message(ctx), "18 inputs do not make steps: time=5"));
    assert_int_equal(nd_desc_add(desc, "gru", "units=4, features=4"), ND_ERR_SHAPE);
    assert_non_null(strstr(nd_ctx_message(ctx), "features=4"));
    assert_int_equal(nd_desc_add(desc, "rnn", "units=4, time=3, features=3"), ND_ERR_SHAPE);
    assert_non_null(strstr(nd_ctx_message(ctx), "18 inputs do not make 3 steps of 3"));
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

/* Gradient block after one call; *size in bytes. */
static nd_real *gradient(int threads, const char *type, const char *attributes, size_t *size)
{
    nd_ctx *ctx;
    double loss;
    fill_batch();
    assert_int_equal(nd_ctx_create(&ctx, threads), ND_OK);
    nd_net *net = make_net(ctx, type, attributes);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
    *size = nd_net_size(net) * sizeof(nd_real);
    nd_real *copy = malloc(*size);
    assert_non_null(copy);
    memcpy(copy, nd_net_gradients(net), *size);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
    return copy;
}

static void the_bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const char *const type[] = {"rnn", "lstm", "gru"};
    static const int threads[] = {2, 3, 8};
    size_t size;
    for (size_t i = 0; i < 3; i++) {
        const char *form = "units=90, features=3, bidirectional=true, truncate=4";
        nd_real *one = gradient(1, type[i], form, &size);
        for (size_t k = 0; k < 3; k++) {
            nd_real *more = gradient(threads[k], type[i], form, &size);
            assert_memory_equal(one, more, size);
            free(more);
        }
        free(one);
    }
}

static void truncation_to_the_whole_sequence_or_more_changes_nothing(void **state)
{
    (void)state;
    static const char *const type[] = {"rnn", "lstm", "gru"};
    static const char *const truncate[] = {"6", "100"};
    size_t size;
    for (size_t i = 0; i < 3; i++) {
        nd_real *whole = gradient(1, type[i], "units=5, time=6, return=all", &size);
        for (size_t k = 0; k < 2; k++) {
            char form[80];
            snprintf(form, sizeof form, "units=5, time=6, return=all, truncate=%s", truncate[k]);
            nd_real *cut = gradient(1, type[i], form, &size);
            assert_memory_equal(whole, cut, size);
            free(cut);
        }
        nd_real *cut = gradient(1, type[i], "units=5, time=6, return=all, truncate=2", &size);
        assert_memory_not_equal(whole, cut, size);
        free(cut);
        free(whole);
    }
}

static void a_step_of_training_does_not_allocate(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real out[ROWS * 2];
    double loss;
    fill_batch();
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_net *net = make_net(ctx, "lstm", "units=20, time=6, bidirectional=true");
    unsigned long before = nd_alloc_calls();
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
    assert_int_equal(nd_net_forward(net, x, ROWS, out), ND_OK);
    assert_int_equal(nd_alloc_calls(), before);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

/* A weight counts once per step: 6 (3 x 20 + 20 x 20) and 20 x 2 behind. */
static void operations_are_counted_per_step(void **state)
{
    (void)state;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "rnn", "units=20, time=6");
    assert_true(nd_net_flops(net, false) == 6 * (3 * 20 + 20 * 20) + 20 * 2);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_starts_with_an_orthogonal_matrix_per_gate),
        cmocka_unit_test(an_lstm_remembers_at_first),
        cmocka_unit_test(the_steps_follow_from_the_layer_before),
        cmocka_unit_test(steps_that_do_not_fit_are_refused),
        cmocka_unit_test(the_bits_do_not_depend_on_threads),
        cmocka_unit_test(truncation_to_the_whole_sequence_or_more_changes_nothing),
        cmocka_unit_test(a_step_of_training_does_not_allocate),
        cmocka_unit_test(operations_are_counted_per_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
