#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/data/make_table.h"

static const double far = sizeof(nd_real) == sizeof(float) ? 1e-6 : 1e-14;

static void assert_near(nd_real got, double want)
{
    if (!(fabs((double)got - want) <= far * fmax(1, fabs(want)))) {
        fail_msg("%.9g is not %.9g", (double)got, want);
    }
}

/* Features of all rows of a table, to be freed. */
static nd_real *features_of(const nd_prep *prep, const nd_table *table)
{
    nd_prep_map map;
    nd_real *x = nd_alloc(table->rows, prep->features * sizeof *x);
    if (nd_prep_map_create(prep, table, false, &map) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    nd_prep_features(&map, NULL, 0, table->rows, x);
    nd_prep_map_free(&map);
    return x;
}

static void expect_features(const nd_prep *prep, const nd_table *table, const double *want)
{
    nd_real *x = features_of(prep, table);
    for (size_t i = 0; i < table->rows * prep->features; i++) {
        assert_near(x[i], want[i]);
    }
    nd_free(x);
}

static void done(nd_prep *prep, nd_table *table, nd_table *other)
{
    nd_prep_destroy(prep);
    nd_table_destroy(table);
    nd_table_destroy(other);
}

static nd_table *number_table(const char *name, size_t rows, const double *x)
{
    nd_table *table = make_table(rows, true);
    add_numbers(table, name, x);
    return table;
}

static nd_prep *fit_number(nd_table *table, nd_scaling scaling, double clip)
{
    nd_prep_params params = plain;
    params.scaling = scaling;
    params.clip = clip;
    add_cycle(table, "y", "class", 2);
    return fit_all(table, &params);
}

static void numbers_are_standardized_filled_and_clipped(void **state)
{
    (void)state;
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9, NAN, NAN}; /* mean 5, deviation 2 */
    const double fresh[] = {1, 5, NAN, 1000, -1000};
    const double want[] = {-2, 0, 0, 0, 0, 1, 3, 0, -3, 0};
    nd_table *table = number_table("x", 10, x), *other = number_table("x", 5, fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_STANDARD, 3);
    assert_int_equal(prep->features, 2);
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void minmax_maps_the_training_range_to_zero_and_one(void **state)
{
    (void)state;
    const double x[] = {10, 20, 30, 50}, want[] = {0, 0.25, 0.5, 1};
    nd_table *table = number_table("x", 4, x);
    nd_prep *prep = fit_number(table, ND_SCALING_MINMAX, 0);
    expect_features(prep, table, want);
    done(prep, table, NULL);
}

static void no_scaling_leaves_numbers_as_they_are(void **state)
{
    (void)state;
    const double x[] = {10, -20, 0.5, 123456}, fresh[] = {1e9, NAN};
    const double want[] = {1e9, (10 - 20 + 0.5 + 123456) / 4};
    nd_table *table = number_table("x", 4, x), *other = number_table("x", 2, fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 1);
    expect_features(prep, table, x);
    expect_features(prep, other, want);
    done(prep, table, other);
}

/* Four values: scores of 1/8, 3/8, 5/8, 7/8 from a table of the normal distribution. */
static void quantiles_become_normal_scores(void **state)
{
    (void)state;
    const double far_score = 1.1503493803760079, near_score = 0.31863936396437514;
    const double x[] = {1, 10, 100, 1000}, fresh[] = {-5, 1, 5.5, 10, 55, 100, 1000, 1e9, NAN};
    const double want[] = {-far_score,  -far_score, -(far_score + near_score) / 2,
                           -near_score, 0,          near_score,
                           far_score,   far_score,  0};
    nd_table *table = number_table("x", 4, x), *other = number_table("x", 9, fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_QUANTILE, 10);
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void quantile_scores_never_fall(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    double x[ROWS], fresh[ROWS];
    for (int i = 0; i < ROWS; i++) {
        x[i] = i % 3 ? 0 : pow(1.02, i); /* two thirds are tied */
        fresh[i] = -1 + 0.01 * pow(1.02, i);
    }
    nd_table *table = number_table("x", ROWS, x), *other = number_table("x", ROWS, fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_QUANTILE, 10);
    assert_int_equal(prep->column[0].knot_count, ND_PREP_KNOTS);
    nd_real *score = features_of(prep, other);
    for (int i = 1; i < ROWS; i++) {
        assert_true(score[i] >= score[i - 1]);
    }
    assert_true(score[0] < 0 && score[ROWS - 1] > 1);
    nd_free(score);
    done(prep, table, other);
}

static void words_become_one_hot_with_other_and_missing(void **state)
{
    (void)state;
    const char *word[] = {"red", "blue", "red", "blue", "rare", NULL};
    const char *fresh[] = {"blue", "red", "rare", "never", NULL};
    const double want[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    nd_table *table = make_table(6, true), *other = make_table(5, true);
    add_words(table, "colour", word);
    add_words(other, "colour", fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_STANDARD, 10);
    assert_int_equal(prep->features, 4); /* blue, red, other, missing */
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void unknown_words_are_all_zero_where_nothing_was_rare(void **state)
{
    (void)state;
    const char *word[] = {"b", "a", "b", "a"}, *fresh[] = {"never", NULL};
    const double want[] = {0, 0, 0, 0};
    nd_table *table = make_table(4, true), *other = make_table(2, true);
    add_words(table, "w", word);
    add_words(other, "w", fresh);
    nd_prep *prep = fit_number(table, ND_SCALING_STANDARD, 10);
    assert_int_equal(prep->features, 2);
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void hashed_words_have_one_bucket_each(void **state)
{
    (void)state;
    const char *fresh[] = {"w3", "never", NULL};
    nd_prep_params params = plain;
    params.max_one_hot = 5;
    nd_table *table = make_table(40, true), *other = make_table(3, true);
    add_cycle(table, "w", "w", 10);
    add_cycle(table, "y", "class", 2);
    add_words(other, "w", fresh);
    nd_prep *prep = fit_all(table, &params);
    nd_real *x = features_of(prep, other);
    for (size_t r = 0; r < 3; r++) {
        for (size_t j = 0; j < 16; j++) {
            bool own = fresh[r] && nd_hash(fresh[r], strlen(fresh[r])) % 16 == j;
            assert_true(x[r * 16 + j] == (own ? 1 : 0));
        }
    }
    nd_free(x);
    done(prep, table, other);
}

static void categories_that_look_like_numbers_still_match(void **state)
{
    (void)state;
    const char *word[] = {"3", "x", "3", "x"};
    const double fresh[] = {3, 4, NAN}, want[] = {1, 0, 0, 0, 0, 0};
    nd_table *table = make_table(4, true), *other = number_table("w", 3, fresh);
    add_words(table, "w", word);
    nd_prep *prep = fit_number(table, ND_SCALING_STANDARD, 10);
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void text_in_a_number_column_is_named(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, want[] = {1, -2.5};
    const char *bad[] = {"1", NULL, "abc"}, *good[] = {"1", "-2.5"};
    nd_table *table = number_table("x", 4, x), *other = make_table(3, true);
    nd_table *fine = make_table(2, true);
    add_words(other, "x", bad);
    add_words(fine, "x", good);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 0);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, other, false, &map), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "t.csv: row 3, column \"x\": \"abc\" is not a number");
    assert_null(map.column);
    expect_features(prep, fine, want);
    nd_table_destroy(fine);
    done(prep, table, other);
}

static void columns_are_found_by_name_in_any_order(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 50}, want[] = {1, 10, 2, 20, 3, 30, 4, 50};
    nd_table *table = number_table("a", 4, a), *other = number_table("extra", 4, b);
    add_numbers(table, "b", b);
    add_numbers(other, "b", b);
    add_numbers(other, "a", a);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 0);
    expect_features(prep, other, want);
    done(prep, table, other);
}

static void every_lacking_column_is_named(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4};
    nd_table *table = number_table("a", 4, a), *other = number_table("b", 4, a);
    add_numbers(table, "b", a);
    add_numbers(table, "c", a);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 0);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, other, false, &map), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "lacks 2 columns that the model needs: \"a\", \"c\"");
    nd_table_destroy(other);
    other = number_table("a", 4, a);
    add_numbers(other, "b", a);
    add_numbers(other, "c", a);
    assert_int_equal(nd_prep_map_create(prep, other, true, &map), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "lacks the target column \"y\"");
    done(prep, table, other);
}

