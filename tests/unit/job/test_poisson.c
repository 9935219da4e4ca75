/* Training on counts: predictions, figures and baseline are in counts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nadir.h"

enum { ROWS = 240 };

static void set(nd_config *config, const char *key, const char *value)
{
    assert_int_equal(nd_config_set(config, key, value), ND_OK);
}

static nd_config *settings(nd_ctx *ctx)
{
    nd_config *config;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    set(config, "task", "regression");
    set(config, "loss", "poisson");
    set(config, "hidden", "none");
    set(config, "epochs", "80");
    set(config, "weight_decay", "0");
    set(config, "valid", "0");
    set(config, "test", "0");
    return config;
}

/* The mean of row r is exp(x), which its target is within a half of. */
static void fill(nd_real *x, nd_real *count)
{
    for (size_t r = 0; r < ROWS; r++) {
        x[r] = (nd_real)((double)(r * 37 % ROWS) / 80);
        count[r] = (nd_real)floor(exp((double)x[r]) + 0.5);
    }
}

/* Half the deviance of means p, in units of the mean count. */
static double deviance(const nd_real *count, const nd_real *p)
{
    double sum = 0, mean = 0;
    for (size_t r = 0; r < ROWS; r++) {
        double t = (double)count[r], m = (double)p[r];
        sum += m - t + t * log(t / m);
        mean += t / ROWS;
    }
    return sum / mean / ROWS;
}

static void counts_are_learned_in_their_own_unit(void **state)
{
    (void)state;
    static nd_real x[ROWS], count[ROWS], p[ROWS];
    nd_ctx *ctx;
    nd_table *table;
    nd_model *model;
    nd_metrics *metrics;
    fill(x, count);
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    nd_config *config = settings(ctx);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, 1, count, 1, &table), ND_OK);
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_OK);
    assert_int_equal(nd_model_predict(model, x, ROWS, p), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        double mean = exp((double)x[r]);
        assert_true(fabs((double)p[r] - mean) < 0.1 * mean + 0.2);
    }
    assert_int_equal(nd_model_evaluate(model, table, &metrics), ND_OK);
    assert_true(fabs(nd_metrics_get(metrics, "loss") - deviance(count, p)) < 1e-5);
    assert_true(nd_metrics_get(metrics, "r2") > 0.95);
    nd_metrics_destroy(metrics);
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_learned_in_their_own_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
