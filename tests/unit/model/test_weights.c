/* Groups of tensors of other programs: their order, their shapes, and what is refused. */
#include "model/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

enum { ROOM = 4096 };

static nd_ctx *ctx;

/* A file from its header without blanks, and so many bytes of data, each byte. */
static size_t make(const char *header, size_t data, unsigned char byte, char out[ROOM])
{
    size_t n = (strlen(header) + 7) / 8 * 8;
    assert_true(8 + n + data <= ROOM);
    memset(out, 0, 8);
    out[0] = (char)(n & 255);
    out[1] = (char)(n >> 8);
    memset(out + 8, ' ', n);
    memcpy(out + 8, header, strlen(header));
    memset(out + 8 + n, byte, data);
    return 8 + n + data;
}

static nd_weights *parse(const char *header, size_t data, unsigned char byte)
{
    static char file[ROOM];
    nd_weights *weights;
    size_t size = make(header, data, byte, file);
    nd_status status = nd_weights_parse(ctx, "t", file, size, true, &weights);
    if (status != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return weights;
}

static void check_order(const nd_weights *weights, const char *first, const char *second)
{
    assert_int_equal(weights->groups, 2);
    assert_string_equal(weights->group[0].name, first);
    assert_string_equal(weights->group[1].name, second);
}

static void numbers_in_names_are_ordered_by_value(void **state)
{
    (void)state;
    nd_weights *weights =
        parse("{\"fc10.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
              "\"fc2.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]}}",
              8, 0);
    check_order(weights, "fc2", "fc10");
    nd_weights_sort(weights, false);
    check_order(weights, "fc10", "fc2");
    nd_weights_destroy(weights);
}

static nd_net *dense_of(size_t in, const char *attributes)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, in, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", attributes), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 1, 1, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

static bool fits(const nd_weights *weights, size_t in, const char *attributes)
{
    nd_net *net = dense_of(in, attributes);
    bool fit = nd_weights_fit(&weights->group[0], nd_net_desc(net)->layer[0]);
    nd_net_destroy(net);
    return fit;
}

static void a_matrix_fits_turned_and_with_its_bias_only(void **state)
{
    (void)state;
    char shape[ND_WEIGHTS_SHAPE];
    nd_weights *weights =
        parse("{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
              "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}",
              32, 0);
    assert_true(fits(weights, 3, "units=2"));
    assert_false(fits(weights, 2, "units=3"));
    assert_false(fits(weights, 3, "units=2, bias=false"));
    assert_string_equal(nd_weights_shape(&weights->group[0], shape), "3 x 2");
    nd_weights_destroy(weights);
}

static void copy_fails(const char *dtype, size_t bytes, unsigned char byte, const char *message)
{
    char header[256];
    snprintf(header, sizeof header,
             "{\"a.weight\":{\"dtype\":\"%s\",\"shape\":[2,1],\"data_offsets\":[0,%zu]}}", dtype,
             bytes);
    nd_weights *weights = parse(header, bytes, byte);
    nd_net *net = dense_of(1, "units=2, bias=false");
    assert_int_equal(nd_weights_copy(weights, &weights->group[0], net, 0), ND_ERR_FORMAT);
    assert_string_equal(nd_ctx_message(ctx), message);
    nd_net_destroy(net);
    nd_weights_destroy(weights);
}

static void elements_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    copy_fails("I32", 8, 0, "t: tensor a.weight is of type I32; F32, F64, F16 and BF16 are read");
    copy_fails("F32", 8, 0xff, "t: tensor a.weight: element 0 is not finite");
    copy_fails("F16", 4, 0x7c, "t: tensor a.weight: element 0 is not finite");
    copy_fails("BF16", 4, 0xff, "t: tensor a.weight: element 0 is not finite");
}

/* The bits 0x3c3c, by Python: struct.unpack("<e", b"<<"), struct.unpack("<f", b"\0\0<<"). */
static void halves_are_read_to_the_last_bit(void **state)
{
    (void)state;
    static const double want[] = {1.05859375, 0.011474609375};
    static const char *const type[] = {"F16", "BF16"};
    for (size_t i = 0; i < 2; i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"a.weight\":{\"dtype\":\"%s\",\"shape\":[1,1],\"data_offsets\":[0,2]}}",
                 type[i]);
        nd_weights *weights = parse(header, 2, 0x3c);
        nd_net *net = dense_of(1, "units=1, bias=false");
        assert_int_equal(nd_weights_copy(weights, &weights->group[0], net, 0), ND_OK);
        assert_true((double)nd_net_parameters(net)[0] == want[i]);
        nd_net_destroy(net);
        nd_weights_destroy(weights);
    }
}

