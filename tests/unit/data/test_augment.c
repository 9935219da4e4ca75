/* Distortions of images: what they are keyed by, what they leave alone, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "make_table.h"

#include "base/rng.h"
#include "data/augment.h"

enum { SIDE = 28, SIZE = SIDE * SIDE, ROWS = 37 };

static const nd_image gray = {.rows = SIDE, .cols = SIDE, .channels = 1};
static const char *const everything = "shift=2, rotate=15, scale=0.2, shear=0.2, elastic=6:36, "
                                      "flip=both, brightness=0.3, contrast=0.3, cutout=7";

static nd_real *random_rows(size_t n, uint32_t stream)
{
    nd_rng rng = {.seed = 4, .stream = stream};
    nd_real *x = nd_alloc_aligned(n, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = (nd_real)nd_rng_uniform(&rng, i);
    }
    return x;
}

static nd_augment *make(const nd_image *image, const char *attributes, double background)
{
    nd_augment *augment;
    if (nd_augment_create(ctx, image, attributes, background, &augment) != ND_OK) {
        fail_msg("%s: %s", attributes, nd_ctx_message(ctx));
    }
    return augment;
}

static void the_same_key_gives_the_same_bits_at_any_thread_count(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    nd_real *x = random_rows(ROWS * SIZE, 1), *first = random_rows(ROWS * SIZE, 2);
    nd_real *other = random_rows(ROWS * SIZE, 3);
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        assert_int_equal(nd_ctx_set_threads(ctx, threads[t]), ND_OK);
        nd_augment *augment = make(&gray, everything, -0.4);
        assert_int_equal(nd_augment_rows(augment, 9, 3, x, ROWS, t == 0 ? first : other), ND_OK);
        if (t > 0) {
            assert_memory_equal(first, other, ROWS * SIZE * sizeof *x);
        }
        nd_augment_destroy(augment);
    }
    nd_free(x);
    nd_free(first);
    nd_free(other);
}

/* A row's numbers go by its own number: not by its place in the batch, nor by the others. */
static void a_row_is_the_same_wherever_it_lies_in_the_batch(void **state)
{
    (void)state;
    static const uint32_t turned[] = {4, 1, 7}, alone[] = {7};
    nd_augment *augment = make(&gray, everything, 0);
    nd_real *x = random_rows(3 * SIZE, 1), *batch = random_rows(3 * SIZE, 2);
    nd_real *one = random_rows(SIZE, 3);
    const nd_augment_keys keys = {.seed = 5, .step = 600, .index = turned};
    const nd_augment_keys single = {.seed = 5, .step = 600, .index = alone};
    nd_augment_batch(augment, ctx->pool, &keys, x, 3, batch);
    nd_augment_batch(augment, NULL, &single, x + 2 * SIZE, 1, one);
    assert_memory_equal(batch + 2 * SIZE, one, SIZE * sizeof *one);
    const nd_augment_keys in_order = {.seed = 5, .step = 600, .first = 7};
    nd_augment_batch(augment, NULL, &in_order, x + 2 * SIZE, 1, batch);
    assert_memory_equal(batch, one, SIZE * sizeof *one);
    nd_augment_destroy(augment);
    nd_free(x);
    nd_free(batch);
    nd_free(one);
}

static void other_seeds_steps_and_rows_give_other_images(void **state)
{
    (void)state;
    nd_augment *augment = make(&gray, "shift=3, elastic=6:36", 0);
    nd_real *x = random_rows(2 * SIZE, 1), *y[3];
    memcpy(x + SIZE, x, SIZE * sizeof *x);
    for (size_t i = 0; i < 3; i++) {
        y[i] = random_rows(2 * SIZE, 2);
        assert_int_equal(nd_augment_rows(augment, i == 1 ? 2 : 1, i == 2 ? 2 : 1, x, 2, y[i]),
                         ND_OK);
    }
    assert_memory_not_equal(y[0], y[1], SIZE * sizeof *x);
    assert_memory_not_equal(y[0], y[2], SIZE * sizeof *x);
    assert_memory_not_equal(y[0], y[0] + SIZE, SIZE * sizeof *x);
    for (size_t i = 0; i < 3; i++) {
        nd_free(y[i]);
    }
    nd_free(x);
    nd_augment_destroy(augment);
}

