/* Frozen layers: what they keep, what is not computed, and what happens when they thaw. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/net.h"
#include "train/fit.h"

enum { ROWS = 24, IN = 3, OUT = 2, MOST = 4096 };

/* Rounding of sums of some hundred terms. */
static const double NEAR = sizeof(nd_real) == sizeof(double) ? 1e-13 : 1e-5;

static nd_ctx *ctx;
static nd_real x[ROWS * IN], y[ROWS * OUT];

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS * IN; i++) {
        x[i] = (nd_real)sin((double)(i * 5 + 1));
    }
    for (size_t r = 0; r < ROWS; r++) {
        y[r * OUT] = x[r * IN] * x[r * IN + 1];
        y[r * OUT + 1] = x[r * IN + 2];
    }
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

/* Layers separated by ';', those in frozen (separated by blanks) frozen. */
static nd_net *make(const char *layers, const char *frozen)
{
    nd_desc *desc;
    nd_net *net;
    char text[512], names[128], *save = NULL;
    assert_int_equal(nd_desc_create(ctx, IN, &desc), ND_OK);
    snprintf(text, sizeof text, "%s", layers);
    for (char *word = strtok_r(text, ";", &save); word; word = strtok_r(NULL, ";", &save)) {
        char *attributes = strchr(word, ' ');
        if (attributes != NULL) {
            *attributes++ = '\0';
        }
        assert_int_equal(nd_desc_add(desc, word, attributes), ND_OK);
    }
    snprintf(names, sizeof names, "%s", frozen);
    for (char *word = strtok_r(names, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_int_equal(nd_desc_freeze(desc, word), ND_OK);
    }
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 3, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static bool is_frozen(const nd_net *net, const nd_span *span)
{
    return nd_net_desc(net)->layer[span->layer]->frozen;
}

static double gradient(nd_net *net)
{
    double loss;
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
    return loss;
}

/* The gradient of what learns is that of the net without freezing, up to rounding: a small
 * net that learns as a whole takes another path. The rest is zero. */
static void same_gradient_where_it_learns(const char *layers, const char *frozen)
{
    nd_net *all = make(layers, ""), *some = make(layers, frozen);
    size_t spans;
    const nd_span *span = nd_net_spans(some, &spans);
    double loss = gradient(all);
    assert_true(fabs(loss - gradient(some)) <= NEAR * loss);
    for (size_t i = 0; i < spans; i++) {
        const nd_real *a = nd_net_gradients(all) + span[i].offset;
        const nd_real *b = nd_net_gradients(some) + span[i].offset;
        for (size_t k = 0; k < span[i].rows * span[i].cols; k++) {
            double size = fabs((double)a[k]), off = fabs((double)(a[k] - b[k]));
            assert_true(is_frozen(some, &span[i]) ? b[k] == 0 : off <= NEAR * (1 + size));
        }
    }
    nd_net_destroy(all);
    nd_net_destroy(some);
}

static const char small[] = "dense units=8;relu;dense units=6;tanh;dense units=2";
static const char large[] = "dense units=150;relu;dense units=130;relu;dense units=2";
static const char mixed[] = "dense units=8;prelu;dense units=8;layernorm;relu;add "
                            "from=prelu1|relu1;dense units=2";

static void what_learns_has_the_gradient_of_a_net_without_freezing(void **state)
{
    (void)state;
    const char *const frozen[] = {"dense1", "dense2", "dense1 dense2", "dense3", "dense1 dense3"};
    for (size_t i = 0; i < sizeof frozen / sizeof frozen[0]; i++) {
        same_gradient_where_it_learns(small, frozen[i]);
        same_gradient_where_it_learns(large, frozen[i]);
        same_gradient_where_it_learns(mixed, frozen[i]);
    }
    same_gradient_where_it_learns(mixed, "dense1 prelu1");
    same_gradient_where_it_learns(mixed, "prelu1 layernorm1");
}

static void nothing_is_computed_below_the_lowest_layer_that_learns(void **state)
{
    (void)state;
    nd_net *all = make(large, ""), *body = make(large, "dense1 dense2");
    double weights[] = {3 * 150, 150 * 130, 130 * 2};
    double forward = weights[0] + weights[1] + weights[2];
    assert_true(nd_net_flops(all, false) == forward);
    assert_true(nd_net_flops(all, true) == 3 * forward - weights[0]);
    assert_true(nd_net_flops(body, true) == forward + weights[2]);
    nd_net_destroy(all);
    nd_net_destroy(body);
}

static nd_fit_result fit(nd_net *net, const char *rule, const nd_fit_params *params)
{
    nd_source *source;
    nd_optimizer *optimizer;
    nd_fit_result result;
    assert_int_equal(nd_source_from_arrays(ctx, x, y, ROWS, IN, OUT, &source), ND_OK);
    assert_int_equal(nd_optimizer_create(net, rule, "weight_decay=0.01", &optimizer), ND_OK);
    assert_int_equal(nd_fit(net, optimizer, source, NULL, params, &result), ND_OK);
    nd_optimizer_destroy(optimizer);
    nd_source_destroy(source);
    return result;
}

static const nd_fit_params short_run = {.epochs = 4, .batch_size = 8, .lr = 0.05, .seed = 1};

static void frozen_layers_keep_every_number(void **state)
{
    (void)state;
    static const char layers[] = "dense units=8;batchnorm;relu;dense units=6;batchnorm;tanh;dense "
                                 "units=2";
    static const char *const rule[] = {"sgd", "nesterov", "adamw", "rprop", "nadam", "amsgrad"};
    for (size_t i = 0; i < sizeof rule / sizeof rule[0]; i++) {
        nd_net *net = make(layers, "dense1 batchnorm1 batchnorm2"), *before = make(layers, "");
        size_t spans, buffers;
        fit(net, rule[i], &short_run);
        const nd_span *span = nd_net_spans(net, &spans);
        for (size_t s = 0; s < spans; s++) {
            size_t bytes = span[s].rows * span[s].cols * sizeof(nd_real);
            bool same = memcmp(nd_net_parameters(net) + span[s].offset,
                               nd_net_parameters(before) + span[s].offset, bytes) == 0;
            if (same != is_frozen(net, &span[s])) {
                fail_msg("%s: %s", rule[i], span[s].name);
            }
        }
        buffers = nd_net_buffer_size(net);
        assert_memory_equal(nd_net_buffers(net), nd_net_buffers(before), buffers * sizeof(nd_real));
        nd_net_destroy(net);
        nd_net_destroy(before);
    }
}

/* Lower layers learn through a batch normalization whose figures are constants. */
static void the_gradient_through_frozen_statistics_is_that_of_the_loss(void **state)
{
    (void)state;
    nd_net *net = make("dense units=5;batchnorm;tanh;dense units=2", "batchnorm1");
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    size_t buffers = nd_net_buffer_size(net);
    for (size_t i = 0; i < buffers; i++) {
        nd_net_buffers(net)[i] = (nd_real)(0.5 + 0.1 * (double)(i % 5));
    }
    gradient(net);
    for (size_t k = 0; k < span[0].rows * span[0].cols; k++) {
        nd_real *w = nd_net_parameters(net) + span[0].offset + k, kept = *w;
        double g = (double)nd_net_gradients(net)[span[0].offset + k], up, down, h = 1e-2;
        *w = kept + (nd_real)h;
        up = gradient(net);
        *w = kept - (nd_real)h;
        down = gradient(net);
        *w = kept;
        gradient(net);
        assert_true(fabs((up - down) / (2 * h) - g) < 2e-3 * (1 + fabs(g)));
    }
    nd_net_destroy(net);
}

/* Until the third epoch a run with two more, then both learn as from there. */
static void thawed_layers_begin_like_new_ones_of_the_rule(void **state)
{
    (void)state;
    nd_fit_params params = {.epochs = 1, .batch_size = 0, .lr = 0.01, .seed = 1};
    nd_net *net = make(small, "dense1");
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    params.epochs = 3;
    params.unfreeze_at = 3;
    nd_real before[64];
    size_t n = span[0].rows * span[0].cols;
    memcpy(before, nd_net_parameters(net) + span[0].offset, n * sizeof *before);
    nd_optimizer *optimizer;
    nd_source *source;
    nd_fit_result result;
    assert_int_equal(nd_source_from_arrays(ctx, x, y, ROWS, IN, OUT, &source), ND_OK);
    assert_int_equal(nd_optimizer_create(net, "adam", "eps=1e-16", &optimizer), ND_OK);
    assert_int_equal(nd_fit(net, optimizer, source, NULL, &params, &result), ND_OK);
    int moved = 0;
    /* Adam's first step is the rate in each direction: m / sqrt(v) = g / |g|. */
    for (size_t k = 0; k < n; k++) {
        double step = (double)nd_net_parameters(net)[span[0].offset + k] - (double)before[k];
        if (step != 0) {
            assert_true(fabs(fabs(step) - 0.01) < 1e-5);
            moved++;
        }
    }
    assert_true(moved > (int)n / 2);
    nd_optimizer_destroy(optimizer);
    nd_source_destroy(source);
    nd_net_destroy(net);
}

static void thawing_and_freezing_again_does_not_allocate(void **state)
{
    (void)state;
    nd_net *net = make(large, "dense1");
    unsigned long before = nd_alloc_calls();
    nd_net_thaw(net, true);
    gradient(net);
    nd_net_thaw(net, false);
    gradient(net);
    assert_int_equal(nd_alloc_calls(), before);
    nd_net_destroy(net);
    same_gradient_where_it_learns(large, "dense1");
}

static void lbfgs_leaves_frozen_layers_alone(void **state)
{
    (void)state;
    nd_fit_params params = {.epochs = 20, .batch_size = 0, .lr = 1, .seed = 1};
    nd_net *net = make(small, "dense1"), *before = make(small, "");
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    nd_fit_result result = fit(net, "lbfgs", &params);
    assert_memory_equal(nd_net_parameters(net), nd_net_parameters(before),
                        span[2].offset * sizeof(nd_real));
    assert_true(result.train_loss < 0.5 * gradient(before));
    nd_net_destroy(net);
    nd_net_destroy(before);
}

static void layers_without_parameters_cannot_be_frozen(void **state)
{
    (void)state;
    nd_desc *desc;
    assert_int_equal(nd_desc_create(ctx, 2, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=2"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "relu", NULL), ND_OK);
    assert_int_equal(nd_desc_freeze(desc, "relu1"), ND_ERR_OPTION);
    assert_string_equal(nd_ctx_message(ctx),
                        "no layer with parameters is named 'relu1'; there are dense1");
    assert_int_equal(nd_desc_freeze(desc, "dense2"), ND_ERR_OPTION);
    assert_int_equal(nd_desc_freeze(desc, NULL), ND_ERR_ARGUMENT);
    nd_desc_destroy(desc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_learns_has_the_gradient_of_a_net_without_freezing),
        cmocka_unit_test(nothing_is_computed_below_the_lowest_layer_that_learns),
        cmocka_unit_test(frozen_layers_keep_every_number),
        cmocka_unit_test(the_gradient_through_frozen_statistics_is_that_of_the_loss),
        cmocka_unit_test(thawed_layers_begin_like_new_ones_of_the_rule),
        cmocka_unit_test(thawing_and_freezing_again_does_not_allocate),
        cmocka_unit_test(lbfgs_leaves_frozen_layers_alone),
        cmocka_unit_test(layers_without_parameters_cannot_be_frozen),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
