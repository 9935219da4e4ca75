/* Networks as a user of nadir.h sees them. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "contract/gradcheck.h"
#include "net/net.h"

enum { ROWS = 33, INPUTS = 7, CLASSES = 3 };

static const char *const residual[][2] = {
    {"dense", "units=16"}, {"batchnorm", ""},    {"relu", "name=r"},
    {"dense", "units=16"}, {"tanh", ""},         {"dropout", "rate=0.25, name=d"},
    {"add", "from=r|d"},   {"dense", "units=3"},
};

/* NULL if an allocation failed on the way. */
static nd_net *make_net(nd_ctx *ctx, const char *loss, uint64_t seed)
{
    nd_desc *desc;
    nd_net *net = NULL;
    if (nd_desc_create(ctx, INPUTS, &desc) != ND_OK) {
        return NULL;
    }
    nd_status status = ND_OK;
    for (size_t i = 0; status == ND_OK && i < sizeof residual / sizeof residual[0]; i++) {
        status = nd_desc_add(desc, residual[i][0], residual[i][1]);
    }
    if (status == ND_OK) {
        status = nd_net_create(ctx, desc, loss, ROWS, seed, &net);
    }
    assert_true(status == ND_OK || status == ND_ERR_MEMORY);
    nd_desc_destroy(desc);
    return net;
}

static void fill_batch(nd_real *x, nd_real *y)
{
    gradcheck_random(1, 1, x, ROWS * INPUTS);
    for (size_t r = 0; r < ROWS; r++) {
        y[r] = (nd_real)((r * 7 + 2) % CLASSES);
    }
}

static void train(nd_net *net, const char *rule, const char *attributes, int steps)
{
    nd_real x[ROWS * INPUTS], y[ROWS];
    nd_optimizer *optimizer;
    double loss;
    fill_batch(x, y);
    assert_int_equal(nd_optimizer_create(net, rule, attributes, &optimizer), ND_OK);
    for (int i = 0; i < steps; i++) {
        nd_net_set_step(net, (uint64_t)i);
        assert_int_equal(nd_net_gradient(net, x, y, ROWS - (size_t)(i % 2), &loss), ND_OK);
        assert_int_equal(nd_optimizer_step(optimizer), ND_OK);
    }
    nd_optimizer_destroy(optimizer);
}

static void forward_gradient_and_step_do_not_allocate(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real x[ROWS * INPUTS], y[ROWS], p[ROWS * CLASSES];
    nd_optimizer *optimizer;
    double loss;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    fill_batch(x, y);
    assert_int_equal(nd_optimizer_create(net, "adam", "weight_decay=0.1, clip_norm=1", &optimizer),
                     ND_OK);
    unsigned long before = nd_alloc_calls();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(nd_net_forward(net, x, ROWS, p), ND_OK);
        assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
        assert_int_equal(nd_net_loss(net, x, y, ROWS, &loss), ND_OK);
        assert_int_equal(nd_optimizer_step(optimizer), ND_OK);
    }
    assert_int_equal(nd_alloc_calls(), before);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

/* Parameters after 20 steps with a number of threads and a rule. */
static nd_real *trained(int threads, const char *rule, uint64_t seed, size_t *size)
{
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, threads), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", seed);
    train(net, rule, "lr=0.01", 20);
    *size = nd_net_size(net) * sizeof(nd_real);
    nd_real *copy = malloc(*size);
    assert_non_null(copy);
    memcpy(copy, nd_net_parameters(net), *size);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
    return copy;
}

static void one_two_three_and_eight_threads_give_the_same_bits(void **state)
{
    (void)state;
    static const int threads[] = {2, 3, 8};
    size_t size, other;
    nd_real *one = trained(1, "adam", 5, &size);
    for (size_t i = 0; i < 3; i++) {
        nd_real *more = trained(threads[i], "adam", 5, &other);
        assert_int_equal(size, other);
        assert_memory_equal(one, more, size);
        free(more);
    }
    free(one);
}

static void another_seed_gives_other_parameters(void **state)
{
    (void)state;
    size_t size;
    nd_real *a = trained(1, "sgd", 5, &size), *b = trained(1, "sgd", 6, &size);
    assert_memory_not_equal(a, b, size);
    free(a);
    free(b);
}

typedef struct job {
    const char *rule;
    uint64_t seed;
    size_t size;
    nd_real *result;
} job;

