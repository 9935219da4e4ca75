/* Rows mixed with each other: the shares, the partners, the labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "make_table.h"

#include "data/augment.h"

enum { ROWS = 7, WIDTH = 3 };

/* Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)); means of n numbers stray by a
 * deviation over sqrt(n), their squares by less. Five deviations are allowed. */
static void shares_have_the_moments_of_beta(void **state)
{
    (void)state;
    static const double alphas[] = {0.01, 0.2, 0.4, 1, 3, 50};
    enum { N = 20000 };
    for (size_t a = 0; a < sizeof alphas / sizeof alphas[0]; a++) {
        double sum = 0, squares = 0, variance = 1 / (4 * (2 * alphas[a] + 1));
        for (uint64_t i = 0; i < N; i++) {
            nd_rng rng = {.seed = 3, .stream = ND_STREAM_AUGMENT, .step = i};
            double share = nd_mixup_lambda(&rng, alphas[a]);
            assert_true(share >= 0 && share <= 1);
            sum += share - 0.5;
            squares += (share - 0.5) * (share - 0.5);
        }
        assert_true(fabs(sum / N) < 5 * sqrt(variance / N));
        assert_true(fabs(squares / N - variance) < 5 * sqrt(variance / 4 / N));
    }
}

/* Beta(1, 1) is uniform: a tenth of the shares in every tenth of 0 to 1. */
static void shares_of_alpha_one_are_uniform(void **state)
{
    (void)state;
    enum { N = 20000 };
    size_t bin[10] = {0};
    for (uint64_t i = 0; i < N; i++) {
        nd_rng rng = {.seed = 8, .stream = ND_STREAM_AUGMENT, .step = i};
        size_t at = (size_t)(10 * nd_mixup_lambda(&rng, 1));
        bin[at < 10 ? at : 9]++;
    }
    for (size_t i = 0; i < 10; i++) {
        assert_true(fabs((double)bin[i] - N / 10.0) < 5 * sqrt(N * 0.09));
    }
}

typedef struct mixed {
    nd_real x[ROWS * WIDTH], y[ROWS * 4];
} mixed;

/* Row r is all r, its label 10 r, its weight 1 + r. */
static void run(const nd_mixup *mixup, nd_pool *pool, uint64_t step, mixed *out)
{
    nd_real x[ROWS * WIDTH], y[ROWS * 2];
    size_t width = 1 + mixup->weighted;
    const nd_augment_keys keys = {.seed = 6, .step = step};
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < WIDTH; j++) {
            x[r * WIDTH + j] = (nd_real)r;
        }
        y[r * width] = (nd_real)(10 * r);
        if (mixup->weighted) {
            y[r * width + 1] = (nd_real)(1 + r);
        }
    }
    memset(out, 0, sizeof *out);
    nd_mixup_batch(mixup, pool, &keys, x, y, ROWS, out->x, out->y);
}

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-4);
}

/* Both labels of a row, each weighing its share; x is the same mixture of the two rows. */
static void a_mixed_row_has_both_labels_by_their_shares(void **state)
{
    (void)state;
    mixed out;
    size_t apart = 0;
    for (int weighted = 0; weighted < 2; weighted++) {
        const nd_mixup mixup = {.alpha = 0.4, .features = WIDTH, .width = 1, .weighted = weighted};
        assert_int_equal(nd_mixup_width(&mixup), 4);
        for (uint64_t step = 100; step < 130; step++) {
            run(&mixup, NULL, step, &out);
            for (size_t r = 0; r < ROWS; r++) {
                const nd_real *y = out.y + 4 * r;
                double first = (double)y[0] / 10, second = (double)y[2] / 10;
                double share = (double)y[1] / (weighted ? 1 + first : 1);
                double rest = (double)y[3] / (weighted ? 1 + second : 1);
                near(first, (double)r);
                assert_true(first < second || first > second);
                near(share + rest, 1);
                near((double)out.x[r * WIDTH], share * first + rest * second);
                near((double)out.x[r * WIDTH], (double)out.x[r * WIDTH + WIDTH - 1]);
                apart += share > 0.01 && share < 0.99;
            }
        }
    }
    assert_true(apart > 100);
}

static void quantities_are_mixed_themselves(void **state)
{
    (void)state;
    mixed out;
    const nd_mixup mixup = {
        .alpha = 0.4, .features = WIDTH, .width = 1, .weighted = true, .values = true};
    assert_int_equal(nd_mixup_width(&mixup), 2);
    run(&mixup, NULL, 5, &out);
    for (size_t r = 0; r < ROWS; r++) {
        near((double)out.y[2 * r], 10 * (double)out.x[r * WIDTH]);
        near((double)out.y[2 * r + 1], 1 + (double)out.x[r * WIDTH]);
    }
}

/* The row that is mixed in lies 1 to ROWS - 1 rows further on, each as often. */
static void partners_change_from_batch_to_batch(void **state)
{
    (void)state;
    mixed out;
    enum { STEPS = 600 };
    size_t seen[ROWS] = {0};
    const nd_mixup mixup = {.alpha = 0.4, .features = WIDTH, .width = 1};
    for (uint64_t step = 0; step < STEPS; step++) {
        run(&mixup, NULL, 10 * step, &out);
        size_t offset = (size_t)((double)out.y[2] / 10 + 0.5);
        seen[offset]++;
        near((double)out.y[4 + 2] / 10, (double)((1 + offset) % ROWS));
    }
    assert_int_equal(seen[0], 0);
    for (size_t i = 1; i < ROWS; i++) {
        assert_true(fabs((double)seen[i] - STEPS / 6.0) < 5 * sqrt(STEPS * 5 / 36.0));
    }
}

static void mixtures_have_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    enum { MANY = 700, FEATURES = 64 };
    const nd_mixup mixup = {.alpha = 0.2, .features = FEATURES, .width = 1};
    const nd_augment_keys keys = {.seed = 6, .step = 70};
    nd_real *x = nd_alloc_aligned(MANY, FEATURES * sizeof *x), *y = nd_alloc(MANY, sizeof *y);
    nd_real *to[2], *label[2];
    for (size_t i = 0; i < MANY * FEATURES; i++) {
        x[i] = (nd_real)(i * 37 % 1009);
    }
    for (int t = 0; t < 2; t++) {
        nd_pool *pool = nd_pool_create(t == 0 ? 1 : 3);
        to[t] = nd_alloc_aligned(MANY, FEATURES * sizeof *x);
        label[t] = nd_alloc(MANY, 4 * sizeof *y);
        nd_mixup_batch(&mixup, pool, &keys, x, y, MANY, to[t], label[t]);
        nd_pool_destroy(pool);
    }
    assert_memory_equal(to[0], to[1], MANY * FEATURES * sizeof *x);
    assert_memory_equal(label[0], label[1], MANY * 4 * sizeof *y);
    for (int t = 0; t < 2; t++) {
        nd_free(to[t]);
        nd_free(label[t]);
    }
    nd_free(x);
    nd_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_have_the_moments_of_beta),
        cmocka_unit_test(shares_of_alpha_one_are_uniform),
        cmocka_unit_test(a_mixed_row_has_both_labels_by_their_shares),
        cmocka_unit_test(quantities_are_mixed_themselves),
        cmocka_unit_test(partners_change_from_batch_to_batch),
        cmocka_unit_test(mixtures_have_the_same_bits_at_any_thread_count),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
