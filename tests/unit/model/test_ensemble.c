/* Ensembles as models: what they predict, their file, and files that only look like it. */
#include "unit/model/fixture.h"

enum { MEMBERS = 3 };

static nd_ctx *ctx;

/* Two inputs to one value, in the units of a target with center 0.1 and scale 2; member k
 * answers weight[k] a. */
static nd_model *make_lines(nd_task task, const double *weight, size_t members)
{
    static const char *const line[] = {"dense units=1", NULL};
    nd_model *model;
    nd_prep *prep = make_number_prep(ctx, task);
    prep->targets = 1;
    if (task == ND_TASK_REGRESSION) {
        nd_free(prep->target[1].name);
    }
    nd_net *net = make_net(ctx, 2, loss_of(task), line);
    assert_ok(ctx, nd_model_create(ctx, net, prep, nd_strdup("{}"), &model));
    nd_real *block = room_for(nd_net_size(net) * sizeof *block);
    for (size_t k = 0; k < members; k++) {
        memset(block, 0, nd_net_size(net) * sizeof *block);
        block[0] = (nd_real)weight[k];
        if (k == 0) {
            memcpy(nd_net_parameters(net), block, nd_net_size(net) * sizeof *block);
        } else {
            assert_ok(ctx, nd_model_add_member(model, block, nd_net_buffers(net)));
        }
    }
    free(block);
    return model;
}

static nd_table *one_row(double a)
{
    static nd_real x[2];
    nd_table *table;
    x[0] = (nd_real)a;
    x[1] = 1;
    assert_ok(ctx, nd_table_from_arrays(ctx, x, 1, 2, NULL, 0, &table));
    return table;
}

/* Members say 1, 2 and 6: mean 3, sample deviation sqrt((4 + 1 + 9) / 2) = sqrt 7; in units
 * of the target 2 * 3 + 0.1 and 2 sqrt 7. */
static void values_are_averaged_and_their_spread_is_the_sample_deviation(void **state)
{
    (void)state;
    static const double weight[] = {1, 2, 6};
    nd_model *model = make_lines(ND_TASK_REGRESSION, weight, MEMBERS);
    nd_table *table = one_row(1);
    nd_real y, spread;
    assert_int_equal(nd_model_members(model), MEMBERS);
    assert_ok(ctx, nd_model_predict_spread(model, table, &y, &spread));
    assert_true(fabs((double)y - 6.1) < 1e-5);
    assert_true(fabs((double)spread - 2 * sqrt(7)) < 1e-5);
    assert_ok(ctx, nd_model_predict_table(model, table, &y));
    assert_true(fabs((double)y - 6.1) < 1e-5);
    nd_table_destroy(table);
    nd_model_destroy(model);
}

/* sigmoid(-2), sigmoid(0), sigmoid(4): probabilities are averaged, not logits (whose mean
 * would give sigmoid(2/3) = 0.661). */
static void probabilities_are_averaged_not_logits(void **state)
{
    (void)state;
    static const double weight[] = {-2, 0, 4};
    double p[MEMBERS], mean = 0, squares = 0;
    for (size_t k = 0; k < MEMBERS; k++) {
        p[k] = 1 / (1 + exp(-weight[k]));
        mean += p[k] / MEMBERS;
    }
    for (size_t k = 0; k < MEMBERS; k++) {
        squares += (p[k] - mean) * (p[k] - mean);
    }
    nd_model *model = make_lines(ND_TASK_BINARY, weight, MEMBERS);
    nd_table *table = one_row(1);
    nd_real y[2], spread[2];
    assert_ok(ctx, nd_model_predict_spread(model, table, y, spread));
    assert_true(fabs((double)y[1] - mean) < 1e-6 && fabs((double)y[0] - 1 + mean) < 1e-6);
    for (size_t j = 0; j < 2; j++) {
        assert_true(fabs((double)spread[j] - sqrt(squares / 2)) < 1e-6);
    }
    nd_table_destroy(table);
    nd_model_destroy(model);
}

/* One network of a mean and a deviation, in the units of make_lines. */
static nd_model *make_deviating(double mean, double second)
{
    static const char *const line[] = {"dense units=2", NULL};
    nd_model *model;
    nd_prep *prep = make_number_prep(ctx, ND_TASK_REGRESSION);
    prep->targets = 1;
    nd_free(prep->target[1].name);
    nd_net *net = make_net(ctx, 2, "gaussian", line);
    memset(nd_net_parameters(net), 0, nd_net_size(net) * sizeof(nd_real));
    nd_net_parameters(net)[0] = (nd_real)mean;
    nd_net_parameters(net)[1] = (nd_real)second;
    assert_ok(ctx, nd_model_create(ctx, net, prep, nd_strdup("{}"), &model));
    return model;
}

/* A mixture of normal distributions with equal shares has as variance the mean of the
 * variances and of the squared distances of the means from theirs. */
