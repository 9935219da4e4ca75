#include "kern_test.h"

typedef void gemm_fn(nd_pool *pool, size_t m, size_t n, size_t k, const nd_real *a,
                     const nd_real *b, nd_real *c, bool add);

static gemm_fn *const forms[3] = {nd_gemm_nn, nd_gemm_tn, nd_gemm_nt};

/* A sum of k products of numbers below 1 in size is off by at most k eps / 2 and
 * one rounding each; the bound holds for any order of the sum. */
static double bound(size_t k)
{
    return (double)(k + 2) * ND_TEST_EPS;
}

static void check_shape(size_t m, size_t n, size_t k, bool add)
{
    nd_real *a = random_array(m * k, 1, 1), *b = random_array(k * n, 2, 1);
    nd_real *start = random_array(m * n, 3, 1);
    for (int form = 0; form < 3; form++) {
        nd_real *got = copy_array(start, m * n), *want = copy_array(start, m * n);
        forms[form](NULL, m, n, k, a, b, got, add);
        nd_ref_gemm(form == 1, form == 2, m, n, k, a, b, want, add);
        assert_close(got, want, m * n, 0, bound(k));
        nd_free(got);
        nd_free(want);
    }
    nd_free(a);
    nd_free(b);
    nd_free(start);
}

static void products_equal_the_reference_at_odd_edges(void **state)
{
    (void)state;
    static const size_t size[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100};
    enum { SIZES = sizeof size / sizeof size[0] };
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < SIZES; j++) {
            for (size_t p = 0; p < SIZES; p++) {
                check_shape(size[i], size[j], size[p], (i + j + p) % 2);
            }
        }
    }
}

static void products_equal_the_reference_across_blocks(void **state)
{
    (void)state;
    check_shape(97, 257, 513, false);
    check_shape(97, 257, 513, true);
    check_shape(193, 66, 255, false);
    check_shape(193, 66, 255, true);
    check_shape(5, 300, 700, false);
    check_shape(5, 300, 700, true);
    check_shape(1, 1000, 300, false);
    check_shape(1, 1000, 300, true);
    check_shape(260, 10, 130, false);
    check_shape(260, 10, 130, true);
}

/* Pieces of larger matrices: rows that are further apart than they are long. */
static void check_piece(const nd_isa *isa, size_t m, size_t n, size_t k)
{
    size_t lda = k + 3, ldb = n + 5, ldc = n + 7;
    nd_real *a = random_array(m * lda, 1, 1), *b = random_array(k * ldb, 2, 1);
    nd_real *c = random_array(m * ldc, 3, 1), *before = copy_array(c, m * ldc);
    nd_gemm_piece piece = {.m = m,
                           .n = n,
                           .k = k,
                           .a = a,
                           .a_row = lda,
                           .a_col = 1,
                           .b = b,
                           .b_row = ldb,
                           .b_col = 1,
                           .c = c,
                           .ldc = ldc,
                           .add = true};
    isa->gemm(&piece);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < ldc; j++) {
            double want = (double)before[i * ldc + j];
            for (size_t p = 0; j < n && p < k; p++) {
                want += (double)a[i * lda + p] * (double)b[p * ldb + j];
            }
            if (!(fabs((double)c[i * ldc + j] - want) <= (j < n ? bound(k) : 0))) {
                fail_msg("%s %zux%zux%zu: (%zu,%zu) got %.9g, want %.9g", isa->name, m, n, k, i, j,
                         (double)c[i * ldc + j], want);
            }
        }
    }
    nd_free(a);
    nd_free(b);
    nd_free(c);
    nd_free(before);
}

static void every_instruction_set_multiplies_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t m = 1; m <= 26; m++) {
            for (size_t n = 1; n <= 70; n += m % 3 + 1) {
                check_piece(nd_isa_at(i), m, n, 37);
            }
        }
        check_piece(nd_isa_at(i), 101, 131, 300);
        check_piece(nd_isa_at(i), 49, 33, 1030);
    }
}

/* A product in blocks: near the one that is not, and the same, bit for bit, with A copied
 * beforehand. */
