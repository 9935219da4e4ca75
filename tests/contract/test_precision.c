/* A hundred steps beside the same formulas as plain loops in double: the float engine
 * stays within 1e-5 of them, the double engine within 1e-12. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "contract/gradcheck.h"
#include "net/net.h"

enum { LAYERS = 3, STEPS = 100, WIDEST = 128 };

static const double rate = 0.02, momentum = 0.9;

/* Most rows and inputs of a test; layers have at most WIDEST units. */
enum { ROWS = 64, INPUTS = 200 };

typedef struct workload {
    size_t rows, width[LAYERS + 1]; /* inputs, then units */
    bool sparse;                    /* seven inputs of eight are .. */
    nd_real ground;                 /* .. this */
} workload;

/* Dense layers with relu between them, in plain loops. Weights lie at at[i][0] of param,
 * biases at at[i][1]. */
typedef struct plain {
    const workload *work;
    size_t at[LAYERS][2], size;
    double *param, *grad, *update;
    double y[LAYERS + 1][INPUTS]; /* of one row */
} plain;

static void plain_forward(plain *p, const nd_real *x)
{
    for (size_t j = 0; j < p->work->width[0]; j++) {
        p->y[0][j] = (double)x[j];
    }
    for (size_t l = 0; l < LAYERS; l++) {
        size_t in = p->work->width[l], out = p->work->width[l + 1];
        for (size_t j = 0; j < out; j++) {
            double z = p->param[p->at[l][1] + j];
            for (size_t i = 0; i < in; i++) {
                z += p->y[l][i] * p->param[p->at[l][0] + i * out + j];
            }
            p->y[l + 1][j] = l + 1 < LAYERS && z < 0 ? 0 : z;
        }
    }
}

/* g = softmax(z) - onehot(label), or sigmoid(z) - label for a single output. */
static void loss_gradient(const plain *p, double label, double *g)
{
    size_t n = p->work->width[LAYERS];
    const double *z = p->y[LAYERS];
    double sum = n == 1 ? 1 + exp(-z[0]) : 0;
    for (size_t j = 0; n > 1 && j < n; j++) {
        sum += exp(z[j]);
    }
    for (size_t j = 0; j < n; j++) {
        g[j] = n == 1 ? 1 / sum - label : exp(z[j]) / sum - (j == (size_t)label);
    }
}

static void plain_backward(plain *p, double label)
{
    double g[WIDEST], gx[INPUTS];
    loss_gradient(p, label, g);
    for (size_t l = LAYERS; l-- > 0;) {
        size_t in = p->work->width[l], out = p->work->width[l + 1];
        for (size_t i = 0; i < in; i++) {
            gx[i] = 0;
            for (size_t j = 0; j < out; j++) {
                gx[i] += g[j] * p->param[p->at[l][0] + i * out + j];
                p->grad[p->at[l][0] + i * out + j] += p->y[l][i] * g[j];
            }
        }
        for (size_t j = 0; j < out; j++) {
            p->grad[p->at[l][1] + j] += g[j];
        }
        for (size_t i = 0; l > 0 && i < in; i++) {
            g[i] = p->y[l][i] > 0 ? gx[i] : 0;
        }
    }
}

/* v = momentum v + rate g; w = w - v, for the mean gradient over the rows. */
static void plain_step(plain *p, const nd_real *x, const nd_real *label)
{
    size_t rows = p->work->rows;
    for (size_t i = 0; i < p->size; i++) {
        p->grad[i] = 0;
    }
    for (size_t r = 0; r < rows; r++) {
        plain_forward(p, x + r * p->work->width[0]);
        plain_backward(p, (double)label[r]);
    }
    for (size_t i = 0; i < p->size; i++) {
        p->update[i] = momentum * p->update[i] + rate * p->grad[i] / (double)rows;
        p->param[i] -= p->update[i];
    }
}

