/* Predictions worked by hand: raw values through the preparation, one dense layer,
 * and back to what users see. */
#include "unit/model/fixture.h"

static nd_ctx *ctx;

enum { ROWS = 600 };

/* A model of columns a, b with the weights w [2][n] and biases of its one layer. */
static nd_model *linear(nd_task task, size_t n, const double *w, const double *bias)
{
    char dense[32];
    const char *line[] = {dense, NULL};
    nd_model *model;
    snprintf(dense, sizeof dense, "dense units=%zu", n);
    nd_net *net = make_net(ctx, 2, loss_of(task), line);
    size_t spans;
    const nd_span *span = nd_net_spans(net, &spans);
    assert_int_equal(spans, 2);
    for (size_t i = 0; i < 2 * n; i++) {
        nd_net_parameters(net)[span[0].offset + i] = (nd_real)w[i];
    }
    for (size_t i = 0; i < n; i++) {
        nd_net_parameters(net)[span[1].offset + i] = (nd_real)bias[i];
    }
    assert_ok(ctx, nd_model_create(ctx, net, make_number_prep(ctx, task), nd_strdup("{}"), &model));
    return model;
}

static void close_to(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-5)) {
        fail_msg("%.9g instead of %.9g", value, expected);
    }
}

static void regression_comes_in_the_units_of_the_target(void **state)
{
    (void)state;
    static const double w[] = {2, -1, 0.5, 3}, bias[] = {0.25, 1};
    /* (a, b) = (3, 5): features 3 and (5 - 1)/2 = 2; outputs 2*3 + 0.5*2 + 0.25 = 7.25
     * and -3 + 3*2 + 1 = 4; targets 7.25*2 + 0.1 and 4*2 + 10.1 */
    nd_model *model = linear(ND_TASK_REGRESSION, 2, w, bias);
    nd_real x[] = {3, 5, (nd_real)NAN, 500}, y[4];
    assert_int_equal(nd_model_inputs(model), 2);
    assert_int_equal(nd_model_outputs(model), 2);
    assert_string_equal(nd_model_output_name(model, 0), "answer");
    assert_string_equal(nd_model_output_name(model, 1), "weight");
    assert_null(nd_model_output_name(model, 2));
    assert_ok(ctx, nd_model_predict(model, x, 2, y));
    close_to(y[0], 14.6);
    close_to(y[1], 18.1);
    /* missing a is 3; b is clipped to 100: (100 - 1)/2 = 49.5 */
    close_to(y[2], (6 + 24.75 + 0.25) * 2 + 0.1);
    close_to(y[3], (-3 + 148.5 + 1) * 2 + 10.1);
    nd_model_destroy(model);
}

static void a_binary_model_gives_both_probabilities(void **state)
{
    (void)state;
    static const double w[] = {1, 2}, bias[] = {-1};
    nd_model *model = linear(ND_TASK_BINARY, 1, w, bias);
    /* logit = 2 + 2*0 - 1 = 1; 1/(1 + e^-1) = 0.7310585786 */
    nd_real x[] = {2, 1}, y[2];
    assert_int_equal(nd_model_outputs(model), 2);
    assert_string_equal(nd_model_output_name(model, 0), "no");
    assert_string_equal(nd_model_output_name(model, 1), "yes");
    assert_ok(ctx, nd_model_predict(model, x, 1, y));
    close_to(y[0], 0.2689414214);
    close_to(y[1], 0.7310585786);
    nd_model_destroy(model);
}

static void a_multiclass_model_gives_the_softmax(void **state)
{
    (void)state;
    static const double w[] = {1, 0, 0, 0, 1, 0}, bias[] = {0, 0, 0};
    nd_model *model = linear(ND_TASK_MULTICLASS, 3, w, bias);
    /* logits 1, 2, 0: e/(e + e^2 + 1), ... */
    nd_real x[] = {1, 5}, y[3];
    assert_ok(ctx, nd_model_predict(model, x, 1, y));
    close_to(y[0], 0.2447284711);
    close_to(y[1], 0.6652409558);
    close_to(y[2], 0.0900305732);
    nd_model_destroy(model);
}

