/* Kernels of small dense layers against the plain reference, in every set that the
 * processor has. */
#include "kern_test.h"

#include "kern/small.h"

/* Room behind arrays that may be read, and marks behind those that are written. */
enum { ROOM = ND_SMALL_SLACK / sizeof(nd_real) + 16 };

typedef struct fixture {
    size_t rows, in, out;
    nd_real *x, *w, *b, *gz, *turned;
} fixture;

static fixture make(size_t rows, size_t in, size_t out)
{
    return (fixture){.rows = rows,
                     .in = in,
                     .out = out,
                     .x = random_array(rows * in + ROOM, 1, 1),
                     .w = random_array(in * out + ROOM, 2, 1),
                     .b = random_array(out + ROOM, 3, 1),
                     .gz = random_array(rows * out + ROOM, 4, 1),
                     .turned = random_array(in * out + ROOM, 5, 1)};
}

static void drop(fixture *f)
{
    nd_free(f->x);
    nd_free(f->w);
    nd_free(f->b);
    nd_free(f->gz);
    nd_free(f->turned);
}

/* The first n are close, and nothing was written behind them. */
static void check(const nd_real *got, const nd_real *want, const nd_real *before, size_t n,
                  size_t terms)
{
    assert_close(got, want, n, 0, (double)(terms + 4) * ND_TEST_EPS);
    assert_memory_equal(got + n, before + n, ROOM * sizeof *got);
}

static void check_forward(const nd_isa *isa, const fixture *f, const nd_small_dense *d)
{
    size_t n = f->rows * f->out;
    nd_real *before = random_array(n + ROOM, 6, 1), *got = copy_array(before, n + ROOM);
    nd_real *want = copy_array(before, n);
    nd_ref_gemm(false, false, f->rows, f->out, f->in, f->x, f->w, want, false);
    for (size_t i = 0; d->bias && i < n; i++) {
        want[i] += d->bias[i % f->out];
    }
    nd_ref_act(d->act, d->slope, n, want, want);
    nd_small_forward(isa, d, f->rows, f->x, got);
    check(got, want, before, n, f->in);
    nd_free(before);
    nd_free(got);
    nd_free(want);
}

static void check_gw(const nd_isa *isa, const fixture *f, const nd_small_dense *d, bool add)
{
    size_t n = f->in * f->out;
    nd_real *before = random_array(n + ROOM, 7, 1), *got = copy_array(before, n + ROOM);
    nd_real *bias_before = random_array(f->out + ROOM, 8, 1);
    nd_real *want = copy_array(before, n), *bias_want = copy_array(bias_before, f->out);
    nd_real *bias_got = copy_array(bias_before, f->out + ROOM);
    nd_ref_gemm(true, false, f->in, f->out, f->rows, f->x, f->gz, want, add);
    nd_ref_column_sums(f->rows, f->out, f->gz, bias_want, add);
    nd_small_gw(isa, d, f->rows, f->x, f->gz, got, bias_got, add);
    check(got, want, before, n, f->rows);
    check(bias_got, bias_want, bias_before, f->out, f->rows);
    nd_free(before);
    nd_free(got);
    nd_free(want);
    nd_free(bias_before);
    nd_free(bias_got);
    nd_free(bias_want);
}

static void check_gx(const nd_isa *isa, const fixture *f, const nd_small_dense *d)
{
    size_t n = f->rows * f->in;
    nd_real *before = random_array(n + ROOM, 9, 1), *got = copy_array(before, n + ROOM);
    nd_real *want = copy_array(before, n);
    nd_ref_gemm(false, true, f->rows, f->in, f->out, f->gz, f->w, want, false);
    nd_ref_act_back(d->x_act, d->x_slope, n, f->x, want, want);
    nd_small_turn(isa, d);
    nd_small_gx(isa, d, f->rows, f->x, f->gz, got);
    check(got, want, before, n, 2 * f->out);
    nd_free(before);
    nd_free(got);
    nd_free(want);
}

static void check_shape(const nd_isa *isa, size_t rows, size_t in, size_t out, nd_act act)
{
    fixture f = make(rows, in, out);
    nd_small_dense d = {.in = in,
                        .out = out,
                        .weight = f.w,
                        .bias = act == ND_ACT_TANH ? NULL : f.b,
                        .turned = f.turned,
                        .act = act,
                        .x_act = act,
                        .slope = (nd_real)0.25,
                        .x_slope = (nd_real)0.25};
    check_forward(isa, &f, &d);
    check_gw(isa, &f, &d, false);
    check_gw(isa, &f, &d, true);
    check_gx(isa, &f, &d);
    drop(&f);
}

