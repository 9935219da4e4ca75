/* Distorted and mixed rows as a caller of nadir.h asks for them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/table.h"
#include "job/augmented.h"
#include "job/settings.h"
#include "nadir.h"

enum { ROWS = 160, SIDE = 6, PIXELS = SIDE * SIDE };

static nd_ctx *ctx;
static nd_table *table;
static nd_config *config;
static nd_real pixel[ROWS * PIXELS], label[ROWS];
static char logged[4096];

static void note(void *user, int level, const char *text)
{
    (void)user;
    size_t used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%d %s\n", level, text);
}

/* Class 1 is a bright line across, class 0 one down; the border is black in every image. */
static void draw(void)
{
    nd_rng rng = {.seed = 3, .stream = 1};
    memset(pixel, 0, sizeof pixel);
    for (size_t r = 0; r < ROWS; r++) {
        size_t place = 1 + nd_rng_bits(&rng, r) % (SIDE - 2);
        label[r] = (nd_real)(r % 2);
        for (size_t i = 1; i + 1 < SIDE; i++) {
            size_t at = r % 2 ? place * SIDE + i : i * SIDE + place;
            pixel[r * PIXELS + at] = 200;
        }
    }
}

static int start(void **state)
{
    (void)state;
    draw();
    logged[0] = '\0';
    if (nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    nd_ctx_set_log(ctx, note, NULL);
    return nd_table_from_arrays(ctx, pixel, ROWS, PIXELS, label, 1, &table) != ND_OK ||
           nd_config_create(ctx, ND_VERB_TRAIN, &config) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_config_destroy(config);
    nd_table_destroy(table);
    nd_ctx_destroy(ctx);
    return 0;
}

static void set(const char *key, const char *value)
{
    if (nd_config_set(config, key, value) != ND_OK) {
        fail_msg("%s: %s", key, nd_ctx_message(ctx));
    }
}

static nd_prep *prepare(void)
{
    nd_prep *prep;
    nd_settings settings;
    assert_int_equal(nd_settings_from(ctx, config, &settings), ND_OK);
    assert_int_equal(nd_prep_begin(ctx, table, &settings.prep, &prep), ND_OK);
    if (nd_prep_fit(prep, table, NULL, ROWS, &settings.prep) != ND_OK) {
        nd_prep_destroy(prep);
        prep = NULL;
    }
    nd_settings_free(&settings);
    return prep;
}

/* Mean and deviation of all pixels: 4 of 36 are 200. */
static void pixels_share_one_scale_and_none_is_dropped(void **state)
{
    (void)state;
    const double mean = 200 * 4.0 / 36, deviation = sqrt(200.0 * 200 * 4 / 36 - mean * mean);
    set("image", "6x6");
    nd_prep *prep = prepare();
    assert_non_null(prep);
    assert_int_equal(prep->features, PIXELS);
    for (size_t i = 0; i < PIXELS; i++) {
        const nd_prep_column *column = &prep->column[i];
        assert_int_equal(column->kind, ND_PREP_NUMBER);
        assert_int_equal(column->first, i);
        assert_true(fabs(column->center - mean) < 1e-4 && fabs(column->scale - deviation) < 1e-4);
    }
    nd_prep_destroy(prep);
}

/* What is moved in from outside is what raw 0 is after scaling. */
static void the_background_is_raw_zero_in_prepared_units(void **state)
{
    (void)state;
    static const char *const scaling[] = {"standard", "minmax", "none", "quantile"};
    nd_augment *augment;
    set("image", "6x6");
    set("augment", "shift=2");
    for (size_t i = 0; i < sizeof scaling / sizeof scaling[0]; i++) {
        set("scaling", scaling[i]);
        nd_prep *prep = prepare();
        nd_prep_map map;
        nd_real x[PIXELS];
        assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
        nd_prep_features(&map, NULL, 0, 1, x);
        assert_int_equal(nd_build_augment(config, prep, &augment), ND_OK);
        assert_memory_equal(&augment->background, &x[0], sizeof x[0]);
        nd_augment_destroy(augment);
        nd_prep_map_free(&map);
        nd_prep_destroy(prep);
    }
}

static void refused(const char *image, const char *augment, const char *says)
{
    nd_model *model;
    set("image", image);
    set("augment", augment);
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_ERR_OPTION);
    if (!strstr(nd_ctx_message(ctx), says)) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
}

static void what_is_no_image_is_refused_with_the_way_out(void **state)
{
    (void)state;
    refused("", "rotate=5", "--image 6x6");
    refused("7x7", "rotate=5", "49 numbers an image, but the rows");
    refused("36x1", "rotate=5", "single line");
    refused("6x6", "rotat=5", "did you mean 'rotate'");
    refused("6", "", "not a shape");
    set("image", "6x6");
    set("augment", "");
    set("mixup", "0.2");
    set("batch_size", "1");
    nd_model *model;
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "no other row"));
}

