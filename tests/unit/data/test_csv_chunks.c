/* One text, cut in many ways, gives one table: chunk sizes, threads, streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "csv_show.h"
#include "data/csv_internal.h"

enum { TEXTS = 60 };

static char path[] = "/tmp/nadir-csv-XXXXXX";

static uint32_t draw(uint64_t seed, uint64_t *element, uint32_t below)
{
    nd_rng rng = {.seed = seed};
    return nd_rng_bits(&rng, (*element)++) % below;
}

static void add_cell(nd_text *out, uint64_t seed, uint64_t *e, bool number)
{
    static const char *const words[] = {"red",         "green", "\"a, b\"", "\"x\ny\"",
                                        "\"q\"\"\"",   "",      "?",        "\"\n\n\"",
                                        "\" \"\"\n\"", "5\" x", "größe",    "\"\r\n,\""};
    if (number) {
        nd_text_printf(out, "%d.%u", (int)draw(seed, e, 2000) - 1000, draw(seed, e, 1000));
    } else {
        nd_text_puts(out, words[draw(seed, e, sizeof words / sizeof words[0])]);
    }
}

/* A valid file of three columns, number, words, number or words, whose last column
 * turns from numbers to words half way in every second text. */
static void make_text(nd_text *out, uint64_t seed)
{
    uint64_t e = 0;
    uint32_t rows = 1 + draw(seed, &e, 80);
    const char *feed = draw(seed, &e, 2) ? "\n" : "\r\n";
    nd_text_printf(out, "one,two,three%s", feed);
    for (uint32_t r = 0; r < rows; r++) {
        nd_text_puts(out, draw(seed, &e, 8) == 0 ? feed : "");
        add_cell(out, seed, &e, true);
        nd_text_puts(out, draw(seed, &e, 4) == 0 ? " , " : ",");
        add_cell(out, seed, &e, false);
        nd_text_puts(out, ",");
        add_cell(out, seed, &e, seed % 2 == 0 || r < rows / 2);
        nd_text_puts(out, r + 1 < rows || draw(seed, &e, 2) ? feed : "");
    }
    assert_false(out->failed);
}

/* The table, or the message, that a text gives with a number of threads. */
static nd_status read_as_text(nd_ctx *ctx, const nd_text *text, size_t chunk, nd_text *shown)
{
    static const char *const categories[] = {"two"};
    nd_csv_params params = {.header = ND_HEADER_YES,
                            .delimiter = ',',
                            .quote = '"',
                            .category = categories,
                            .category_count = 1};
    nd_table *table = NULL;
    nd_status status =
        nd_csv_parse_chunked(ctx, "t.csv", text->data, text->size, &params, chunk, &table);
    if (status == ND_OK) {
        show_table(shown, table);
    } else {
        nd_text_puts(shown, nd_ctx_message(ctx));
    }
    nd_table_destroy(table);
    return status;
}

static void compare_chunks(nd_ctx *ctx, const nd_text *text, const nd_text *whole, uint64_t seed)
{
    static const size_t sizes[] = {1, 2, 3, 5, 7, 16, 33, 100, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        nd_text shown = {0};
        read_as_text(ctx, text, sizes[i], &shown);
        if (strcmp(shown.data, whole->data) != 0) {
            print_error("seed %llu, chunk %zu\n", (unsigned long long)seed, sizes[i]);
        }
        assert_string_equal(shown.data, whole->data);
        nd_text_free(&shown);
    }
}

static void any_chunk_size_gives_the_same_table(void **state)
{
    (void)state;
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    for (uint64_t seed = 1; seed <= TEXTS; seed++) {
        nd_text text = {0}, whole = {0};
        make_text(&text, seed);
        assert_int_equal(read_as_text(ctx, &text, (size_t)1 << 20, &whole), ND_OK);
        compare_chunks(ctx, &text, &whole, seed);
        nd_text_free(&whole);
        nd_text_free(&text);
    }
    nd_ctx_destroy(ctx);
}

/* A byte changed at random: whatever comes of it, table or message, is the same. */
static void any_chunk_size_gives_the_same_message(void **state)
{
    (void)state;
    static const char bytes[] = {'"', '\n', ',', '\0', 'x', '\r', '\xFF', '9', ' '};
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    size_t refused = 0;
    for (uint64_t seed = 1; seed <= 3 * TEXTS; seed++) {
        nd_text text = {0}, whole = {0};
        uint64_t e = 1 << 20;
        make_text(&text, seed);
        text.data[14 + draw(seed, &e, (uint32_t)text.size - 14)] =
            bytes[draw(seed, &e, sizeof bytes)];
        refused += read_as_text(ctx, &text, (size_t)1 << 20, &whole) != ND_OK ? 1 : 0;
        compare_chunks(ctx, &text, &whole, seed);
        nd_text_free(&whole);
        nd_text_free(&text);
    }
    assert_true(refused > 20);
    nd_ctx_destroy(ctx);
}

