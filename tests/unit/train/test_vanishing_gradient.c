/* A deep network of sigmoids does not learn, since the derivative of each is at most a
 * quarter; each of the known cures lets it. docs/techniques/vanishing-gradient.md
 * shows the figures printed here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "net/net.h"
#include "optim/optim.h"

enum { ROWS = 256, INPUTS = 2, DEPTH = 10, UNITS = 16, STEPS = 1000 };

typedef struct recipe {
    const char *name, *dense, *activation;
    const char *norm; /* NULL: none */
    bool residual;
} recipe;

typedef struct outcome {
    double norm[DEPTH + 1]; /* of each weight's gradient before the first step */
    double first, last;     /* loss */
} outcome;

/* Inside of a circle that holds about half of the square. */
static void make_rows(nd_real *x, nd_real *y)
{
    nd_rng rng = {.seed = 4};
    for (size_t i = 0; i < ROWS; i++) {
        double a = 2 * nd_rng_uniform(&rng, 2 * i) - 1;
        double b = 2 * nd_rng_uniform(&rng, 2 * i + 1) - 1;
        x[2 * i] = (nd_real)a;
        x[2 * i + 1] = (nd_real)b;
        y[i] = a * a + b * b < 0.64;
    }
}

static void add_block(nd_desc *desc, const recipe *r, size_t i)
{
    char text[128], last[32];
    snprintf(last, sizeof last, i > 0 ? "end%zu" : "input", i - 1);
    snprintf(text, sizeof text, "units=%d, from=%s, %s", UNITS, last, r->dense);
    assert_int_equal(nd_desc_add(desc, "dense", text), ND_OK);
    if (r->norm) {
        assert_int_equal(nd_desc_add(desc, r->norm, NULL), ND_OK);
    }
    bool joined = r->residual && i > 0;
    snprintf(text, sizeof text, "name=%s%zu", joined ? "act" : "end", i);
    assert_int_equal(nd_desc_add(desc, r->activation, text), ND_OK);
    if (joined) {
        snprintf(text, sizeof text, "from=act%zu|%s, name=end%zu", i, last, i);
        assert_int_equal(nd_desc_add(desc, "add", text), ND_OK);
    }
}

static nd_net *make_net(nd_ctx *ctx, const recipe *r)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    for (size_t i = 0; i < DEPTH; i++) {
        add_block(desc, r, i);
    }
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "binary_cross_entropy", ROWS, 3, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static void gradient_norms(nd_net *net, double norm[DEPTH + 1])
{
    size_t count, layer = 0;
    const nd_span *span = nd_net_spans(net, &count);
    for (size_t i = 0; i < count; i++) {
        if (strstr(span[i].name, ".weight")) {
            const nd_real *g = nd_net_gradients(net) + span[i].offset;
            norm[layer++] = sqrt(nd_k_sum_squares(NULL, span[i].rows * span[i].cols, g));
        }
    }
    assert_int_equal(layer, DEPTH + 1);
}

static outcome try(const recipe *r)
{
    outcome out;
    nd_real x[ROWS * INPUTS], y[ROWS];
    nd_ctx *ctx;
    nd_optimizer *optimizer;
    make_rows(x, y);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_net *net = make_net(ctx, r);
    assert_int_equal(nd_optimizer_create(net, "momentum", "lr=0.1", &optimizer), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &out.first), ND_OK);
    gradient_norms(net, out.norm);
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(nd_net_train(net, optimizer, x, y, ROWS, &out.last), ND_OK);
    }
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
    print_message("%-20s", r->name);
    for (int i = 0; i <= DEPTH; i += 2) {
        print_message(" %8.1e", out.norm[i]);
    }
    print_message("  loss %.3f -> %.3f\n", out.first, out.last);
    return out;
}

/* Half of the rows are inside: a loss of log 2 = 0.693 is that of knowing nothing. */
static void a_deep_network_of_sigmoids_stalls(void **state)
{
    (void)state;
    outcome out = try(&(recipe){"sigmoid", "init=glorot_uniform", "sigmoid", NULL, false});
    assert_true(out.norm[0] < 1e-5 * out.norm[DEPTH]);
    assert_true(out.last > 0.68);
}

static void each_cure_lets_it_learn(void **state)
{
    (void)state;
    static const recipe cure[] = {
        {"relu", "init=he_normal", "relu", NULL, false},
        {"batch normalization", "init=glorot_uniform", "sigmoid", "batchnorm", false},
        {"initialization", "init=orthogonal, gain=8", "sigmoid", NULL, false},
        {"residual", "init=glorot_uniform", "sigmoid", NULL, true},
    };
    for (size_t i = 0; i < sizeof cure / sizeof cure[0]; i++) {
        outcome out = try(&cure[i]);
        if (!(out.norm[0] > 1e-3 * out.norm[DEPTH] && out.last < 0.35)) {
            fail_msg("%s: gradient norms %g and %g, loss %g", cure[i].name, out.norm[0],
                     out.norm[DEPTH], out.last);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deep_network_of_sigmoids_stalls),
        cmocka_unit_test(each_cure_lets_it_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
