/* Null pointers and settings of another verb are answered, not followed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nadir.h"

static const nd_real x[] = {1, 2, 3, 4, 5, 6}, y[] = {0, 1, 0, 1, 0, 1};
static nd_ctx *ctx;
static nd_table *table;
static nd_config *config;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK ||
           nd_table_from_arrays(ctx, x, 6, 1, y, 1, &table) != ND_OK ||
           nd_config_create(ctx, ND_VERB_EVAL, &config) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_config_destroy(config);
    nd_table_destroy(table);
    nd_ctx_destroy(ctx);
    return 0;
}

static int swallow(void *user, const char *text, size_t bytes)
{
    (void)user;
    (void)text;
    (void)bytes;
    return 0;
}

static const nd_sink sink = {swallow, NULL};

static void refused(nd_status status)
{
    assert_int_equal(status, ND_ERR_ARGUMENT);
}

static void null_pointers_are_refused(void **state)
{
    (void)state;
    nd_table *t = NULL;
    nd_config *c = NULL;
    nd_file *file = NULL;
    nd_model *model = NULL;
    nd_metrics *metrics = NULL;
    nd_report *report = NULL;
    refused(nd_ctx_set_threads(NULL, 2));
    refused(nd_file_create(ctx, NULL, 0, &file));
    refused(nd_file_commit(NULL));
    refused(nd_config_create(ctx, ND_VERB_TRAIN, NULL));
    refused(nd_config_create(ctx, ND_VERB_TRAIN | ND_VERB_EVAL, &c));
    refused(nd_config_create(ctx, 0, &c));
    assert_null(c);
    refused(nd_config_copy(NULL, &c));
    refused(nd_config_set(NULL, "lr", "1"));
    refused(nd_config_load(config, NULL));
    refused(nd_config_write(config, 0, NULL));
    refused(nd_option_write(0, NULL, &sink));
    refused(nd_table_read(ctx, NULL, NULL, &t));
    refused(nd_table_from_arrays(ctx, NULL, 1, 1, NULL, 0, &t));
    refused(nd_table_from_arrays(ctx, x, 6, 1, NULL, 1, &t));
    refused(nd_table_from_arrays(ctx, x, SIZE_MAX / 2, 4, NULL, 0, &t));
    refused(nd_table_from_arrays(ctx, x, 6, 1, x, SIZE_MAX / 8, &t));
    refused(nd_table_describe(NULL, NULL, 0, &sink));
    refused(nd_train(ctx, NULL, NULL, NULL, NULL, &model));
    refused(nd_model_save(NULL, "m", 0));
    refused(nd_model_load(ctx, NULL, &model));
    refused(nd_model_predict_file(NULL, NULL, "x", &sink));
    refused(nd_model_table_read(NULL, NULL, "x", &t));
    refused(nd_model_evaluate(NULL, table, &metrics));
    refused(nd_model_describe(NULL, 0, &sink));
    refused(nd_metrics_write(NULL, NULL, 0, &sink));
    refused(nd_report_create(ctx, NULL, &sink, &report));
    assert_true(!t && !c && !file && !model && !metrics && !report);
}

static void questions_about_nothing_have_empty_answers(void **state)
{
    (void)state;
    assert_null(nd_config_get(NULL, "lr"));
    assert_null(nd_config_get(config, NULL));
    assert_int_equal(nd_config_given(NULL, "lr"), 0);
    assert_int_equal(nd_table_rows(NULL), 0);
    assert_int_equal(nd_table_columns(NULL), 0);
    assert_null(nd_table_column_name(NULL, 0));
    assert_int_equal(nd_model_inputs(NULL), 0);
    assert_int_equal(nd_model_outputs(NULL), 0);
    assert_null(nd_model_output_name(NULL, 0));
    assert_true(isnan(nd_metrics_get(NULL, "auc")));
    assert_null(nd_verb_find(ctx, NULL));
    assert_int_equal(nd_report_observe(NULL, NULL), 0);
    nd_ctx_set_log(NULL, NULL, NULL);
}

static void settings_of_another_verb_are_refused(void **state)
{
    (void)state;
    nd_model *model = NULL;
    refused(nd_train(ctx, config, table, NULL, NULL, &model));
    assert_string_equal(nd_ctx_message(ctx), "the settings are those of another verb");
    assert_null(model);
}

/* A message of an earlier failure would be taken for the reason of this one. */
static void a_null_pointer_is_what_the_message_tells(void **state)
{
    (void)state;
    nd_config *train;
    nd_model *model;
    nd_metrics *metrics;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &train), ND_OK);
    assert_int_equal(nd_config_set(train, "epochs", "1"), ND_OK);
    assert_int_equal(nd_config_set(train, "test", "0"), ND_OK);
    assert_int_equal(nd_train(ctx, train, table, NULL, NULL, &model), ND_OK);
    refused(nd_model_save(model, NULL, 0));
    assert_string_equal(nd_ctx_message(ctx), "nd_model_save: a null pointer was passed");
    assert_int_equal(nd_model_evaluate(model, table, &metrics), ND_OK);
    refused(nd_metrics_write(metrics, NULL, 0, NULL));
    assert_string_equal(nd_ctx_message(ctx), "nd_metrics_write: a null pointer was passed");
    nd_metrics_destroy(metrics);
    nd_model_destroy(model);
    nd_config_destroy(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_pointers_are_refused),
        cmocka_unit_test(questions_about_nothing_have_empty_answers),
        cmocka_unit_test(settings_of_another_verb_are_refused),
        cmocka_unit_test(a_null_pointer_is_what_the_message_tells),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
