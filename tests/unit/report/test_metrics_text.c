#include "nadir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"
#include "train/metrics.h"

static nd_ctx *ctx;
static nd_text out;

static int collect(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_text_free(&out);
    nd_ctx_destroy(ctx);
    return 0;
}

static void write_metrics(const nd_metrics *m, const nd_metrics *baseline, int json)
{
    nd_sink sink = {collect, &out};
    assert_int_equal(nd_metrics_write(m, baseline, json, &sink), ND_OK);
}

/* Four rows, three of them right; worked by hand below. */
static nd_metrics *two_classes(const char *first, const char *second)
{
    static const nd_real p[] = {(nd_real)0.75, (nd_real)0.25, (nd_real)0.25, (nd_real)0.75,
                                (nd_real)0.25, (nd_real)0.75, (nd_real)0.25, (nd_real)0.75};
    static const nd_real label[] = {0, 0, 1, 1};
    const char *const names[] = {first, second};
    nd_metrics *m = NULL;
    assert_int_equal(nd_metrics_classes(ctx, p, label, 4, 2, names, &m), ND_OK);
    return m;
}

/* accuracy 3/4; recall of yes 2/2, of no 1/2; precision of yes 2/3, of no 1/1;
 * F1 of yes 0.8, of no 2/3; AUC: of 4 pairs 2 right and 2 equal, 3/4;
 * log loss -(3 ln 0.75 + ln 0.25)/4 = 0.5623. */
static void figures_and_classes_are_aligned(void **state)
{
    (void)state;
    nd_metrics *m = two_classes("no", "yes");
    write_metrics(m, NULL, 0);
    nd_metrics_destroy(m);
    assert_string_equal(out.data,
                        "4 rows\n\n"
                        "                        model\n"
                        "accuracy               0.7500\n"
                        "balanced accuracy      0.7500\n"
                        "log loss               0.5623\n"
                        "AUC                    0.7500\n"
                        "F1                     0.8000\n"
                        "precision              0.6667\n"
                        "recall                 1.0000\n"
                        "(F1, precision and recall are those of class yes)\n\n"
                        "class      rows   precision      recall          F1         AUC\n"
                        "no            2      1.0000      0.5000      0.6667      0.7500\n"
                        "yes           2      0.6667      1.0000      0.8000      0.7500\n\n"
                        "confusion: a row per true class, a column per predicted one\n"
                        "        no  yes\n"
                        "no       1    1\n"
                        "yes      .    2\n");
}

static void the_trivial_model_stands_beside(void **state)
{
    (void)state;
    nd_metrics *m = two_classes("no", "yes");
    write_metrics(m, m, 0);
    nd_metrics_destroy(m);
    assert_non_null(strstr(out.data, "                        model    majority\n"
                                     "accuracy               0.7500      0.7500\n"));
}

