#include "data/idx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/gzip.h"

static nd_ctx *ctx;

/* 2 images of 2x3 and their labels. */
static const char images[] = "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03"
                             "\x00\x01\x02\x03\x04\x05\xFA\xFB\xFC\xFD\xFE\xFF";
static const char labels[] = "\0\0\x08\x01\0\0\0\x02\x07\x09";

enum { IMAGES = sizeof images - 1, LABELS = sizeof labels - 1 };

static void images_and_labels_become_two_columns(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_idx_parse(ctx, "t", images, IMAGES, labels, LABELS, &table), ND_OK);
    assert_int_equal(table->rows, 2);
    assert_int_equal(table->columns, 2);
    const nd_column *image = &table->column[0];
    assert_string_equal(image->name, "image");
    assert_int_equal(image->width, 6);
    assert_int_equal(image->image_rows, 2);
    assert_int_equal(image->image_cols, 3);
    assert_true(nd_column_number(image, 1, 5) == 255);
    assert_true(nd_column_number(image, 0, 4) == 4);
    assert_string_equal(table->column[1].name, "label");
    assert_true(nd_column_number(&table->column[1], 0, 0) == 7);
    assert_true(nd_column_number(&table->column[1], 1, 0) == 9);
    nd_table_destroy(table);
}

static void images_alone_are_one_column(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_idx_parse(ctx, "t", images, IMAGES, NULL, 0, &table), ND_OK);
    assert_int_equal(table->columns, 1);
    nd_table_destroy(table);
}

/* Put bytes over a copy of the images, of size bytes, and expect a message. */
static void refuse(size_t at, const char *bytes, size_t count, size_t size, const char *message)
{
    char *copy = nd_alloc(size, 1);
    memcpy(copy, images, size < IMAGES ? size : IMAGES);
    memcpy(copy + at, bytes, count);
    nd_table *table = NULL;
    assert_int_equal(nd_idx_parse(ctx, "t", copy, size, labels, LABELS, &table), ND_ERR_FORMAT);
    assert_null(table);
    assert_string_equal(nd_ctx_message(ctx), message);
    nd_free(copy);
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    refuse(0, "", 0, IMAGES - 1, "t: the header announces 12 bytes, but 11 follow");
    refuse(0, "", 0, IMAGES + 1, "t: the header announces 12 bytes, but 13 follow");
    refuse(0, "", 0, 15, "t: cut short inside the header");
    refuse(0, "", 0, 3, "t: not an IDX file");
    refuse(0, "\x01", 1, IMAGES, "t: not an IDX file");
    refuse(2, "\x0D", 1, IMAGES, "t: elements of type f32; only u8 is read");
    refuse(2, "\x09", 1, IMAGES, "t: elements of type i8; only u8 is read");
    refuse(2, "\x0B", 1, IMAGES, "t: elements of type i16; only u8 is read");
    refuse(2, "\x0C", 1, IMAGES, "t: elements of type i32; only u8 is read");
    refuse(2, "\x0E", 1, IMAGES, "t: elements of type f64; only u8 is read");
    refuse(2, "\x0A", 1, IMAGES, "t: not an IDX file");
    refuse(3, "\x04", 1, IMAGES, "t: 4 dimensions; at most 3 are read");
    refuse(4, "\0\0\0\x03\0\0\0\x02\0\0\0\x02", 12, IMAGES, "t: 2 labels for 3 images");
    refuse(4, "\0\0\0\0", 4, 16, "t: no images");
    refuse(4, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12, IMAGES,
           "t: impossible sizes in the header");
    refuse(4, "\0\0\0\x02\0\0\0\x02\x7F\xFF\xFF\xFF", 12, IMAGES,
           "t: the header announces 8589934588 bytes, but 12 follow");
}

static void labels_in_the_place_of_images_are_refused(void **state)
{
    (void)state;
    nd_table *table = NULL;
    assert_int_equal(nd_idx_parse(ctx, "t", labels, LABELS, NULL, 0, &table), ND_ERR_FORMAT);
    assert_int_equal(nd_idx_parse(ctx, "t", images, IMAGES, images, IMAGES, &table), ND_ERR_FORMAT);
    assert_string_equal(nd_ctx_message(ctx), "t: labels with 3 dimensions instead of one");
}

static void text_is_not_idx(void **state)
{
    (void)state;
    assert_true(nd_idx_detect(images, IMAGES));
    assert_false(nd_idx_detect("a,b\n1,2\n", 8));
    assert_false(nd_idx_detect("\0\0\x08", 3));
    assert_false(nd_idx_detect("\0\0\x0A\x03", 4));
}

static void put(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void labels_beside_the_images_are_found(void **state)
{
    (void)state;
    char folder[] = "/tmp/nadir-idx-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char image_path[64], label_path[64];
    snprintf(image_path, sizeof image_path, "%s/t-images-idx3-ubyte", folder);
    snprintf(label_path, sizeof label_path, "%s/t-labels-idx1-ubyte", folder);
    put(image_path, images, IMAGES);
    nd_table *table = NULL;
    assert_int_equal(nd_idx_read(ctx, image_path, NULL, &table), ND_OK);
    assert_int_equal(table->columns, 1);
    nd_table_destroy(table);
    put(label_path, labels, LABELS);
    assert_int_equal(nd_idx_read(ctx, image_path, NULL, &table), ND_OK);
    assert_int_equal(table->columns, 2);
    assert_true(nd_column_number(&table->column[0], 1, 0) == 0xFA);
    nd_table_destroy(table);
    unlink(image_path);
    unlink(label_path);
    rmdir(folder);
}

/* Counts of the digits 0-9 in the labels and the sum of the first image's pixels,
 * as numpy gives them. */
static void mnist_is_read_as_published(void **state)
{
    (void)state;
    const char *data = getenv("NADIR_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/mnist/t10k-images-idx3-ubyte.gz",
             data ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    nd_table *table = NULL;
    assert_int_equal(nd_idx_read(ctx, path, NULL, &table), ND_OK);
    assert_int_equal(table->rows, 10000);
    assert_int_equal(table->column[0].width, 784);
    static const size_t wanted[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    size_t counts[10] = {0};
    for (size_t r = 0; r < table->rows; r++) {
        counts[(size_t)nd_column_number(&table->column[1], r, 0)]++;
    }
    assert_memory_equal(counts, wanted, sizeof counts);
    double sum = 0;
    for (size_t j = 0; j < 784; j++) {
        sum += nd_column_number(&table->column[0], 0, j);
    }
    assert_true(sum == 18454);
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_and_labels_become_two_columns),
        cmocka_unit_test(images_alone_are_one_column),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(labels_in_the_place_of_images_are_refused),
        cmocka_unit_test(text_is_not_idx),
        cmocka_unit_test(labels_beside_the_images_are_found),
        cmocka_unit_test(mnist_is_read_as_published),
    };
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    return failed;
}
