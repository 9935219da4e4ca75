/* Products that skip zeros, or another value, against the plain reference, in every set that the processor
 * has. */
#include "kern_test.h"

#include "kern/sparse.h"

enum { MARKS = 16 };

typedef struct shape {
    size_t rows, in, out;
    double density; /* share of inputs that are not the base */
    nd_real base;
} shape;

/* Edges of portions: 16 and 128 rows, 64 and 512 inputs, vectors of columns. */
static const shape list[] = {
    {1, 32, 8, 0.2, 0},
    {3, 33, 9, 0.2, (nd_real)-0.75},
    {16, 64, 16, 0.1, 0},
    {17, 65, 31, 0.3, (nd_real)0.5},
    {128, 512, 64, 0.1, (nd_real)-0.4},
    {129, 513, 67, 0.1, 0},
    {40, 784, 128, 0.2, (nd_real)-0.4},
    {300, 70, 10, 0.15, 1},
    {5, 1100, 1, 0.05, 0},
    {7, 40, 139, 0, (nd_real)0.3},
    {9, 48, 24, 1, 0},
};
enum { SHAPES = sizeof list / sizeof list[0] };

static nd_real *sparse_array(size_t n, double density, nd_real base)
{
    nd_real *x = random_array(n, 1, 1);
    nd_rng rng = {.seed = 21, .stream = 1};
    for (size_t i = 0; i < n; i++) {
        x[i] = nd_rng_uniform(&rng, i) < density ? x[i] : base;
    }
    return x;
}

/* x W = (x - base) W + base * column sums of W, which the bias takes on. */
static void add_base(const shape *s, const nd_real *w, nd_real *bias)
{
    for (size_t i = 0; i < s->in * s->out; i++) {
        bias[i % s->out] += s->base * w[i];
    }
}

static void check_forward(const nd_isa *isa, const shape *s, const nd_real *x)
{
    size_t n = s->rows * s->out;
    nd_real *w = random_array(s->in * s->out, 2, 1), *bias = random_array(s->out, 3, 1);
    nd_real *want = random_array(n, 6, 1), *got = random_array(n + MARKS, 6, 1);
    nd_real *before = copy_array(got, n + MARKS);
    nd_small_dense d = {.in = s->in, .out = s->out, .weight = w, .bias = bias, .act = ND_ACT_TANH};
    nd_ref_gemm(false, false, s->rows, s->out, s->in, x, w, want, false);
    nd_ref_bias_act(ND_ACT_TANH, 0, s->rows, s->out, bias, want);
    if (isa == nd_isa_at(0)) {
        nd_sparse_forward(NULL, &d, s->base, s->rows, x, got);
    } else {
        add_base(s, w, bias);
        isa->sparse_forward(&d, s->base, s->rows, x, got);
    }
    assert_close(got, want, n, 0, (double)(2 * s->in + 4) * ND_TEST_EPS);
    assert_memory_equal(got + n, before + n, MARKS * sizeof *got);
    nd_free(w);
    nd_free(bias);
    nd_free(want);
    nd_free(got);
    nd_free(before);
}

static void check_gw(const nd_isa *isa, const shape *s, const nd_real *x, bool add)
{
    size_t n = s->in * s->out;
    nd_real *gz = random_array(s->rows * s->out, 4, 1);
    nd_real *want = random_array(n, 7, 1), *got = random_array(n + MARKS, 7, 1);
    nd_real *before = copy_array(got, n + MARKS), *start = random_array(s->out, 8, 0);
    nd_small_dense d = {.in = s->in, .out = s->out};
    for (size_t i = 0; i < s->rows * s->out; i++) {
        start[i % s->out] += s->base * gz[i];
    }
    nd_ref_gemm(true, false, s->in, s->out, s->rows, x, gz, want, add);
    for (size_t first = 0; first < s->in; first += ND_SPARSE_COLUMNS) {
        size_t rest = s->in - first;
        isa->sparse_gw(&d, s->base, s->base != 0 ? start : NULL, first,
                       rest < ND_SPARSE_COLUMNS ? rest : ND_SPARSE_COLUMNS, s->rows, x, gz, got,
                       add);
    }
    assert_close(got, want, n, 0, (double)(2 * s->rows + 4) * ND_TEST_EPS);
    assert_memory_equal(got + n, before + n, MARKS * sizeof *got);
    nd_free(gz);
    nd_free(start);
    nd_free(want);
    nd_free(got);
    nd_free(before);
}

