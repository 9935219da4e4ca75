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
    expect(weights("", "tanh", "dense"), 2 / (in + out), false);
    expect(weights("", "sigmoid", "relu"), 2 / (in + out), false);
    expect(weights("", "dense", "relu"), 2 / (in + out), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_variance),
        cmocka_unit_test(auto_goes_by_the_activation_that_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