static void deviations_are_those_of_the_mixture(void **state)
{
    (void)state;
    static const double mean[] = {1, 2, 6}, second[] = {-1, 0, 1};
    nd_model *model = make_deviating(mean[0], second[0]);
    nd_table *table = one_row(1);
    nd_real y[2];
    double center[MEMBERS], deviation[MEMBERS], middle = 0, variance = 0;
    for (size_t k = 0; k < MEMBERS; k++) {
        nd_model *one = make_deviating(mean[k], second[k]);
        assert_ok(ctx, nd_model_predict_table(one, table, y));
        center[k] = (double)y[0];
        deviation[k] = (double)y[1];
        assert_true(fabs(center[k] - (2 * mean[k] + 0.1)) < 1e-5 && deviation[k] > 0);
        middle += center[k] / MEMBERS;
        if (k > 0) {
            assert_ok(ctx, nd_model_add_member(model, nd_net_parameters(one->net),
                                               nd_net_buffers(one->net)));
        }
        nd_model_destroy(one);
    }
    assert_true(deviation[0] < deviation[1] && deviation[1] < deviation[2]);
    for (size_t k = 0; k < MEMBERS; k++) {
        double off = center[k] - middle;
        variance += (deviation[k] * deviation[k] + off * off) / MEMBERS;
    }
    assert_ok(ctx, nd_model_predict_table(model, table, y));
    assert_true(fabs((double)y[0] - middle) < 1e-5);
    assert_true(fabs((double)y[1] - sqrt(variance)) < 1e-5);
    assert_string_equal(nd_model_output_name(model, 1), "answer_deviation");
    nd_table_destroy(table);
    nd_model_destroy(model);
}

static void one_network_has_no_spread(void **state)
{
    (void)state;
    static const double weight[] = {1};
    nd_model *model = make_lines(ND_TASK_REGRESSION, weight, 1);
    nd_table *table = one_row(1);
    nd_real y, spread;
    assert_int_equal(nd_model_predict_spread(model, table, &y, &spread), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_predict_spread(model, table, &y, NULL), ND_ERR_ARGUMENT);
    nd_table_destroy(table);
    nd_model_destroy(model);
}

static void assert_same_members(const nd_model *a, const nd_model *b)
{
    size_t count;
    const nd_span *span = nd_net_spans(a->net, &count);
    assert_int_equal(nd_model_members(a), nd_model_members(b));
    for (size_t k = 0; k < nd_model_members(a); k++) {
        const nd_real *x = nd_net_parameters(nd_model_member(a, k));
        const nd_real *y = nd_net_parameters(nd_model_member(b, k));
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(x + span[i].offset, y + span[i].offset,
                                span[i].rows * span[i].cols * sizeof *x);
        }
    }
}

static void an_ensemble_survives_saving_and_loading(void **state)
{
    (void)state;
    static const nd_task tasks[] = {ND_TASK_BINARY, ND_TASK_MULTICLASS, ND_TASK_REGRESSION};
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        size_t size, again;
        nd_model *model = make_ensemble(ctx, tasks[i], MEMBERS), *back;
        char *bytes = model_bytes(model, &size);
        assert_ok(ctx, nd_model_parse(ctx, "m", bytes, size, true, &back));
        assert_same_members(model, back);
        char *second = model_bytes(back, &again);
        assert_int_equal(size, again);
        assert_memory_equal(bytes, second, size);
        free(second);
        free(bytes);
        nd_model_destroy(back);
        nd_model_destroy(model);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_ensemble(ctx, ND_TASK_BINARY, 2), *back;
    char *bytes = model_bytes(model, &size);
    for (size_t i = 0; i < size * 8; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        nd_status status = nd_model_parse(ctx, "m", bytes, size, true, &back);
        if (status != ND_ERR_FORMAT) {
            fail_msg("bit %zu of byte %zu flipped: status %d", i % 8, i / 8, (int)status);
        }
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    nd_model_destroy(model);
    free(bytes);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_ensemble(ctx, ND_TASK_BINARY, 2), *back;
    char *bytes = model_bytes(model, &size);
    for (size_t n = 0; n < size; n++) {
        char *cut = room_for(n);
        memcpy(cut, bytes, n);
        nd_status status = nd_model_parse(ctx, "m", cut, n, true, &back);
        free(cut);
        if (status != ND_ERR_FORMAT) {
            fail_msg("cut to %zu of %zu bytes: status %d", n, size, (int)status);
        }
    }
    nd_model_destroy(model);
    free(bytes);
}

/* The file of an ensemble of three with one text in its header replaced by another, blanks
 * keeping the length; checksums are left out, since who makes such a file can make those. */
static void refused(const char *from, const char *to, const char *message)
{
    size_t size;
    nd_model *model = make_ensemble(ctx, ND_TASK_BINARY, MEMBERS), *back = NULL;
    char *bytes = model_bytes(model, &size);
    size_t n = (unsigned char)bytes[0] + 256u * (unsigned char)bytes[1], more = strlen(to);
    size_t grown = n + more - strlen(from), padded = (grown + 7) / 8 * 8;
    char *text = room_for(n + 1), *file = room_for(8 + padded + size - 8 - n);
    memcpy(text, bytes + 8, n);
    text[n] = '\0';
    char *at = strstr(text, from);
    assert_non_null(at);
    size_t before = (size_t)(at - text), rest = n - before - strlen(from);
    memset(file, ' ', 8 + padded);
    for (int i = 0; i < 8; i++) {
        file[i] = (char)(padded >> 8 * i);
    }
    memcpy(file + 8, text, before);
    memcpy(file + 8 + before, to, more);
    memcpy(file + 8 + before + more, at + strlen(from), rest);
    memcpy(file + 8 + padded, bytes + 8 + n, size - 8 - n);
    nd_status status = nd_model_parse(ctx, "m", file, 8 + padded + size - 8 - n, false, &back);
    if (status != ND_ERR_FORMAT || strstr(nd_ctx_message(ctx), message) == NULL) {
        fail_msg("%s to %s: expected '%s', got status %d: %s", from, to, message, (int)status,
                 nd_ctx_message(ctx));
    }
    nd_model_destroy(back);
    nd_model_destroy(model);
    free(file);
    free(text);
    free(bytes);
}

static void a_number_of_members_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "0",   "1",  "1001",     "03",
                                      "+3", "-3",  "3 ", "3.0",      "4294967299",
                                      "x",  "2e0", " 3", "\\u0033x", "18446744073709551619"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "\"members\":\"%s\"", bad[i]);
        refused("\"members\":\"3\"", text, "\"members\" is not a whole number of 2 to 1000");
    }
}

