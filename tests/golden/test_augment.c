/* Numbers of scipy and PyTorch (make_augment.py): sampling, fields of displacements, matrices
 * and the loss of mixed rows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/augment.h"
#include "loss/loss.h"

/* Places are rounded to float in the engine: 28 pixels by 2^-24, times a slope of 2. */
#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-13;
#else
static const double tolerance = 2e-5;
#endif

static FILE *open_case(const char *name)
{
    const char *source = getenv("NADIR_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/augment/%s.txt", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("%s is missing", path);
    }
    return file;
}

static nd_real *read_array(FILE *file, const char *name, size_t n)
{
    char found[64];
    nd_real *x = nd_alloc_aligned(n, sizeof *x);
    assert_non_null(x);
    assert_int_equal(fscanf(file, " %63s", found), 1);
    assert_string_equal(found, name);
    for (size_t i = 0; i < n; i++) {
        double value;
        assert_int_equal(fscanf(file, "%lf", &value), 1);
        x[i] = (nd_real)value;
    }
    return x;
}

static void same(const char *name, const nd_real *got, const nd_real *want, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - (double)want[i]) <= tolerance * scale)) {
            fail_msg("%s, element %zu: %.17g, not %.17g", name, i, (double)got[i], (double)want[i]);
        }
    }
}

static void check_warp(const char *name)
{
    FILE *file = open_case(name);
    int bent;
    double outside;
    nd_warp warp = {0};
    assert_int_equal(fscanf(file, "%zu %zu %d %lf", &warp.rows, &warp.cols, &bent, &outside), 4);
    size_t n = warp.rows * warp.cols;
    nd_real *matrix = read_array(file, "matrix", 6), *image = read_array(file, "image", n);
    nd_real *field = read_array(file, "field", 2 * n), *want = read_array(file, "result", n);
    nd_real *got = nd_alloc_aligned(n, sizeof *got);
    nd_warp_room room = {.padded = nd_alloc_aligned(nd_warp_padded(warp.rows, warp.cols),
                                                    sizeof(nd_real)),
                         .fx = nd_alloc_aligned(n, sizeof(nd_real)),
                         .fy = nd_alloc_aligned(n, sizeof(nd_real)),
                         .at = nd_alloc_aligned(n, sizeof(int32_t))};
    memcpy(warp.m, matrix, sizeof warp.m);
    warp.field = bent ? field : NULL;
    warp.outside = (nd_real)outside;
    nd_warp_places(&warp, &room);
    nd_warp_sample(&warp, &room, 1, image, got);
    same(name, got, want, n, 1);
    nd_real *const all[] = {matrix, image, field, want, got, room.padded, room.fx, room.fy};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        nd_free(all[i]);
    }
    nd_free(room.at);
    fclose(file);
}

static void sampling_agrees_with_pytorch(void **state)
{
    (void)state;
    static const char *const name[] = {"warp_identity", "warp_half_pixel", "warp_affine",
                                       "warp_bent",     "warp_far",        "warp_transposed"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        check_warp(name[i]);
    }
}

static void check_field(const char *name)
{
    FILE *file = open_case(name);
    size_t rows, cols;
    double sigma, alpha;
    unsigned long long seed, step, first;
    nd_rng rng = {0};
    assert_int_equal(fscanf(file, "%zu %zu %lf %lf %llu %u %llu %llu", &rows, &cols, &sigma, &alpha,
                            &seed, &rng.stream, &step, &first),
                     8);
    rng.seed = seed;
    rng.step = step;
    size_t n = 2 * rows * cols;
    nd_real *want = read_array(file, "field", n), *got = nd_alloc_aligned(n, sizeof *got);
    nd_real *spare = nd_alloc_aligned(n, sizeof *spare);
    nd_smooth smooth = {.radius = nd_smooth_radius(sigma)};
    smooth.band = nd_alloc_aligned(nd_smooth_size(smooth.radius), sizeof *smooth.band);
    nd_smooth_fill(&smooth, sigma);
    nd_warp_field(&smooth, alpha, &rng, first, rows, cols, got, spare);
    same(name, got, want, n, 1);
    nd_free(smooth.band);
    nd_free(spare);
    nd_free(got);
    nd_free(want);
    fclose(file);
}

static void displacements_agree_with_scipy(void **state)
{
    (void)state;
    check_field("field_mnist");
    check_field("field_small_sigma");
    check_field("field_several_blocks");
}

static void check_matrix(const char *name)
{
    FILE *file = open_case(name);
    size_t rows, cols;
    int flips;
    nd_augment_move move = {0};
    nd_real got[2][3];
    assert_int_equal(fscanf(file, "%zu %zu %lf %lf %lf %lf %lf %lf %d", &rows, &cols, &move.angle,
                            &move.across, &move.down, &move.shear, &move.shift_across,
                            &move.shift_down, &flips),
                     9);
    move.flip_across = flips & 1;
    move.flip_down = flips & 2;
    nd_real *want = read_array(file, "matrix", 6);
    nd_augment_matrix(&move, rows, cols, got);
    same(name, &got[0][0], want, 6, 10);
    nd_free(want);
    fclose(file);
}

static void matrices_are_the_inverse_of_the_move(void **state)
{
    (void)state;
    check_matrix("matrix_turn");
    check_matrix("matrix_all");
    check_matrix("matrix_mirrored");
    check_matrix("matrix_turned_over");
}

static void check_mixup(nd_ctx *ctx, const char *name)
{
    FILE *file = open_case(name);
    size_t rows, n;
    double want_loss, weight = 0;
    assert_int_equal(fscanf(file, "%zu %zu %lf", &rows, &n, &want_loss), 3);
    nd_real *logits = read_array(file, "logits", rows * n);
    nd_real *labels = read_array(file, "labels", rows * 4);
    nd_real *want = read_array(file, "gradient", rows * n);
    nd_real *got = nd_alloc_aligned(rows * n, sizeof *got);
    nd_real *spare = nd_alloc_aligned(rows * n, sizeof *spare);
    nd_loss loss;
    assert_int_equal(nd_loss_read(ctx, "cross_entropy", &loss), ND_OK);
    assert_int_equal(nd_loss_weighted_check(&loss, 2 * rows, n, labels), 2 * rows);
    weight = nd_loss_weight(&loss, 2 * rows, n, labels);
    double sum = nd_loss_mixed_value(&loss, NULL, rows, n, logits, labels, 1 / weight, got, spare);
    assert_true(fabs(sum / weight - want_loss) <= tolerance);
    same(name, got, want, rows * n, 0.1);
    double alone = nd_loss_mixed_value(&loss, NULL, rows, n, logits, labels, 0, NULL, NULL);
    assert_true(fabs(alone - sum) <= tolerance * weight);
    nd_real *const all[] = {logits, labels, want, got, spare};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        nd_free(all[i]);
    }
    fclose(file);
}

static void two_labels_are_soft_labels_of_pytorch(void **state)
{
    (void)state;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    check_mixup(ctx, "mixup_plain");
    check_mixup(ctx, "mixup_weighted");
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampling_agrees_with_pytorch),
        cmocka_unit_test(displacements_agree_with_scipy),
        cmocka_unit_test(matrices_are_the_inverse_of_the_move),
        cmocka_unit_test(two_labels_are_soft_labels_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
