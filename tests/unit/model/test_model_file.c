/* Model files: what goes in comes out, and nothing but a whole, sound file does. */
#include "unit/model/fixture.h"

#include "model/model_json.h"

static nd_ctx *ctx;

static void assert_same_block(const nd_span *a, size_t as, const nd_real *pa, const nd_span *b,
                              size_t bs, const nd_real *pb)
{
    assert_int_equal(as, bs);
    for (size_t i = 0; i < as; i++) {
        assert_string_equal(a[i].name, b[i].name);
        assert_int_equal(a[i].rows, b[i].rows);
        assert_int_equal(a[i].cols, b[i].cols);
        assert_int_equal(a[i].decay, b[i].decay);
        assert_memory_equal(pa + a[i].offset, pb + b[i].offset,
                            a[i].rows * a[i].cols * sizeof(nd_real));
    }
}

static void assert_same_net(nd_net *a, nd_net *b)
{
    size_t as, bs;
    const nd_span *sa = nd_net_spans(a, &as), *sb = nd_net_spans(b, &bs);
    assert_same_block(sa, as, nd_net_parameters(a), sb, bs, nd_net_parameters(b));
    sa = nd_net_buffer_spans(a, &as);
    sb = nd_net_buffer_spans(b, &bs);
    assert_same_block(sa, as, nd_net_buffers(a), sb, bs, nd_net_buffers(b));
    assert_memory_equal(nd_net_loss_in_force(a), nd_net_loss_in_force(b), sizeof(nd_loss));
    const nd_desc *da = nd_net_desc(a), *db = nd_net_desc(b);
    assert_int_equal(da->count, db->count);
    for (size_t i = 0; i < da->count; i++) {
        assert_ptr_equal(da->layer[i]->class, db->layer[i]->class);
        assert_string_equal(da->layer[i]->name, db->layer[i]->name);
        assert_int_equal(da->layer[i]->inputs, db->layer[i]->inputs);
        assert_true(da->layer[i]->lr == db->layer[i]->lr);
        assert_memory_equal(da->layer[i]->input, db->layer[i]->input,
                            da->layer[i]->inputs * sizeof(long));
        for (size_t k = 0; k < da->layer[i]->attr.count; k++) {
            double x = da->layer[i]->attr.value[k].number;
            double y = db->layer[i]->attr.value[k].number;
            assert_memory_equal(&x, &y, sizeof x);
        }
    }
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static void assert_same_words(const nd_dict *a, const nd_dict *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a == NULL) {
        return;
    }
    assert_int_equal(nd_dict_count(a), nd_dict_count(b));
    for (size_t i = 0; i < nd_dict_count(a); i++) {
        assert_string_equal(nd_dict_word(a, (uint32_t)i, NULL), nd_dict_word(b, (uint32_t)i, NULL));
    }
}

/* Bits, not values: -0, the infinities and denormals must survive. */
static void assert_same_number(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void assert_same_column(const nd_prep_column *a, const nd_prep_column *b)
{
    assert_string_equal(a->name, b->name);
    assert_same_text(a->reason, b->reason);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->features, b->features);
    assert_int_equal(a->scaling, b->scaling);
    assert_int_equal(a->missing_feature, b->missing_feature);
    assert_same_number(a->center, b->center);
    assert_same_number(a->scale, b->scale);
    assert_same_number(a->low, b->low);
    assert_same_number(a->high, b->high);
    assert_same_number(a->fill, b->fill);
    assert_int_equal(a->knot_count, b->knot_count);
    for (size_t i = 0; i < a->knot_count; i++) {
        assert_same_number(a->knots[i], b->knots[i]);
    }
    assert_same_words(a->words, b->words);
    assert_int_equal(a->buckets, b->buckets);
    assert_int_equal(a->other, b->other);
}

static void assert_same_prep(const nd_prep *a, const nd_prep *b)
{
    assert_int_equal(a->task, b->task);
    assert_int_equal(a->header, b->header);
    assert_int_equal(a->features, b->features);
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->targets, b->targets);
    for (size_t i = 0; i < a->columns; i++) {
        assert_same_column(&a->column[i], &b->column[i]);
    }
    for (size_t i = 0; i < a->targets; i++) {
        assert_string_equal(a->target[i].name, b->target[i].name);
        assert_int_equal(a->target[i].position, b->target[i].position);
        assert_same_number(a->target[i].center, b->target[i].center);
        assert_same_number(a->target[i].scale, b->target[i].scale);
        assert_same_words(a->target[i].classes, b->target[i].classes);
        assert_int_equal(a->target[i].share, b->target[i].share);
        assert_same_number(a->target[i].mean, b->target[i].mean);
    }
    assert_same_words(a->classes, b->classes);
    for (size_t i = 0; a->classes != NULL && i < nd_dict_count(a->classes); i++) {
        assert_same_number(a->class_count[i], b->class_count[i]);
    }
}

