/* Task autoencoder as a caller of nadir.h sees it. */
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

#include "nadir.h"

enum { ROWS = 200, INPUTS = 4 };

static nd_ctx *ctx;
static nd_real x[ROWS * INPUTS];

/* Two numbers, and two that follow from them: a code of two is enough. */
static int start(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS; r++) {
        double a = sin((double)(r * 7 + 1)), b = cos((double)(r * r % 97));
        nd_real *row = x + r * INPUTS;
        row[0] = (nd_real)(100 + 10 * a);
        row[1] = (nd_real)b;
        row[2] = (nd_real)(5 * a - b);
        row[3] = (nd_real)(a + b);
    }
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

static nd_status set_all(nd_config *config, const char *const *pair)
{
    nd_status status = nd_config_set(config, "task", "autoencoder");
    for (; status == ND_OK && pair && *pair; pair += 2) {
        status = nd_config_set(config, pair[0], pair[1]);
    }
    return status;
}

static double test_r2;

static int listen(void *user, const nd_event *event)
{
    (void)user;
    if (event->kind == ND_EVENT_EPOCH) {
        assert_string_equal(event->metric, "reconstruction");
    } else if (event->kind == ND_EVENT_TEST) {
        test_r2 = nd_metrics_get(event->metrics, "r2");
    }
    return 0;
}

static nd_status train(const char *const *options, nd_model **model)
{
    nd_config *config;
    nd_table *table;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, NULL, 0, &table), ND_OK);
    *model = NULL;
    nd_status status = set_all(config, options);
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, listen, NULL, model);
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
}

static const char *const linear[] = {"hidden",     "2",  "activation", "linear",       "epochs",
                                     "150",        "lr", "0.01",       "weight_decay", "0",
                                     "batch_size", "16", NULL};

static void a_code_as_wide_as_the_data_gives_them_back(void **state)
{
    (void)state;
    nd_model *model;
    nd_real y[ROWS * INPUTS];
    assert_int_equal(train(linear, &model), ND_OK);
    assert_int_equal(nd_model_inputs(model), INPUTS);
    assert_int_equal(nd_model_outputs(model), INPUTS);
    assert_string_equal(nd_model_output_name(model, 2), "x2");
    assert_true(test_r2 > 0.999);
    assert_int_equal(nd_model_predict(model, x, ROWS, y), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(fabs((double)(y[r * INPUTS] - x[r * INPUTS])) < 1);
        assert_true(fabs((double)(y[r * INPUTS + 1] - x[r * INPUTS + 1])) < 0.15);
    }
    nd_model_destroy(model);
}

/* With a standard scaling each input has variance 1, so a code of one leaves at least the
 * second of two directions: more error than a code of two. */
static void a_narrower_code_gives_back_less(void **state)
{
    (void)state;
    const char *narrow[sizeof linear / sizeof linear[0]];
    memcpy(narrow, linear, sizeof narrow);
    narrow[1] = "1";
    nd_model *model;
    assert_int_equal(train(narrow, &model), ND_OK);
    nd_model_destroy(model);
    assert_true(test_r2 < 0.95 && test_r2 > 0.3);
}

/* Figures of a model against the same worked from its predictions. */
static void reconstruction_is_the_mean_squared_distance_of_prepared_rows(void **state)
{
    (void)state;
    nd_model *model;
    nd_table *table;
    nd_metrics *metrics;
    nd_real y[ROWS * INPUTS];
    const char *const raw[] = {"scaling", "none", "hidden", "3", "epochs", "3", NULL};
    assert_int_equal(train(raw, &model), ND_OK);
    assert_int_equal(nd_model_predict(model, x, ROWS, y), ND_OK);
    double squares = 0, absolute = 0;
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        double error = (double)y[i] - (double)x[i];
        squares += error * error;
        absolute += fabs(error);
    }
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, NULL, 0, &table), ND_OK);
    assert_int_equal(nd_model_evaluate(model, table, &metrics), ND_OK);
    assert_true(fabs(nd_metrics_get(metrics, "reconstruction") * ROWS / squares - 1) < 1e-5);
    assert_true(fabs(nd_metrics_get(metrics, "mae") * ROWS * INPUTS / absolute - 1) < 1e-5);
    assert_true(fabs(nd_metrics_get(metrics, "loss") * ROWS * INPUTS / squares - 1) < 1e-4);
    nd_metrics_destroy(metrics);
    nd_table_destroy(table);
    nd_model_destroy(model);
}

static void cross_entropy_takes_inputs_from_zero_to_one(void **state)
{
    (void)state;
    nd_model *model;
    nd_real y[ROWS * INPUTS];
    const char *const standard[] = {"loss", "binary_cross_entropy", NULL};
    const char *const unit[] = {"loss", "binary_cross_entropy", "scaling", "minmax", "epochs", "30",
                                NULL};
    assert_int_equal(train(standard, &model), ND_ERR_OPTION);
    assert_int_equal(train(unit, &model), ND_OK);
    assert_int_equal(nd_model_predict(model, x, ROWS, y), ND_OK);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(y[r * INPUTS] >= 89 && y[r * INPUTS] <= 111);
    }
    nd_model_destroy(model);
}

static void what_an_autoencoder_has_no_use_for_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][3] = {{"target", "x0", NULL},
                                         {"weight", "x0", NULL},
                                         {"class_weights", "balanced", NULL},
                                         {"label_noise", "0.1", NULL},
                                         {"loss", "poisson", NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nd_model *model;
        if (train(bad[i], &model) != ND_ERR_OPTION) {
            fail_msg("%s is taken", bad[i][0]);
        }
    }
    const char *const ranks[] = {"scaling", "quantile", NULL};
    nd_model *model;
    assert_int_equal(train(ranks, &model), ND_ERR_DATA);
}

static void a_saved_model_gives_back_the_same(void **state)
{
    (void)state;
    nd_model *model, *loaded;
    nd_real y[ROWS * INPUTS], z[ROWS * INPUTS];
    char path[] = "/tmp/nadir-autoencoder-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const char *const quick[] = {"epochs", "3", NULL};
    assert_int_equal(train(quick, &model), ND_OK);
    assert_int_equal(nd_model_save(model, path, 1), ND_OK);
    assert_int_equal(nd_model_load(ctx, path, &loaded), ND_OK);
    assert_int_equal(nd_model_predict(model, x, ROWS, y), ND_OK);
    assert_int_equal(nd_model_predict(loaded, x, ROWS, z), ND_OK);
    assert_memory_equal(y, z, sizeof y);
    unlink(path);
    nd_model_destroy(loaded);
    nd_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_as_wide_as_the_data_gives_them_back),
        cmocka_unit_test(a_narrower_code_gives_back_less),
        cmocka_unit_test(reconstruction_is_the_mean_squared_distance_of_prepared_rows),
        cmocka_unit_test(cross_entropy_takes_inputs_from_zero_to_one),
        cmocka_unit_test(what_an_autoencoder_has_no_use_for_is_refused),
        cmocka_unit_test(a_saved_model_gives_back_the_same),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
