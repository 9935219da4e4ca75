#include "data/source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/data/make_table.h"

enum { ROWS = 40, PIXELS = 1024 };

static uint8_t pixel[ROWS][PIXELS];

/* Number, image, category, number; a binary target. */
static nd_table *mixed_table(void)
{
    nd_table *table = make_table(ROWS, true);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t j = 0; j < PIXELS; j++) {
            pixel[r][j] = (uint8_t)((r * 31 + j * 7) % 251);
        }
    }
    add_ramp(table, "a", 0.5, 1.5);
    nd_column image = {.name = nd_strdup("image"),
                       .dtype = ND_DT_U8,
                       .data = pixel,
                       .stride = PIXELS,
                       .width = PIXELS,
                       .image_rows = 32,
                       .image_cols = 32};
    assert_int_equal(nd_table_add(table, &image), ND_OK);
    add_cycle(table, "w", "w", 3);
    add_ramp(table, "b", 7, -0.5);
    add_cycle(table, "y", "class", 2);
    return table;
}

static const uint32_t chosen[] = {39, 3, 17, 3, 0, 20, 21, 22};

enum { CHOSEN = sizeof chosen / sizeof *chosen };

static void gathered_rows_are_the_prepared_rows(void **state)
{
    (void)state;
    nd_table *table = mixed_table();
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_source *source = NULL;
    size_t width = 1 + PIXELS + 3 + 1;
    assert_int_equal(prep->features, width);
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    nd_real *want = nd_alloc(ROWS, width * sizeof *want),
            *got = nd_alloc(ROWS, width * sizeof *got);
    nd_real label[ROWS], truth[ROWS];
    nd_prep_features(&map, NULL, 0, ROWS, want);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, ROWS, truth), ND_OK);
    assert_int_equal(nd_source_from_table(&map, NULL, ROWS, &source), ND_OK);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);

    source->gather(source, NULL, 0, ROWS, got, label);
    assert_memory_equal(got, want, ROWS * width * sizeof *got);
    assert_memory_equal(label, truth, sizeof label);
    source->gather(source, NULL, 30, 5, got, label);
    assert_memory_equal(got, want + 30 * width, 5 * width * sizeof *got);
    source->gather(source, chosen, 0, CHOSEN, got, label);
    for (size_t i = 0; i < CHOSEN; i++) {
        assert_memory_equal(got + i * width, want + chosen[i] * width, width * sizeof *got);
        assert_true(label[i] == truth[chosen[i]]);
    }
    nd_source_destroy(source);
    nd_table_destroy(table);
    nd_free(want);
    nd_free(got);
}

static void a_source_holds_only_the_given_rows(void **state)
{
    (void)state;
    nd_table *table = mixed_table();
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_source *source = NULL;
    size_t width = prep->features;
    nd_real *want = nd_alloc(2, width * sizeof *want), *got = nd_alloc(1, width * sizeof *got);
    assert_int_equal(nd_prep_map_create(prep, table, false, &map), ND_OK);
    assert_int_equal(nd_source_from_table(&map, chosen, CHOSEN, &source), ND_OK);
    assert_int_equal(source->rows, CHOSEN);
    nd_prep_features(&map, chosen + 2, 0, 1, want);
    source->gather(source, NULL, 2, 1, got, NULL);
    assert_memory_equal(got, want, width * sizeof *got);
    nd_source_destroy(source);
    nd_free(want);
    nd_free(got);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void gathering_does_not_allocate(void **state)
{
    (void)state;
    nd_table *table = mixed_table();
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_source *source = NULL;
    nd_real *x = nd_alloc(ROWS, prep->features * sizeof *x), y[ROWS];
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_int_equal(nd_source_from_table(&map, NULL, ROWS, &source), ND_OK);
    unsigned long before = nd_alloc_calls();
    source->gather(source, NULL, 0, ROWS, x, y);
    assert_int_equal(nd_alloc_calls(), before);
    nd_source_destroy(source);
    nd_free(x);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void pixels_are_centered_and_scaled(void **state)
{
    (void)state;
    const nd_prep_column column = {.center = 100, .scale = 4};
    const uint8_t pixels[] = {0, 100, 255};
    nd_real x[3];
    nd_prep_pixels(&column, pixels, 3, x);
    assert_true(x[0] == -25 && x[1] == 0 && x[2] == (nd_real)38.75);
}

static void arrays_are_borrowed(void **state)
{
    (void)state;
    const nd_real x[] = {1, 2, 3, 4, 5, 6}, y[] = {7, 8, 9};
    const uint32_t index[] = {2, 0};
    nd_real a[4], b[2];
    nd_source *source = NULL;
    assert_int_equal(nd_source_from_arrays(ctx, x, y, 3, 2, 1, &source), ND_OK);
    source->gather(source, index, 0, 2, a, b);
    assert_true(a[0] == 5 && a[1] == 6 && a[2] == 1 && a[3] == 2 && b[0] == 9 && b[1] == 7);
    source->gather(source, NULL, 1, 1, a, b);
    assert_true(a[0] == 3 && b[0] == 8);
    nd_source_destroy(source);
    nd_source_destroy(NULL);
}

static void an_unknown_class_ends_the_source(void **state)
{
    (void)state;
    const char *other[] = {"class0", "class1", "new"};
    nd_table *table = make_table(4, true), *fresh = make_table(3, true);
    add_ramp(table, "x", 0, 1.5);
    add_cycle(table, "y", "class", 2);
    add_ramp(fresh, "x", 0, 1);
    add_words(fresh, "y", other);
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_source *source = NULL;
    assert_int_equal(nd_prep_map_create(prep, fresh, true, &map), ND_OK);
    assert_int_equal(nd_source_from_table(&map, NULL, 3, &source), ND_ERR_DATA);
    assert_null(source);
    assert_has(nd_ctx_message(ctx), "row 3, column \"y\": \"new\" is none of the 2 classes");
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
    nd_table_destroy(fresh);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    nd_table *table = mixed_table();
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_status status = ND_ERR_MEMORY;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    for (unsigned long n = 1; status != ND_OK; n++) {
        nd_source *source = NULL;
        assert_true(n < 50);
        nd_alloc_fail_at(n, false);
        status = nd_source_from_table(&map, NULL, ROWS, &source);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || (status == ND_ERR_MEMORY && !source));
        nd_source_destroy(source);
    }
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gathered_rows_are_the_prepared_rows),
        CASE(a_source_holds_only_the_given_rows),
        CASE(gathering_does_not_allocate),
        CASE(pixels_are_centered_and_scaled),
        CASE(arrays_are_borrowed),
        CASE(an_unknown_class_ends_the_source),
        CASE(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