static void *run_job(void *user)
{
    job *j = user;
    for (int i = 0; i < 10; i++) {
        free(j->result);
        j->result = trained(2, j->rule, j->seed, &j->size);
    }
    return NULL;
}

static void two_nets_in_two_threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    job a = {.rule = "adam", .seed = 1}, b = {.rule = "momentum", .seed = 2};
    pthread_t first, second;
    assert_int_equal(pthread_create(&first, NULL, run_job, &a), 0);
    assert_int_equal(pthread_create(&second, NULL, run_job, &b), 0);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    size_t size;
    nd_real *alone = trained(1, a.rule, a.seed, &size);
    assert_memory_equal(alone, a.result, size);
    free(alone);
    alone = trained(1, b.rule, b.seed, &size);
    assert_memory_equal(alone, b.result, size);
    free(alone);
    free(a.result);
    free(b.result);
}

/* Each allocation fails once: an error, no crash, nothing lost. */
static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_net *net = NULL;
    nd_optimizer *optimizer = NULL;
    unsigned long n = 1;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    for (; !net; n++) {
        nd_alloc_fail_at(n, false);
        net = make_net(ctx, "cross_entropy", 1);
        nd_alloc_fail_at(0, false);
    }
    assert_true(n > 50);
    for (n = 1; !optimizer; n++) {
        nd_alloc_fail_at(n, false);
        nd_status status = nd_optimizer_create(net, "adam", "lr=1, beta1=0.5", &optimizer);
        nd_alloc_fail_at(0, false);
        assert_int_equal(status, optimizer ? ND_OK : ND_ERR_MEMORY);
    }
    assert_true(n > 5);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real x[(ROWS + 1) * INPUTS] = {0}, y[ROWS + 1] = {0}, p[1] = {42};
    double loss;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    assert_int_equal(nd_net_forward(NULL, x, 1, p), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, NULL, 1, p), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, 1, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, 0, p), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, ROWS + 1, p), ND_ERR_SHAPE);
    assert_true(p[0] == 42);
    assert_non_null(strstr(nd_ctx_message(ctx), "34 rows"));
    assert_int_equal(nd_net_gradient(net, x, NULL, 1, &loss), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_gradient(net, x, y, 1, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_loss(net, x, y, ROWS + 1, &loss), ND_ERR_SHAPE);
    y[4] = CLASSES;
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "row 4"));
    assert_non_null(strstr(nd_ctx_message(ctx), "label 3"));
    nd_optimizer *optimizer = (nd_optimizer *)x;
    assert_int_equal(nd_optimizer_create(NULL, "sgd", NULL, &optimizer), ND_ERR_ARGUMENT);
    assert_null(optimizer);
    assert_int_equal(nd_optimizer_create(net, NULL, NULL, &optimizer), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_create(net, "sgd", NULL, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_optimizer_step(NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_inputs(NULL), 0);
    assert_null(nd_net_parameters(NULL));
    nd_net_destroy(NULL);
    nd_optimizer_destroy(NULL);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static nd_status create(nd_ctx *ctx, const char *const layers[][2], size_t count, const char *loss,
                        nd_net **net)
{
    nd_desc *desc;
    assert_int_equal(nd_desc_create(ctx, 4, &desc), ND_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nd_desc_add(desc, layers[i][0], layers[i][1]), ND_OK);
    }
    nd_status status = nd_net_create(ctx, desc, loss, 8, 1, net);
    nd_desc_destroy(desc);
    return status;
}

static void networks_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    static const char *const softmax[][2] = {{"dense", "units=3"}, {"softmax", ""}};
    static const char *const sigmoid[][2] = {{"dense", "units=1"}, {"sigmoid", ""}};
    static const char *const unused[][2] = {{"dense", "units=3, name=lost"},
                                            {"dense", "units=2, from=input"}};
    nd_ctx *ctx;
    nd_net *net;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(create(ctx, softmax, 2, "cross_entropy", &net), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "applies softmax itself"));
    assert_null(net);
    assert_int_equal(create(ctx, sigmoid, 2, "binary_cross_entropy", &net), ND_ERR_OPTION);
    assert_int_equal(create(ctx, sigmoid, 2, "cross_entropy", &net), ND_ERR_SHAPE);
    assert_int_equal(create(ctx, unused, 2, "mse", &net), ND_ERR_SHAPE);
    assert_non_null(strstr(nd_ctx_message(ctx), "lost"));
    assert_int_equal(create(ctx, unused, 0, "mse", &net), ND_ERR_ARGUMENT);
    assert_int_equal(create(ctx, unused, 1, "msee", &net), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "mse"));
    nd_ctx_destroy(ctx);
}