/* Without header, target first: columns 2 and 3 are inputs. */
static void without_header_the_position_counts(void **state)
{
    (void)state;
    const double y[] = {0, 1, 0, 1}, a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 50};
    const double want[] = {1, 10, 2, 20, 3, 30, 4, 50};
    const char *target[] = {"1"};
    nd_prep_params params = plain;
    params.scaling = ND_SCALING_NONE;
    params.target = target;
    params.target_count = 1;
    nd_table *table = make_table(4, false), *inputs = make_table(4, false);
    add_numbers(table, "1", y);
    add_numbers(table, "2", a);
    add_numbers(table, "3", b);
    add_numbers(inputs, "1", a);
    add_numbers(inputs, "2", b);
    nd_prep *prep = fit_all(table, &params);
    expect_features(prep, table, want);
    expect_features(prep, inputs, want);
    nd_table *few = make_table(4, false);
    nd_prep_map map;
    add_numbers(few, "1", a);
    assert_int_equal(nd_prep_map_create(prep, few, false, &map), ND_ERR_DATA);
    nd_table_destroy(few);
    done(prep, table, inputs);
}

static void arrays_go_by_position_into_a_model_with_names(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4}, b[] = {10, 20, 30, 50}, want[] = {7, 8, 9, 6};
    const nd_real x[] = {7, 8, 9, 6};
    nd_table *table = number_table("a", 4, a), *array = NULL;
    add_numbers(table, "b", b);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 0);
    assert_int_equal(nd_table_from_arrays(ctx, x, 2, 2, NULL, 0, &array), ND_OK);
    expect_features(prep, array, want);
    done(prep, table, array);
}