static plain plain_of(const workload *work, nd_net *net)
{
    plain p = {.work = work, .size = nd_net_size(net)};
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    assert_int_equal(spans, 2 * LAYERS);
    for (size_t i = 0; i < spans; i++) {
        p.at[i / 2][i % 2] = span[i].offset;
    }
    p.param = nd_alloc(p.size, sizeof *p.param);
    p.grad = nd_alloc(p.size, sizeof *p.grad);
    p.update = nd_alloc(p.size, sizeof *p.update);
    assert_true(p.param && p.grad && p.update);
    for (size_t i = 0; i < p.size; i++) {
        p.param[i] = (double)nd_net_parameters(net)[i];
    }
    return p;
}

static void plain_free(plain *p)
{
    nd_free(p->param);
    nd_free(p->grad);
    nd_free(p->update);
}

static nd_net *make_net(nd_ctx *ctx, const workload *work)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, work->width[0], &desc), ND_OK);
    for (size_t i = 1; i <= LAYERS; i++) {
        char units[32];
        snprintf(units, sizeof units, "units=%zu", work->width[i]);
        assert_int_equal(nd_desc_add(desc, "dense", units), ND_OK);
        if (i < LAYERS) {
            assert_int_equal(nd_desc_add(desc, "relu", ""), ND_OK);
        }
    }
    const char *loss = work->width[LAYERS] == 1 ? "binary_cross_entropy" : "cross_entropy";
    assert_int_equal(nd_net_create(ctx, desc, loss, work->rows, 4, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static void fill(const workload *work, nd_real *x, nd_real *label)
{
    size_t classes = work->width[LAYERS] == 1 ? 2 : work->width[LAYERS];
    gradcheck_random(9, 1, x, work->rows * work->width[0]);
    for (size_t i = 0; work->sparse && i < work->rows * work->width[0]; i++) {
        x[i] = (i + i / work->width[0]) % 8 == 3 ? x[i] : work->ground;
    }
    for (size_t r = 0; r < work->rows; r++) {
        label[r] = (nd_real)((r * 5 + 1) % classes);
    }
}

/* ||w - plain|| / ||plain|| after all steps. */
static double distance(const workload *work)
{
    static nd_real x[ROWS * INPUTS], label[ROWS];
    nd_ctx *ctx;
    nd_optimizer *optimizer;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_net *net = make_net(ctx, work);
    assert_int_equal(nd_optimizer_create(net, "momentum", "lr=0.02, momentum=0.9", &optimizer),
                     ND_OK);
    plain p = plain_of(work, net);
    fill(work, x, label);
    double loss, away = 0, length = 0, moved = 0;
    for (int s = 0; s < STEPS; s++) {
        assert_int_equal(nd_net_train(net, optimizer, x, label, work->rows, &loss), ND_OK);
        plain_step(&p, x, label);
    }
    for (size_t i = 0; i < p.size; i++) {
        double d = (double)nd_net_parameters(net)[i] - p.param[i];
        away += d * d;
        length += p.param[i] * p.param[i];
        moved += p.update[i] * p.update[i];
    }
    assert_true(moved > 0);
    plain_free(&p);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
    return sqrt(away / length);
}

static void a_hundred_steps_stay_near_double(void **state)
{
    (void)state;
    static const workload list[] = {
        {32, {30, 64, 32, 1}, false, 0},
        {ROWS, {INPUTS, 120, 40, 10}, false, 0},
        {32, {108, 64, 32, 3}, true, 0},
        {ROWS, {INPUTS, 120, 40, 10}, true, 0},
        {ROWS, {INPUTS, 120, 40, 10}, true, (nd_real)-0.42},
        {48, {INPUTS, 128, 10, 3}, true, 2},
    };
    double limit = sizeof(nd_real) == 4 ? 1e-5 : 1e-12;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        double away = distance(&list[i]);
        if (!(away <= limit)) {
            fail_msg("network %zu is %g away, more than %g", i, away, limit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_hundred_steps_stay_near_double)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