static void a_network_too_large_for_memory_is_refused(void **state)
{
    (void)state;
    static const char *const wide[][2] = {
        {"dense", "units=16777216"}, {"dense", "units=16777216"}, {"dense", "units=16777216"}};
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, SIZE_MAX / 8, &desc), ND_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nd_desc_add(desc, wide[i][0], wide[i][1]), ND_OK);
    }
    assert_int_equal(nd_net_create(ctx, desc, "mse", 1, 1, &net), ND_ERR_SHAPE);
    assert_null(net);
    nd_desc_destroy(desc);
    static const char *const small[][2] = {{"dense", "units=2"}};
    assert_int_equal(create(ctx, small, 1, "mse", &net), ND_OK);
    assert_int_equal(nd_net_replan(net, SIZE_MAX / 2), ND_ERR_SHAPE);
    assert_int_equal(nd_net_max_rows(net), 8);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void a_longer_plan_keeps_the_parameters(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real x[ROWS * INPUTS], y[ROWS], before[ROWS * CLASSES], after[ROWS * CLASSES];
    const nd_real *logits;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    fill_batch(x, y);
    train(net, "sgd", NULL, 3);
    assert_int_equal(nd_net_forward(net, x, ROWS, before), ND_OK);
    assert_int_equal(nd_net_replan(net, 500), ND_OK);
    assert_int_equal(nd_net_last_logits(net, &logits), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_forward(net, x, ROWS, after), ND_OK);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(nd_net_max_rows(net), 500);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void a_row_predicts_the_same_alone_and_in_a_batch(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real x[ROWS * INPUTS], y[ROWS], batch[ROWS * CLASSES], one[CLASSES];
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    fill_batch(x, y);
    train(net, "momentum", NULL, 5);
    assert_int_equal(nd_net_forward(net, x, ROWS, batch), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        double sum = 0;
        assert_int_equal(nd_net_forward(net, x + r * INPUTS, 1, one), ND_OK);
        for (size_t j = 0; j < CLASSES; j++) {
            sum += (double)one[j];
            assert_true(fabs((double)one[j] - (double)batch[r * CLASSES + j]) < 1e-5);
        }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void masks_go_by_step_and_evaluation_has_none(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real x[ROWS * INPUTS], y[ROWS];
    double first, again, other, one, two;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    fill_batch(x, y);
    nd_net_set_step(net, 8);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &first), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &again), ND_OK);
    nd_net_set_step(net, 9);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &other), ND_OK);
    assert_true(first == again);
    assert_true(first != other);
    assert_int_equal(nd_net_loss(net, x, y, ROWS, &one), ND_OK);
    nd_net_set_step(net, 10);
    assert_int_equal(nd_net_loss(net, x, y, ROWS, &two), ND_OK);
    assert_true(one == two);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

/* Multiply-adds by hand: 7x16 + 16x16 + 16x3 forward; the input needs no gradient. */
static void operations_are_counted_without_the_input_gradient(void **state)
{
    (void)state;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, "cross_entropy", 1);
    assert_true(nd_net_flops(net, false) == 112 + 256 + 48);
    assert_true(nd_net_flops(net, true) == 2 * 112 + 3 * (256 + 48));
    assert_int_equal(nd_net_parameter_count(net), 112 + 16 + 32 + 256 + 16 + 48 + 3);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_gradient_and_step_do_not_allocate),
        cmocka_unit_test(one_two_three_and_eight_threads_give_the_same_bits),
        cmocka_unit_test(another_seed_gives_other_parameters),
        cmocka_unit_test(two_nets_in_two_threads_do_not_disturb_each_other),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(networks_that_cannot_be_meant_are_refused),
        cmocka_unit_test(a_network_too_large_for_memory_is_refused),
        cmocka_unit_test(a_longer_plan_keeps_the_parameters),
        cmocka_unit_test(a_row_predicts_the_same_alone_and_in_a_batch),
        cmocka_unit_test(masks_go_by_step_and_evaluation_has_none),
        cmocka_unit_test(operations_are_counted_without_the_input_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
