/* What every update does besides its rule (clipping, penalties, decay beside the step, an
 * average that follows), and bounds on the norms of columns. */
#include "kern_test.h"

static const double tight = 16 * ND_TEST_EPS;

static const nd_update regular = {.lr = 0.1,
                                  .decay = 0.2,
                                  .l1 = 0.05,
                                  .clip = 0.3,
                                  .decoupled = 0.4,
                                  .grad_scale = 0.7,
                                  .momentum = 0.9,
                                  .beta1 = 0.9,
                                  .beta2 = 0.99,
                                  .eps = 1e-3,
                                  .correction1 = 0.5,
                                  .correction2 = 0.6,
                                  .of_grad = 0.02,
                                  .of_mean = 0.05,
                                  .grow = 1.2,
                                  .shrink = 0.5,
                                  .most = 50,
                                  .least = 1e-6};

typedef struct arrays {
    nd_real *a[5]; /* grad, w, states */
} arrays;

static arrays make_arrays(size_t n)
{
    arrays r;
    for (uint32_t i = 0; i < 5; i++) {
        r.a[i] = random_array(n, i + 1, 1);
    }
    for (size_t i = 0; i < n; i++) {
        r.a[1][i] = i % 5 == 0 ? 0 : r.a[1][i];
        for (size_t k = 2; k < 5; k++) {
            r.a[k][i] = (nd_real)fabs((double)r.a[k][i]);
        }
        r.a[2][i] += 1; /* a variance of mean square less squared mean is well above 0 */
        r.a[3][i] /= 4;
    }
    return r;
}

static void free_arrays(arrays *r)
{
    for (size_t i = 0; i < 5; i++) {
        nd_free(r->a[i]);
    }
}

/* Rules from -3: sgd, momentum, adam, and those of nd_rule. */
static void run_fast(const nd_isa *isa, int rule, size_t n, arrays *r)
{
    nd_real **a = r->a;
    if (rule == -3) {
        isa->sgd(&regular, n, a[0], a[1]);
    } else if (rule == -2) {
        isa->momentum(&regular, n, a[0], a[1], a[2]);
    } else if (rule == -1) {
        isa->adam(&regular, n, a[0], a[1], a[2], a[3]);
    } else {
        isa->update((nd_rule)rule, &regular, n, a[0], a[1], a[2], a[3], a[4]);
    }
}

static void run_slow(int rule, size_t n, arrays *r)
{
    nd_real **a = r->a;
    if (rule == -3) {
        nd_ref_sgd(&regular, n, a[0], a[1]);
    } else if (rule == -2) {
        nd_ref_momentum(&regular, n, a[0], a[1], a[2]);
    } else if (rule == -1) {
        nd_ref_adam(&regular, n, a[0], a[1], a[2], a[3]);
    } else {
        nd_ref_update((nd_rule)rule, &regular, n, a[0], a[1], a[2], a[3], a[4]);
    }
}

static void every_rule_takes_penalties_and_clipping(void **state)
{
    (void)state;
    for (int rule = -3; rule <= (int)ND_RULE_RPROP; rule++) {
        for (size_t s = 0; s < ODD_SIZES; s++) {
            size_t n = odd_sizes[s];
            arrays slow = make_arrays(n);
            run_slow(rule, n, &slow);
            for (size_t i = 0; nd_isa_at(i); i++) {
                arrays fast = make_arrays(n);
                run_fast(nd_isa_at(i), rule, n, &fast);
                assert_close(fast.a[1], slow.a[1], n, 4 * tight, 8 * tight);
                free_arrays(&fast);
            }
            free_arrays(&slow);
        }
    }
}

/* By hand: g = 0.5 min(4, 2) + 0.1 * 3 + 0.2, w = (1 - 0.5 * 0.4) 3 - 0.5 g = 1.65;
 * a weight of 0 has no slope of its penalty. */
static void one_step_is_what_the_formula_says(void **state)
{
    (void)state;
    nd_update u = {
        .lr = 0.5, .grad_scale = 0.5, .clip = 2, .decay = 0.1, .l1 = 0.2, .decoupled = 0.4};
    nd_real g[3] = {4, -8, 0}, w[3] = {3, -3, 0};
    nd_k_sgd(NULL, &u, 3, g, w);
    assert_near((double)w[0], 1.65, 4 * ND_TEST_EPS);
    assert_near((double)w[1], -1.65, 4 * ND_TEST_EPS);
    assert_true(w[2] == 0);
}