static void long_names_are_numbered_and_cut_by_characters(void **state)
{
    (void)state;
    nd_metrics *m = two_classes("a\tb\x1b[31m", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                                "abcdefghijklmnopqrstuvwxyz");
    write_metrics(m, NULL, 0);
    nd_metrics_destroy(m);
    assert_non_null(strstr(out.data, "                              1    2\n"));
    assert_non_null(strstr(out.data, "  1 a?b?[31m                    1    1\n"));
    assert_non_null(strstr(out.data, "  2 \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                                     "abcdefghijklmnopqrs    .    2\n"));
    assert_null(strchr(out.data, '\x1b'));
    assert_true(nd_utf8_valid(out.data, out.size));
}

static void many_classes_list_their_most_frequent_confusions(void **state)
{
    (void)state;
    enum { CLASSES = 100, ROWS = 200 };
    static nd_real p[ROWS * CLASSES], label[ROWS];
    static char text[CLASSES][8];
    const char *names[CLASSES];
    for (int k = 0; k < CLASSES; k++) {
        snprintf(text[k], sizeof text[k], "c%d", k);
        names[k] = text[k];
    }
    for (int i = 0; i < ROWS; i++) { /* class 0 for 7 three times, 5 for 6 twice */
        int truth = i < 3 ? 7 : i < 5 ? 6 : i % CLASSES;
        int guess = i < 3 ? 0 : i < 5 ? 5 : truth;
        label[i] = (nd_real)truth;
        p[i * CLASSES + guess] = 1;
    }
    nd_metrics *m = NULL;
    assert_int_equal(nd_metrics_classes(ctx, p, label, ROWS, CLASSES, names, &m), ND_OK);
    write_metrics(m, NULL, 0);
    nd_metrics_destroy(m);
    assert_non_null(strstr(out.data, "\n... and 40 more classes\n"));
    assert_non_null(strstr(out.data, "\nmost frequent confusions\n"
                                     "true   predicted      rows\n"
                                     "c7     c0                3\n"
                                     "c6     c5                2\n"));
    assert_null(strstr(out.data, "confusion: "));
}

/* Errors 1, -1, 1, -3: RMSE sqrt(3), MAE 1.5, R2 1 - 12/20 (truth 0 2 4 6). */
static nd_metrics *one_target(void)
{
    static const double y[] = {1, 1, 5, 3}, t[] = {0, 2, 4, 6};
    const char *const names[] = {"height"};
    nd_metrics *m = NULL;
    assert_int_equal(nd_metrics_regression(ctx, y, t, 4, 1, names, &m), ND_OK);
    return m;
}

static void regression_shows_three_figures(void **state)
{
    (void)state;
    nd_metrics *m = one_target();
    write_metrics(m, m, 0);
    nd_metrics_destroy(m);
    assert_string_equal(out.data, "4 rows\n\n"
                                  "           model        mean\n"
                                  "RMSE      1.7321      1.7321\n"
                                  "MAE       1.5000      1.5000\n"
                                  "R2        0.4000      0.4000\n");
}

static void several_targets_get_a_row_each(void **state)
{
    (void)state;
    static const double y[] = {1, 10, 3, 40}, t[] = {0, 20, 4, 20};
    const char *const names[] = {"a", "b"};
    nd_metrics *m = NULL;
    assert_int_equal(nd_metrics_regression(ctx, y, t, 2, 2, names, &m), ND_OK);
    write_metrics(m, NULL, 0);
    nd_metrics_destroy(m);
    assert_non_null(strstr(out.data, "\ntarget        RMSE         MAE          R2\n"
                                     "a           1.0000      1.0000      0.7500\n"
                                     "b          15.8114     15.0000      0.0000\n"));
}

static void large_figures_keep_their_digits(void **state)
{
    (void)state;
    static const double y[] = {150612, 12345.67891, 2e9}, t[] = {0, 0, 0};
    const char *const names[] = {"a", "b", "c"};
    nd_metrics *m = NULL;
    assert_int_equal(nd_metrics_regression(ctx, y, t, 1, 3, names, &m), ND_OK);
    write_metrics(m, NULL, 0);
    nd_metrics_destroy(m);
    assert_non_null(strstr(out.data, "\na           150612      150612           -\n"
                                     "b        12345.679   12345.679           -\n"
                                     "c            2e+09       2e+09           -\n"));
}

static void json_holds_the_same_figures(void **state)
{
    (void)state;
    nd_metrics *m = two_classes("no", "yes");
    write_metrics(m, m, 1);
    nd_metrics_destroy(m);
    json_t *object = json_loads(out.data, 0, NULL);
    assert_non_null(object);
    assert_true(json_real_value(json_object_get(object, "accuracy")) == 0.75);
    assert_int_equal(json_integer_value(json_object_get(object, "rows")), 4);
    assert_true(json_is_null(json_object_get(object, "loss")));
    json_t *row = json_array_get(json_object_get(object, "confusion"), 0);
    assert_int_equal(json_integer_value(json_array_get(row, 0)), 1);
    assert_int_equal(json_integer_value(json_array_get(row, 1)), 1);
    json_t *yes = json_array_get(json_object_get(object, "classes"), 1);
    assert_string_equal(json_string_value(json_object_get(yes, "class")), "yes");
    assert_true(fabs(json_real_value(json_object_get(yes, "f1")) - 0.8) < 1e-9);
    json_t *baseline = json_object_get(object, "baseline");
    assert_true(json_real_value(json_object_get(baseline, "recall")) == 1);
    json_decref(object);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(figures_and_classes_are_aligned),
        CASE(the_trivial_model_stands_beside),
        CASE(long_names_are_numbered_and_cut_by_characters),
        CASE(many_classes_list_their_most_frequent_confusions),
        CASE(regression_shows_three_figures),
        CASE(several_targets_get_a_row_each),
        CASE(large_figures_keep_their_digits),
        CASE(json_holds_the_same_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
