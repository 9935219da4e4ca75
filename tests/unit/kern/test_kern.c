#include "kern_test.h"

static const nd_act acts[] = {ND_ACT_NONE,      ND_ACT_SIGMOID,    ND_ACT_TANH,
                              ND_ACT_RELU,      ND_ACT_LEAKY_RELU, ND_ACT_HARD_SIGMOID,
                              ND_ACT_SOFTSIGN,  ND_ACT_SOFTPLUS,   ND_ACT_RELU6,
                              ND_ACT_ELU,       ND_ACT_SELU,       ND_ACT_GELU,
                              ND_ACT_GELU_TANH, ND_ACT_SILU,       ND_ACT_MISH};
enum { ACTS = sizeof acts / sizeof acts[0] };

static const double tight = 4 * ND_TEST_EPS;

/* gelu and its kin are x times a tail: an error of half a unit in x^2/2 is one of x^2/4
 * units in exp(-x^2/2). */
static double width_of(nd_act act)
{
    return act == ND_ACT_NONE || nd_act_from_result(act) ? tight : 24 * tight;
}

static void activations_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *x = random_array(n, 1, 8), *want = random_array(n, 2, 1);
        nd_real *got = random_array(n, 3, 1), *gy = random_array(n, 4, 1);
        for (int a = 0; a < ACTS; a++) {
            for (size_t i = 0; nd_isa_at(i); i++) {
                nd_ref_act(acts[a], (nd_real)0.01, n, x, want);
                nd_isa_at(i)->act(acts[a], (nd_real)0.01, n, x, got);
                assert_close(got, want, n, width_of(acts[a]), 0);
                nd_ref_act_back(acts[a], (nd_real)0.01, n, want, gy, got);
                nd_isa_at(i)->act_back(acts[a], (nd_real)0.01, n, want, gy, want);
                assert_close(want, got, n, width_of(acts[a]), tight);
            }
        }
        nd_free(x);
        nd_free(want);
        nd_free(got);
        nd_free(gy);
    }
}

static void activation_may_overwrite_its_input(void **state)
{
    (void)state;
    enum { N = 33000 };
    nd_real *x = random_array(N, 1, 3), *want = random_array(N, 2, 1);
    nd_ref_act(ND_ACT_TANH, 0, N, x, want);
    nd_k_act(NULL, ND_ACT_TANH, 0, N, x, x);
    assert_close(x, want, N, tight, 0);
    nd_free(x);
    nd_free(want);
}

static void relu_passes_on_nan(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_real x[20], y[20];
        for (int j = 0; j < 20; j++) {
            x[j] = (nd_real)NAN;
        }
        nd_isa_at(i)->act(ND_ACT_RELU, 0, 20, x, y);
        for (int j = 0; j < 20; j++) {
            assert_true(isnan(y[j]));
        }
    }
}

static void bias_and_activation_equal_the_reference(void **state)
{
    (void)state;
    static const size_t shape[][2] = {{1, 1}, {3, 7}, {128, 10}, {5, 33}, {70, 512}, {2, 20000}};
    for (size_t s = 0; s < sizeof shape / sizeof shape[0]; s++) {
        size_t rows = shape[s][0], n = shape[s][1];
        nd_real *y = random_array(rows * n, 1, 2), *want = copy_array(y, rows * n);
        nd_real *bias = random_array(n, 2, 1);
        nd_ref_bias_act(ND_ACT_SIGMOID, 0, rows, n, bias, want);
        nd_k_bias_act(NULL, ND_ACT_SIGMOID, 0, rows, n, bias, y);
        assert_close(y, want, rows * n, tight, 0);
        nd_ref_bias_act(ND_ACT_LEAKY_RELU, (nd_real)0.1, rows, n, NULL, want);
        nd_k_bias_act(NULL, ND_ACT_LEAKY_RELU, (nd_real)0.1, rows, n, NULL, y);
        assert_close(y, want, rows * n, 2 * tight, 0);
        nd_free(y);
        nd_free(want);
        nd_free(bias);
    }
}

static void add_scale_and_fill_do_what_they_say(void **state)
{
    (void)state;
    enum { N = 40001 };
    nd_real *a = random_array(N, 1, 1), *b = random_array(N, 2, 1), *y = random_array(N, 3, 1);
    nd_k_add(NULL, N, a, b, y);
    for (size_t i = 0; i < N; i++) {
        assert_true(y[i] == a[i] + b[i]);
    }
    nd_k_scale(NULL, N, (nd_real)-2.5, y);
    assert_true(y[N - 1] == (a[N - 1] + b[N - 1]) * (nd_real)-2.5);
    nd_k_fill((nd_real)0.25, N, y);
    assert_true(y[0] == (nd_real)0.25 && y[N - 1] == (nd_real)0.25);
    nd_free(a);
    nd_free(b);
    nd_free(y);
}

