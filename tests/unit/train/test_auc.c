/* The area under the ROC curve is the chance that a positive row has the higher score. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "train/metrics.h"

/* Enough rows for the sort by digits. */
enum { ROWS = 5000, STRIDE = 3, CLASS = 2 };

static nd_real score[ROWS * STRIDE], label[ROWS];

/* Scores of so many different values: few make ties. */
static void fill(int values)
{
    srand(1);
    for (size_t r = 0; r < ROWS; r++) {
        label[r] = (nd_real)(rand() % 4);
        int lift = label[r] == CLASS ? values / 4 : 0;
        score[r * STRIDE] = (nd_real)((rand() % values + lift) % values - values / 2) / 7;
    }
}

static double by_pairs(size_t rows)
{
    double wins = 0, pairs = 0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; label[i] == CLASS && j < rows; j++) {
            if (label[j] != CLASS) {
                double a = (double)score[i * STRIDE], b = (double)score[j * STRIDE];
                wins += a > b ? 1 : a < b ? 0 : 0.5;
                pairs++;
            }
        }
    }
    return wins / pairs;
}

static void it_is_the_share_of_pairs_in_order(void **state)
{
    (void)state;
    static const int values[] = {2, 10, 1000, 1 << 30};
    static const size_t rows[] = {7, 300, ROWS};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        fill(values[v]);
        for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
            double auc;
            assert_true(nd_metrics_auc(score, STRIDE, label, 1, CLASS, rows[n], &auc));
            assert_true(fabs(auc - by_pairs(rows[n])) < 1e-12);
        }
    }
}

static void one_class_alone_has_none(void **state)
{
    (void)state;
    double auc = 0;
    fill(10);
    assert_true(nd_metrics_auc(score, STRIDE, label, 1, 9, ROWS, &auc) && isnan(auc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_share_of_pairs_in_order),
        cmocka_unit_test(one_class_alone_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