static void rows_are_taken_in_the_given_order(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4};
    const uint32_t rows[] = {3, 0, 3};
    nd_real got[3], label[2];
    nd_table *table = number_table("x", 4, x);
    nd_prep *prep = fit_number(table, ND_SCALING_NONE, 0);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    nd_prep_features(&map, rows, 0, 3, got);
    assert_true(got[0] == 4 && got[1] == 1 && got[2] == 4);
    nd_prep_features(&map, NULL, 2, 2, got);
    assert_true(got[0] == 3 && got[1] == 4);
    assert_int_equal(nd_prep_labels(&map, NULL, 1, 2, label), ND_OK);
    assert_true(label[0] == 1 && label[1] == 0);
    nd_prep_map_free(&map);
    done(prep, table, NULL);
}

static void features_are_finite_whatever_comes(void **state)
{
    (void)state;
    const double x[] = {1e-300, 2e-300, 1e-300, 2e-300};
    const double fresh[] = {INFINITY, -INFINITY, 1e308, NAN};
    for (nd_scaling scaling = ND_SCALING_STANDARD; scaling <= ND_SCALING_NONE; scaling++) {
        nd_table *table = number_table("x", 4, x), *other = number_table("x", 4, fresh);
        nd_prep *prep = fit_number(table, scaling, 0);
        nd_real *got = features_of(prep, other);
        for (int i = 0; i < 4; i++) {
            assert_true(isfinite(got[i]));
        }
        nd_free(got);
        done(prep, table, other);
    }
}

static void a_class_matches_as_text_and_as_number(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {7, -1, 7, -1};
    const char *text[] = {"7.0", "-1", "7", "8"};
    nd_real label[4];
    nd_table *table = number_table("x", 4, x), *other = number_table("x", 4, x);
    add_numbers(table, "y", y);
    add_words(other, "y", text);
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, 4, label), ND_OK);
    assert_true(label[0] == 1 && label[1] == 0 && label[2] == 1 && label[3] == 0);
    nd_prep_map_free(&map);
    assert_int_equal(nd_prep_map_create(prep, other, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, 3, label), ND_OK);
    assert_true(label[0] == 1 && label[1] == 0 && label[2] == 1);
    assert_int_equal(nd_prep_labels(&map, NULL, 3, 1, label), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx),
               "row 4, column \"y\": \"8\" is none of the 2 classes \"-1\" .. \"7\"");
    nd_prep_map_free(&map);
    done(prep, table, other);
}

