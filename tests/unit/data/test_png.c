/* PNG files, taken apart again by their specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "make_table.h"

#include "data/png.h"

typedef struct memory {
    unsigned char bytes[4096];
    size_t size, refuse_after;
} memory;

static int take(void *user, const char *text, size_t bytes)
{
    memory *m = user;
    assert_true(m->size + bytes <= sizeof m->bytes);
    memcpy(m->bytes + m->size, text, bytes);
    m->size += bytes;
    return m->size > m->refuse_after;
}

static uint32_t number_at(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Data of the chunk at *at, which moves behind it. */
static const unsigned char *chunk(const unsigned char **at, const char *type, uint32_t *n)
{
    const unsigned char *data = *at + 8;
    *n = number_at(*at);
    assert_memory_equal(*at + 4, type, 4);
    assert_int_equal(number_at(data + *n), crc32(0, *at + 4, *n + 4));
    *at = data + *n + 4;
    return data;
}

static void check(size_t rows, size_t cols, size_t channels)
{
    static const unsigned char signature[] = {137, 80, 78, 71, 13, 10, 26, 10};
    uint8_t pixel[600];
    unsigned char lines[1000];
    memory m = {.refuse_after = sizeof m.bytes};
    const nd_sink sink = {take, &m};
    size_t line = cols * channels;
    for (size_t i = 0; i < rows * line; i++) {
        pixel[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(nd_png_write(ctx, pixel, rows, cols, channels, &sink), ND_OK);
    const unsigned char *at = m.bytes + sizeof signature;
    assert_memory_equal(m.bytes, signature, sizeof signature);
    uint32_t n;
    const unsigned char *data = chunk(&at, "IHDR", &n);
    assert_true(n == 13 && number_at(data) == cols && number_at(data + 4) == rows);
    assert_true(data[8] == 8 && data[9] == (channels == 3 ? 2 : 0));
    assert_true(data[10] == 0 && data[11] == 0 && data[12] == 0);
    data = chunk(&at, "IDAT", &n);
    uLongf size = sizeof lines;
    assert_int_equal(uncompress(lines, &size, data, n), Z_OK);
    assert_int_equal(size, rows * (line + 1));
    for (size_t i = 0; i < rows; i++) {
        assert_int_equal(lines[i * (line + 1)], 0);
        assert_memory_equal(lines + i * (line + 1) + 1, pixel + i * line, line);
    }
    chunk(&at, "IEND", &n);
    assert_true(n == 0 && at == m.bytes + m.size);
}

static void images_are_what_the_format_says(void **state)
{
    (void)state;
    check(1, 1, 1);
    check(9, 31, 1);
    check(13, 11, 3);
}

static void failures_are_told(void **state)
{
    (void)state;
    const uint8_t pixel[4] = {0};
    memory m = {.refuse_after = 10};
    const nd_sink sink = {take, &m};
    assert_int_equal(nd_png_write(ctx, pixel, 2, 2, 1, &sink), ND_ERR_IO);
    assert_int_equal(nd_png_write(ctx, pixel, 0, 2, 1, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_png_write(ctx, pixel, 1, 100000, 1, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_png_write(ctx, pixel, 1, 2, 2, &sink), ND_ERR_ARGUMENT);
    m.size = 0;
    m.refuse_after = sizeof m.bytes;
    nd_alloc_fail_at(1, true);
    assert_int_equal(nd_png_write(ctx, pixel, 2, 2, 1, &sink), ND_ERR_MEMORY);
    nd_alloc_fail_at(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_what_the_format_says),
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, start_ctx, stop_ctx);
}
