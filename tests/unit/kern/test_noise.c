#include "kern_test.h"

static const nd_rng rng = {.seed = 77, .stream = ND_STREAM_LAYER + 1, .step = 5};

static void masks_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    const nd_mask mask = {
        .rate = 0.3, .kept = (nd_real)0.9, .offset = (nd_real)0.2, .dropped = (nd_real)-1.3};
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *x = random_array(n, 1, 2), *got = random_array(n, 2, 1);
        nd_real *want = random_array(n, 3, 1);
        nd_ref_mask(&rng, &mask, n, x, want);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_isa_at(i)->mask(&rng, &mask, 0, n, x, got);
            assert_close(got, want, n, 4 * ND_TEST_EPS, 4 * ND_TEST_EPS);
        }
        nd_k_mask(NULL, &rng, &mask, n, x, got);
        assert_close(got, want, n, 4 * ND_TEST_EPS, 4 * ND_TEST_EPS);
        nd_free(x);
        nd_free(got);
        nd_free(want);
    }
}

/* A normal number is at most 6: its error is that of the logarithm and of the angle. */
static void noise_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *x = random_array(n, 1, 2), *got = random_array(n, 2, 1);
        nd_real *want = random_array(n, 3, 1);
        for (int multiply = 0; multiply < 2; multiply++) {
            nd_ref_noise(&rng, 1.5, multiply, n, x, want);
            for (size_t i = 0; nd_isa_at(i); i++) {
                nd_isa_at(i)->noise(&rng, (nd_real)1.5, multiply, 0, n, x, got);
                assert_close(got, want, n, 10 * ND_TEST_EPS, 30 * ND_TEST_EPS);
            }
            nd_k_noise(NULL, &rng, 1.5, multiply, n, x, got);
            assert_close(got, want, n, 10 * ND_TEST_EPS, 30 * ND_TEST_EPS);
        }
        nd_free(x);
        nd_free(got);
        nd_free(want);
    }
}

/* Moments of n standard normal numbers stray by 1, sqrt(2), sqrt(15) and sqrt(96) over
 * sqrt(n); 4.55 % lie beyond two deviations. Neighbours and the two halves of a block of 64 do
 * not go together. */
static void noise_is_normal_and_its_numbers_are_independent(void **state)
{
    (void)state;
    enum { N = 640000 };
    nd_real *x = random_array(N, 1, 1);
    double moment[5] = {0}, beyond = 0, next = 0, across = 0, bound = 5 / sqrt(N);
    nd_k_fill(0, N, x);
    nd_k_noise(NULL, &rng, 1, false, N, x, x);
    for (size_t i = 0; i < N; i++) {
        double v = (double)x[i], power = 1;
        for (int k = 1; k < 5; k++) {
            power *= v;
            moment[k] += power / N;
        }
        beyond += fabs(v) > 2 ? 1.0 / N : 0;
        next += i + 1 < N ? v * (double)x[i + 1] / N : 0;
        across += i % 64 < 32 ? v * (double)x[i + 32] / (N / 2) : 0;
    }
    assert_true(fabs(moment[1]) < bound);
    assert_true(fabs(moment[2] - 1) < bound * sqrt(2));
    assert_true(fabs(moment[3]) < bound * sqrt(15));
    assert_true(fabs(moment[4] - 3) < bound * sqrt(96));
    assert_true(fabs(beyond - 0.0455003) < bound * sqrt(0.0455 * 0.9545));
    assert_true(fabs(next) < bound);
    assert_true(fabs(across) < bound * sqrt(2));
    nd_free(x);
}

static void noise_has_the_same_bits_at_any_thread_count_and_in_place(void **state)
{
    (void)state;
    enum { N = 70001 };
    nd_real *x = random_array(N, 1, 1), *first = random_array(N, 2, 1);
    nd_k_noise(NULL, &rng, 0.7, true, N, x, first);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        nd_pool *pool = nd_pool_create(thread_counts[t]);
        assert_non_null(pool);
        nd_real *other = copy_array(x, N);
        nd_k_noise(pool, &rng, 0.7, true, N, other, other);
        assert_memory_equal(first, other, N * sizeof *first);
        nd_free(other);
        nd_pool_destroy(pool);
    }
    nd_free(x);
    nd_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_equal_the_reference_in_every_set),
        cmocka_unit_test(noise_equals_the_reference_in_every_set),
        cmocka_unit_test(noise_is_normal_and_its_numbers_are_independent),
        cmocka_unit_test(noise_has_the_same_bits_at_any_thread_count_and_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
