/* Initial weights have the mean, variance and range of their formula. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "net/net.h"

enum { IN = 300, OUT = 200 };

typedef struct sample {
    double mean, variance, kurtosis, most;
} sample;

static sample measure(const nd_real *w, size_t n)
{
    sample s = {0};
    for (size_t i = 0; i < n; i++) {
        double d = (double)w[i];
        s.mean += d / (double)n;
        s.most = fabs(d) > s.most ? fabs(d) : s.most;
    }
    double fourth = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)w[i] - s.mean;
        s.variance += d * d / (double)n;
        fourth += d * d * d * d / (double)n;
    }
    s.kurtosis = fourth / (s.variance * s.variance);
    return s;
}

/* Weights of a first layer with the given attributes, followed by a layer. */
static sample weights(const char *attributes, const char *follower, const char *after)
{
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    size_t count;
    char text[128];
    snprintf(text, sizeof text, "units=%d%s%s", OUT, attributes[0] ? ", " : "", attributes);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, IN, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", text), ND_OK);
    assert_int_equal(nd_desc_add(desc, follower, NULL), ND_OK);
    assert_int_equal(nd_desc_add(desc, after, NULL), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 1, 12, &net), ND_OK);
    const nd_span *span = nd_net_spans(net, &count);
    assert_int_equal(span[0].rows, IN);
    assert_int_equal(span[0].cols, OUT);
    sample s = measure(nd_net_parameters(net) + span[0].offset, IN * OUT);
    sample bias = measure(nd_net_parameters(net) + span[1].offset, OUT);
    assert_true(bias.most == 0);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
    return s;
}

/* With n = 60000 the mean strays by 1/sqrt(n) deviations, the variance by a share
 * of sqrt((kurtosis - 1)/n); five of those are allowed. Kurtosis: normal 3 (strays
 * by sqrt(24/n)), uniform 1.8. */
static void expect(sample s, double variance, bool normal)
{
    const double n = IN * OUT;
    double kurtosis = normal ? 3 : 1.8;
    assert_true(fabs(s.mean) < 5 * sqrt(variance / n));
    if (!(fabs(s.variance / variance - 1) < 5 * sqrt((kurtosis - 1) / n))) {
        fail_msg("variance %g, not %g", s.variance, variance);
    }
    assert_true(fabs(s.kurtosis - kurtosis) < 5 * sqrt(24 / n));
    if (!normal) {
        assert_true(s.most <= sqrt(3 * variance) * (1 + 1e-6));
    }
}

static void each_rule_has_its_variance(void **state)
{
    (void)state;
    const double in = IN, out = OUT;
    expect(weights("init=he_normal", "tanh", "dense"), 2 / in, true);
    expect(weights("init=he_uniform", "tanh", "dense"), 2 / in, false);
    expect(weights("init=glorot_normal", "relu", "dense"), 2 / (in + out), true);
    expect(weights("init=glorot_uniform", "relu", "dense"), 2 / (in + out), false);
    expect(weights("init=lecun_normal", "relu", "dense"), 1 / in, true);
    expect(weights("init=lecun_uniform", "relu", "dense"), 1 / in, false);
    assert_true(weights("init=zeros", "relu", "dense").most == 0);
}

static void auto_goes_by_the_activation_that_follows(void **state)
{
    (void)state;
    const double in = IN, out = OUT;
    expect(weights("", "relu", "dense"), 2 / in, true);
    expect(weights("", "leaky_relu", "dense"), 2 / in, true);
    expect(weights("init=auto", "batchnorm", "relu"), 2 / in, true);
    expect(weights("init=auto", "layernorm", "relu"), 2 / in, true);
    expect(weights("", "tanh", "dense"), 2 / (in + out), false);
    expect(weights("", "sigmoid", "relu"), 2 / (in + out), false);
    expect(weights("", "dense", "relu"), 2 / (in + out), false);
}

static void small_random_weights_have_their_scale(void **state)
{
    (void)state;
    expect(weights("init=normal, scale=0.05", "tanh", "dense"), 0.05 * 0.05, true);
    expect(weights("init=uniform, scale=0.3", "tanh", "dense"), 0.3 * 0.3 / 3, false);
    sample s = weights("init=constant, scale=-0.5", "tanh", "dense");
    assert_true(fabs(s.mean + 0.5) < 1e-9 && s.most == 0.5);
}

static void auto_knows_the_newer_activations(void **state)
{
    (void)state;
    const double in = IN, out = OUT;
    expect(weights("", "gelu", "dense"), 2 / in, true);
    expect(weights("", "prelu", "dense"), 2 / in, true);
    expect(weights("", "selu", "dense"), 1 / in, true);
    expect(weights("", "softsign", "dense"), 2 / (in + out), false);
    expect(weights("", "linear", "tanh"), 2 / (in + out), false);
}