static void check_left(const nd_isa *isa, nd_gemm_piece piece, const nd_real *before)
{
    size_t step = nd_gemm_step(piece.k, isa->depth), size = piece.m * piece.n;
    nd_real *left = nd_alloc_aligned(piece.m * piece.k, sizeof *left), *other = piece.c;
    nd_real *want = copy_array(before, size);
    assert_non_null(left);
    piece.blocks = true;
    piece.c = want;
    isa->gemm(&piece);
    assert_close(want, other, size, 0, bound(piece.k));
    for (size_t p = 0; p < piece.k; p += step) {
        size_t k = piece.k - p < step ? piece.k - p : step;
        isa->gemm_left(&piece, p, k, left + p * piece.m);
    }
    piece.left = left;
    piece.c = copy_array(before, size);
    isa->gemm(&piece);
    assert_memory_equal(piece.c, want, size * sizeof *want);
    nd_free(left);
    nd_free(want);
    nd_free(piece.c);
}

/* One form of product on one instruction set, whole matrices. */
static void check_form(const nd_isa *isa, int form, size_t m, size_t n, size_t k, bool add)
{
    nd_real *a = random_array(m * k, 1, 1), *b = random_array(k * n, 2, 1);
    nd_real *got = random_array(m * n, 3, 1), *want = copy_array(got, m * n);
    nd_real *before = copy_array(got, m * n);
    nd_gemm_piece piece = {.m = m,
                           .n = n,
                           .k = k,
                           .a = a,
                           .a_row = form == 1 ? 1 : k,
                           .a_col = form == 1 ? m : 1,
                           .b = b,
                           .b_row = form == 2 ? 1 : n,
                           .b_col = form == 2 ? k : 1,
                           .c = got,
                           .ldc = n,
                           .add = add};
    isa->gemm(&piece);
    if (m >= 47 && m <= 128 && n > 12 && n != 64) {
        check_left(isa, piece, before);
    }
    nd_ref_gemm(form == 1, form == 2, m, n, k, a, b, want, add);
    assert_close(got, want, m * n, 0, bound(k));
    nd_free(before);
    nd_free(a);
    nd_free(b);
    nd_free(got);
    nd_free(want);
}

/* Sizes on both sides of every choice of a path: one row or column, an outer product,
 * narrow gradients, B in place, copied panels, lines a page apart, several blocks. */
static void every_instruction_set_multiplies_every_form_on_every_path(void **state)
{
    (void)state;
    static const size_t shape[][3] = {
        {1, 1, 1},     {1, 33, 9},    {1, 5, 131},      {33, 1, 9},     {131, 1, 67},
        {7, 129, 1},   {1, 1, 300},   {2, 3, 5},        {33, 3, 20},    {64, 10, 33},
        {65, 12, 7},   {70, 13, 7},   {47, 70, 40},     {48, 130, 90},  {49, 17, 65},
        {255, 65, 90}, {256, 8, 50},  {50, 64, 1024},   {52, 70, 512},  {100, 40, 700},
        {53, 330, 5},  {61, 97, 259}, {128, 200, 1024}, {127, 33, 513}, {62, 51, 3}};
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t s = 0; s < sizeof shape / sizeof shape[0]; s++) {
            for (int form = 0; form < 3; form++) {
                check_form(nd_isa_at(i), form, shape[s][0], shape[s][1], shape[s][2], s % 2);
            }
        }
    }
}

static const nd_act acts[] = {ND_ACT_NONE,     ND_ACT_SIGMOID,    ND_ACT_TANH,
                              ND_ACT_RELU,     ND_ACT_LEAKY_RELU, ND_ACT_HARD_SIGMOID,
                              ND_ACT_SOFTSIGN, ND_ACT_SOFTPLUS,   ND_ACT_RELU6,
                              ND_ACT_ELU,      ND_ACT_SELU};
enum { ACTS = sizeof acts / sizeof acts[0] };

