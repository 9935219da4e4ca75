/* Readers of data, and the row cache, in which every allocation fails in turn: they end
 * with ND_ERR_MEMORY and nothing left behind, or with all of the right result. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/cache.h"
#include "data/csv_internal.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/patterns.h"
#include "data/sample.h"
#include "starve.h"

static nd_ctx *ctx;
static char folder[] = "/tmp/nadir-starved-XXXXXX", path[64], images_path[64], labels_path[64];
static char text[1 << 14];
static size_t text_size;

static int start(void **state)
{
    (void)state;
    bool made = mkdtemp(folder);
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(images_path, sizeof images_path, "%s/t-images-idx3-ubyte", folder);
    snprintf(labels_path, sizeof labels_path, "%s/t-labels-idx1-ubyte.gz", folder);
    return !made || nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    unlink(path);
    unlink(images_path);
    unlink(labels_path);
    return rmdir(folder);
}

static void put(const char *to, const char *bytes, size_t size)
{
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put_packed(const char *to, const char *bytes, size_t size)
{
    gzFile file = gzopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

/* Rows of a number, a column that turns from numbers to words behind what is looked at
 * first, words in quotes, and words that are declared. */
enum { ROWS = 160, TURN = 110 };

static void write_rows(void)
{
    char *at = text;
    at += sprintf(at, "x,turns,\"the \"\"word\"\"\",code\n");
    for (int i = 0; i < ROWS; i++) {
        at += sprintf(at, "%d.5,", i);
        at += i < TURN ? sprintf(at, "%d", i % 7) : sprintf(at, "t%d", i % 5);
        at += sprintf(at, ",\"a \"\"b\"\", %d\",%d\n", i % 11, i % 3);
    }
    text_size = (size_t)(at - text);
}

static void check_rows(const nd_table *table)
{
    size_t n = 0;
    assert_int_equal(table->rows, ROWS);
    assert_int_equal(table->columns, 4);
    assert_string_equal(table->column[2].name, "the \"word\"");
    for (int i = 0; i < ROWS; i++) {
        char turns[16], word[32];
        snprintf(turns, sizeof turns, i < TURN ? "%d" : "t%d", i < TURN ? i % 7 : i % 5);
        snprintf(word, sizeof word, "a \"b\", %d", i % 11);
        const nd_column *c = table->column;
        assert_true(nd_column_number(&c[0], (size_t)i, 0) == i + 0.5);
        assert_string_equal(nd_dict_word(c[1].dict, nd_column_word(&c[1], (size_t)i), &n), turns);
        assert_string_equal(nd_dict_word(c[2].dict, nd_column_word(&c[2], (size_t)i), &n), word);
        assert_int_equal(nd_column_word(&c[3], (size_t)i), i % 3);
    }
}

static const char *const numbers[] = {"x"}, *const categories[] = {"code"};
static nd_csv_params declared = {.number = numbers,
                                 .number_count = 1,
                                 .category = categories,
                                 .category_count = 1,
                                 .missing = "?,-999,\"a,b\""};

/* What a reader of tables ended with: the table is checked and freed. */
static nd_status take(nd_status status, nd_table *table, void (*check)(const nd_table *))
{
    assert_int_equal(table != NULL, status == ND_OK);
    if (table != NULL) {
        check(table);
    }
    nd_table_destroy(table);
    return status;
}

static nd_status parse_in_pieces(void)
{
    nd_table *table;
    nd_status status = nd_csv_parse_chunked(ctx, "t", text, text_size, &declared, 1000, &table);
    return take(status, table, check_rows);
}

static nd_status read_csv_file(void)
{
    nd_table *table;
    nd_status status = nd_csv_read(ctx, path, &declared, &table);
    return take(status, table, check_rows);
}

static nd_status read_csv_stored(void)
{
    nd_store *store;
    nd_table *table = NULL;
    nd_status status = nd_store_create(ctx, folder, &store);
    assert_int_equal(store != NULL, status == ND_OK);
    if (status == ND_OK) {
        nd_csv_params params = declared;
        params.store = store;
        status = nd_csv_read(ctx, path, &params, &table);
        take(status, table, check_rows);
    }
    nd_store_destroy(store);
    return status;
}