static void a_model_survives_saving_and_loading(void **state)
{
    (void)state;
    for (nd_task task = ND_TASK_BINARY; task <= ND_TASK_MULTILABEL; task++) {
        size_t size;
        nd_model *model = make_model(ctx, task), *back;
        char *bytes = model_bytes(model, &size);
        assert_ok(ctx, nd_model_parse(ctx, "m", bytes, size, true, &back));
        assert_same_net(model->net, back->net);
        assert_same_prep(model->prep, back->prep);
        assert_string_equal(model->record, back->record);
        nd_model_destroy(model);
        nd_model_destroy(back);
        free(bytes);
    }
}

static void saving_again_gives_the_same_bytes(void **state)
{
    (void)state;
    size_t size, again_size;
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS), *back;
    char *bytes = model_bytes(model, &size);
    assert_ok(ctx, nd_model_parse(ctx, "m", bytes, size, true, &back));
    char *again = model_bytes(back, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(bytes, again, size);
    nd_model_destroy(model);
    nd_model_destroy(back);
    free(bytes);
    free(again);
}

/* input -> dense a, dense b -> the class -> dense of 3 outputs */
static nd_net *net_with(const nd_layer_class *class)
{
    char from[160] = "";
    const char *one[] = {"dense units=4, name=a", from, "dense units=3", NULL};
    const char *two[] = {"dense units=4, name=a", "dense units=4, name=b, from=input", from,
                         "dense units=3", NULL};
    bool joins = class->min_inputs > 1;
    snprintf(from, sizeof from, "%s from=a%s", class->name, joins ? "|b" : "");
    nd_net *net = make_net(ctx, 12, "cross_entropy", joins ? two : one);
    nd_real *buffer = nd_net_buffers(net);
    for (size_t i = 0; i < nd_net_buffer_size(net); i++) {
        buffer[i] = (nd_real)(i + 1) / 7;
    }
    return net;
}

static void every_layer_class_survives(void **state)
{
    (void)state;
    size_t count;
    const nd_layer_class *const *table = nd_layer_table(&count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        nd_model *model, *back;
        assert_ok(ctx, nd_model_create(ctx, net_with(table[i]), make_prep(ctx, ND_TASK_MULTICLASS),
                                       nd_strdup("{}"), &model));
        char *bytes = model_bytes(model, &size);
        assert_ok(ctx, nd_model_parse(ctx, table[i]->name, bytes, size, true, &back));
        assert_same_net(model->net, back->net);
        nd_model_destroy(model);
        nd_model_destroy(back);
        free(bytes);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS), *back;
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
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS), *back;
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

static void a_byte_too_many_is_noticed(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_model(ctx, ND_TASK_BINARY), *back;
    char *bytes = model_bytes(model, &size);
    bytes = realloc(bytes, size + 1);
    bytes[size] = 0;
    assert_int_equal(nd_model_parse(ctx, "m", bytes, size + 1, true, &back), ND_ERR_FORMAT);
    assert_non_null(strstr(nd_ctx_message(ctx), "bytes after the last tensor"));
    nd_model_destroy(model);
    free(bytes);
}

static void an_existing_file_is_kept_without_force(void **state)
{
    (void)state;
    char folder[256], path[300];
    nd_model *model = make_model(ctx, ND_TASK_BINARY), *back;
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    assert_ok(ctx, nd_model_save(model, path, 0));
    assert_int_equal(nd_model_save(model, path, 0), ND_ERR_EXISTS);
    assert_ok(ctx, nd_model_save(model, path, 1));
    assert_ok(ctx, nd_model_load(ctx, path, &back));
    nd_model_destroy(back);
    unlink(path);
    assert_int_equal(nd_model_load(ctx, path, &back), ND_ERR_IO);
    assert_null(back);
    assert_int_equal(rmdir(folder), 0);
    nd_model_destroy(model);
}

static void weights_that_are_not_finite_are_not_saved(void **state)
{
    (void)state;
    char folder[256], path[300];
    nd_model *model = make_model(ctx, ND_TASK_BINARY);
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    nd_net_parameters(model->net)[3] = (nd_real)NAN;
    assert_int_equal(nd_model_save(model, path, 0), ND_ERR_DATA);
    assert_non_null(strstr(nd_ctx_message(ctx), "layers.0.weight[3] is nan"));
    assert_int_equal(rmdir(folder), 0);
    nd_model_destroy(model);
}

/* Each allocation fails once: that status or, where the allocation was not needed,
 * none; and under a sanitizer no leak. */