static void products_that_skip_zeros_equal_the_reference(void **state)
{
    (void)state;
    for (size_t s = 0; nd_isa_at(s); s++) {
        for (size_t i = 0; i < SHAPES; i++) {
            nd_real *x = sparse_array(list[i].rows * list[i].in, list[i].density, list[i].base);
            check_forward(nd_isa_at(s), &list[i], x);
            check_gw(nd_isa_at(s), &list[i], x, false);
            if (list[i].base == 0) {
                check_gw(nd_isa_at(s), &list[i], x, true);
            }
            nd_free(x);
        }
    }
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROWS = 200, IN = 150, OUT = 40, BASE = 3 };
    nd_real *x = sparse_array(ROWS * IN, 0.2, BASE), *w = random_array(IN * OUT, 2, 1);
    nd_real *y = random_array(ROWS * OUT, 5, 1), *y1 = copy_array(y, ROWS * OUT);
    nd_real *gw = copy_array(w, IN * OUT), *gw1 = copy_array(w, IN * OUT);
    nd_small_dense d = {.in = IN, .out = OUT, .weight = w, .act = ND_ACT_RELU};
    nd_real sums[OUT];
    nd_sparse_forward(NULL, &d, BASE, ROWS, x, y1);
    nd_k_column_sums(NULL, ROWS, OUT, y1, sums, false);
    nd_sparse_gw(NULL, &d, BASE, sums, ROWS, x, y1, gw1, false);
    for (int threads = 2; threads <= 8; threads += 3) {
        nd_pool *pool = nd_pool_create(threads);
        nd_sparse_forward(pool, &d, BASE, ROWS, x, y);
        nd_sparse_gw(pool, &d, BASE, sums, ROWS, x, y, gw, false);
        assert_memory_equal(y, y1, ROWS * OUT * sizeof *y);
        assert_memory_equal(gw, gw1, IN * OUT * sizeof *gw);
        nd_pool_destroy(pool);
    }
    nd_free(x);
    nd_free(w);
    nd_free(y);
    nd_free(y1);
    nd_free(gw);
    nd_free(gw1);
}

/* A quarter of the inputs is the limit; NaN is no zero. */
static void few_zeros_are_multiplied(void **state)
{
    (void)state;
    enum { ROWS = 64, IN = 100 };
    nd_real *x = sparse_array(ROWS * IN, 0, 0);
    assert_true(nd_sparse_pays(ROWS, IN, 32, x));
    assert_true(nd_sparse_pays(1, IN, 32, x));
    assert_false(nd_sparse_pays(ROWS, IN, 2, x));
    assert_false(nd_sparse_pays(ROWS, 8, 32, x));
    for (size_t i = 0; i < ROWS * IN; i++) {
        x[i] = i % 100 < 26 ? (nd_real)NAN : 0;
    }
    assert_false(nd_sparse_pays(ROWS, IN, 32, x));
    for (size_t i = 0; i < ROWS * IN; i++) {
        x[i] = i % 100 < 25 ? (nd_real)NAN : 0;
    }
    assert_true(nd_sparse_pays(ROWS, IN, 32, x));
    nd_free(x);
}

/* What the first or the last input of the first row has, if most have it. */
static void a_frequent_value_other_than_zero_is_found(void **state)
{
    (void)state;
    enum { ROWS = 64, IN = 100 };
    const nd_real ground = (nd_real)-0.42;
    nd_real *x = sparse_array(ROWS * IN, 0.1, ground), base;
    x[0] = 7;
    x[IN - 1] = ground;
    assert_true(nd_sparse_base(ROWS, IN, 32, x, &base));
    assert_true(base == ground);
    assert_true(nd_sparse_base(ND_SPARSE_BASE_ROWS, IN, 32, x, &base));
    assert_false(nd_sparse_base(ND_SPARSE_BASE_ROWS - 1, IN, 32, x, &base));
    assert_false(nd_sparse_base(ROWS, IN, ND_SPARSE_OUTPUTS + 1, x, &base));
    x[IN - 1] = 7;
    assert_false(nd_sparse_base(ROWS, IN, 32, x, &base));
    x[0] = ground;
    assert_true(nd_sparse_base(ROWS, IN, 32, x, &base));
    for (size_t i = 0; i < ROWS * IN; i++) {
        x[i] = (nd_real)INFINITY;
    }
    assert_false(nd_sparse_base(ROWS, IN, 32, x, &base));
    memset(x, 0, ROWS * IN * sizeof *x);
    assert_true(nd_sparse_base(ROWS, IN, 32, x, &base) && base == 0);
    nd_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_that_skip_zeros_equal_the_reference),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(few_zeros_are_multiplied),
        cmocka_unit_test(a_frequent_value_other_than_zero_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