static void averages_follow_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < ODD_SIZES; s++) {
        size_t n = odd_sizes[s];
        nd_real *w = random_array(n, 1, 1), *start = random_array(n, 2, 1);
        nd_real *slow = copy_array(start, n);
        nd_ref_follow(n, 0.1, w, slow);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_real *fast = copy_array(start, n);
            nd_isa_at(i)->follow(n, (nd_real)0.1, w, fast);
            assert_close(fast, slow, n, tight, tight);
            nd_free(fast);
        }
        nd_free(w);
        nd_free(start);
        nd_free(slow);
    }
}

/* Shapes around the edges of vectors and of a task's columns. */
static const size_t shapes[][2] = {{1, 1},  {5, 1},    {1, 9},    {3, 17},    {7, 63},
                                   {9, 64}, {784, 65}, {20, 200}, {17, 1000}, {20000, 3}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void columns_are_bound_as_the_reference_does(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], n = shapes[s][1];
        double most = 0.55 * sqrt((double)rows);
        nd_real *fast = random_array(rows * n, 1, 1), *slow = copy_array(fast, rows * n);
        nd_k_bound_columns(NULL, rows, n, most, fast);
        nd_ref_bound_columns(rows, n, most, slow);
        assert_close(fast, slow, rows * n, tight, 0);
        nd_free(fast);
        nd_free(slow);
    }
}

static void columns_of_gradients_are_clipped_as_the_reference_does(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s][0], n = shapes[s][1];
        nd_real *w = random_array(rows * n, 2, 0.1);
        nd_real *fast = random_array(rows * n, 1, 1), *slow = copy_array(fast, rows * n);
        memset(w, 0, rows * sizeof *w);
        nd_k_clip_columns(NULL, rows, n, 9.5, 1e-3, w, fast);
        nd_ref_clip_columns(rows, n, 9.5, 1e-3, w, slow);
        assert_close(fast, slow, rows * n, tight, 0);
        nd_free(w);
        nd_free(fast);
        nd_free(slow);
    }
}

/* Columns (3, 4) and (0.3, 0.4) under a bound of 1. */
static void a_short_column_stays_and_a_long_one_gets_the_bound(void **state)
{
    (void)state;
    nd_real w[4] = {3, (nd_real)0.3, 4, (nd_real)0.4};
    nd_k_bound_columns(NULL, 2, 2, 1, w);
    assert_near((double)w[0], 0.6, 4 * ND_TEST_EPS);
    assert_near((double)w[2], 0.8, 4 * ND_TEST_EPS);
    assert_true(w[1] == (nd_real)0.3 && w[3] == (nd_real)0.4);
}

/* Squares of such numbers are not finite in float. */
static void large_columns_are_scaled_too(void **state)
{
    (void)state;
    nd_real w[16];
    for (size_t i = 0; i < 16; i++) {
        w[i] = (nd_real)1e30;
    }
    nd_k_bound_columns(NULL, 16, 1, 2, w);
    for (size_t i = 0; i < 16; i++) {
        assert_near((double)w[i], 0.5, 4 * ND_TEST_EPS);
    }
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { ROWS = 300, N = 700 };
    for (int t = 0; t < THREAD_COUNTS; t++) {
        nd_pool *pool = nd_pool_create(thread_counts[t]);
        assert_non_null(pool);
        nd_real *one = random_array(ROWS * N, 1, 1), *all = copy_array(one, ROWS * N);
        nd_real *w = random_array(ROWS * N, 2, 1), *u = copy_array(w, ROWS * N);
        nd_real *mean = random_array(ROWS * N, 3, 1), *other = copy_array(mean, ROWS * N);
        nd_update a = regular, b = regular;
        a.average = mean;
        b.average = other;
        a.share = b.share = 0.25;
        nd_k_clip_columns(NULL, ROWS, N, 0.9, 1e-3, w, one);
        nd_k_clip_columns(pool, ROWS, N, 0.9, 1e-3, u, all);
        nd_k_sgd(NULL, &a, ROWS * N, one, w);
        nd_k_sgd(pool, &b, ROWS * N, all, u);
        assert_memory_equal(mean, other, ROWS * N * sizeof *mean);
        nd_k_bound_columns(NULL, ROWS, N, 9, w);
        nd_k_bound_columns(pool, ROWS, N, 9, u);
        assert_memory_equal(w, u, ROWS * N * sizeof *w);
        nd_real *each[] = {one, all, w, u, mean, other};
        for (size_t i = 0; i < 6; i++) {
            nd_free(each[i]);
        }
        nd_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_takes_penalties_and_clipping),
        cmocka_unit_test(one_step_is_what_the_formula_says),
        cmocka_unit_test(averages_follow_in_every_set),
        cmocka_unit_test(columns_are_bound_as_the_reference_does),
        cmocka_unit_test(columns_of_gradients_are_clipped_as_the_reference_does),
        cmocka_unit_test(a_short_column_stays_and_a_long_one_gets_the_bound),
        cmocka_unit_test(large_columns_are_scaled_too),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
