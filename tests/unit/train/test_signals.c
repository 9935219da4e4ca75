/* Signals of layers against numbers worked by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/signals.h"

enum { ROWS = 4, IN = 1, UNITS = 4 };

static nd_ctx *ctx;
static const nd_real x[ROWS] = {0, 1, 2, 3};

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

static void is_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-6 * (1 + fabs(expected)))) {
        fail_msg("%.9g, expected %.9g", value, expected);
    }
}

/* dense of four units, an activation, dense of one; with weights w and biases b. */
static nd_net *make(const char *activation, const nd_real *w, const nd_real *b)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, IN, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=4"), ND_OK);
    assert_int_equal(nd_desc_add(desc, activation, NULL), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 1, &net), ND_OK);
    nd_desc_destroy(desc);
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    assert_int_equal(spans, 4);
    memcpy(nd_net_parameters(net) + span[0].offset, w, UNITS * sizeof *w);
    memcpy(nd_net_parameters(net) + span[1].offset, b, UNITS * sizeof *b);
    return net;
}

static nd_signals *watch(nd_net *net, nd_source **source)
{
    nd_signals *signals;
    assert_int_equal(nd_source_from_arrays(ctx, x, NULL, ROWS, IN, 0, source), ND_OK);
    assert_int_equal(nd_signals_create(net, *source, &signals), ND_OK);
    return signals;
}

/* Units 1 and 2 are never above 0 on the rows 0, 1, 2, 3; unit 3 is in one of them. */
static void units_that_never_fire_are_dead(void **state)
{
    (void)state;
    const nd_real w[UNITS] = {1, -1, 1, 1}, b[UNITS] = {0, 0, -3, -2};
    static const char *const name[] = {"relu", "leaky_relu", "tanh"};
    static const double dead[] = {0.5, 0, 0};
    for (size_t i = 0; i < 3; i++) {
        nd_source *source;
        size_t count;
        nd_net *net = make(name[i], w, b);
        nd_signals *signals = watch(net, &source);
        assert_null(nd_signals_take(signals, &count));
        nd_signals_before(signals);
        nd_signals_after(signals);
        const nd_layer_signal *s = nd_signals_take(signals, &count);
        assert_int_equal(count, 3);
        is_near(s[1].dead, dead[i]);
        assert_true(isnan(s[0].dead) && isnan(s[2].dead) && isnan(s[1].gradient));
        assert_null(nd_signals_take(signals, &count));
        nd_signals_destroy(signals);
        nd_source_destroy(source);
        nd_net_destroy(net);
    }
}

/* sigmoid(z) is within 0.025 of an end from |z| = log(39) = 3.66 on: of z = x, 2x, -4x and
 * 10 that is true of 0, 2 (4, 6), 3 (4, 8, 12) and 4 results. */
static void results_near_their_ends_are_saturated(void **state)
{
    (void)state;
    const nd_real w[UNITS] = {1, 2, -4, 0}, b[UNITS] = {0, 0, 0, 10};
    nd_source *source;
    size_t count;
    nd_net *net = make("sigmoid", w, b);
    nd_signals *signals = watch(net, &source);
    nd_signals_before(signals);
    nd_signals_after(signals);
    const nd_layer_signal *s = nd_signals_take(signals, &count);
    is_near(s[1].saturated, 9.0 / 16);
    nd_signals_destroy(signals);
    nd_source_destroy(source);
    nd_net_destroy(net);
}

/* Weights (3, 4, 0, 0), all biases 0: length 5. A step adds 0.3 to one of them and 0.4 to
 * a bias: 0.5 / 5. The gradient is (1, 2, 2, 0, ...): length 3. */
static void lengths_are_those_of_all_parameters_of_a_layer(void **state)
{
    (void)state;
    const nd_real w[UNITS] = {3, 4, 0, 0}, b[UNITS] = {0};
    nd_source *source;
    size_t count, spans;
    nd_net *net = make("relu", w, b);
    const nd_span *span = nd_net_spans(net, &spans);
    nd_signals *signals = watch(net, &source);
    nd_real *param = nd_net_parameters(net), *grad = nd_net_gradients(net);
    nd_signals_before(signals);
    param[span[0].offset + 2] += (nd_real)0.3;
    param[span[1].offset + 1] += (nd_real)0.4;
    grad[span[0].offset] = 1;
    grad[span[0].offset + 1] = 2;
    grad[span[1].offset] = 2;
    nd_signals_after(signals);
    const nd_layer_signal *s = nd_signals_take(signals, &count);
    assert_string_equal(s[0].name, "dense1");
    is_near(s[0].gradient, 3);
    is_near(s[0].update, 0.1);
    is_near(s[0].weight, sqrt(25 + 0.09 + 0.16));
    is_near(s[2].update, 0);
    nd_signals_destroy(signals);
    nd_source_destroy(source);
    nd_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_that_never_fire_are_dead),
        cmocka_unit_test(results_near_their_ends_are_saturated),
        cmocka_unit_test(lengths_are_those_of_all_parameters_of_a_layer),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
