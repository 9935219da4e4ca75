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
        cmocka_unit_test(a_nan_stays_in_its_row),
        cmocka_unit_test(the_largest_size_knows_infinity_and_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