static bool equals(const nd_real *y, const nd_real *x, bool across, bool down)
{
    bool same = true;
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t j = 0; j < SIDE; j++) {
            size_t row = down ? SIDE - 1 - i : i, col = across ? SIDE - 1 - j : j;
            same = same && fabs((double)y[i * SIDE + j] - (double)x[row * SIDE + col]) < 1e-5;
        }
    }
    return same;
}

/* Of 400 images each of the four, or two, is seen 100 or 200 times, give or take 5 deviations. */
static void check_flips(const char *attributes, bool across, bool down)
{
    enum { MANY = 400 };
    nd_augment *augment = make(&gray, attributes, 0);
    nd_real *x = random_rows(SIZE, 1), *y = random_rows(SIZE, 2);
    size_t seen[4] = {0}, kinds = across && down ? 4 : 2;
    for (uint64_t step = 0; step < MANY; step++) {
        assert_int_equal(nd_augment_rows(augment, 1, step, x, 1, y), ND_OK);
        for (int k = 0; k < 4; k++) {
            bool possible = (!(k & 1) || across) && (!(k & 2) || down);
            seen[k] += possible && equals(y, x, k & 1, k & 2);
        }
    }
    double share = 1 / (double)kinds, spread = 5 * sqrt(MANY * share * (1 - share));
    assert_int_equal(seen[0] + seen[1] + seen[2] + seen[3], MANY);
    for (int k = 0; k < 4; k++) {
        bool possible = (!(k & 1) || across) && (!(k & 2) || down);
        assert_true(!possible || fabs((double)seen[k] - MANY * share) < spread);
    }
    nd_augment_destroy(augment);
    nd_free(x);
    nd_free(y);
}

static void flips_mirror_half_of_the_images(void **state)
{
    (void)state;
    check_flips("flip=horizontal", true, false);
    check_flips("flip=vertical", false, true);
    check_flips("flip=both", true, true);
}

/* Ink in the corner pixel only; whatever comes in from outside is background. */
static void shifts_bring_in_the_background(void **state)
{
    (void)state;
    const double paper = -0.42;
    nd_augment *augment = make(&gray, "shift=10", paper);
    nd_real *x = random_rows(SIZE, 1), *y = random_rows(SIZE, 2);
    nd_k_fill((nd_real)paper, SIZE, x);
    x[0] = 1;
    for (uint64_t step = 0; step < 50; step++) {
        size_t ink = 0;
        nd_augment_rows(augment, 1, step, x, 1, y);
        for (size_t i = 0; i < SIZE; i++) {
            ink += y[i] > (nd_real)paper || y[i] < (nd_real)paper;
        }
        assert_true(ink <= 4);
    }
    nd_augment_destroy(augment);
    nd_free(x);
    nd_free(y);
}

static void light_keeps_raw_zero_and_contrast_the_mean(void **state)
{
    (void)state;
    const double paper = -0.42;
    nd_augment *bright = make(&gray, "brightness=0.5", paper);
    nd_augment *contrast = make(&gray, "contrast=0.5", paper);
    nd_real *x = random_rows(SIZE, 1), *y = random_rows(SIZE, 2);
    x[5] = (nd_real)paper;
    for (uint64_t step = 0; step < 20; step++) {
        nd_augment_rows(bright, 1, step, x, 1, y);
        double factor = ((double)y[0] - paper) / ((double)x[0] - paper);
        assert_true(factor > 0.5 && factor < 1.5);
        assert_true(fabs((double)y[5] - paper) < 1e-6);
        nd_augment_rows(contrast, 1, step, x, 1, y);
        double before = nd_k_sum(NULL, SIZE, x), after = nd_k_sum(NULL, SIZE, y);
        assert_true(fabs(before - after) < 1e-3);
        assert_memory_not_equal(x, y, SIZE * sizeof *x);
    }
    nd_augment_destroy(bright);
    nd_augment_destroy(contrast);
    nd_free(x);
    nd_free(y);
}

