/* What the preparation makes of well-known data sets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/csv.h"
#include "data/idx.h"
#include "unit/data/make_table.h"

static char path[512];

static const char *locate(const char *file)
{
    const char *root = getenv("NADIR_DATA");
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared/data", file);
    if (access(path, R_OK) != 0) {
        print_message("%s is absent: skipped\n", path);
        skip();
    }
    return path;
}

static nd_table *read_csv(const char *file)
{
    const nd_csv_params params = {0};
    nd_table *table = NULL;
    if (nd_csv_read(ctx, locate(file), &params, &table) != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return table;
}

/* Fit with a target; the names of the identifier-like columns, separated by blanks,
 * must be those in order. */
static void expect(const char *file, const char *target, nd_task task, size_t features,
                   const char *identifiers)
{
    nd_table *table = read_csv(file);
    nd_prep_params params = plain;
    params.buckets = 64;
    params.target = &target;
    params.target_count = 1;
    nd_prep *prep = fit_all(table, &params);
    char found[256] = "";
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind == ND_PREP_DROPPED && strcmp(column->reason, "identifier") == 0) {
            strncat(found, found[0] ? " " : "", sizeof found - strlen(found) - 1);
            strncat(found, column->name, sizeof found - strlen(found) - 1);
        }
    }
    assert_string_equal(found, identifiers);
    assert_int_equal(prep->task, task);
    assert_int_equal(prep->features, features);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

static void measurements_are_all_used(void **state)
{
    (void)state;
    expect("iris/iris.csv", "5", ND_TASK_MULTICLASS, 4, "");
    expect("wine/wine.csv", "14", ND_TASK_MULTICLASS, 13, "");
    expect("diabetes/diabetes.tab.txt", "Y", ND_TASK_REGRESSION, 10, "");
    expect("abalone/abalone.csv", "9", ND_TASK_REGRESSION, 3 + 7, "");
}

static void the_patient_number_of_wdbc_is_dropped(void **state)
{
    (void)state;
    expect("wdbc/wdbc.data", "2", ND_TASK_BINARY, 30, "1");
}

/* Class 1, sex 2, age 1 + missing, siblings, parents, fare 1 each, port 3 + missing. */
static void names_and_tickets_of_titanic_are_dropped(void **state)
{
    (void)state;
    expect("titanic/train.csv", "Survived", ND_TASK_BINARY, 1 + 2 + 2 + 3 + 4,
           "PassengerId Name Ticket Cabin");
}

/* 8+1, 16, 7, 14+1, 6, 5, 2 and 41+1 categories (a country that occurs once is other),
 * 6 numbers. */
static void the_weight_of_adult_is_kept(void **state)
{
    (void)state;
    expect("adult/adult-train.csv", "15", ND_TASK_BINARY, 9 + 16 + 7 + 15 + 6 + 5 + 2 + 42 + 6, "");
}

static void the_car_names_of_auto_mpg_are_dropped(void **state)
{
    (void)state;
    expect("auto-mpg/mpg.csv", "mpg", ND_TASK_REGRESSION, 6 + 1 + 3, "name");
}

static void constant_pixels_of_optdigits_are_dropped(void **state)
{
    (void)state;
    expect("optdigits/optdigits.tra", "65", ND_TASK_MULTICLASS, 62, "");
}

static void labels_with_a_full_stop_are_known_with_a_warning(void **state)
{
    (void)state;
    nd_table *table = read_csv("adult/adult-train.csv"), *test = read_csv("adult/adult-test.csv");
    nd_prep *prep = fit_all(table, &plain);
    nd_prep_map map;
    nd_real *label = nd_alloc(test->rows, sizeof *label);
    size_t rich = 0;
    assert_int_equal(nd_prep_map_create(prep, test, true, &map), ND_OK);
    assert_int_equal(nd_prep_labels(&map, NULL, 0, test->rows, label), ND_OK);
    for (size_t r = 0; r < test->rows; r++) {
        rich += label[r] > 0;
    }
    assert_int_equal(test->rows, 16281);
    assert_int_equal(rich, 3846); /* adult.names: 23.62% of 16281 */
    assert_has(logged, "\">50K.\" is taken for class \">50K\"");
    nd_free(label);
    nd_prep_map_free(&map);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
    nd_table_destroy(test);
}

/* The mean of MNIST's training pixels is known to be 0.1307 of 255, their
 * deviation 0.3081. */
static void mnist_has_its_known_mean_and_deviation(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_idx_read(ctx, locate("mnist/train-images-idx3-ubyte.gz"), NULL, &table),
                     ND_OK);
    nd_prep *prep = fit_all(table, &plain);
    assert_int_equal(prep->features, 784);
    assert_int_equal(nd_prep_outputs(prep), 10);
    assert_true(fabs(prep->column[0].center / 255 - 0.1307) < 5e-5);
    assert_true(fabs(prep->column[0].scale / 255 - 0.3081) < 5e-5);
    nd_prep_destroy(prep);
    nd_table_destroy(table);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start_ctx, stop_ctx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(measurements_are_all_used),
        CASE(the_patient_number_of_wdbc_is_dropped),
        CASE(names_and_tickets_of_titanic_are_dropped),
        CASE(the_weight_of_adult_is_kept),
        CASE(the_car_names_of_auto_mpg_are_dropped),
        CASE(constant_pixels_of_optdigits_are_dropped),
        CASE(labels_with_a_full_stop_are_known_with_a_warning),
        CASE(mnist_has_its_known_mean_and_deviation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