/* In pieces of 7 rows from a buffer that has to grow, one column wanted twice. */
static nd_status stream_rows(void)
{
    static const nd_csv_want want[] = {{.name = "turns", .dtype = ND_DT_WORD},
                                       {.name = "x", .dtype = ND_DT_F64},
                                       {.name = "turns", .dtype = ND_DT_WORD},
                                       {.name = "none", .dtype = ND_DT_F64, .optional = true}};
    nd_csv_stream *stream;
    nd_table *table = NULL;
    size_t rows = 0;
    nd_status status = nd_csv_open_sized(ctx, path, &declared, want, 4, 16, &stream);
    assert_int_equal(stream != NULL, status == ND_OK);
    while (status == ND_OK && (status = nd_csv_next(stream, 7, &table)) == ND_OK && table) {
        for (size_t r = 0; r < table->rows; r++, rows++) {
            size_t n = 0;
            const nd_column *c = &table->column[2];
            assert_true(nd_column_number(&table->column[1], r, 0) == (double)rows + 0.5);
            assert_int_equal(nd_dict_word(c->dict, nd_column_word(c, r), &n)[0],
                             rows < TURN ? '0' + (int)rows % 7 : 't');
        }
        nd_table_destroy(table);
    }
    assert_null(status == ND_OK ? table : NULL);
    assert_true(status != ND_OK || rows == ROWS);
    nd_csv_close(stream);
    return status;
}

/* Without header: names are numbers, or those of the first row that are wanted. */
static nd_status stream_without_header(void)
{
    static const nd_csv_want want[] = {{.name = "2", .dtype = ND_DT_WORD},
                                       {.name = "1", .dtype = ND_DT_F64}};
    nd_csv_stream *stream;
    nd_table *table = NULL;
    nd_status status = nd_csv_open_sized(ctx, path, NULL, want, 2, 16, &stream);
    status = status == ND_OK ? nd_csv_next(stream, 9, &table) : status;
    assert_int_equal(table != NULL, status == ND_OK);
    assert_true(table == NULL || nd_column_number(&table->column[1], 1, 0) == 3);
    nd_table_destroy(table);
    nd_csv_close(stream);
    return status;
}

static nd_status fail_on_lacking_columns(void)
{
    static const nd_csv_want want[] = {{.name = "elsewhere", .dtype = ND_DT_WORD}};
    nd_csv_stream *stream;
    nd_status status = nd_csv_open(ctx, path, NULL, want, 1, &stream);
    assert_null(stream);
    return status == ND_ERR_DATA ? ND_OK : status;
}

/* The advice on a cell that is no number, which is shorter without memory. */
static nd_status advise_on_a_word(void)
{
    nd_table *table;
    char rows[1000], *at = rows;
    at += sprintf(at, "a;b\n");
    for (int i = 0; i < 90; i++) {
        at += sprintf(at, "%d;%d\n", i, i);
    }
    at += sprintf(at, "1 234;5\n");
    nd_status status = nd_csv_parse(ctx, "t", rows, (size_t)(at - rows), NULL, &table);
    assert_null(table);
    return status != ND_ERR_DATA || !strstr(nd_ctx_message(ctx), "--thousands space") ? status
                                                                                      : ND_OK;
}

static void csv_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    write_rows();
    starve(ctx, "in pieces", parse_in_pieces, 0.9);
    put_packed(path, text, text_size);
    starve(ctx, "packed file", read_csv_file, 0.9);
    starve(ctx, "packed file, stored", read_csv_stored, 0.9);
    put(path, text, text_size);
    starve(ctx, "file, stored", read_csv_stored, 0.9);
    starve(ctx, "stream", stream_rows, 0.9);
    starve(ctx, "lacking columns", fail_on_lacking_columns, 0.9);
    starve(ctx, "a word among numbers", advise_on_a_word, 0.7);
    put(path, "1,a\n3,b\n", 8);
    starve(ctx, "no header", stream_without_header, 0.9);
}

/* 3 images of 2 x 2. */
static const char images[] = "\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x02"
                             "abcdefghijkl";
static const char labels[] = "\0\0\x08\x01\0\0\0\x03\x07\x08\x09";

static void check_images(const nd_table *table)
{
    assert_int_equal(table->columns, 2);
    assert_int_equal(table->rows, 3);
    assert_true(nd_column_number(&table->column[0], 2, 3) == 'l');
    assert_true(nd_column_number(&table->column[1], 1, 0) == 8);
}

static nd_status parse_images(void)
{
    nd_table *table;
    nd_status status =
        nd_idx_parse(ctx, "t", images, sizeof images - 1, labels, sizeof labels - 1, &table);
    return take(status, table, check_images);
}

static void check_image_alone(const nd_table *table)
{
    assert_int_equal(table->columns, 1);
    assert_true(nd_column_number(&table->column[0], 2, 3) == 'l');
}

static nd_status parse_images_alone(void)
{
    nd_table *table;
    nd_status status = nd_idx_parse(ctx, "t", images, sizeof images - 1, NULL, 0, &table);
    return take(status, table, check_image_alone);
}