static void bytes_become_numbers_in_every_set(void **state)
{
    (void)state;
    enum { N = 784 };
    uint8_t byte[N];
    nd_real want[N], got[N];
    for (size_t i = 0; i < N; i++) {
        byte[i] = (uint8_t)(i * 37);
    }
    nd_ref_bytes(N, byte, (nd_real)0.0127, (nd_real)-0.424, want);
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t n = 0; n < N; n = 2 * n + 1) {
            got[n] = -1;
            nd_isa_at(i)->bytes(n, byte, (nd_real)0.0127, (nd_real)-0.424, got);
            assert_close(got, want, n, tight, tight);
            assert_true(got[n] == -1);
        }
    }
}

static void dropout_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    nd_rng rng = {.seed = UINT64_C(0x123456789abcdef0), .stream = ND_STREAM_LAYER + 3, .step = 77};
    nd_mask mask = {.rate = 0.3, .kept = (nd_real)(1 / 0.7)};
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *x = random_array(n, 1, 1), *want = random_array(n, 2, 1);
        nd_real *got = random_array(n, 3, 1);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_ref_dropout(&rng, 0.3, n, x, want);
            nd_isa_at(i)->mask(&rng, &mask, 0, n, x, got);
            assert_close(got, want, n, tight, 0);
        }
        nd_k_dropout(NULL, &rng, 0.3, n, x, got);
        assert_close(got, want, n, tight, 0);
        nd_free(x);
        nd_free(want);
        nd_free(got);
    }
}

/* Of n elements n * 0.3 fall out, give or take five standard deviations. */
static void dropout_drops_its_rate(void **state)
{
    (void)state;
    enum { N = 100000 };
    nd_rng rng = {.seed = 5};
    nd_real *x = random_array(N, 1, 1), *y = random_array(N, 2, 1);
    nd_k_fill(1, N, x);
    nd_k_dropout(NULL, &rng, 0.3, N, x, y);
    size_t dropped = 0;
    for (size_t i = 0; i < N; i++) {
        dropped += y[i] == 0;
    }
    assert_true(fabs((double)dropped - 0.3 * N) < 5 * sqrt(N * 0.3 * 0.7));
    nd_free(x);
    nd_free(y);
}

static void reductions_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *x = random_array(n, 1, 1), *y = random_array(n, 2, 1);
        for (size_t i = 0; i < n; i++) {
            x[i] += 2;
            y[i] += 3;
        }
        for (size_t i = 0; nd_isa_at(i); i++) {
            assert_near(nd_isa_at(i)->sum(n, x), nd_ref_sum(n, x), 1e-13);
            assert_near(nd_isa_at(i)->dot(n, x, y), nd_ref_dot(n, x, y), 1e-13);
        }
        assert_near(nd_k_sum(NULL, n, x), nd_ref_sum(n, x), 1e-13);
        assert_near(nd_k_dot(NULL, n, x, y), nd_ref_dot(n, x, y), 1e-13);
        assert_near(nd_k_sum_squares(NULL, n, x), nd_ref_dot(n, x, x), 1e-13);
        nd_free(x);
        nd_free(y);
    }
}

static void finite_finds_one_bad_element_anywhere(void **state)
{
    (void)state;
    const nd_real bad[] = {(nd_real)NAN, (nd_real)INFINITY, -(nd_real)INFINITY};
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s], step = n / 7 + 1;
        nd_real *x = random_array(n, 1, 1e30);
        assert_true(nd_k_finite(NULL, n, x));
        for (size_t at = 0; at < n; at += step) {
            nd_real held = x[at];
            x[at] = bad[at % 3];
            assert_false(nd_k_finite(NULL, n, x));
            for (size_t i = 0; nd_isa_at(i); i++) {
                assert_false(nd_isa_at(i)->finite(n, x));
            }
            x[at] = held;
        }
        nd_free(x);
    }
}