/* A square of 6 around each pixel: from 3 x 3 in a corner to 6 x 6. */
static void cutout_blanks_one_square(void **state)
{
    (void)state;
    nd_augment *augment = make(&gray, "cutout=6", -0.4);
    nd_real *x = random_rows(SIZE, 1), *y = random_rows(SIZE, 2);
    size_t least = SIZE, most = 0;
    for (size_t i = 0; i < SIZE; i++) {
        x[i] += 1;
    }
    for (uint64_t step = 0; step < 300; step++) {
        size_t top = SIDE, left = SIDE, bottom = 0, right = 0, blank = 0;
        nd_augment_rows(augment, 1, step, x, 1, y);
        for (size_t i = 0; i < SIZE; i++) {
            if (y[i] > 0) {
                assert_true(y[i] >= x[i] && y[i] <= x[i]);
                continue;
            }
            blank++;
            top = i / SIDE < top ? i / SIDE : top;
            bottom = i / SIDE;
            left = i % SIDE < left ? i % SIDE : left;
            right = i % SIDE > right ? i % SIDE : right;
        }
        assert_int_equal(blank, (bottom - top + 1) * (right - left + 1));
        least = blank < least ? blank : least;
        most = blank > most ? blank : most;
    }
    assert_int_equal(most, 36);
    assert_true(least >= 9 && least < 36);
    nd_augment_destroy(augment);
    nd_free(x);
    nd_free(y);
}

/* The channels of an image move together, however they lie in memory. */
static void channels_are_bent_alike(void **state)
{
    (void)state;
    const nd_image planes = {SIDE, SIDE, 3, 1}, pixels = {SIDE, SIDE, 3, 0};
    const char *attributes = "shift=2, rotate=15, elastic=5:30, cutout=7";
    nd_augment *one = make(&gray, attributes, 0.1), *by_plane = make(&planes, attributes, 0.1);
    nd_augment *by_pixel = make(&pixels, attributes, 0.1);
    nd_real *x = random_rows(3 * SIZE, 1), *turned = random_rows(3 * SIZE, 2);
    nd_real *y = random_rows(3 * SIZE, 3), *z = random_rows(3 * SIZE, 4);
    nd_real *single = random_rows(SIZE, 5);
    for (size_t i = 0; i < 3 * SIZE; i++) {
        turned[i % SIZE * 3 + i / SIZE] = x[i];
    }
    nd_augment_rows(by_plane, 1, 2, x, 1, y);
    nd_augment_rows(by_pixel, 1, 2, turned, 1, z);
    for (size_t k = 0; k < 3; k++) {
        nd_augment_rows(one, 1, 2, x + k * SIZE, 1, single);
        assert_memory_equal(single, y + k * SIZE, SIZE * sizeof *y);
        for (size_t i = 0; i < SIZE; i++) {
            assert_memory_equal(&single[i], &z[i * 3 + k], sizeof *z);
        }
    }
    nd_augment_destroy(one);
    nd_augment_destroy(by_plane);
    nd_augment_destroy(by_pixel);
    nd_real *const all[] = {x, turned, y, z, single};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        nd_free(all[i]);
    }
}

static void nothing_is_allocated_while_images_are_distorted(void **state)
{
    (void)state;
    nd_augment *augment = make(&gray, everything, 0);
    nd_real *x = random_rows(8 * SIZE, 1), *y = random_rows(8 * SIZE, 2);
    nd_augment_rows(augment, 1, 1, x, 8, y);
    unsigned long before = nd_alloc_calls();
    nd_augment_rows(augment, 1, 2, x, 8, y);
    assert_int_equal(nd_alloc_calls(), before);
    nd_augment_destroy(augment);
    nd_free(x);
    nd_free(y);
}