static void other_tensors_are_counted_and_passed_over(void **state)
{
    (void)state;
    nd_weights *weights =
        parse("{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
              "\"l.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]},"
              "\"n.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]}}",
              16, 0);
    assert_int_equal(weights->groups, 1);
    assert_int_equal(weights->unread, 1);
    nd_weights_destroy(weights);
    char file[ROOM];
    nd_weights *none;
    size_t size = make("{}", 0, 0, file);
    assert_int_equal(nd_weights_parse(ctx, "t", file, size, true, &none), ND_ERR_FORMAT);
    assert_null(none);
    assert_string_equal(nd_ctx_message(ctx), "t: the file holds no weights");
}

static void refuse(const char *header, size_t data, const char *message)
{
    static char file[1 << 20];
    nd_weights *weights;
    size_t n = (strlen(header) + 7) / 8 * 8;
    assert_true(8 + n + data <= sizeof file);
    memset(file, 0, sizeof file);
    for (int i = 0; i < 8; i++) {
        file[i] = (char)(n >> 8 * i);
    }
    memset(file + 8, ' ', n);
    memcpy(file + 8, header, strlen(header));
    assert_int_equal(nd_weights_parse(ctx, "t", file, 8 + n + data, true, &weights), ND_ERR_FORMAT);
    assert_null(weights);
    if (strstr(nd_ctx_message(ctx), message) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", nd_ctx_message(ctx), message);
    }
}

/* Tensors "BEFORE<i>AFTER" of one number each. */
static void many_tensors(char *out, size_t count, const char *format)
{
    char *at = out;
    at += sprintf(at, "{");
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "%s\"", i > 0 ? "," : "");
        at += sprintf(at, "%s%zu%s", format, i, ".weight");
        at +=
            sprintf(at, "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}", i, i + 1);
    }
    sprintf(at, "}");
}

static void names_and_numbers_of_tensors_are_bounded(void **state)
{
    (void)state;
    static char header[1 << 19], name[301];
    many_tensors(header, 4097, "f");
    refuse(header, 4097, "the file has too many layers");
    memset(name, 'n', sizeof name - 1);
    many_tensors(header, 1, name);
    refuse(header, 1, "tensor nnnnnnnnnnnnnnn");
    assert_non_null(strstr(nd_ctx_message(ctx), ": the name is too long"));
}

static void names_are_compared_piece_by_piece(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a.1.b", "a.1.c"}, {"a.1", "a.01"}, {"a1", "b0"}, {"a", "a.b"}, {"l9.x2", "l9.x11"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
                 "\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]}}",
                 pairs[i][1], pairs[i][0]);
        bool zeros = i == 1; /* equal as numbers: then as texts */
        nd_weights *weights = parse(header, 8, 0);
        check_order(weights, pairs[i][zeros], pairs[i][!zeros]);
        nd_weights_destroy(weights);
    }
}

static void a_file_that_holds_no_weights_is_let_go(void **state)
{
    (void)state;
    char path[] = "/tmp/nadir-weights-XXXXXX", bytes[] = "\x08\0\0\0\0\0\0\0{}      ";
    nd_weights *weights;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, bytes, sizeof bytes - 1), sizeof bytes - 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(nd_weights_open(ctx, path, &weights), ND_ERR_FORMAT);
    assert_null(weights);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(nd_weights_open(ctx, path, &weights), ND_ERR_IO);
    assert_null(weights);
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    char file[ROOM];
    size_t size = make("{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}",
                       4, 0, file);
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status == ND_ERR_MEMORY; n++) {
        nd_weights *weights;
        assert_true(n < 50);
        nd_alloc_fail_at(n, false);
        status = nd_weights_parse(ctx, "t", file, size, true, &weights);
        nd_alloc_fail_at(0, false);
        assert_true((status == ND_OK) == (weights != NULL));
        nd_weights_destroy(weights);
    }
    assert_int_equal(status, ND_OK);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_names_are_ordered_by_value),
        cmocka_unit_test(a_matrix_fits_turned_and_with_its_bias_only),
        cmocka_unit_test(elements_that_are_no_numbers_are_refused),
        cmocka_unit_test(halves_are_read_to_the_last_bit),
        cmocka_unit_test(other_tensors_are_counted_and_passed_over),
        cmocka_unit_test(names_and_numbers_of_tensors_are_bounded),
        cmocka_unit_test(names_are_compared_piece_by_piece),
        cmocka_unit_test(a_file_that_holds_no_weights_is_let_go),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