static nd_status read_images_alone(void)
{
    nd_table *table;
    nd_status status = nd_idx_read(ctx, path, NULL, &table);
    return take(status, table, check_image_alone);
}

static nd_status read_images(void)
{
    nd_table *table;
    nd_status status = nd_idx_read(ctx, images_path, NULL, &table);
    return take(status, table, check_images);
}

static void images_never_come_without_the_labels_beside_them(void **state)
{
    (void)state;
    starve(ctx, "images", parse_images, 0.9);
    starve(ctx, "images alone", parse_images_alone, 0.9);
    put(path, images, sizeof images - 1);
    starve(ctx, "image file alone", read_images_alone, 0.8);
    put(images_path, images, sizeof images - 1);
    put_packed(labels_path, labels, sizeof labels - 1);
    starve(ctx, "image files", read_images, 0.9);
}

static void check_classes(const nd_table *table)
{
    assert_int_equal(table->rows, 3);
    assert_int_equal(table->columns, 3);
    assert_true(nd_column_number(&table->column[1], 2, 0) == 6);
    assert_int_equal(nd_column_word(&table->column[2], 1), 1);
}

static void check_values(const nd_table *table)
{
    assert_int_equal(table->rows, 3);
    assert_int_equal(table->columns, 4);
    assert_true(nd_column_number(&table->column[3], 1, 0) == 1);
}

static nd_status read_classes(void)
{
    nd_table *table;
    nd_status status = nd_patterns_read(ctx, path, false, &table);
    return take(status, table, check_classes);
}

static nd_status read_values(void)
{
    nd_table *table;
    nd_status status = nd_patterns_read(ctx, path, true, &table);
    return take(status, table, check_values);
}

static void patterns_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char fann[] = "3 2 2\n1 2\n1 0\n3 4\n0 1\n5 6\n1 0\n";
    put_packed(path, fann, sizeof fann - 1);
    starve(ctx, "classes", read_classes, 0.9);
    starve(ctx, "values", read_values, 0.9);
}

static nd_status unpack(void)
{
    nd_bytes bytes;
    nd_status status = nd_gzip_read(ctx, path, &bytes);
    assert_true(status != ND_OK || (bytes.size == 5000 && bytes.data[4999] == 'z'));
    assert_true(status == ND_OK || bytes.data == NULL);
    nd_bytes_free(&bytes);
    return status;
}

static nd_status unpack_to_keep(void)
{
    nd_bytes bytes;
    nd_status status = nd_gzip_load(ctx, path, &bytes);
    assert_true(status != ND_OK || (bytes.size == 5000 && bytes.data[4999] == 'z'));
    assert_true(status == ND_OK || bytes.data == NULL);
    nd_bytes_free(&bytes);
    return status;
}

/* A buffer smaller than what comes: zlib then keeps a window of its own. */
static nd_status unpack_in_pieces(void)
{
    char piece[100];
    size_t got = sizeof piece, sum = 0;
    nd_input *input;
    nd_status status = nd_input_open(ctx, path, &input);
    assert_int_equal(input != NULL, status == ND_OK);
    while (status == ND_OK && got == sizeof piece) {
        status = nd_input_read(input, piece, sizeof piece, &got);
        sum += got;
    }
    assert_true(status != ND_OK || sum == 5000);
    nd_input_close(input);
    return status;
}

/* zlib's own memory fails too, at the start of the stream and inside it. */
static void packed_bytes_are_unpacked_or_not_at_all(void **state)
{
    (void)state;
    memset(text, 'z', 5000);
    put_packed(path, text, 5000);
    starve(ctx, "read", unpack, 0.7);
    starve(ctx, "pieces", unpack_in_pieces, 0.9);
    starve(ctx, "load", unpack_to_keep, 0.7);
}

enum { CACHED = 11 };

static const nd_cache_head head = {
    .rows = {CACHED, 0, 3}, .features = 2, .label_width = 1, .block_rows = 4};

/* Another cache in the place of the one that is there, which stays if that fails. */
static nd_status write_cache(void)
{
    nd_real x[2 * CACHED], y[CACHED];
    nd_cache_writer *writer;
    for (int i = 0; i < CACHED; i++) {
        x[2 * i] = (nd_real)i;
        x[2 * i + 1] = (nd_real)-i;
        y[i] = (nd_real)(i * i);
    }
    nd_status status = nd_cache_create(ctx, path, true, &head, "note", 4, &writer);
    assert_int_equal(writer != NULL, status == ND_OK);
    if (status != ND_OK) {
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_size, 3);
        return status;
    }
    status = nd_cache_add(writer, ND_CACHE_TRAIN, x, y, CACHED);
    if (status == ND_OK) {
        status = nd_cache_add(writer, ND_CACHE_TEST, x, y, 3);
    }
    status = status == ND_OK ? nd_cache_commit(writer) : status;
    assert_int_equal(status, ND_OK);
    put(path, "old", 3);
    return status;
}