static void members_that_are_missing_left_over_or_overlap_are_refused(void **state)
{
    (void)state;
    refused("\"members\":\"3\"", "\"members\":\"2\"", "tensors that no layer");
    refused("\"members\":\"3\"", "\"members\":\"4\"", "no tensor members.3.layers.0.weight");
    refused("\"members\":\"3\"", "\"others\":\"3\"", "no tensor layers.0.weight");
    refused("\"members.1.layers.0.weight\"", "\"members.01.layers.0.weight\"",
            "no tensor members.1.layers.0.weight");
    refused("\"members.1.layers.0.weight\"", "\"members.2.layers.0.weight\"",
            "a key appears twice");
    refused("\"members.1.layers.0.weight\"", "\"members.3.layers.0.weight\"",
            "no tensor members.1.layers.0.weight");
    refused("\"members.1.layers.0.bias\":{\"dtype\":\"F",
            "\"members.1.layers.0.bias\":{\"dtype\":\"Q", "unknown dtype");
}

/* Layers without tensors cost memory that the file does not pay for: many of them in many
 * members are neither saved nor loaded. */
static void members_cost_no_more_than_the_file_explains(void **state)
{
    (void)state;
    enum { LAYERS = 60 };
    const char *line[LAYERS + 1] = {"dense units=1"};
    nd_model *model;
    for (size_t i = 1; i < LAYERS; i++) {
        line[i] = "relu";
    }
    nd_net *net = make_net(ctx, 12, "mse", line);
    nd_prep *prep = make_prep(ctx, ND_TASK_REGRESSION);
    prep->targets = 1;
    nd_free(prep->target[1].name);
    assert_ok(ctx, nd_model_create(ctx, net, prep, nd_strdup("{}"), &model));
    for (size_t k = 1; k < 200; k++) {
        assert_ok(ctx, nd_model_add_member(model, nd_net_parameters(net), nd_net_buffers(net)));
    }
    assert_int_equal(nd_model_save(model, "/nowhere/m", 1), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "200 members of 60 layers"));
    nd_model_destroy(model);
}

static void loading_survives_every_failed_allocation(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_ensemble(ctx, ND_TASK_MULTICLASS, 2), *back = NULL;
    char *bytes = model_bytes(model, &size);
    unsigned long failed = 0, calls = nd_alloc_calls();
    assert_ok(ctx, nd_model_parse(ctx, "m", bytes, size, true, &back));
    calls = nd_alloc_calls() - calls;
    nd_model_destroy(back);
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, false);
        nd_status status = nd_model_parse(ctx, "m", bytes, size, true, &back);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || status == ND_ERR_MEMORY);
        failed += status == ND_ERR_MEMORY;
        assert_int_equal(back == NULL, status != ND_OK);
        nd_model_destroy(back);
    }
    assert_true(failed > calls / 2);
    nd_model_destroy(model);
    free(bytes);
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
        cmocka_unit_test(values_are_averaged_and_their_spread_is_the_sample_deviation),
        cmocka_unit_test(probabilities_are_averaged_not_logits),
        cmocka_unit_test(deviations_are_those_of_the_mixture),
        cmocka_unit_test(one_network_has_no_spread),
        cmocka_unit_test(an_ensemble_survives_saving_and_loading),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(a_number_of_members_that_is_none_is_refused),
        cmocka_unit_test(members_that_are_missing_left_over_or_overlap_are_refused),
        cmocka_unit_test(members_cost_no_more_than_the_file_explains),
        cmocka_unit_test(loading_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