/* More rows than a batch, picked in any order, are the rows one by one. */
static void any_number_of_rows_is_the_same_as_each_alone(void **state)
{
    (void)state;
    static const double w[] = {0.5, -1, 0.25, 2}, bias[] = {0, 0};
    nd_model *model = linear(ND_TASK_REGRESSION, 2, w, bias);
    nd_real *x = room_for(ROWS * 2 * sizeof *x), *y = room_for(ROWS * 2 * sizeof *y);
    nd_real *picked = room_for(ROWS * 2 * sizeof *picked);
    uint32_t *rows = room_for(ROWS * sizeof *rows);
    for (size_t i = 0; i < ROWS; i++) {
        x[2 * i] = (nd_real)(i % 37) - 11;
        x[2 * i + 1] = (nd_real)(i % 53) / 4;
        rows[i] = (uint32_t)((i * 7 + 3) % ROWS);
    }
    assert_ok(ctx, nd_model_predict(model, x, ROWS, y));
    for (size_t i = 0; i < ROWS; i++) {
        double a = x[2 * i], b = (x[2 * i + 1] - 1) / 2;
        close_to(y[2 * i], (0.5 * a + 0.25 * b) * 2 + 0.1);
        close_to(y[2 * i + 1], (-a + 2 * b) * 2 + 10.1);
    }
    nd_table *table;
    nd_prep_map map;
    assert_ok(ctx, nd_table_create(ctx, "t", &table));
    table->rows = ROWS;
    table->header = true;
    nd_column b = {
        .name = nd_strdup("b"), .dtype = ND_DT_REAL, .data = x + 1, .stride = 2, .width = 1};
    nd_column a = {.name = nd_strdup("a"), .dtype = ND_DT_REAL, .data = x, .stride = 2, .width = 1};
    assert_ok(ctx, nd_table_add(table, &b));
    assert_ok(ctx, nd_table_add(table, &a));
    assert_ok(ctx, nd_prep_map_create(model->prep, table, false, &map));
    assert_ok(ctx, nd_model_predict_map(model, &map, rows, 0, ROWS, picked));
    for (size_t i = 0; i < ROWS; i++) {
        assert_memory_equal(picked + 2 * i, y + 2 * rows[i], 2 * sizeof *y);
    }
    assert_ok(ctx, nd_model_predict_map(model, &map, NULL, 100, 300, picked));
    assert_memory_equal(picked, y + 200, 600 * sizeof *y);
    assert_ok(ctx, nd_model_predict_table(model, table, picked));
    assert_memory_equal(picked, y, ROWS * 2 * sizeof *y);
    nd_prep_map_free(&map);
    nd_table_destroy(table);
    nd_model_destroy(model);
    free(x);
    free(y);
    free(picked);
    free(rows);
}

static void categories_do_not_come_from_arrays(void **state)
{
    (void)state;
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS);
    nd_real x[6] = {0}, y[3] = {7, 7, 7};
    assert_int_equal(nd_model_inputs(model), 6);
    assert_int_equal(nd_model_predict(model, x, 1, y), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "\"color\" holds categories"));
    assert_true(y[0] == 7 && y[1] == 7 && y[2] == 7);
    nd_model_destroy(model);
}

/* One image of 1 x 2 pixels in place of the two numbers. */
static void images_come_as_pixels(void **state)
{
    (void)state;
    static const double w[] = {1, 0, 0, 1}, bias[] = {0, 0};
    nd_model *model = linear(ND_TASK_REGRESSION, 2, w, bias);
    nd_prep *prep = model->prep;
    nd_free(prep->column[1].name);
    prep->columns = 1;
    prep->column[0].kind = ND_PREP_IMAGE;
    prep->column[0].features = 2;
    prep->column[0].image_rows = 1;
    prep->column[0].image_cols = 2;
    prep->column[0].high = 255;
    prep->column[0].scale = 5;
    nd_real x[] = {10, 255, 0, 20}, y[4], half[] = {0.5, 1}, large[] = {1, 256};
    assert_int_equal(nd_model_inputs(model), 2);
    assert_ok(ctx, nd_model_predict(model, x, 2, y));
    close_to(y[0], 4.1);
    close_to(y[1], 112.1);
    close_to(y[2], 0.1);
    close_to(y[3], 18.1);
    assert_int_equal(nd_model_predict(model, half, 1, y), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "pixel 0 is 0.5"));
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status == ND_ERR_MEMORY && n < 100; n++) {
        nd_alloc_fail_at(n, false);
        status = nd_model_predict(model, x, 2, y);
        nd_alloc_fail_at(0, false);
    }
    assert_int_equal(status, ND_OK);
    close_to(y[3], 18.1);
    assert_int_equal(nd_model_predict(model, large, 1, y), ND_ERR_DATA);
    nd_model_destroy(model);
}

static void null_pointers_are_refused(void **state)
{
    (void)state;
    static const double w[] = {1, 2}, bias[] = {-1};
    nd_model *model = linear(ND_TASK_BINARY, 1, w, bias), *none;
    nd_real x[2] = {0}, y[2];
    assert_int_equal(nd_model_predict(model, NULL, 1, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_predict(model, x, 1, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_predict(NULL, x, 1, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_predict_table(model, NULL, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_save(model, NULL, 0), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_load(ctx, NULL, &none), ND_ERR_ARGUMENT);
    nd_model_destroy(NULL);
    nd_model_destroy(model);
}

static int setup(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 2) == ND_OK ? 0 : -1;
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
        cmocka_unit_test(regression_comes_in_the_units_of_the_target),
        cmocka_unit_test(a_binary_model_gives_both_probabilities),
        cmocka_unit_test(a_multiclass_model_gives_the_softmax),
        cmocka_unit_test(any_number_of_rows_is_the_same_as_each_alone),
        cmocka_unit_test(categories_do_not_come_from_arrays),
        cmocka_unit_test(images_come_as_pixels),
        cmocka_unit_test(null_pointers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
