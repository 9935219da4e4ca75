/* Training steps of small and larger networks: the same bits from any number of
 * threads, no allocation, and the direct path beside the general one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "contract/gradcheck.h"
#include "net/net.h"

enum { LAYERS = 4, STEPS = 12 };

typedef struct workload {
    size_t batch, width[LAYERS]; /* inputs, then units; 0 ends */
    const char *act;
    size_t zeros; /* of eight inputs, so many are 0 */
} workload;

static const workload list[] = {
    {1, {4, 16, 3}, "relu", 0},          {16, {4, 16, 3}, "tanh", 0},
    {32, {30, 64, 32, 1}, "relu", 0},    {256, {30, 64, 32, 1}, "relu", 0},
    {250, {13, 70, 9}, "leaky_relu", 0}, {500, {13, 70, 9}, "relu", 0},
    {200, {108, 64, 3}, "relu", 7},      {32, {784, 128, 10}, "relu", 0},
    {128, {784, 128, 10}, "relu", 7},    {128, {200, 150, 90, 10}, "sigmoid", 0},
    {1, {5, 9, 2}, "tanh", 0},           {1, {3, 8, 13, 4}, "leaky_relu", 0},
    {1, {6, 10, 7}, "relu", 0},          {1, {30, 64, 32, 1}, "sigmoid", 0},
};
enum { WORKLOADS = sizeof list / sizeof list[0] };

typedef struct trained {
    nd_ctx *ctx;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_real *x, *y;
    double loss;
} trained;

/* apart: a dropout of nothing, which keeps a net off the direct path. */
static void make_net(trained *t, const workload *w, bool apart)
{
    nd_desc *desc;
    size_t last = 0;
    assert_int_equal(nd_desc_create(t->ctx, w->width[0], &desc), ND_OK);
    for (size_t i = 1; i < LAYERS && w->width[i]; i++, last++) {
        char units[32];
        snprintf(units, sizeof units, "units=%zu", w->width[i]);
        if (i > 1) {
            assert_int_equal(nd_desc_add(desc, w->act, ""), ND_OK);
        }
        assert_int_equal(nd_desc_add(desc, "dense", units), ND_OK);
    }
    if (apart) {
        assert_int_equal(nd_desc_add(desc, "dropout", "rate=0"), ND_OK);
    }
    const char *loss = w->width[last] == 1 ? "binary_cross_entropy" : "cross_entropy";
    assert_int_equal(nd_net_create(t->ctx, desc, loss, w->batch, 5, &t->net), ND_OK);
    nd_desc_destroy(desc);
}

static trained make(const workload *w, const char *rule, int threads, bool apart)
{
    trained t = {0};
    assert_int_equal(nd_ctx_create(&t.ctx, threads), ND_OK);
    make_net(&t, w, apart);
    assert_int_equal(nd_optimizer_create(t.net, rule, "lr=0.05", &t.optimizer), ND_OK);
    size_t classes = nd_net_outputs(t.net) == 1 ? 2 : nd_net_outputs(t.net);
    t.x = nd_alloc(w->batch * w->width[0], sizeof *t.x);
    t.y = nd_alloc(w->batch, sizeof *t.y);
    assert_non_null(t.x);
    assert_non_null(t.y);
    gradcheck_random(3, 1, t.x, w->batch * w->width[0]);
    for (size_t i = 0; i < w->batch * w->width[0]; i++) {
        t.x[i] = i * 5 % 8 < w->zeros ? 0 : t.x[i];
    }
    for (size_t r = 0; r < w->batch; r++) {
        t.y[r] = (nd_real)((r * 7 + 3) % classes);
    }
    return t;
}

static void drop(trained *t)
{
    nd_free(t->x);
    nd_free(t->y);
    nd_optimizer_destroy(t->optimizer);
    nd_net_destroy(t->net);
    nd_ctx_destroy(t->ctx);
}

static void train(trained *t, const workload *w, int steps)
{
    for (int i = 0; i < steps; i++) {
        size_t rows = w->batch - (w->batch > 3 ? (size_t)(i % 3) : 0);
        assert_int_equal(nd_net_train(t->net, t->optimizer, t->x, t->y, rows, &t->loss), ND_OK);
    }
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static const int threads[] = {2, 3, 8};
    for (size_t i = 0; i < WORKLOADS; i++) {
        const char *rule = i % 2 ? "momentum" : "adam";
        trained one = make(&list[i], rule, 1, false);
        train(&one, &list[i], STEPS);
        for (size_t k = 0; k < 3; k++) {
            trained more = make(&list[i], rule, threads[k], false);
            train(&more, &list[i], STEPS);
            assert_memory_equal(nd_net_parameters(one.net), nd_net_parameters(more.net),
                                nd_net_size(one.net) * sizeof(nd_real));
            assert_memory_equal(&one.loss, &more.loss, sizeof one.loss);
            drop(&more);
        }
        drop(&one);
    }
}