static void loading_survives_every_failed_allocation(void **state)
{
    (void)state;
    size_t size;
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS), *back = NULL;
    char *bytes = model_bytes(model, &size);
    unsigned long failed = 0, calls = nd_alloc_calls();
    assert_ok(ctx, nd_model_parse(ctx, "m", bytes, size, true, &back));
    calls = nd_alloc_calls() - calls;
    nd_model_destroy(back);
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, false);
        nd_status status = nd_model_parse(ctx, "m", bytes, size, true, &back);
        nd_alloc_fail_at(0, false);
        if (status != ND_OK && status != ND_ERR_MEMORY) {
            fail_msg("allocation %lu failed: status %d: %s", n, (int)status, nd_ctx_message(ctx));
        }
        failed += status == ND_ERR_MEMORY;
        assert_int_equal(back == NULL, status != ND_OK);
        nd_model_destroy(back);
    }
    assert_true(failed > calls / 2);
    nd_model_destroy(model);
    free(bytes);
}

static void weights_of_another_program_are_told_with_little_memory(void **state)
{
    (void)state;
    static const char head[] =
        "{\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}    ";
    char bytes[8 + sizeof head - 1 + 8] = {(char)(sizeof head - 1)};
    nd_model *model;
    memcpy(bytes + 8, head, sizeof head - 1);
    unsigned long failed = 0, calls = nd_alloc_calls();
    assert_int_equal(nd_model_parse(ctx, "m", bytes, sizeof bytes, true, &model), ND_ERR_FORMAT);
    assert_non_null(strstr(nd_ctx_message(ctx), "weights of another program: 1 tensors: fc.bias"));
    calls = nd_alloc_calls() - calls;
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, false);
        nd_status status = nd_model_parse(ctx, "m", bytes, sizeof bytes, true, &model);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_ERR_FORMAT || status == ND_ERR_MEMORY);
        assert_null(model);
        failed += status == ND_ERR_MEMORY;
    }
    assert_true(failed > 0 && failed >= calls / 2);
}

static void saving_survives_every_failed_allocation(void **state)
{
    (void)state;
    char folder[256], path[300];
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS);
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    unsigned long failed = 0, calls = nd_alloc_calls();
    assert_ok(ctx, nd_model_save(model, path, 1));
    calls = nd_alloc_calls() - calls;
    for (unsigned long n = 1; n <= calls; n++) {
        unlink(path);
        nd_alloc_fail_at(n, false);
        nd_status status = nd_model_save(model, path, 0);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || status == ND_ERR_MEMORY);
        assert_int_equal(access(path, F_OK) == 0, status == ND_OK);
        failed += status == ND_ERR_MEMORY;
    }
    assert_true(failed > calls / 2);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    nd_model_destroy(model);
}

static void a_net_that_does_not_fit_its_preparation_is_refused(void **state)
{
    (void)state;
    static const char *const line[] = {"dense units=2", NULL};
    nd_model *model;
    nd_net *net = make_net(ctx, 12, "cross_entropy", line);
    assert_int_equal(nd_model_create(ctx, net, make_prep(ctx, ND_TASK_MULTICLASS), nd_strdup("{}"),
                                     &model),
                     ND_ERR_SHAPE);
    assert_null(model);
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

static void a_loss_keeps_its_settings(void **state)
{
    (void)state;
    nd_desc *desc, *back;
    nd_loss loss, read;
    nd_text text = {0};
    nd_budget budget = 1 << 20;
    assert_int_equal(nd_desc_create(ctx, 2, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "prelu", "start=0.5"), ND_OK);
    assert_int_equal(nd_loss_read(ctx, "huber, delta=1.5", &loss), ND_OK);
    nd_desc_put_json(desc, &loss, &text);
    assert_int_equal(nd_desc_read_json(ctx, "m", text.data, &budget, &back, &read), ND_OK);
    assert_ptr_equal(read.class, nd_loss_find("huber"));
    assert_true(read.setting[0] == 1.5);
    assert_true(nd_opt_real(&back->layer[0]->attr, "start") == 0.5);
    nd_text_free(&text);
    nd_desc_destroy(desc);
    nd_desc_destroy(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_survives_saving_and_loading),
        cmocka_unit_test(a_loss_keeps_its_settings),
        cmocka_unit_test(saving_again_gives_the_same_bytes),
        cmocka_unit_test(every_layer_class_survives),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(a_byte_too_many_is_noticed),
        cmocka_unit_test(an_existing_file_is_kept_without_force),
        cmocka_unit_test(weights_that_are_not_finite_are_not_saved),
        cmocka_unit_test(loading_survives_every_failed_allocation),
        cmocka_unit_test(weights_of_another_program_are_told_with_little_memory),
        cmocka_unit_test(saving_survives_every_failed_allocation),
        cmocka_unit_test(a_net_that_does_not_fit_its_preparation_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