static nd_status read_cache(void)
{
    nd_cache *cache;
    nd_source *source = NULL;
    nd_status status = nd_cache_open(ctx, path, &cache);
    assert_int_equal(cache != NULL, status == ND_OK);
    status = status == ND_OK ? nd_cache_verify(cache) : status;
    if (status == ND_OK) {
        status = nd_source_from_cache(cache, ND_CACHE_TRAIN, ND_CACHE_TEST, 1, &source);
        assert_int_equal(source != NULL, status == ND_OK);
    }
    if (status == ND_OK) {
        nd_real x[2], y;
        nd_source_gather(source, ctx->pool, NULL, 10, 1, x, &y);
        assert_true(x[0] == 10 && x[1] == -10 && y == 100);
        nd_source_destroy(source);
    }
    nd_cache_close(cache);
    return status;
}

static void a_row_cache_is_replaced_and_read_or_left_as_it_was(void **state)
{
    (void)state;
    put(path, "old", 3);
    starve(ctx, "write", write_cache, 0.9);
    nd_cache_writer *writer;
    nd_real x[2 * CACHED] = {[20] = 10, [21] = -10}, y[CACHED] = {[10] = 100};
    assert_int_equal(nd_cache_create(ctx, path, true, &head, "", 0, &writer), ND_OK);
    assert_int_equal(nd_cache_add(writer, ND_CACHE_TRAIN, x, y, CACHED), ND_OK);
    assert_int_equal(nd_cache_add(writer, ND_CACHE_TEST, x, y, 3), ND_OK);
    assert_int_equal(nd_cache_commit(writer), ND_OK);
    starve(ctx, "read", read_cache, 0.9);
}

/* Rows of a table with words, and the columns that choose them. */
static nd_table *sampled;

static nd_status take_sample(void)
{
    static const nd_prep_params params = {.clip = 10};
    const char **key;
    size_t keys;
    nd_table *sample = NULL;
    nd_sampler sampler = {0};
    nd_status status = nd_sample_key(sampled, &params, 4, &key, &keys);
    if (status == ND_OK) {
        assert_int_equal(keys, 2);
        status = nd_sampler_init(ctx, key, keys, 0.3, &sampler);
    }
    if (status == ND_OK) {
        status = nd_sampler_count(&sampler, sampled);
    }
    if (status == ND_OK) {
        status = nd_sampler_take(&sampler, sampled, &sample);
    }
    nd_sampler_free(&sampler);
    nd_free(key);
    assert_int_equal(sample != NULL, status == ND_OK);
    if (status == ND_OK) {
        assert_in_range(sample->rows, 20, 100);
        assert_int_equal(sample->columns, 3);
        size_t same = 0;
        for (size_t i = 0; i < sample->rows; i++) {
            same += (nd_table_row(sample, i) - 1) % 10 == 3;
        }
        assert_true(same < 20); /* as many copies are not all taken */
    }
    nd_table_destroy(sample);
    return status;
}

static void a_sample_of_rows_is_whole_or_none(void **state)
{
    (void)state;
    nd_csv_params params = {0};
    text_size = (size_t)snprintf(text, sizeof text, "kind,word,y\n");
    for (int r = 0; r < 200; r++) { /* every tenth row is the same one */
        bool same = r % 10 == 3;
        text_size += (size_t)snprintf(text + text_size, sizeof text - text_size, "%d,w%d,%d\n",
                                      same ? 999 : r % 50, same ? 9 : r % 7, r % 2);
    }
    put(path, text, text_size);
    assert_int_equal(nd_csv_read(ctx, path, &params, &sampled), ND_OK);
    starve(ctx, "sample", take_sample, 0.9);
    nd_table_destroy(sampled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_read_whole_or_not_at_all),
        cmocka_unit_test(images_never_come_without_the_labels_beside_them),
        cmocka_unit_test(patterns_are_read_whole_or_not_at_all),
        cmocka_unit_test(packed_bytes_are_unpacked_or_not_at_all),
        cmocka_unit_test(a_row_cache_is_replaced_and_read_or_left_as_it_was),
        cmocka_unit_test(a_sample_of_rows_is_whole_or_none),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