static void column_kernels_equal_the_reference(void **state)
{
    (void)state;
    static const size_t shape[][2] = {{1, 1}, {3, 7}, {128, 10}, {5, 33}, {300, 100}, {33, 1000}};
    for (size_t s = 0; s < sizeof shape / sizeof shape[0]; s++) {
        size_t rows = shape[s][0], n = shape[s][1];
        nd_real *x = random_array(rows * n, 1, 2), *start = random_array(n, 2, 1);
        for (int add = 0; add < 2; add++) {
            nd_real *got = copy_array(start, n), *want = copy_array(start, n);
            nd_k_column_sums(NULL, rows, n, x, got, add);
            nd_ref_column_sums(rows, n, x, want, add);
            assert_close(got, want, n, tight, (double)rows * ND_TEST_EPS);
            nd_free(got);
            nd_free(want);
        }
        nd_real *mean = random_array(n, 3, 1), *variance = random_array(n, 4, 1);
        nd_real *mean_want = random_array(n, 3, 1), *variance_want = random_array(n, 4, 1);
        nd_k_column_moments(NULL, rows, n, x, mean, variance);
        nd_ref_column_moments(rows, n, x, mean_want, variance_want);
        assert_close(mean, mean_want, n, tight, tight);
        assert_close(variance, variance_want, n, tight, tight);
        nd_free(x);
        nd_free(start);
        nd_free(mean);
        nd_free(variance);
        nd_free(mean_want);
        nd_free(variance_want);
    }
}

static const nd_update rule = {.lr = 0.01,
                               .decay = 0.001,
                               .grad_scale = 0.5,
                               .momentum = 0.9,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .correction1 = 0.271,
                               .correction2 = 0.002997,
                               .decoupled = 0.1};

static void updates_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *g = random_array(n, 1, 1), *w = random_array(n, 2, 1);
        nd_real *m = random_array(n, 3, 1), *v = random_array(n, 4, 1);
        for (size_t i = 0; i < n; i++) {
            v[i] = v[i] * v[i];
        }
        for (size_t i = 0; nd_isa_at(i); i++) {
            for (int kind = 0; kind < 3; kind++) {
                nd_real *w1 = copy_array(w, n), *m1 = copy_array(m, n), *v1 = copy_array(v, n);
                nd_real *w2 = copy_array(w, n), *m2 = copy_array(m, n), *v2 = copy_array(v, n);
                if (kind == 0) {
                    nd_isa_at(i)->sgd(&rule, n, g, w1);
                    nd_ref_sgd(&rule, n, g, w2);
                } else if (kind == 1) {
                    nd_isa_at(i)->momentum(&rule, n, g, w1, m1);
                    nd_ref_momentum(&rule, n, g, w2, m2);
                } else {
                    nd_isa_at(i)->adam(&rule, n, g, w1, m1, v1);
                    nd_ref_adam(&rule, n, g, w2, m2, v2);
                }
                assert_close(w1, w2, n, tight, tight);
                assert_close(m1, m2, n, tight, tight);
                assert_close(v1, v2, n, tight, 0);
                nd_free(w1);
                nd_free(m1);
                nd_free(v1);
                nd_free(w2);
                nd_free(m2);
                nd_free(v2);
            }
        }
        nd_free(g);
        nd_free(w);
        nd_free(m);
        nd_free(v);
    }
}

/* Compare one rule of one set with the reference, from the same arrays [5][n]. */
static void check_rule(const nd_isa *isa, nd_rule r, size_t n, nd_real *const start[5])
{
    nd_update u = rule;
    u.decoupled = r == ND_RULE_LION ? 0.1 : 0;
    u.of_grad = 0.02, u.of_mean = 0.07;
    u.grow = 1.2, u.shrink = 0.5, u.most = 0.9, u.least = 0.1;
    nd_real *fast[5], *slow[5];
    for (int k = 0; k < 5; k++) {
        fast[k] = copy_array(start[k], n);
        slow[k] = copy_array(start[k], n);
    }
    isa->update(r, &u, n, fast[0], fast[1], fast[2], fast[3], fast[4]);
    nd_ref_update(r, &u, n, slow[0], slow[1], slow[2], slow[3], slow[4]);
    for (int k = 0; k < 5; k++) {
        assert_close(fast[k], slow[k], n, 4 * tight, 4 * tight);
        nd_free(fast[k]);
        nd_free(slow[k]);
    }
}

/* Gradient, weight and three states; squares where a rule takes a root. Some
 * gradients are 0, which has no sign. */
static void every_rule_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        for (nd_rule r = ND_RULE_NESTEROV; r <= ND_RULE_RPROP; r++) {
            nd_real *start[5];
            for (uint64_t k = 0; k < 5; k++) {
                start[k] = random_array(n, k + 1, 1);
            }
            for (size_t i = 0; i < n; i++) {
                start[0][i] = i % 7 == 3 ? 0 : start[0][i];
                bool mean = r == ND_RULE_RMSPROP_CENTERED || r == ND_RULE_RPROP;
                bool first = r != ND_RULE_AMSGRAD && r != ND_RULE_NADAM && r != ND_RULE_LION;
                start[2][i] = first ? start[2][i] * start[2][i] : start[2][i];
                start[3][i] = mean ? start[3][i] / 9 : start[3][i] * start[3][i];
                start[4][i] = r == ND_RULE_AMSGRAD ? start[4][i] * start[4][i] : start[4][i];
                if (r == ND_RULE_RMSPROP_CENTERED) {
                    start[2][i] = start[2][i] + (nd_real)0.1;
                }
            }
            for (size_t i = 0; nd_isa_at(i); i++) {
                check_rule(nd_isa_at(i), r, n, start);
            }
            for (int k = 0; k < 5; k++) {
                nd_free(start[k]);
            }
        }
    }
}