static void labels_of_a_regression_are_scaled(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {1.5, 2.5, 3.5, 4.5}, fresh[] = {3, NAN, INFINITY, 4};
    const double scale = 1.1180339887498949; /* square root of 5/4 */
    nd_real label[4];
    nd_table *table = number_table("x", 4, x), *other = number_table("x", 4, x);
    add_numbers(table, "y", y);
    add_numbers(other, "y", fresh);
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    assert_int_equal(nd_prep_map_create(prep, table, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, 4, label), ND_OK);
    assert_near(label[0], -1.5 / scale);
    assert_near(label[3], 1.5 / scale);
    nd_prep_map_free(&map);
    assert_int_equal(nd_prep_map_create(prep, other, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 1, 1, label), ND_ERR_DATA);
    assert_has(nd_ctx_message(ctx), "row 2, column \"y\": the target is missing");
    assert_int_equal(nd_prep_labels(&map, NULL, 2, 1, label), ND_ERR_DATA);
    nd_prep_map_free(&map);
    done(prep, table, other);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    double x[ROWS];
    nd_real *got[2];
    nd_ctx *two = ctx;
    for (int i = 0; i < ROWS; i++) {
        x[i] = sin(i) * exp(i % 17);
    }
    for (int t = 0; t < 2; t++) {
        assert_int_equal(nd_ctx_create(&ctx, t == 0 ? 1 : 3), ND_OK);
        nd_table *table = number_table("x", ROWS, x);
        add_cycle(table, "w", "w", 40);
        nd_prep *prep = fit_number(table, ND_SCALING_QUANTILE, 10);
        assert_int_equal(prep->features, 41);
        got[t] = features_of(prep, table);
        done(prep, table, NULL);
        nd_ctx_destroy(ctx);
    }
    ctx = two;
    assert_memory_equal(got[0], got[1], ROWS * 41 * sizeof(nd_real));
    nd_free(got[0]);
    nd_free(got[1]);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const char *word[] = {"b", "a", "b", "a"};
    const double x[] = {1, 2, 3, 4};
    nd_table *table = number_table("x", 4, x);
    add_words(table, "w", word);
    nd_prep *prep = fit_number(table, ND_SCALING_QUANTILE, 10);
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status != ND_OK; n++) {
        nd_prep_map map;
        assert_true(n < 50);
        nd_alloc_fail_at(n, false);
        status = nd_prep_map_create(prep, table, true, &map);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || (status == ND_ERR_MEMORY && !map.column));
        nd_prep_map_free(&map);
    }
    done(prep, table, NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_are_standardized_filled_and_clipped),
        CASE(minmax_maps_the_training_range_to_zero_and_one),
        CASE(no_scaling_leaves_numbers_as_they_are),
        CASE(quantiles_become_normal_scores),
        CASE(quantile_scores_never_fall),
        CASE(words_become_one_hot_with_other_and_missing),
        CASE(unknown_words_are_all_zero_where_nothing_was_rare),
        CASE(hashed_words_have_one_bucket_each),
        CASE(categories_that_look_like_numbers_still_match),
        CASE(text_in_a_number_column_is_named),
        CASE(columns_are_found_by_name_in_any_order),
        CASE(every_lacking_column_is_named),
        CASE(without_header_the_position_counts),
        CASE(arrays_go_by_position_into_a_model_with_names),
        CASE(rows_are_taken_in_the_given_order),
        CASE(features_are_finite_whatever_comes),
        CASE(a_class_matches_as_text_and_as_number),
        CASE(labels_of_a_regression_are_scaled),
        CASE(any_number_of_threads_gives_the_same_bits),
        CASE(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
