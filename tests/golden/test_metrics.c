/* Figures against scikit-learn's; the cases are made by make_sklearn_metrics.py. */
#include "train/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/num.h"

enum { LINE = 512, ROWS = 64, WIDTH = 8 };

static const char *const names[] = {"a", "b", "c", "d"};

static nd_ctx *ctx;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

static FILE *open_case(const char *name)
{
    char path[LINE];
    const char *root = getenv("NADIR_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/metrics/%s.txt", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    return file;
}

static void read_numbers(FILE *file, size_t count, double *value)
{
    char word[LINE];
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fscanf(file, "%511s", word), 1);
        assert_int_equal(nd_num_parse(word, strlen(word), &value[i]), ND_NUM_OK);
    }
}

static nd_metrics *measure(FILE *file)
{
    char kind[LINE];
    unsigned width, rows;
    nd_real first[ROWS * WIDTH], second[ROWS * WIDTH];
    double truth[ROWS * WIDTH], value[ROWS * WIDTH];
    nd_metrics *metrics = NULL;
    assert_int_equal(fscanf(file, "%511s %u %u", kind, &width, &rows), 3);
    bool classes = strcmp(kind, "classes") == 0;
    bool labels = strcmp(kind, "labels") == 0;
    size_t truths = classes ? 1 : width;
    assert_true(rows <= ROWS && width <= 4);
    for (unsigned r = 0; r < rows; r++) {
        double row[WIDTH];
        read_numbers(file, truths + width, row);
        for (size_t j = 0; j < truths; j++) {
            first[r * truths + j] = (nd_real)row[j];
            truth[r * truths + j] = row[j];
        }
        for (size_t j = 0; j < width; j++) {
            second[r * width + j] = (nd_real)row[truths + j];
            value[r * width + j] = row[truths + j];
        }
    }
    nd_status status;
    if (labels) {
        status = nd_metrics_labels(ctx, second, first, rows, width, names, &metrics);
    } else if (classes) {
        status = nd_metrics_classes(ctx, second, first, rows, width, names, &metrics);
    } else {
        status = nd_metrics_regression(ctx, value, truth, rows, width, names, &metrics);
    }
    if (status != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return metrics;
}

static double label_figure(const nd_metrics *m, const char *name)
{
    const char *const key[] = {"accuracy", "precision", "recall", "f1", "auc"};
    const double *const value[] = {m->label_accuracy, m->label_precision, m->label_recall,
                                   m->label_f1, m->label_auc};
    char kind[32];
    unsigned k;
    assert_int_equal(sscanf(name, "label_%31[a-z0-9]_%u", kind, &k), 2);
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        if (strcmp(key[i], kind) == 0) {
            return value[i][k];
        }
    }
    assert_string_equal(kind, "rows");
    return (double)m->label_rows[k];
}

/* The figure that a line of a case names: per class or target behind a number. */
static double figure(const nd_metrics *m, const char *name)
{
    unsigned k, j;
    if (sscanf(name, "confusion_%u_%u", &k, &j) == 2) {
        return (double)m->confusion[k * (unsigned)m->classes + j];
    }
    if (sscanf(name, "class_auc_%u", &k) == 1) {
        return m->class_auc[k];
    }
    if (sscanf(name, "class_precision_%u", &k) == 1) {
        return m->class_precision[k];
    }
    if (sscanf(name, "class_recall_%u", &k) == 1) {
        return m->class_recall[k];
    }
    if (sscanf(name, "target_rmse_%u", &k) == 1) {
        return m->target_rmse[k];
    }
    if (sscanf(name, "target_mae_%u", &k) == 1) {
        return m->target_mae[k];
    }
    if (sscanf(name, "target_r2_%u", &k) == 1) {
        return m->target_r2[k];
    }
    return strncmp(name, "label_", 6) == 0 ? label_figure(m, name) : nd_metrics_get(m, name);
}

static void compare(const nd_metrics *m, const char *name, double want)
{
    bool single = sizeof(nd_real) == sizeof(float);
    if (strcmp(name, single ? "log_loss_double" : "log_loss_float") == 0) {
        return;
    }
    double got = strncmp(name, "log_loss", 8) == 0 ? m->log_loss : figure(m, name);
    bool same = isnan(want) ? isnan(got) : fabs(got - want) <= 1e-12 * fmax(1, fabs(want));
    if (!same) {
        fail_msg("%s is %.17g, scikit-learn says %.17g", name, got, want);
    }
}

static void check_case(const char *name, size_t least)
{
    FILE *file = open_case(name);
    nd_metrics *metrics = measure(file);
    char key[LINE];
    size_t compared = 0;
    while (fscanf(file, "%511s", key) == 1) {
        double want;
        read_numbers(file, 1, &want);
        compare(metrics, key, want);
        compared++;
    }
    assert_true(compared >= least);
    fclose(file);
    nd_metrics_destroy(metrics);
}

static void labels_agree(void **state)
{
    (void)state;
    check_case("labels", 30);
}

static void a_label_that_no_row_has_agrees(void **state)
{
    (void)state;
    check_case("labels_absent", 24);
}

/* -log N(t; m, s^2) of three values by hand, of which the last is out of 1.96 deviations. */
static void deviations_agree_with_the_density(void **state)
{
    (void)state;
    const double y[] = {1, 2, 3}, deviation[] = {1, 2, 0.5}, t[] = {1, 4, 4};
    nd_metrics *m;
    assert_int_equal(nd_metrics_regression(ctx, y, t, 3, 1, names, &m), ND_OK);
    assert_true(isnan(nd_metrics_get(m, "nll")) && isnan(nd_metrics_get(m, "coverage")));
    nd_metrics_spread(m, y, deviation, t);
    double nll = (0.918938533204673 + 2.112085713764618 + 2.225791352644727) / 3;
    assert_true(fabs(nd_metrics_get(m, "nll") - nll) < 1e-14);
    assert_true(fabs(nd_metrics_get(m, "coverage") - 2.0 / 3) < 1e-15);
    nd_metrics_destroy(m);
}

static void four_classes_agree(void **state)
{
    (void)state;
    check_case("four_classes", 36);
}

static void tied_scores_agree(void **state)
{
    (void)state;
    check_case("ties", 26);
}

static void binary_figures_agree(void **state)
{
    (void)state;
    check_case("binary", 18);
}

static void certain_and_wrong_predictions_agree(void **state)
{
    (void)state;
    check_case("certain_and_wrong", 18);
}

static void classes_without_rows_agree(void **state)
{
    (void)state;
    check_case("absent_class", 28);
}

static void regressions_agree(void **state)
{
    (void)state;
    check_case("three_targets", 12);
    check_case("one_target", 6);
}

static void a_constant_truth_agrees(void **state)
{
    (void)state;
    check_case("constant_truth", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_agree),
        cmocka_unit_test(a_label_that_no_row_has_agrees),
        cmocka_unit_test(deviations_agree_with_the_density),
        cmocka_unit_test(four_classes_agree),
        cmocka_unit_test(tied_scores_agree),
        cmocka_unit_test(binary_figures_agree),
        cmocka_unit_test(certain_and_wrong_predictions_agree),
        cmocka_unit_test(classes_without_rows_agree),
        cmocka_unit_test(regressions_agree),
        cmocka_unit_test(a_constant_truth_agrees),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