static void looking_ahead_keeps_a_copy_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *v = random_array(n, 1, 1), *w = random_array(n, 2, 1);
        nd_real *saved = random_array(n, 3, 1), *kept = random_array(n, 4, 1);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_real *fast = copy_array(w, n), *slow = copy_array(w, n);
            nd_isa_at(i)->look_ahead(n, (nd_real)0.9, v, fast, saved);
            nd_ref_look_ahead(n, (nd_real)0.9, v, slow, kept);
            assert_close(fast, slow, n, tight, tight);
            assert_memory_equal(saved, w, n * sizeof *w);
            assert_memory_equal(kept, w, n * sizeof *w);
            nd_isa_at(i)->axpy(n, (nd_real)0.3, v, fast);
            nd_ref_axpy(n, (nd_real)0.3, v, slow);
            assert_close(fast, slow, n, tight, tight);
            nd_free(fast);
            nd_free(slow);
        }
        nd_free(v);
        nd_free(w);
        nd_free(saved);
        nd_free(kept);
    }
}

typedef struct outcome {
    nd_real *array; /* [5][n] */
    double number[4];
} outcome;

/* Every kernel that is cut into pieces, at one thread count. */
static outcome run_all(nd_pool *pool, size_t n)
{
    nd_real *x = random_array(n, 1, 1), *y = random_array(n, 2, 1);
    outcome o = {.array = nd_alloc_aligned(5 * n, sizeof(nd_real))};
    assert_non_null(o.array);
    nd_real *w = o.array, *m = w + n, *v = m + n, *z = v + n, *d = z + n;
    nd_rng rng = {.seed = 9};
    nd_k_act(pool, ND_ACT_SIGMOID, 0, n, x, z);
    nd_k_adam(pool, &rule, n, x, w, m, v);
    nd_k_dropout(pool, &rng, 0.5, n, y, d);
    o.number[0] = nd_k_sum(pool, n, x);
    o.number[1] = nd_k_dot(pool, n, x, y);
    o.number[2] = nd_k_squared_error(pool, n, x, y, 1, NULL);
    o.number[3] = nd_k_sigmoid_cross_entropy(pool, n, x, z, 1, NULL);
    nd_free(x);
    nd_free(y);
    return o;
}

static void kernels_have_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    enum { N = 200003 };
    outcome first = run_all(NULL, N);
    for (int t = 0; t < THREAD_COUNTS; t++) {
        nd_pool *pool = nd_pool_create(thread_counts[t]);
        assert_non_null(pool);
        outcome other = run_all(pool, N);
        assert_memory_equal(first.array, other.array, 5 * N * sizeof(nd_real));
        assert_memory_equal(first.number, other.number, sizeof first.number);
        nd_free(other.array);
        nd_pool_destroy(pool);
    }
    nd_free(first.array);
}

/* A reduction of more than 256 pieces' worth of elements takes larger pieces. */
static void long_reductions_keep_to_their_parts(void **state)
{
    (void)state;
    enum { N = 16384 * 300 + 5 };
    nd_real *x = nd_alloc_aligned(N, sizeof *x);
    assert_non_null(x);
    nd_k_fill(1, N, x);
    assert_true(nd_k_sum(NULL, N, x) == (double)N);
    nd_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_equal_the_reference_in_every_set),
        cmocka_unit_test(activation_may_overwrite_its_input),
        cmocka_unit_test(relu_passes_on_nan),
        cmocka_unit_test(bias_and_activation_equal_the_reference),
        cmocka_unit_test(add_scale_and_fill_do_what_they_say),
        cmocka_unit_test(bytes_become_numbers_in_every_set),
        cmocka_unit_test(dropout_equals_the_reference_in_every_set),
        cmocka_unit_test(dropout_drops_its_rate),
        cmocka_unit_test(reductions_equal_the_reference_in_every_set),
        cmocka_unit_test(finite_finds_one_bad_element_anywhere),
        cmocka_unit_test(column_kernels_equal_the_reference),
        cmocka_unit_test(updates_equal_the_reference_in_every_set),
        cmocka_unit_test(every_rule_equals_the_reference_in_every_set),
        cmocka_unit_test(looking_ahead_keeps_a_copy_in_every_set),
        cmocka_unit_test(kernels_have_the_same_bits_at_any_thread_count),
        cmocka_unit_test(long_reductions_keep_to_their_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
