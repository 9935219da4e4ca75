/* The description of a model: what stands in it, as text and as JSON. */
#include "unit/model/fixture.h"

#include <jansson.h>

static nd_ctx *ctx;

static int collect(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static int refuse(void *user, const char *text, size_t bytes)
{
    (void)user;
    (void)text;
    (void)bytes;
    return 1;
}

static void describe(nd_task task, int json, nd_text *out)
{
    nd_model *model = make_model(ctx, task);
    nd_sink sink = {collect, out};
    assert_ok(ctx, nd_model_describe(model, json, &sink));
    nd_model_destroy(model);
}

static void assert_holds(const nd_text *out, const char *line)
{
    if (strstr(out->data, line) == NULL) {
        fail_msg("'%s' is not in:\n%s", line, out->data);
    }
}

static void the_text_shows_layers_columns_classes_and_record(void **state)
{
    (void)state;
    nd_text out = {0};
    describe(ND_TASK_MULTICLASS, 0, &out);
    /* dense 12x4 + 4, batchnorm 2x4, dense 4x3 + 3 */
    assert_holds(&out, "network: 12 inputs, 3 outputs, 75 parameters, loss cross_entropy\n");
    assert_holds(&out, "units=4");
    assert_holds(&out, "rate=0.25");
    assert_holds(&out, "preparation: 6 columns become 12 features\n");
    assert_holds(&out, "not used: identifier\n");
    assert_holds(&out, "3 knots from -0.1 to 0.3, clipped to -10 .. 10");
    assert_holds(&out, "4 buckets, and whether it was missing\n");
    assert_holds(&out, "classes of \"answer\", with their training rows\n");
    assert_holds(&out, "maybe                     12\n");
    assert_holds(&out, "fit.epochs                        12\n");
    assert_holds(&out, "curve                             [0.5,0.25]\n");
    assert_null(strstr(out.data, " \n"));
    nd_text_free(&out);
}

static void the_text_of_a_regression_shows_its_targets(void **state)
{
    (void)state;
    nd_text out = {0};
    describe(ND_TASK_REGRESSION, 0, &out);
    assert_holds(&out, "task: regression\n");
    assert_holds(&out, "weight                    mean 10.1, deviation 2\n");
    nd_text_free(&out);
}

static void the_text_of_labels_shows_their_words_and_what_a_layer_sets(void **state)
{
    (void)state;
    nd_text out = {0};
    describe(ND_TASK_MULTILABEL, 0, &out);
    assert_holds(&out, "task: multilabel\n");
    assert_holds(&out, "weight                    no or yes, 40% yes\n");
    assert_holds(&out, "  words=4, dims=2, column=4, lr=0.5\n");
    assert_holds(&out, "  units=2\n");
    assert_holds(&out, ", and one for others\n");
    nd_text_free(&out);
}

static void long_names_and_lists_are_shortened(void **state)
{
    (void)state;
    nd_text out = {0};
    nd_sink sink = {collect, &out};
    nd_model *model = make_model(ctx, ND_TASK_BINARY);
    nd_free(model->prep->column[0].name);
    model->prep->column[0].name = nd_strdup("ein sehr langer Name f\xc3\xbcr eine Spalte");
    nd_free(model->record);
    model->record =
        nd_strdup("{\"seconds\": 1.23456789, \"curve\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "
                  "11, 12, 13, 14, 15, 16, 17, 18, 19, 20], \"none\": null}");
    assert_ok(ctx, nd_model_describe(model, 0, &sink));
    assert_holds(&out, "ein sehr langer Name ...  number");
    assert_holds(&out, "(20 values; see --json)\n");
    assert_holds(&out, "seconds                           1.23457\n");
    nd_model_destroy(model);
    nd_text_free(&out);
}

/* Read by another JSON library. */
static void the_json_is_sound_and_whole(void **state)
{
    (void)state;
    for (nd_task task = ND_TASK_BINARY; task <= ND_TASK_MULTILABEL; task++) {
        nd_text out = {0};
        json_error_t error;
        describe(task, 1, &out);
        json_t *root = json_loadb(out.data, out.size, JSON_REJECT_DUPLICATES, &error);
        if (root == NULL) {
            fail_msg("%s at %d: %s", error.text, error.position, out.data);
        }
        json_t *prep = json_object_get(root, "preparation");
        json_t *column = json_array_get(json_object_get(prep, "columns"), 0);
        assert_int_equal(json_integer_value(json_object_get(root, "inputs")), 6);
        assert_int_equal(json_array_size(json_object_get(prep, "columns")), 6);
        assert_true(json_real_value(json_object_get(column, "center")) == 1.0 / 3);
        json_t *green = json_array_get(
            json_object_get(json_array_get(json_object_get(prep, "columns"), 4), "words"), 1);
        assert_string_equal(json_string_value(green), "\"gr\\een\"\n");
        assert_int_equal(json_integer_value(json_object_get(
                             json_object_get(json_object_get(root, "record"), "fit"), "epochs")),
                         12);
        json_decref(root);
        nd_text_free(&out);
    }
}

static void a_full_sink_ends_the_description(void **state)
{
    (void)state;
    nd_model *model = make_model(ctx, ND_TASK_BINARY);
    nd_sink sink = {refuse, NULL};
    assert_int_equal(nd_model_describe(model, 0, &sink), ND_ERR_IO);
    assert_int_equal(nd_model_describe(model, 1, &sink), ND_ERR_IO);
    nd_model_destroy(model);
}

static int setup(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) == ND_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_shows_layers_columns_classes_and_record),
        cmocka_unit_test(the_text_of_a_regression_shows_its_targets),
        cmocka_unit_test(the_text_of_labels_shows_their_words_and_what_a_layer_sets),
        cmocka_unit_test(long_names_and_lists_are_shortened),
        cmocka_unit_test(the_json_is_sound_and_whole),
        cmocka_unit_test(a_full_sink_ends_the_description),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
