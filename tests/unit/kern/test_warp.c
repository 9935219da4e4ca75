/* Images bent and sampled: every instruction set against the plain reference. */
#include "kern_test.h"

#include "kern/warp.h"

static const nd_rng rng = {.seed = 77, .stream = ND_STREAM_AUGMENT, .step = 12};

typedef struct shape {
    size_t rows, cols;
} shape;

static const shape shapes[] = {{1, 1}, {1, 9}, {7, 1}, {3, 5}, {8, 8}, {28, 28}, {9, 70}};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static nd_warp_room make_room(shape s)
{
    size_t n = s.rows * s.cols;
    nd_warp_room room = {.padded = random_array(nd_warp_padded(s.rows, s.cols), 1, 1),
                         .fx = random_array(n, 2, 1),
                         .fy = random_array(n, 3, 1),
                         .at = nd_alloc_aligned(n, sizeof(int32_t))};
    assert_non_null(room.at);
    return room;
}

static void free_room(nd_warp_room *room)
{
    nd_free(room->padded);
    nd_free(room->fx);
    nd_free(room->fy);
    nd_free(room->at);
}

/* A value moves by at most 2 where its place moves by one pixel; a place is rounded at the
 * size of the picture and of the field. */
static void check_sampling(shape s, const nd_real m[2][3], const nd_real *field, size_t step)
{
    size_t n = s.rows * s.cols;
    nd_warp warp = {.rows = s.rows, .cols = s.cols, .field = field, .outside = (nd_real)-0.4};
    nd_real *x = random_array(n * step, 4, 1), *got = random_array(n * step, 5, 1);
    nd_real *want = copy_array(got, n * step);
    nd_warp_room room = make_room(s);
    double error = 8 * ND_TEST_EPS * (double)(s.rows + s.cols + 16);
    memcpy(warp.m, m, sizeof warp.m);
    nd_ref_warp(&warp, step, x, want);
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_warp_sample(&warp, &room, step, x, got); /* fills the frame */
        memset(room.at, 0, n * sizeof *room.at);
        nd_isa_at(i)->warp_places(&warp, &room);
        nd_isa_at(i)->warp_blend(&room, s.cols + 3, n, step, got);
        assert_close(got, want, n * step, 0, error);
    }
    free_room(&room);
    nd_free(x);
    nd_free(got);
    nd_free(want);
}

static void sampling_equals_the_reference_in_every_set(void **state)
{
    (void)state;
    static const nd_real ways[][2][3] = {
        {{1, 0, 0}, {0, 1, 0}},
        {{(nd_real)0.9, (nd_real)-0.3, (nd_real)1.7}, {(nd_real)0.4, (nd_real)1.1, (nd_real)-2.3}},
        {{-1, 0, 7}, {0, 1, (nd_real)0.25}},
        {{40, 0, -100}, {0, 40, -100}},
    };
    for (size_t s = 0; s < SHAPES; s++) {
        nd_real *field = random_array(2 * shapes[s].rows * shapes[s].cols, 6, 3);
        for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
            check_sampling(shapes[s], ways[k], NULL, 1);
            check_sampling(shapes[s], ways[k], field, 1);
            check_sampling(shapes[s], ways[k], field, 3);
        }
        nd_free(field);
    }
}

/* What a blank page becomes is blank to the last bit, however it is bent. */
static void a_background_stays_as_it_is(void **state)
{
    (void)state;
    const shape s = {28, 28};
    const nd_real paper = (nd_real)-0.4242;
    nd_warp warp = {.rows = 28, .cols = 28, .outside = paper};
    nd_real *x = random_array(784, 1, 1), *y = random_array(784, 2, 1);
    nd_real *field = random_array(2 * 784, 6, 5);
    const nd_real m[2][3] = {{(nd_real)0.9, (nd_real)-0.3, 2}, {(nd_real)0.4, 1, 1}};
    nd_warp_room room = make_room(s);
    memcpy(warp.m, m, sizeof warp.m);
    warp.field = field;
    nd_k_fill(paper, 784, x);
    nd_warp_places(&warp, &room);
    nd_warp_sample(&warp, &room, 1, x, y);
    assert_memory_equal(x, y, 784 * sizeof *x);
    free_room(&room);
    nd_free(field);
    nd_free(x);
    nd_free(y);
}

static void fields_equal_the_reference(void **state)
{
    (void)state;
    static const double sigmas[] = {0.5, 1.7, 6};
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s].rows, cols = shapes[s].cols, n = 2 * rows * cols;
        nd_real *got = random_array(n, 1, 1), *spare = random_array(n, 2, 1);
        nd_real *want = random_array(n, 3, 1);
        for (size_t k = 0; k < sizeof sigmas / sizeof sigmas[0]; k++) {
            nd_smooth smooth = {.radius = nd_smooth_radius(sigmas[k])};
            smooth.band = nd_alloc_aligned(nd_smooth_size(smooth.radius), sizeof *smooth.band);
            assert_non_null(smooth.band);
            nd_smooth_fill(&smooth, sigmas[k]);
            nd_ref_warp_field(sigmas[k], 9, &rng, 512, rows, cols, want);
            nd_warp_field(&smooth, 9, &rng, 512, rows, cols, got, spare);
            assert_close(got, want, n, 0, 9 * 8 * ND_TEST_EPS);
            nd_free(smooth.band);
        }
        nd_free(got);
        nd_free(spare);
        nd_free(want);
    }
}

/* A Gaussian of deviation zero pixels wide leaves the numbers as they are. */
static void noise_is_that_of_the_random_words_in_every_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shapes[s].rows, cols = shapes[s].cols, n = 2 * rows * cols;
        nd_real *got = random_array(n, 1, 1), *want = random_array(n, 3, 1);
        nd_ref_warp_field(1e-3, 2, &rng, 512, rows, cols, want);
        for (size_t i = 0; nd_isa_at(i); i++) {
            nd_isa_at(i)->warp_noise(&rng, 512, 2, rows, cols, got);
            assert_close(got, want, n, 4 * ND_TEST_EPS, 4 * ND_TEST_EPS);
        }
        nd_free(got);
        nd_free(want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_equals_the_reference_in_every_set),
        cmocka_unit_test(a_background_stays_as_it_is),
        cmocka_unit_test(fields_equal_the_reference),
        cmocka_unit_test(noise_is_that_of_the_random_words_in_every_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