static double accuracy(const char *image, const char *augment, const char *mixup)
{
    nd_model *model;
    nd_metrics *metrics;
    set("image", image);
    set("augment", augment);
    set("mixup", mixup);
    set("epochs", "12");
    set("task", "binary");
    if (nd_train(ctx, config, table, NULL, NULL, &model) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    assert_int_equal(nd_model_evaluate(model, table, &metrics), ND_OK);
    double share = nd_metrics_get(metrics, "accuracy");
    nd_metrics_destroy(metrics);
    nd_model_destroy(model);
    return share;
}

static void distorted_and_mixed_rows_teach_the_classes(void **state)
{
    (void)state;
    assert_true(accuracy("6x6", "shift=1, elastic=2:3, cutout=2", "0") > 0.95);
    assert_true(accuracy("6x6", "", "0.3") > 0.95);
    assert_true(accuracy("", "", "0.3") > 0.95);
    assert_true(accuracy("6x6", "none", "0") > 0.95);
}

static int swallow(void *user, const char *text, size_t bytes)
{
    (void)user;
    (void)text;
    (void)bytes;
    return 0;
}

static void runs_are_the_same_on_any_threads_and_after_an_interruption(void **state)
{
    (void)state;
    char folder[] = "/tmp/nadir-augmented-XXXXXX";
    int same = 0;
    const nd_sink sink = {swallow, NULL};
    assert_non_null(mkdtemp(folder));
    set("image", "6x6");
    set("augment", "shift=1,rotate=10,elastic=2:3,flip=both,brightness=0.2,cutout=2");
    set("mixup", "0.4");
    set("batch_size", "16");
    nd_status status = nd_verify_determinism(ctx, config, table, folder, &same, &sink);
    rmdir(folder);
    assert_int_equal(status, ND_OK);
    assert_int_equal(same, 1);
}

static void a_rate_is_found_on_distorted_rows(void **state)
{
    (void)state;
    nd_config *find;
    nd_lr_range range;
    assert_int_equal(nd_config_create(ctx, ND_VERB_LR_FIND, &find), ND_OK);
    assert_int_equal(nd_config_set(find, "image", "6x6"), ND_OK);
    assert_int_equal(nd_config_set(find, "augment", "shift=1"), ND_OK);
    assert_int_equal(nd_config_set(find, "mixup", "0.2"), ND_OK);
    assert_int_equal(nd_lr_find(ctx, find, table, NULL, &range), ND_OK);
    assert_true(range.suggested > 0);
    nd_config_destroy(find);
}

/* Digits of ten classes are warned about; two classes are not. */
static void mirrored_digits_are_warned_about(void **state)
{
    (void)state;
    for (int digits = 0; digits < 2; digits++) {
        nd_augment *augment;
        logged[0] = '\0';
        for (size_t r = 0; digits && r < ROWS; r++) {
            label[r] = (nd_real)(r % 10);
        }
        set("image", "6x6");
        set("augment", "flip=horizontal,rotate=80");
        nd_prep *prep = prepare();
        assert_int_equal(nd_build_augment(config, prep, &augment), ND_OK);
        assert_int_equal(strstr(logged, "1 augment: flip mirrors") != NULL, digits);
        assert_int_equal(strstr(logged, "1 augment: turned by up to 80") != NULL, digits);
        nd_augment_destroy(augment);
        nd_prep_destroy(prep);
    }
}

typedef struct memory {
    unsigned char head[32];
    size_t size;
} memory;

static int take(void *user, const char *text, size_t bytes)
{
    memory *m = user;
    for (size_t i = 0; i < bytes && m->size + i < sizeof m->head; i++) {
        m->head[m->size + i] = (unsigned char)text[i];
    }
    m->size += bytes;
    return 0;
}

/* 3 lines of 4 images 6 pixels wide, shown 8 times as large, 2 apart, 8 behind the first:
 * 4 (48 + 2) + 8 wide, 3 (48 + 2) + 2 high. */
static void a_sheet_has_its_lines_and_images(void **state)
{
    (void)state;
    nd_config *show;
    memory m = {.size = 0};
    const nd_sink sink = {take, &m};
    assert_int_equal(nd_config_create(ctx, ND_VERB_AUGMENT, &show), ND_OK);
    assert_int_equal(nd_config_set(show, "image", "6x6"), ND_OK);
    assert_int_equal(nd_augment_sheet(ctx, show, table, &sink), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "nothing to show"));
    assert_int_equal(nd_config_set(show, "augment", "shift=1"), ND_OK);
    assert_int_equal(nd_config_set(show, "sheet", "3x1"), ND_OK);
    assert_int_equal(nd_augment_sheet(ctx, show, table, &sink), ND_ERR_OPTION);
    assert_int_equal(nd_config_set(show, "sheet", "3x4"), ND_OK);
    assert_int_equal(nd_augment_sheet(ctx, show, table, &sink), ND_OK);
    assert_int_equal(m.head[19], 208);
    assert_int_equal(m.head[23], 152);
    nd_config_destroy(show);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pixels_share_one_scale_and_none_is_dropped),
        TEST(the_background_is_raw_zero_in_prepared_units),
        TEST(what_is_no_image_is_refused_with_the_way_out),
        TEST(distorted_and_mixed_rows_teach_the_classes),
        TEST(runs_are_the_same_on_any_threads_and_after_an_interruption),
        TEST(a_rate_is_found_on_distorted_rows),
        TEST(mirrored_digits_are_warned_about),
        TEST(a_sheet_has_its_lines_and_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