static void any_number_of_threads_gives_the_same_table(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    nd_text text = {0}, first = {0};
    make_text(&text, 5);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        nd_ctx *ctx = NULL;
        assert_int_equal(nd_ctx_create(&ctx, threads[i]), ND_OK);
        nd_text shown = {0};
        assert_int_equal(read_as_text(ctx, &text, 50, &shown), ND_OK);
        if (i == 0) {
            first = shown;
        } else {
            assert_string_equal(shown.data, first.data);
            nd_text_free(&shown);
        }
        nd_ctx_destroy(ctx);
    }
    nd_text_free(&first);
    nd_text_free(&text);
}

static void show_rows(nd_text *out, const nd_table *table)
{
    for (size_t r = 0; r < table->rows; r++) {
        for (size_t c = 0; c < table->columns; c++) {
            show_cell(out, &table->column[c], r);
            nd_text_puts(out, "|");
        }
        nd_text_puts(out, "\n");
    }
}

static void write_file(const char *data, size_t size, bool packed)
{
    if (packed) {
        gzFile gz = gzopen(path, "wb");
        assert_int_equal(gzwrite(gz, data, (unsigned)size), size);
        assert_int_equal(gzclose(gz), Z_OK);
        return;
    }
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void stream_rows(nd_ctx *ctx, const nd_csv_want *want, size_t count, size_t buffer,
                        size_t max_rows, nd_text *out)
{
    nd_csv_stream *stream = NULL;
    nd_csv_params params = {.delimiter = ',', .header = ND_HEADER_YES, .quote = '"'};
    assert_int_equal(nd_csv_open_sized(ctx, path, &params, want, count, buffer, &stream), ND_OK);
    for (;;) {
        nd_table *table = NULL;
        assert_int_equal(nd_csv_next(stream, max_rows, &table), ND_OK);
        if (!table) {
            break;
        }
        assert_true(table->rows >= 1 && table->rows <= max_rows);
        show_rows(out, table);
        nd_table_destroy(table);
    }
    nd_csv_close(stream);
}

/* The wanted columns of a whole table in the order wanted. */
static void whole_rows(nd_ctx *ctx, const nd_csv_want *want, size_t count, nd_text *out)
{
    static const char *const categories[] = {"two", "three"};
    nd_csv_params params = {.header = ND_HEADER_YES,
                            .delimiter = ',',
                            .quote = '"',
                            .category = categories,
                            .category_count = 2};
    nd_table *table = NULL;
    assert_int_equal(nd_csv_read(ctx, path, &params, &table), ND_OK);
    for (size_t r = 0; r < table->rows; r++) {
        for (size_t i = 0; i < count; i++) {
            int c = nd_table_find(table, want[i].name);
            show_cell(out, &table->column[c], r);
            nd_text_puts(out, "|");
        }
        nd_text_puts(out, "\n");
    }
    nd_table_destroy(table);
}

static void stream_equals_whole(void **state)
{
    (void)state;
    static const nd_csv_want want[] = {{.name = "three", .dtype = ND_DT_WORD},
                                       {.name = "one", .dtype = ND_DT_F64}};
    static const size_t buffers[] = {16, 64, 1000, 0};
    static const size_t pieces[] = {1, 3, 1000};
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    for (uint64_t seed = 1; seed <= TEXTS; seed++) {
        nd_text text = {0}, whole = {0};
        make_text(&text, seed);
        write_file(text.data, text.size, seed % 3 == 0);
        whole_rows(ctx, want, 2, &whole);
        for (size_t i = 0; i < 12; i++) {
            nd_text streamed = {0};
            stream_rows(ctx, want, 2, buffers[i % 4], pieces[i / 4], &streamed);
            assert_string_equal(streamed.data, whole.data);
            nd_text_free(&streamed);
        }
        nd_text_free(&whole);
        nd_text_free(&text);
    }
    nd_ctx_destroy(ctx);
}

/* 3 MB, so that buffers and samples end inside the file. */
static void long_stream_equals_whole(void **state)
{
    (void)state;
    static const nd_csv_want want[] = {{.name = "one", .dtype = ND_DT_F64},
                                       {.name = "two", .dtype = ND_DT_WORD}};
    nd_ctx *ctx = NULL;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    nd_text text = {0}, whole = {0}, streamed = {0};
    nd_text_puts(&text, "one,two,three\n");
    uint64_t e = 0;
    while (text.size < (size_t)3 << 20) {
        add_cell(&text, 9, &e, true);
        nd_text_puts(&text, ",");
        add_cell(&text, 9, &e, false);
        nd_text_puts(&text, ",7\n");
    }
    write_file(text.data, text.size, true);
    whole_rows(ctx, want, 2, &whole);
    stream_rows(ctx, want, 2, 0, 10007, &streamed);
    assert_true(strcmp(streamed.data, whole.data) == 0);
    nd_text_free(&streamed);
    nd_text_free(&whole);
    nd_text_free(&text);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_chunk_size_gives_the_same_table),
        cmocka_unit_test(any_chunk_size_gives_the_same_message),
        cmocka_unit_test(any_number_of_threads_gives_the_same_table),
        cmocka_unit_test(stream_equals_whole),
        cmocka_unit_test(long_stream_equals_whole),
    };
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