static void refused(const nd_image *image, const char *attributes, const char *says)
{
    nd_augment *augment = (nd_augment *)&ctx;
    assert_int_equal(nd_augment_create(ctx, image, attributes, 0, &augment), ND_ERR_OPTION);
    assert_null(augment);
    if (!strstr(nd_ctx_message(ctx), says)) {
        fail_msg("%s: %s", attributes, nd_ctx_message(ctx));
    }
}

static void senseless_distortions_are_refused_with_a_reason(void **state)
{
    (void)state;
    const nd_image line = {1, 64, 1, 0}, dot = {1, 1, 1, 0}, small = {8, 8, 1, 0};
    refused(&line, "rotate=5", "single line");
    refused(&line, "shear=0.1", "single line");
    refused(&line, "elastic=6:36", "--image HEIGHTxWIDTH");
    refused(&line, "flip=vertical", "mirrored they are the same");
    refused(&dot, "shift=0.5", "one pixel");
    refused(&small, "shift=8", "nothing of them is left");
    refused(&small, "cutout=8", "hide all of them");
    refused(&small, "elastic=6", "SIGMA:ALPHA");
    refused(&small, "elastic=6:-1", "SIGMA:ALPHA");
    refused(&small, "elastic=0.1:3", "SIGMA:ALPHA");
    refused(&small, "rotat=5", "did you mean 'rotate'");
    refused(&small, "rotate=500", "rotate");
    refused(&small, "flip=up", "flip");
    nd_augment *fine = make(&line, "shift=3, flip=horizontal", 0);
    nd_augment_destroy(fine);
}

static void shapes_are_read_from_text(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "28",    "28x",     "x28",     "28x28x", "0x28",
                                        "-1x2", "2.5x2", "2x2x2x2", "28 x28y", "40000x2"};
    nd_image image;
    assert_int_equal(nd_image_parse(ctx, "28x14", &image), ND_OK);
    assert_true(image.rows == 28 && image.cols == 14 && image.channels == 1 && !image.planar);
    assert_int_equal(nd_image_parse(ctx, "32x30x3", &image), ND_OK);
    assert_true(image.rows == 32 && image.cols == 30 && image.channels == 3 && !image.planar);
    assert_int_equal(nd_image_parse(ctx, "3x32x30", &image), ND_OK);
    assert_true(image.rows == 32 && image.cols == 30 && image.channels == 3 && image.planar);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (nd_image_parse(ctx, wrong[i], &image) != ND_ERR_OPTION) {
            fail_msg("'%s' was taken for a shape", wrong[i]);
        }
    }
}

static void every_failed_allocation_is_told(void **state)
{
    (void)state;
    nd_augment *augment;
    for (unsigned long n = 1;; n++) {
        nd_alloc_fail_at(n, false);
        nd_status status = nd_augment_create(ctx, &gray, everything, 0, &augment);
        nd_alloc_fail_at(0, false);
        if (status == ND_OK) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(status, ND_ERR_MEMORY);
        assert_null(augment);
    }
    nd_augment_destroy(augment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_gives_the_same_bits_at_any_thread_count),
        cmocka_unit_test(a_row_is_the_same_wherever_it_lies_in_the_batch),
        cmocka_unit_test(other_seeds_steps_and_rows_give_other_images),
        cmocka_unit_test(flips_mirror_half_of_the_images),
        cmocka_unit_test(shifts_bring_in_the_background),
        cmocka_unit_test(light_keeps_raw_zero_and_contrast_the_mean),
        cmocka_unit_test(cutout_blanks_one_square),
        cmocka_unit_test(channels_are_bent_alike),
        cmocka_unit_test(nothing_is_allocated_while_images_are_distorted),
        cmocka_unit_test(senseless_distortions_are_refused_with_a_reason),
        cmocka_unit_test(shapes_are_read_from_text),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
