#include "kern_test.h"

#include <stdlib.h>

static const size_t shapes[][2] = {{1, 1},    {1, 2},    {3, 7},    {128, 10}, {5, 33},
                                   {17, 100}, {2, 1025}, {1, 5000}, {3000, 10}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* An exponential carries the rounding of its argument, and sums add theirs. */
static const double tight = 50 * ND_TEST_EPS;

/* Of a sum of thousands, and of the logarithm of a sum near 1. */
static void assert_loss(double got, double want, size_t rows)
{
    double away = fabs(got - want);
    if (!(away <= 1e-13 * want + 4e-16 * (double)rows || away <= tight * want)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static nd_real *random_classes(size_t rows, size_t n)
{
    nd_real *class = nd_alloc_aligned(rows, sizeof *class);
    assert_non_null(class);
    nd_rng rng = {.seed = 3};
    for (size_t r = 0; r < rows; r++) {
        class[r] = (nd_real)(nd_rng_bits(&rng, r) % n);
    }
    return class;
}

static void softmax_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], n = shapes[s][1];
        nd_real *x = random_array(rows * n, 1, 10), *want = random_array(rows * n, 2, 1);
        nd_real *got = random_array(rows * n, 3, 1);
        nd_ref_softmax(rows, n, x, want);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_isa_at(i)->softmax(rows, n, x, got);
            assert_close(got, want, rows * n, tight, 0);
        }
        nd_k_softmax(NULL, rows, n, x, got);
        assert_close(got, want, rows * n, tight, 0);
        nd_free(x);
        nd_free(want);
        nd_free(got);
    }
}

/* By hand: exp(-1000) and less are 0 in any precision of ours. */
static void softmax_survives_large_logits(void **state)
{
    (void)state;
    const nd_real x[] = {10000, 9000, -10000, -5, -5, -2000};
    const nd_real want[] = {1, 0, 0, (nd_real)0.5, (nd_real)0.5, 0};
    nd_real p[6];
    nd_k_softmax(NULL, 2, 3, x, p);
    assert_close(p, want, 6, ND_TEST_EPS, 1e-37);
}

static void check_cross_entropy(const nd_isa *isa, size_t rows, size_t n, const nd_real *x,
                                const nd_real *class)
{
    nd_real *got = random_array(rows * n, 3, 1), *want = random_array(rows * n, 4, 1);
    nd_real scale = (nd_real)(1.0 / (double)rows);
    double loss = nd_ref_softmax_cross_entropy(rows, n, x, class, scale, want);
    assert_loss(isa->softmax_cross_entropy(rows, n, x, class, scale, got), loss, rows);
    assert_close(got, want, rows * n, tight, tight * (double)scale);
    assert_loss(isa->softmax_cross_entropy(rows, n, x, class, scale, NULL), loss, rows);
    nd_free(got);
    nd_free(want);
}

static void cross_entropy_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], n = shapes[s][1];
        nd_real *x = random_array(rows * n, 1, 10), *class = random_classes(rows, n);
        for (size_t i = 0; nd_isa_at(i); i++) {
            check_cross_entropy(nd_isa_at(i), rows, n, x, class);
        }
        nd_free(x);
        nd_free(class);
    }
}

/* By hand: two equal logits cost log 2; a lead of 50000 over the true class costs
 * 50000. */
static void cross_entropy_of_known_rows(void **state)
{
    (void)state;
    const nd_real x[] = {3, 3, 50000, 0}, class[] = {1, 1};
    nd_real grad[4];
    assert_near(nd_k_softmax_cross_entropy(NULL, 2, 2, x, class, 2, grad), 50000 + log(2), 1e-7);
    const nd_real want[] = {1, -1, 2, -2};
    assert_close(grad, want, 4, 2 * ND_TEST_EPS, 1e-30);
}

static void sigmoid_cross_entropy_equals_the_reference(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *z = random_array(n, 1, 12), *t = random_array(n, 2, 1);
        nd_real *got = random_array(n, 3, 1), *want = random_array(n, 4, 1);
        for (size_t i = 0; i < n; i++) {
            t[i] = t[i] < 0 ? 0 : 1;
        }
        double loss = nd_ref_sigmoid_cross_entropy(n, z, t, 2, want);
        for (size_t i = 0; nd_isa_at(i); i++) {
            assert_loss(nd_isa_at(i)->sigmoid_cross_entropy(n, z, t, 2, got), loss, n);
            assert_close(got, want, n, tight, tight);
        }
        assert_loss(nd_k_sigmoid_cross_entropy(NULL, n, z, t, 2, NULL), loss, n);
        nd_free(z);
        nd_free(t);
        nd_free(got);
        nd_free(want);
    }
}

/* By hand: a wrong logit of size z costs z, a right one nothing. */
static void sigmoid_cross_entropy_survives_large_logits(void **state)
{
    (void)state;
    const nd_real z[] = {1000, -1000, 1000, -1000}, t[] = {1, 0, 0, 1};
    nd_real grad[4];
    assert_near(nd_k_sigmoid_cross_entropy(NULL, 4, z, t, 1, grad), 2000, 1e-7);
    const nd_real want[] = {0, 0, 1, -1};
    assert_close(grad, want, 4, ND_TEST_EPS, 1e-30);
}

static void squared_error_equals_the_reference(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *y = random_array(n, 1, 5), *t = random_array(n, 2, 5);
        nd_real *got = random_array(n, 3, 1), *want = random_array(n, 4, 1);
        double loss = nd_ref_squared_error(n, y, t, (nd_real)0.25, want);
        for (size_t i = 0; nd_isa_at(i); i++) {
            assert_near(nd_isa_at(i)->squared_error(n, y, t, (nd_real)0.25, got), loss, 1e-12);
            assert_close(got, want, n, tight, tight);
        }
        assert_near(nd_k_squared_error(NULL, n, y, t, 1, NULL), loss, 1e-12);
        nd_free(y);
        nd_free(t);
        nd_free(got);
        nd_free(want);
    }
}

static void row_kernels_have_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    enum { ROWS = 9001, N = 13 };
    nd_real *x = random_array(ROWS * N, 1, 5), *class = random_classes(ROWS, N);
    nd_real *first = random_array(ROWS * N, 2, 1), *other = random_array(ROWS * N, 3, 1);
    double loss = nd_k_softmax_cross_entropy(NULL, ROWS, N, x, class, 1, first);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        nd_pool *pool = nd_pool_create(thread_counts[t]);
        assert_non_null(pool);
        double again = nd_k_softmax_cross_entropy(pool, ROWS, N, x, class, 1, other);
        assert_memory_equal(&loss, &again, sizeof loss);
        assert_memory_equal(first, other, ROWS * N * sizeof *first);
        nd_pool_destroy(pool);
    }
    nd_free(x);
    nd_free(class);
    nd_free(first);
    nd_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_equals_the_reference_in_every_set),
        cmocka_unit_test(softmax_survives_large_logits),
        cmocka_unit_test(cross_entropy_equals_the_reference_in_every_set),
        cmocka_unit_test(cross_entropy_of_known_rows),
        cmocka_unit_test(sigmoid_cross_entropy_equals_the_reference),
        cmocka_unit_test(sigmoid_cross_entropy_survives_large_logits),
        cmocka_unit_test(squared_error_equals_the_reference),
        cmocka_unit_test(row_kernels_have_the_same_bits_at_any_thread_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