/* Of the elements of a, or of their differences to b. */
static double largest(const nd_real *a, const nd_real *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)a[i] - (b ? (double)b[i] : 0));
        most = size > most ? size : most;
    }
    return most;
}

/* Largest difference over the largest element. */
static double difference(const nd_real *a, const nd_real *b, size_t n)
{
    return largest(a, b, n) / largest(a, NULL, n);
}

static void the_direct_path_agrees_with_the_general_one(void **state)
{
    (void)state;
    double limit = sizeof(nd_real) == 8 ? 1e-12 : 1e-5;
    for (size_t i = 0; i < WORKLOADS; i++) {
        trained direct = make(&list[i], "sgd", 2, false), general = make(&list[i], "sgd", 2, true);
        double a, b;
        size_t rows = list[i].batch;
        assert_int_equal(nd_net_gradient(direct.net, direct.x, direct.y, rows, &a), ND_OK);
        assert_int_equal(nd_net_gradient(general.net, direct.x, direct.y, rows, &b), ND_OK);
        assert_true(fabs(a - b) <= limit * fabs(a));
        assert_true(difference(nd_net_gradients(direct.net), nd_net_gradients(general.net),
                               nd_net_size(direct.net)) <= limit);
        drop(&direct);
        drop(&general);
    }
}

static void a_step_is_the_gradient_and_the_update(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKLOADS; i++) {
        trained whole = make(&list[i], "momentum", 2, false);
        trained parts = make(&list[i], "momentum", 2, false);
        train(&whole, &list[i], 3);
        for (int step = 0; step < 3; step++) {
            size_t rows = list[i].batch - (list[i].batch > 3 ? (size_t)(step % 3) : 0);
            assert_int_equal(nd_net_gradient(parts.net, parts.x, parts.y, rows, &parts.loss),
                             ND_OK);
            assert_int_equal(nd_optimizer_step(parts.optimizer), ND_OK);
        }
        assert_memory_equal(nd_net_parameters(whole.net), nd_net_parameters(parts.net),
                            nd_net_size(whole.net) * sizeof(nd_real));
        drop(&whole);
        drop(&parts);
    }
}

static void steps_do_not_allocate(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKLOADS; i++) {
        trained t = make(&list[i], "adam", 2, false);
        unsigned long before = nd_alloc_calls();
        train(&t, &list[i], 3);
        assert_true(nd_alloc_calls() == before);
        drop(&t);
    }
}

/* The gaps between spans stay zero, although kernels store whole vectors. */
static void gaps_between_spans_stay_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKLOADS; i++) {
        trained t = make(&list[i], "adam", 2, false);
        train(&t, &list[i], 3);
        size_t spans, size = nd_net_size(t.net);
        const nd_span *span = nd_net_spans(t.net, &spans);
        for (size_t k = 0; k < spans; k++) {
            size_t at = span[k].offset + span[k].rows * span[k].cols;
            for (; at < (k + 1 < spans ? span[k + 1].offset : size); at++) {
                assert_true(nd_net_gradients(t.net)[at] == 0);
                assert_true(nd_net_parameters(t.net)[at] == 0);
            }
        }
        drop(&t);
    }
}

static void divergence_leaves_parameters_untouched(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKLOADS; i++) {
        trained t = make(&list[i], "sgd", 2, false);
        size_t bytes = nd_net_size(t.net) * sizeof(nd_real);
        nd_real *before = nd_alloc(nd_net_size(t.net), sizeof *before);
        assert_non_null(before);
        memcpy(before, nd_net_parameters(t.net), bytes);
        t.x[0] = (nd_real)INFINITY;
        assert_int_equal(nd_net_train(t.net, t.optimizer, t.x, t.y, list[i].batch, &t.loss),
                         ND_ERR_DIVERGED);
        assert_string_equal(nd_ctx_message(nd_net_ctx(t.net)),
                            "step 1: input 0 of row 0 of the batch is not finite: inf");
        assert_memory_equal(before, nd_net_parameters(t.net), bytes);
        nd_free(before);
        drop(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(the_direct_path_agrees_with_the_general_one),
        cmocka_unit_test(a_step_is_the_gradient_and_the_update),
        cmocka_unit_test(steps_do_not_allocate),
        cmocka_unit_test(gaps_between_spans_stay_zero),
        cmocka_unit_test(divergence_leaves_parameters_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