/* A net of one dense layer and what follows; *w gets its weights. */
static nd_net *one_layer(nd_ctx *ctx, size_t in, const char *attributes, const char *follower,
                         nd_real **w)
{
    nd_desc *desc;
    nd_net *net;
    size_t count;
    assert_int_equal(nd_desc_create(ctx, in, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", attributes), ND_OK);
    if (follower) {
        assert_int_equal(nd_desc_add(desc, follower, NULL), ND_OK);
    }
    assert_int_equal(nd_net_create(ctx, desc, "mse", 64, 5, &net), ND_OK);
    *w = nd_net_parameters(net) + nd_net_spans(net, &count)[0].offset;
    nd_desc_destroy(desc);
    return net;
}

/* W W^T or W^T W, the smaller, is gain^2 times the identity. */
static void check_orthogonal(nd_ctx *ctx, size_t in, size_t out, const char *follower, double gain)
{
    char text[64];
    nd_real *w;
    snprintf(text, sizeof text, "units=%zu, init=orthogonal", out);
    nd_net *net = one_layer(ctx, in, text, follower, &w);
    bool wide = out > in;
    size_t count = wide ? in : out, n = wide ? out : in;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) {
                sum += wide ? (double)w[i * out + k] * (double)w[j * out + k]
                            : (double)w[k * out + i] * (double)w[k * out + j];
            }
            assert_true(fabs(sum - (i == j ? gain * gain : 0)) < 1e-5);
        }
    }
    nd_net_destroy(net);
}

static void orthogonal_weights_are_orthogonal_with_the_gain_of_the_activation(void **state)
{
    (void)state;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    check_orthogonal(ctx, 40, 40, NULL, 1);
    check_orthogonal(ctx, 50, 30, "relu", sqrt(2));
    check_orthogonal(ctx, 30, 50, "tanh", 5.0 / 3);
    check_orthogonal(ctx, 1, 5, "sigmoid", 1);
    nd_ctx_destroy(ctx);
}

static void identity_weights_pass_the_input_on(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_real *w, x[3] = {3, -4, 5}, y[4];
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = one_layer(ctx, 3, "units=4, init=identity, gain=2, bias_init=0.25", NULL, &w);
    assert_int_equal(nd_net_forward(net, x, 1, y), ND_OK);
    const double want[4] = {6.25, -7.75, 10.25, 0.25};
    for (size_t i = 0; i < 4; i++) {
        assert_true((double)y[i] == want[i]);
    }
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

/* 15 weights into each of 400 units: mean 0 and variance 1 within five deviations of a
 * sample of 6000; and every unit has an own choice of inputs. */
static void sparse_weights_are_fifteen_per_unit(void **state)
{
    (void)state;
    enum { WIDE = 400, ROWS = 100 };
    nd_ctx *ctx;
    nd_real *w;
    double mean = 0, squares = 0;
    size_t first_row = 0;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = one_layer(ctx, ROWS, "units=400, init=sparse", NULL, &w);
    for (size_t j = 0; j < WIDE; j++) {
        size_t count = 0;
        for (size_t i = 0; i < ROWS; i++) {
            double value = (double)w[i * WIDE + j];
            count += value != 0;
            mean += value / (15.0 * WIDE);
            squares += value * value / (15.0 * WIDE);
        }
        assert_int_equal(count, 15);
        first_row += w[j] != 0;
    }
    assert_true(fabs(mean) < 5 / sqrt(15.0 * WIDE) && fabs(squares - 1) < 5 * sqrt(2 / 6000.0));
    /* 400 draws with probability 0.15: 60, deviation 7.1 */
    assert_true(first_row > 24 && first_row < 96);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void lsuv_gives_every_layer_unit_variance(void **state)
{
    (void)state;
    enum { ROWS = 64, WIDE = 20 };
    nd_ctx *ctx;
    nd_desc *desc;
    nd_real x[ROWS * WIDE], y[ROWS * WIDE];
    nd_rng rng = {.seed = 3};
    for (size_t i = 0; i < ROWS * WIDE; i++) {
        x[i] = (nd_real)(7 * nd_rng_normal(&rng, i));
    }
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    assert_int_equal(nd_desc_create(ctx, WIDE, &desc), ND_OK);
    for (size_t depth = 0; depth < 4; depth++) {
        nd_net *net;
        nd_desc_add(desc, depth ? "tanh" : "linear", NULL);
        assert_int_equal(nd_desc_add(desc, "dense", "units=20, init=lsuv"), ND_OK);
        assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 5, &net), ND_OK);
        assert_int_equal(nd_net_init_on(net, x, ROWS), ND_OK);
        assert_int_equal(nd_net_forward(net, x, ROWS, y), ND_OK);
        sample s = measure(y, (size_t)ROWS * WIDE);
        assert_true(fabs(s.variance - 1) < 1e-3);
        nd_real zero[2 * WIDE] = {0};
        assert_int_equal(nd_net_init_on(net, zero, 2), ND_ERR_DATA);
        assert_int_equal(nd_net_init_on(net, x, 1), ND_ERR_SHAPE);
        nd_net_destroy(net);
    }
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_variance),
        cmocka_unit_test(auto_goes_by_the_activation_that_follows),
        cmocka_unit_test(small_random_weights_have_their_scale),
        cmocka_unit_test(auto_knows_the_newer_activations),
        cmocka_unit_test(orthogonal_weights_are_orthogonal_with_the_gain_of_the_activation),
        cmocka_unit_test(identity_weights_pass_the_input_on),
        cmocka_unit_test(sparse_weights_are_fifteen_per_unit),
        cmocka_unit_test(lsuv_gives_every_layer_unit_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
