#include "kern/norm.h"

#include "kern_test.h"

static const double tight = 4 * ND_TEST_EPS;

/* What the kernels of one call read and write. */
typedef struct arrays {
    nd_norm norm;
    nd_real *x, *gy, *scale, *offset, *stretch;
    nd_real *mean, *inverse, *y, *gx, *gscale, *goffset;
} arrays;

static void prepare(arrays *a, size_t rows, size_t n)
{
    size_t units = rows > n ? rows : n;
    a->x = random_array(rows * n, 1, 3);
    a->gy = random_array(rows * n, 2, 1);
    a->scale = random_array(n, 3, 2);
    a->offset = random_array(n, 4, 2);
    a->stretch = random_array(n, 5, 2);
    a->mean = random_array(units, 6, 1);
    a->inverse = random_array(units, 7, 2);
    a->y = random_array(rows * n, 8, 1);
    a->gx = random_array(rows * n, 9, 1);
    a->gscale = random_array(n, 10, 1);
    a->goffset = random_array(n, 11, 1);
    a->norm = (nd_norm){.rows = rows,
                        .n = n,
                        .center = true,
                        .eps = 0.01,
                        .x = a->x,
                        .mean = a->mean,
                        .inverse = a->inverse,
                        .scale = a->scale,
                        .offset = a->offset,
                        .stretch = a->stretch,
                        .y = a->y,
                        .gy = a->gy,
                        .gx = a->gx,
                        .gscale = a->gscale,
                        .goffset = a->goffset};
}

static void release(arrays *a)
{
    nd_real *all[] = {a->x,       a->gy, a->scale, a->offset, a->stretch, a->mean,
                      a->inverse, a->y,  a->gx,    a->gscale, a->goffset};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        nd_free(all[i]);
    }
}

/* What was written, in terms of rounding of the largest numbers that were added up. */
static void same(const arrays *got, const arrays *want, bool back)
{
    size_t rows = got->norm.rows, n = got->norm.n;
    double sum = tight * 20 * (1 + sqrt((double)rows));
    if (!back) {
        assert_close(got->y, want->y, rows * n, tight, 20 * tight);
        return;
    }
    assert_close(got->gscale, want->gscale, n, tight, sum);
    assert_close(got->goffset, want->goffset, n, tight, sum);
    assert_close(got->gx, want->gx, rows * n, tight, 100 * tight);
}

static const size_t shapes[][2] = {{1, 1},  {1, 7},   {2, 8},    {3, 31},  {5, 32},
                                   {7, 33}, {16, 65}, {33, 100}, {128, 40}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void check_rows(const nd_isa *isa, size_t rows, size_t n, bool center)
{
    arrays got, want;
    prepare(&got, rows, n);
    prepare(&want, rows, n);
    got.norm.center = want.norm.center = center;
    nd_ref_norm_rows(&want.norm);
    isa->norm_rows(&got.norm, 0, rows);
    assert_close(got.mean, want.mean, rows, tight, tight);
    assert_close(got.inverse, want.inverse, rows, tight, 0);
    same(&got, &want, false);
    nd_ref_norm_rows_back(&want.norm);
    isa->norm_rows_sums(&got.norm, 0, n);
    isa->norm_rows_back(&got.norm, 0, rows);
    same(&got, &want, true);
    release(&got);
    release(&want);
}

static void rows_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t s = 0; s < SHAPES; s++) {
            check_rows(nd_isa_at(i), shapes[s][0], shapes[s][1], true);
            check_rows(nd_isa_at(i), shapes[s][0], shapes[s][1], false);
        }
    }
}

static void columns_equal_the_reference_in_every_set(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t s = 0; s < SHAPES; s++) {
            arrays got, want;
            prepare(&got, shapes[s][0], shapes[s][1]);
            prepare(&want, shapes[s][0], shapes[s][1]);
            nd_ref_norm_columns(&want.norm);
            nd_isa_at(i)->norm_columns(&got.norm, 0, got.norm.n);
            same(&got, &want, false);
            nd_ref_norm_columns_back(&want.norm);
            nd_isa_at(i)->norm_columns_back(&got.norm, 0, got.norm.n);
            same(&got, &want, true);
            release(&got);
            release(&want);
        }
    }
}

/* 1, 3: mean 2, deviation 1; gy 1, 0 through scale 2: g is 2, 0, its mean 1, that of g
 * xhat -1, so gx = (2 - 1 - 1, 0 - 1 + 1) = 0. Without mean: mean square 5. */
static void a_row_of_two_is_as_worked_by_hand(void **state)
{
    (void)state;
    arrays a;
    prepare(&a, 1, 2);
    const nd_real x[2] = {1, 3}, gy[2] = {1, 0}, scale[2] = {2, 2}, offset[2] = {5, 5};
    memcpy(a.x, x, sizeof x);
    memcpy(a.gy, gy, sizeof gy);
    memcpy(a.scale, scale, sizeof scale);
    memcpy(a.offset, offset, sizeof offset);
    a.norm.eps = 0;
    nd_norm_rows(NULL, &a.norm);
    nd_norm_rows_back(NULL, &a.norm);
    const nd_real y[2] = {3, 7}, gx[2] = {0, 0}, gscale[2] = {-1, 0}, goffset[2] = {1, 0};
    assert_close(a.y, y, 2, tight, 0);
    assert_close(a.gx, gx, 2, 0, tight);
    assert_close(a.gscale, gscale, 2, tight, 0);
    assert_close(a.goffset, goffset, 2, tight, 0);
    a.norm.center = false;
    nd_norm_rows(NULL, &a.norm);
    const nd_real plain[2] = {(nd_real)(5 + 2 / sqrt(5)), (nd_real)(5 + 6 / sqrt(5))};
    assert_close(a.y, plain, 2, tight, 0);
    release(&a);
}

static void normalization_has_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    enum { ROWS = 301, N = 200 };
    arrays first, other;
    prepare(&first, ROWS, N);
    for (int by_row = 0; by_row < 2; by_row++) {
        void (*forward)(nd_pool *, const nd_norm *) = by_row ? nd_norm_rows : nd_norm_columns;
        void (*back)(nd_pool *, const nd_norm *) =
            by_row ? nd_norm_rows_back : nd_norm_columns_back;
        forward(NULL, &first.norm);
        back(NULL, &first.norm);
        for (int t = 0; t < THREAD_COUNTS; t++) {
            nd_pool *pool = nd_pool_create(thread_counts[t]);
            assert_non_null(pool);
            prepare(&other, ROWS, N);
            forward(pool, &other.norm);
            back(pool, &other.norm);
            assert_memory_equal(first.y, other.y, ROWS * N * sizeof *first.y);
            assert_memory_equal(first.gx, other.gx, ROWS * N * sizeof *first.gx);
            assert_memory_equal(first.gscale, other.gscale, N * sizeof *first.gscale);
            assert_memory_equal(first.goffset, other.goffset, N * sizeof *first.goffset);
            release(&other);
            nd_pool_destroy(pool);
        }
    }
    release(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_equal_the_reference_in_every_set),
        cmocka_unit_test(columns_equal_the_reference_in_every_set),
        cmocka_unit_test(a_row_of_two_is_as_worked_by_hand),
        cmocka_unit_test(normalization_has_the_same_bits_at_any_thread_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