static void check_ends(nd_pool *pool, nd_act act, size_t m, size_t n, size_t k)
{
    nd_real *a = random_array(m * k, 1, 1), *b = random_array(k * n, 2, 1);
    nd_real *bias = random_array(n, 3, 1), *y = random_array(m * n, 4, 0.9);
    nd_real *got = random_array(m * n, 5, 1), *want = random_array(m * n, 6, 1);
    const nd_real slope = (nd_real)0.25;
    for (int with = 0; with < 2; with++) {
        nd_gemm_nn_act(pool, m, n, k, a, b, with ? bias : NULL, act, slope, got);
        nd_ref_gemm(false, false, m, n, k, a, b, want, false);
        nd_ref_bias_act(act, slope, m, n, with ? bias : NULL, want);
        assert_close(got, want, m * n, 4 * ND_TEST_EPS, bound(k + 4));
    }
    nd_gemm_nt_back(pool, m, n, k, a, b, act, slope, y, got);
    nd_ref_gemm(false, true, m, n, k, a, b, want, false);
    nd_ref_act_back(act, slope, m * n, y, want, want);
    assert_close(got, want, m * n, 4 * ND_TEST_EPS, bound(k + 4));
    nd_free(a);
    nd_free(b);
    nd_free(bias);
    nd_free(y);
    nd_free(got);
    nd_free(want);
}

static void ended_products_equal_the_reference(void **state)
{
    (void)state;
    static const size_t shape[][3] = {{1, 1, 1},    {1, 10, 7},    {16, 3, 16},   {40, 1, 9},
                                      {5, 33, 0},   {30, 64, 20},  {50, 10, 90},  {64, 33, 200},
                                      {9, 500, 60}, {300, 300, 8}, {300, 70, 70}, {530, 330, 40}};
    nd_pool *pool = nd_pool_create(3);
    assert_non_null(pool);
    for (size_t s = 0; s < sizeof shape / sizeof shape[0]; s++) {
        for (int i = 0; i < ACTS; i++) {
            check_ends(i % 2 ? pool : NULL, acts[i], shape[s][0], shape[s][1], shape[s][2]);
        }
    }
    nd_pool_destroy(pool);
}

static void products_have_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    static const size_t shape[][3] = {{128, 512, 784},  {130, 70, 200}, {300, 301, 99},
                                      {1030, 325, 300}, {49, 400, 513}, {128, 337, 600}};
    for (size_t s = 0; s < sizeof shape / sizeof shape[0]; s++) {
        size_t m = shape[s][0], n = shape[s][1], k = shape[s][2];
        nd_real *a = random_array(m * k, 1, 1), *b = random_array(k * n, 2, 1);
        nd_real *first = random_array(m * n, 3, 1), *other = random_array(m * n, 4, 1);
        for (int form = 0; form < 3; form++) {
            forms[form](NULL, m, n, k, a, b, first, false);
            for (int t = 0; t < THREAD_COUNTS; t++) {
                nd_pool *pool = nd_pool_create(thread_counts[t]);
                assert_non_null(pool);
                forms[form](pool, m, n, k, a, b, other, false);
                assert_memory_equal(first, other, m * n * sizeof *first);
                nd_pool_destroy(pool);
            }
        }
        nd_free(a);
        nd_free(b);
        nd_free(first);
        nd_free(other);
    }
}

static void empty_inner_dimension_gives_zero(void **state)
{
    (void)state;
    nd_real a[1] = {1}, b[1] = {1}, c[4] = {1, 2, 3, 4};
    nd_gemm_nn(NULL, 2, 2, 0, a, b, c, true);
    assert_true(c[0] == 1 && c[3] == 4);
    nd_gemm_nn(NULL, 2, 2, 0, a, b, c, false);
    for (int i = 0; i < 4; i++) {
        assert_true(c[i] == 0);
    }
    nd_gemm_nn(NULL, 0, 2, 2, a, b, c, false);
}

static void products_pass_on_what_is_not_finite(void **state)
{
    (void)state;
    nd_real a[4] = {1, 0, 0, 1}, b[4] = {(nd_real)NAN, 1, 2, (nd_real)INFINITY}, c[4];
    nd_gemm_nn(NULL, 2, 2, 2, a, b, c, false);
    assert_true(isnan(c[0]));
    assert_true(isnan(c[1]));
    assert_true(isnan(c[2]));
    assert_true(isinf(c[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_the_reference_at_odd_edges),
        cmocka_unit_test(products_equal_the_reference_across_blocks),
        cmocka_unit_test(every_instruction_set_multiplies_pieces),
        cmocka_unit_test(every_instruction_set_multiplies_every_form_on_every_path),
        cmocka_unit_test(ended_products_equal_the_reference),
        cmocka_unit_test(products_have_the_same_bits_at_any_thread_count),
        cmocka_unit_test(empty_inner_dimension_gives_zero),
        cmocka_unit_test(products_pass_on_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