static void small_layers_equal_the_reference_at_odd_edges(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 3, 4, 5, 6, 7, 13, 16};
    static const size_t width[] = {1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 24, 33, 40, 139};
    enum { ROWS = sizeof rows / sizeof rows[0], WIDTHS = sizeof width / sizeof width[0] };
    for (size_t s = 0; nd_isa_at(s); s++) {
        for (size_t i = 0; i < ROWS * WIDTHS * WIDTHS; i++) {
            check_shape(nd_isa_at(s), rows[i / WIDTHS / WIDTHS], width[i / WIDTHS % WIDTHS],
                        width[i % WIDTHS], (nd_act)(i % (ND_ACT_SELU + 1)));
        }
    }
}

/* A chain in -> middle -> out, and a block of gradients [in*middle + middle + middle*out +
 * out] with marks behind. */
typedef struct chain {
    nd_small_link link[2];
    nd_real *x, *target, *grad;
    size_t rows, size;
} chain;

static chain make_chain(size_t rows, size_t in, size_t middle, size_t out, nd_act act,
                        nd_loss_kernel loss)
{
    chain c = {.rows = rows, .x = random_array(rows * in + ROOM, 11, 1)};
    const size_t width[] = {in, middle, out};
    for (size_t i = 0; i < 2; i++) {
        size_t n = width[i], m = width[i + 1];
        nd_small_link *l = &c.link[i];
        l->dense = (nd_small_dense){.in = n,
                                    .out = m,
                                    .weight = random_array(n * m + ROOM, 12 + i, 1),
                                    .bias = random_array(m + ROOM, 14 + i, 1),
                                    .turned = random_array(n * m + ROOM, 16, 1),
                                    .act = i == 0 ? act : ND_ACT_NONE,
                                    .x_act = i == 0 ? ND_ACT_NONE : act};
        l->x = i == 0 ? NULL : c.link[0].y;
        l->y = random_array(rows * m + ROOM, 17 + i, 1);
        l->gy =
            i == 0 ? random_array(rows * m + ROOM, 19, 1) : random_array(rows * m + ROOM, 20, 1);
        l->gx = i == 0 ? NULL : c.link[0].gy;
        l->weight_at = c.size;
        l->bias_at = c.size + n * m;
        c.size += n * m + m;
    }
    c.grad = random_array(c.size + ROOM, 21, 1);
    c.target = random_array(rows * out + ROOM, 22, 1);
    for (size_t r = 0; loss != ND_LOSS_SQUARED && r < rows * out; r++) {
        c.target[r] = (nd_real)(r % (loss == ND_LOSS_SOFTMAX ? out : 2));
    }
    return c;
}

static void drop_chain(chain *c)
{
    for (size_t i = 0; i < 2; i++) {
        nd_free((void *)c->link[i].dense.weight);
        nd_free((void *)c->link[i].dense.bias);
        nd_free(c->link[i].dense.turned);
        nd_free(c->link[i].y);
        nd_free(c->link[i].gy);
    }
    nd_free(c->x);
    nd_free(c->grad);
    nd_free(c->target);
}

/* The same by the plain reference, one pass after the other; *value gets the loss. */
static nd_real *chain_reference(const chain *c, nd_loss_kernel loss, nd_real share, double *value)
{
    const nd_small_dense *a = &c->link[0].dense, *b = &c->link[1].dense;
    size_t rows = c->rows, middle = a->out, out = b->out;
    nd_real *h = random_array(rows * middle, 1, 1), *z = random_array(rows * out, 1, 1);
    nd_real *gh = random_array(rows * middle, 1, 1), *gz = random_array(rows * out, 1, 1);
    nd_real *grad = random_array(c->size, 1, 1);
    nd_ref_gemm(false, false, rows, middle, a->in, c->x, a->weight, h, false);
    nd_ref_bias_act(a->act, 0, rows, middle, a->bias, h);
    nd_ref_gemm(false, false, rows, out, middle, h, b->weight, z, false);
    nd_ref_bias_act(ND_ACT_NONE, 0, rows, out, b->bias, z);
    *value = loss == ND_LOSS_SOFTMAX
                 ? nd_ref_softmax_cross_entropy(rows, out, z, c->target, share, gz)
             : loss == ND_LOSS_SIGMOID
                 ? nd_ref_sigmoid_cross_entropy(rows * out, z, c->target, share, gz)
                 : nd_ref_squared_error(rows * out, z, c->target, share, gz);
    nd_ref_gemm(true, false, middle, out, rows, h, gz, grad + c->link[1].weight_at, false);
    nd_ref_column_sums(rows, out, gz, grad + c->link[1].bias_at, false);
    nd_ref_gemm(false, true, rows, middle, out, gz, b->weight, gh, false);
    nd_ref_act_back(a->act, 0, rows * middle, h, gh, gh);
    nd_ref_gemm(true, false, a->in, middle, rows, c->x, gh, grad + c->link[0].weight_at, false);
    nd_ref_column_sums(rows, middle, gh, grad + c->link[0].bias_at, false);
    nd_free(h);
    nd_free(z);
    nd_free(gh);
    nd_free(gz);
    return grad;
}

