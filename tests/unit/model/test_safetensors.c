/* The container of models and checkpoints by itself: checksums, what cannot be written, and
 * numbers of the other precision. */
#include "model/safetensors.h"

#include "model/weights.h"
#include "unit/model/fixture.h"

#include "starve.h"

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

static const float numbers[] = {1, 2, 3};

/* A file of one tensor "a" and a note, as bytes; the caller frees them. */
static char *write_note(const char *value, nd_status wanted, size_t *size)
{
    char folder[256], path[300];
    nd_out *out;
    nd_bytes bytes;
    const nd_st_note note = {"note", value};
    const nd_st_piece piece = {.name = "a",
                               .dtype = nd_st_dtype_find((nd_json_slice){"F32", 3}),
                               .rows = 1,
                               .cols = 3,
                               .data = numbers};
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/t", folder);
    assert_ok(ctx, nd_out_open(ctx, path, false, &out));
    assert_int_equal(nd_st_write(ctx, out, &note, 1, &piece, 1), wanted);
    if (wanted != ND_OK) {
        nd_out_abandon(out);
        assert_int_equal(rmdir(folder), 0);
        return NULL;
    }
    assert_ok(ctx, nd_out_commit(out));
    assert_ok(ctx, nd_file_read(ctx, path, &bytes));
    char *copy = room_for(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    *size = bytes.size;
    nd_bytes_free(&bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    return copy;
}

static void texts_that_no_file_can_hold_are_not_written(void **state)
{
    (void)state;
    size_t size = (size_t)ND_ST_HEADER_MAX + 1;
    write_note("bl\xff", ND_ERR_DATA, NULL);
    assert_string_equal(nd_ctx_message(ctx), "a text of the model is not UTF-8");
    char *large = room_for(size + 1);
    memset(large, 'x', size);
    large[size] = '\0';
    write_note(large, ND_ERR_DATA, NULL);
    assert_non_null(strstr(nd_ctx_message(ctx), "bytes, the format takes"));
    free(large);
}

/* CRC-32 as in ISO 3309, bit by bit. */
static uint32_t crc_of(const char *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
    }
    return ~crc;
}

/* Give the header a checksum that agrees. */
static void sign_header(char *file)
{
    size_t n = (unsigned char)file[0] + 256u * (unsigned char)file[1];
    char *digits = strstr(file + 8, "\"crc32\":\"") + 9, text[16];
    memcpy(digits, "00000000", 8);
    snprintf(text, sizeof text, "%08x", (unsigned)crc_of(file + 8, n));
    memcpy(digits, text, 8);
}

/* The file with one text of its header changed for another of the same length. */
static void refused(const char *from, const char *to, const char *message)
{
    size_t size = 0;
    nd_st st;
    char *file = write_note("y", ND_OK, &size);
    assert_ok(ctx, nd_st_open(ctx, "t", file, size, &st));
    assert_ok(ctx, nd_st_verify(ctx, &st));
    nd_st_close(&st);
    char *at = strstr(file + 8, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    sign_header(file);
    assert_ok(ctx, nd_st_open(ctx, "t", file, size, &st));
    assert_int_equal(nd_st_verify(ctx, &st), ND_ERR_FORMAT);
    if (strstr(nd_ctx_message(ctx), message) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", nd_ctx_message(ctx), message);
    }
    nd_st_close(&st);
    free(file);
}

static void checksums_that_are_not_those_of_the_tensors_are_refused(void **state)
{
    (void)state;
    refused("{\\\"a\\\":", "{\\\"b\\\":", "checksum of an unknown tensor");
    refused("{\\\"a\\\":", "{                  }", "a tensor has no checksum");
    refused("\"checksums\"", "\"chocksums\"", "no metadata \"checksums\"");
}

static void a_header_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    nd_st st;
    static const char file[] = "\x10\0\0\0\0\0\0\0{}              ";
    assert_ok(ctx, nd_st_open(ctx, "t", file, sizeof file - 1, &st));
    assert_int_equal(nd_st_verify(ctx, &st), ND_ERR_FORMAT);
    assert_non_null(strstr(nd_ctx_message(ctx), "nadir did not write it"));
    nd_st_close(&st);
}

static size_t found; /* tensors of a file in the other precision */

/* The header with the offsets and types of a file of the other precision, and its data. */
static char *convert(const char *file, size_t size, size_t *converted_size)
{
    size_t n = (unsigned char)file[0] + 256u * (unsigned char)file[1];
    bool wider = sizeof(nd_real) == sizeof(float);
    char *header = room_for(2 * n + 100), *to = header;
    char *text = room_for(n + 1);
    memcpy(text, file + 8, n);
    text[n] = '\0';
    for (const char *at = text; *at != '\0';) {
        size_t begin, end;
        int used = 0;
        if (strncmp(at, "\"dtype\":\"F", 10) == 0) {
            to += sprintf(to, "\"dtype\":\"%s\"", wider ? "F64" : "F32");
            at += 13;
            found++;
        } else if (sscanf(at, "\"data_offsets\":[%zu,%zu]%n", &begin, &end, &used) == 2 &&
                   used > 0) {
            to += sprintf(to, "\"data_offsets\":[%zu,%zu]", wider ? 2 * begin : begin / 2,
                          wider ? 2 * end : end / 2);
            at += used;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    size_t m = (strlen(header) + 7) / 8 * 8, count = (size - 8 - n) / sizeof(nd_real);
    size_t each = wider ? sizeof(double) : sizeof(float);
    char *out = room_for(*converted_size = 8 + m + count * each);
    memset(out, ' ', 8 + m);
    for (int i = 0; i < 8; i++) {
        out[i] = (char)(m >> 8 * i);
    }
    memcpy(out + 8, header, strlen(header));
    for (size_t i = 0; i < count; i++) {
        nd_real value;
        memcpy(&value, file + 8 + n + i * sizeof value, sizeof value);
        double wide = (double)value;
        float narrow = (float)value;
        memcpy(out + 8 + m + i * each, wider ? (const void *)&wide : &narrow, each);
    }
    free(text);
    free(header);
    return out;
}

static void a_model_of_the_other_precision_is_read(void **state)
{
    (void)state;
    size_t size, other_size;
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS), *back;
    char *file = model_bytes(model, &size), *other = convert(file, size, &other_size);
    assert_true(found >= 8);
    assert_ok(ctx, nd_model_parse(ctx, "m", other, other_size, false, &back));
    for (size_t i = 0; i < nd_net_size(model->net); i++) {
        double a = (double)nd_net_parameters(model->net)[i];
        double b = (double)nd_net_parameters(back->net)[i];
        assert_true(sizeof(nd_real) == sizeof(float) ? a == b : (float)a == (float)b);
    }
    nd_model_destroy(back);
    nd_model_destroy(model);
    free(other);
    free(file);
}

/* Means and variances are those of one quantity, not of classes. */
static void a_loss_of_deviations_does_not_fit_classes(void **state)
{
    (void)state;
    static const char *const six[] = {"dense units=6", NULL};
    nd_model *model;
    assert_int_equal(nd_model_create(ctx, make_net(ctx, 12, "gaussian", six),
                                     make_prep(ctx, ND_TASK_MULTICLASS), nd_strdup("{}"), &model),
                     ND_ERR_SHAPE);
    assert_null(model);
    assert_string_equal(nd_ctx_message(ctx), "loss gaussian does not fit task multiclass");
}

static void layers_are_not_taken_from_an_ensemble(void **state)
{
    (void)state;
    size_t size;
    nd_weights *weights;
    nd_model *model = make_ensemble(ctx, ND_TASK_REGRESSION, 2);
    char *file = model_bytes(model, &size);
    assert_int_equal(nd_weights_parse(ctx, "t", file, size, true, &weights), ND_ERR_OPTION);
    assert_null(weights);
    assert_non_null(strstr(nd_ctx_message(ctx), "from: t is an ensemble"));
    nd_model_destroy(model);
    free(file);
}

static void a_network_of_another_shape_than_its_preparation_is_refused(void **state)
{
    (void)state;
    static const char *const two[] = {"dense units=2", NULL};
    nd_model *model;
    assert_int_equal(nd_model_create(ctx, make_net(ctx, 11, "mse", two),
                                     make_prep(ctx, ND_TASK_REGRESSION), nd_strdup("{}"), &model),
                     ND_ERR_SHAPE);
    assert_null(model);
    assert_string_equal(nd_ctx_message(ctx),
                        "the network takes 11 inputs, the preparation makes 12");
}

/* The file of a model, parsed with what stands between two texts of its header changed. */
static void model_refused(nd_task task, const char *from, const char *until, const char *to,
                          const char *message)
{
    size_t size;
    nd_model *model = make_model(ctx, task);
    char *file = model_bytes(model, &size);
    nd_model_destroy(model);
    size_t n = (unsigned char)file[0] + 256u * (unsigned char)file[1];
    char *text = room_for(n + strlen(to) + 1), *header = room_for(n + 1);
    memcpy(header, file + 8, n);
    header[n] = '\0';
    char *at = strstr(header, from);
    assert_non_null(at);
    char *rest = strstr(at + strlen(from), until);
    assert_non_null(rest);
    sprintf(text, "%.*s%s%s", (int)(at - header), header, to, rest);
    size_t m = (strlen(text) + 7) / 8 * 8;
    char *other = room_for(8 + m + size - 8 - n);
    memset(other, ' ', 8 + m);
    for (int i = 0; i < 8; i++) {
        other[i] = (char)(m >> 8 * i);
    }
    memcpy(other + 8, text, strlen(text));
    memcpy(other + 8 + m, file + 8 + n, size - 8 - n);
    nd_model *back;
    nd_status status = nd_model_parse(ctx, "m", other, size - n + m, false, &back);
    assert_null(back);
    if (status != ND_ERR_FORMAT || strstr(nd_ctx_message(ctx), message) == NULL) {
        fail_msg("status %d: \"%s\" lacks \"%s\"", (int)status, nd_ctx_message(ctx), message);
    }
    free(other);
    free(header);
    free(text);
    free(file);
}

static void targets_that_are_not_the_tasks_are_refused(void **state)
{
    (void)state;
    model_refused(ND_TASK_REGRESSION, "\\\"regression", "\\\"", "\\\"autoencoder",
                  "a target, which the task has none of");
    model_refused(ND_TASK_REGRESSION, "\\\"targets\\\":[", "]", "\\\"targets\\\":[", "no target");
}

/* Layers without tensors, each twice as wide as the one before: a small file would take
 * gigabytes for a row. */
static void a_network_that_its_file_cannot_pay_for_is_refused(void **state)
{
    (void)state;
    enum { LAYERS = 16 };
    size_t size;
    nd_model *model = make_model(ctx, ND_TASK_REGRESSION);
    char *file = model_bytes(model, &size), text[8192], *at = text;
    nd_model_destroy(model);
    char *layers = strstr(file + 8, "\\\"layers\\\":["), *end = strstr(layers, "]}\"");
    char *tensors = strstr(file + 8, ",\"layers.");
    at += sprintf(at, "%.*s\\\"layers\\\":[", (int)(layers - file - 8), file + 8);
    for (int i = 0; i < LAYERS; i++) {
        at +=
            sprintf(at,
                    "%s{\\\"type\\\":\\\"concat\\\",\\\"name\\\":\\\"c%d\\\",\\\"from\\\":[%d,%d],"
                    "\\\"attributes\\\":{}}",
                    i > 0 ? "," : "", i, i - 1, i - 1);
    }
    at += sprintf(at, "%.*s}", (int)(tensors - end), end);
    size_t n = ((size_t)(at - text) + 7) / 8 * 8;
    char *other = room_for(8 + n);
    memset(other, ' ', 8 + n);
    for (int i = 0; i < 8; i++) {
        other[i] = (char)(n >> 8 * i);
    }
    memcpy(other + 8, text, (size_t)(at - text));
    assert_int_equal(nd_model_parse(ctx, "m", other, 8 + n, false, &model), ND_ERR_FORMAT);
    assert_null(model);
    assert_string_equal(nd_ctx_message(ctx), "m: the network needs more memory for one row than a "
                                             "file of this size can ask for");
    free(other);
    free(file);
}

static nd_model *stranger;
static char *stranger_bytes;
static size_t stranger_size;

static nd_status open_weights(void)
{
    nd_weights *weights;
    nd_status status = nd_weights_parse(ctx, "t", stranger_bytes, stranger_size, true, &weights);
    assert_int_equal(weights != NULL, status == ND_OK);
    assert_true(weights == NULL || weights->groups == 3);
    nd_weights_destroy(weights);
    return status;
}

static nd_status predict_array(void)
{
    static const nd_real x[] = {3, 5, 7, 9};
    nd_real y[2];
    nd_status status = nd_model_predict(stranger, x, 2, y);
    assert_true(status != ND_OK || isfinite(y[1]));
    return status;
}

static void calls_on_models_end_well_or_say_why(void **state)
{
    (void)state;
    static const char *const one[] = {"dense units=1", NULL};
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS);
    stranger_bytes = model_bytes(model, &stranger_size);
    starve(ctx, "weights of a model", open_weights, 0.9);
    free(stranger_bytes);
    nd_model_destroy(model);
    nd_prep *prep = make_number_prep(ctx, ND_TASK_REGRESSION);
    prep->targets = 1;
    nd_free(prep->target[1].name);
    assert_ok(ctx,
              nd_model_create(ctx, make_net(ctx, 2, "mse", one), prep, nd_strdup("{}"), &stranger));
    starve(ctx, "prediction from an array", predict_array, 0.5);
    nd_model_destroy(stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_no_file_can_hold_are_not_written),
        cmocka_unit_test(checksums_that_are_not_those_of_the_tensors_are_refused),
        cmocka_unit_test(a_header_that_is_not_ours_is_refused),
        cmocka_unit_test(a_model_of_the_other_precision_is_read),
        cmocka_unit_test(targets_that_are_not_the_tasks_are_refused),
        cmocka_unit_test(a_network_that_its_file_cannot_pay_for_is_refused),
        cmocka_unit_test(calls_on_models_end_well_or_say_why),
        cmocka_unit_test(a_loss_of_deviations_does_not_fit_classes),
        cmocka_unit_test(layers_are_not_taken_from_an_ensemble),
        cmocka_unit_test(a_network_of_another_shape_than_its_preparation_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