static void check_chain(const nd_isa *isa, size_t rows, size_t in, size_t middle, size_t out,
                        nd_act act, nd_loss_kernel loss)
{
    chain c = make_chain(rows, in, middle, out, act, loss);
    nd_real *before = copy_array(c.grad, c.size + ROOM), share = (nd_real)0.25;
    double want, got;
    nd_real *grad = chain_reference(&c, loss, share, &want);
    nd_small_turn(isa, &c.link[1].dense);
    got = nd_small_chain(isa, &(nd_small_pass){.link = c.link,
                                               .links = 2,
                                               .rows = rows,
                                               .x = c.x,
                                               .target = c.target,
                                               .loss = loss,
                                               .share = share,
                                               .grad = c.grad});
    double eps = (double)(in + middle + out + 16) * ND_TEST_EPS;
    assert_true(fabs(got - want) <= eps * (1 + fabs(want)));
    assert_close(c.grad, grad, c.size, eps, eps);
    assert_memory_equal(c.grad + c.size, before + c.size, ROOM * sizeof *before);
    nd_free(before);
    nd_free(grad);
    drop_chain(&c);
}

static void a_chain_in_one_call_equals_its_parts_by_the_reference(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 2, 5, 16}, in[] = {1, 4, 9}, middle[] = {2, 8, 13, 16};
    static const size_t out[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 17};
    static const nd_act act[] = {ND_ACT_RELU, ND_ACT_TANH, ND_ACT_NONE};
    static const nd_loss_kernel loss[] = {ND_LOSS_SOFTMAX, ND_LOSS_SIGMOID, ND_LOSS_SQUARED};
    for (size_t s = 0; nd_isa_at(s); s++) {
        for (size_t i = 0; i < 4 * 3 * 4 * 10 * 3; i++) {
            size_t o = out[i % 10], kind = i / 10 % 3;
            if (o > 1 || loss[kind] != ND_LOSS_SOFTMAX) {
                check_chain(nd_isa_at(s), rows[i / 30 % 4], in[i / 120 % 3], middle[i / 360], o,
                            act[i % 3], loss[kind]);
            }
        }
    }
}

/* A number that is not one reaches the results that depend on it, and no others. */
static void a_nan_stays_in_its_row(void **state)
{
    (void)state;
    fixture f = make(5, 4, 3);
    nd_small_dense d = {.in = 4, .out = 3, .weight = f.w, .bias = f.b, .act = ND_ACT_RELU};
    nd_real y[15];
    f.x[2 * 4 + 1] = (nd_real)NAN;
    nd_small_forward(nd_small_kernels(), &d, 5, f.x, y);
    for (size_t i = 0; i < 15; i++) {
        assert_int_equal(isnan(y[i]) != 0, i / 3 == 2);
    }
    drop(&f);
}

static void the_largest_size_knows_infinity_and_nan(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 7) {
        nd_real *x = random_array(n + 1, 10, 1);
        nd_real most = 0;
        for (size_t i = 0; i < n; i++) {
            most = fabs((double)x[i]) > (double)most ? (nd_real)fabs((double)x[i]) : most;
        }
        assert_true(nd_k_max_abs(NULL, n, x) == most);
        if (n > 0) {
            x[n / 2] = -(nd_real)INFINITY;
            assert_true(isinf(nd_k_max_abs(NULL, n, x)));
            x[n - 1] = -(nd_real)NAN;
            assert_true(isnan(nd_k_max_abs(NULL, n, x)));
        }
        nd_free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_layers_equal_the_reference_at_odd_edges),
        cmocka_unit_test(a_chain_in_one_call_equals_its_parts_by_the_reference),
        cmocka_unit_test(a_nan_stays_in_its_row),
        cmocka_unit_test(the_largest_size_knows_infinity_and_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
