#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "csv_show.h"
#include "data/csv.h"

static char path[] = "/tmp/nadir-stream-XXXXXX";
static nd_ctx *ctx;

static const nd_csv_want ab[] = {{.name = "a", .dtype = ND_DT_F64},
                                 {.name = "b", .dtype = ND_DT_WORD}};

static void write_text(const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* Read text with the wanted columns; compare with show_table's line, or with the
 * message behind "path: ". */
static void check(const char *text, const nd_csv_params *params, const nd_csv_want *want,
                  size_t count, nd_status wanted_status, const char *wanted)
{
    write_text(text);
    nd_csv_stream *stream = NULL;
    nd_table *table = NULL;
    nd_text shown = {0};
    nd_status status = nd_csv_open(ctx, path, params, want, count, &stream);
    if (status == ND_OK) {
        status = nd_csv_next(stream, 1000, &table);
    }
    if (status == ND_OK) {
        show_table(&shown, table);
    } else {
        assert_null(table);
        nd_text_puts(&shown, nd_ctx_message(ctx) + strlen(path) + 2);
    }
    assert_string_equal(shown.data, wanted);
    assert_int_equal(status, wanted_status);
    nd_text_free(&shown);
    nd_table_destroy(table);
    nd_csv_close(stream);
}

static void columns_are_matched_by_name_in_any_order(void **state)
{
    (void)state;
    check("x,b,a\n9,u,1\n9,v,2\n", NULL, ab, 2, ND_OK, "!a#1,2 b$u,v");
}

static void columns_not_wanted_may_hold_anything(void **state)
{
    (void)state;
    check("x,b,a\n\xFF,u,1\nabc,v,2\n", NULL, ab, 2, ND_OK, "!a#1,2 b$u,v");
}

static void all_missing_columns_are_named(void **state)
{
    (void)state;
    check("x,y\n1,2\n", NULL, ab, 2, ND_ERR_DATA,
          "the columns \"a\", \"b\" are missing (the file has 2)");
    check("x,b\n1,2\n", NULL, ab, 2, ND_ERR_DATA, "the column \"a\" is missing (the file has 2)");
}

static void optional_column_may_be_absent(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "y", .dtype = ND_DT_WORD, .optional = true},
                                {.name = "a", .dtype = ND_DT_F64}};
    check("a,b\n1,2\n", NULL, want, 2, ND_OK, "!a#1");
    check("a,y\n1,2\n", NULL, want, 2, ND_OK, "!y$2 a#1");
}

static void file_without_header_is_matched_by_order(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "a", .dtype = ND_DT_F64},
                                {.name = "y", .dtype = ND_DT_WORD, .optional = true},
                                {.name = "b", .dtype = ND_DT_F64}};
    check("1,2\n3,4\n", NULL, want, 3, ND_OK, "a#1,3 b#2,4");
    check("1,u,2\n3,v,4\n", NULL, want, 3, ND_OK, "a#1,3 y$u,v b#2,4");
    check("1,2,3,4\n", NULL, want, 3, ND_ERR_DATA,
          "the file has no header, and the columns \"a\", \"b\" are missing (the file has 4)");
}

static void number_names_are_positions(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "3", .dtype = ND_DT_F64},
                                {.name = "1", .dtype = ND_DT_F64}};
    check("1,2,3\n4,5,6\n", NULL, want, 2, ND_OK, "3#3,6 1#1,4");
    check("p,q,r\n4,5,6\n", NULL, want, 2, ND_OK, "!3#6 1#4");
}

/* Places in a file of exactly three columns come before the names. */
static void places_hold_where_the_number_of_columns_agrees(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "2", .dtype = ND_DT_F64, .place = 1, .of = 3},
                                {.name = "4", .dtype = ND_DT_F64, .place = 3, .of = 3}};
    const nd_csv_params named = {.header = ND_HEADER_YES};
    check("1,2,3\n4,5,6\n", NULL, want, 2, ND_OK, "2#1,4 4#3,6");
    check("1,2,3,9\n4,5,6,8\n", NULL, want, 2, ND_OK, "2#2,5 4#9,8");
    check("x,4,2\n4,5,6\n", &named, want, 2, ND_OK, "!2#6 4#5");
    check("1,2\n4,5\n", NULL, want, 2, ND_ERR_DATA,
          "the file has no header, and the column \"4\" is missing (the file has 2)");
}

static void wanted_name_in_the_first_row_makes_it_a_header(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "b", .dtype = ND_DT_WORD}};
    check("a,b\nu,b\na,v\n", NULL, want, 1, ND_OK, "!b$b,v");
}

static void column_wanted_twice_comes_twice(void **state)
{
    (void)state;
    const nd_csv_want want[] = {{.name = "a", .dtype = ND_DT_F64},
                                {.name = "a", .dtype = ND_DT_WORD},
                                {.name = "a", .dtype = ND_DT_WORD}};
    check("a\n01\n2\n\n", NULL, want, 3, ND_OK, "!a#1,2,~(1) a$01,2,~(1) a$01,2,~(1)");
}

static void text_in_a_number_column_is_an_error(void **state)
{
    (void)state;
    check("a,b\n1,x\ny,z\n", NULL, ab, 2, ND_ERR_DATA,
          "row 2 (line 3), column \"a\": \"y\" is not a number");
    check("a,b\n1,x\n1e999,z\n", NULL, ab, 2, ND_ERR_DATA,
          "row 2 (line 3), column \"a\": \"1e999\" is beyond the range of numbers");
}

static void format_errors_are_those_of_the_whole_file(void **state)
{
    (void)state;
    check("", NULL, ab, 2, ND_ERR_FORMAT, "the file is empty");
    check("a,b\n", NULL, ab, 2, ND_ERR_FORMAT, "there is a header, but no rows");
    check("a,b\n1,2\n3\n", NULL, ab, 2, ND_ERR_FORMAT,
          "row 2 (line 3) has 1 cell, but the header has 2");
    check("a,b\n1,2\n3,\"x\n", NULL, ab, 2, ND_ERR_FORMAT,
          "row 2 (line 3), column \"b\": the quote (\") is never closed");
}

static void error_late_in_a_long_file_has_its_row_and_line(void **state)
{
    (void)state;
    FILE *file = fopen(path, "wb");
    fputs("a,b\n", file);
    for (int i = 0; i < 300000; i++) {
        fputs(i == 250000 ? "oops,\"x\n\ny\"\n" : "1.5,\"x\n\ny\"\n", file);
    }
    fclose(file);
    nd_csv_stream *stream = NULL;
    nd_table *table = NULL;
    size_t rows = 0;
    assert_int_equal(nd_csv_open(ctx, path, NULL, ab, 2, &stream), ND_OK);
    nd_status status = nd_csv_next(stream, 4096, &table);
    while (status == ND_OK && table) {
        rows += table->rows;
        nd_table_destroy(table);
        status = nd_csv_next(stream, 4096, &table);
    }
    assert_int_equal(status, ND_ERR_DATA);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path),
                        ": row 250001 (line 750002), column \"a\": \"oops\" is not a number");
    assert_int_equal(rows, 250000 / 4096 * 4096);
    assert_int_equal(nd_csv_next(stream, 4096, &table), ND_ERR_DATA);
    nd_csv_close(stream);
}

/* A 64 MB cell is refused once it is longer than max_field, without being held. */
static void huge_cell_is_refused_early(void **state)
{
    (void)state;
    FILE *file = fopen(path, "wb");
    fputs("a,b\n1,x\n2,\"", file);
    char *block = nd_alloc((size_t)1 << 20, 1);
    memset(block, 'x', (size_t)1 << 20);
    for (int i = 0; i < 64; i++) {
        fwrite(block, 1, (size_t)1 << 20, file);
    }
    fputs("\"\n", file);
    fclose(file);
    nd_free(block);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    nd_csv_params params = {.max_field = (size_t)1 << 20, .delimiter = ',', .quote = '"'};
    nd_csv_stream *stream = NULL;
    nd_table *table = NULL;
    assert_int_equal(nd_csv_open(ctx, path, &params, ab, 2, &stream), ND_OK);
    nd_status status = nd_csv_next(stream, 1, &table);
    nd_table_destroy(table);
    if (status == ND_OK) {
        status = nd_csv_next(stream, 1000, &table);
    }
    assert_int_equal(status, ND_ERR_FORMAT);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path),
                        ": row 2 (line 3), column \"b\": the cell is longer than 1048576 bytes; a "
                        "quote that is never closed?");
    nd_csv_close(stream);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
    assert_int_equal(nd_csv_read(ctx, path, &params, &table), ND_ERR_FORMAT);
    assert_null(table);
}

/* Words among the first rows, numbers in nearly all of the others. */
static void rare_text_in_numbers_is_an_error_wherever_it_stands(void **state)
{
    (void)state;
    enum { TEXTS = 12, ROWS = 1200 };
    nd_table *table = NULL;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("a,b\n", file);
    for (int r = 0; r < ROWS; r++) {
        fprintf(file, r < TEXTS ? "%d,none%d\n" : "%d,%d\n", r, r);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(nd_csv_read(ctx, path, NULL, &table), ND_ERR_DATA);
    assert_null(table);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path),
                        ": row 1 (line 2), column \"b\": \"none0\" is not a number (99.0% of the "
                        "column is); write --category b to read it as text, or --missing "
                        "'?,NA,N/A,#N/A,nan,null,None,none0'");
}

/* One row as wide as all that is looked at to find the columns. */
static void first_line_without_end_is_refused(void **state)
{
    (void)state;
    enum { CELL = 1 << 20, CELLS = 36 };
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    char *cell = nd_alloc(CELL, 1);
    memset(cell, 'x', CELL);
    cell[CELL - 1] = ',';
    for (int i = 0; i < CELLS; i++) {
        assert_int_equal(fwrite(cell, 1, CELL, file), CELL);
    }
    nd_free(cell);
    assert_int_equal(fclose(file), 0);
    nd_csv_stream *stream = NULL;
    assert_int_equal(nd_csv_open(ctx, path, NULL, ab, 2, &stream), ND_ERR_FORMAT);
    assert_null(stream);
    assert_string_equal(nd_ctx_message(ctx) + strlen(path), ": the first line is too long");
}

static void absent_file_and_folder_are_io_errors(void **state)
{
    (void)state;
    nd_csv_stream *stream = NULL;
    assert_int_equal(nd_csv_open(ctx, "/nonexistent/x.csv", NULL, ab, 2, &stream), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "/nonexistent/x.csv: No such file or directory");
    assert_int_equal(nd_csv_open(ctx, "/", NULL, ab, 2, &stream), ND_ERR_IO);
    assert_string_equal(nd_ctx_message(ctx), "/: Is a directory");
    assert_null(stream);
}

/* Every allocation of a read fails once; nothing leaks (sanitizer) or crashes. */
static void failed_allocations_are_reported(void **state)
{
    (void)state;
    write_text("a,b\n1,\"x\"\"y\"\n2,z\n3,x\n4,q\n5,1\n");
    nd_ctx *one = NULL;
    assert_int_equal(nd_ctx_create(&one, 1), ND_OK);
    nd_status status = ND_ERR_MEMORY;
    unsigned long n = 1;
    for (; status == ND_ERR_MEMORY; n++) {
        nd_table *table = NULL;
        nd_alloc_fail_at(n, false);
        status = nd_csv_read(one, path, NULL, &table);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_ERR_MEMORY ? table == NULL : status == ND_OK);
        nd_table_destroy(table);
    }
    assert_true(n > 20);
    status = ND_ERR_MEMORY;
    for (n = 1; status == ND_ERR_MEMORY; n++) {
        nd_table *table = NULL;
        nd_csv_stream *stream = NULL;
        nd_alloc_fail_at(n, false);
        status = nd_csv_open(one, path, NULL, ab, 2, &stream);
        if (status == ND_OK) {
            status = nd_csv_next(stream, 10, &table);
        }
        nd_alloc_fail_at(0, false);
        nd_table_destroy(table);
        nd_csv_close(stream);
    }
    assert_true(n > 20);
    assert_int_equal(status, ND_OK);
    nd_ctx_destroy(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_matched_by_name_in_any_order),
        cmocka_unit_test(columns_not_wanted_may_hold_anything),
        cmocka_unit_test(all_missing_columns_are_named),
        cmocka_unit_test(optional_column_may_be_absent),
        cmocka_unit_test(file_without_header_is_matched_by_order),
        cmocka_unit_test(number_names_are_positions),
        cmocka_unit_test(places_hold_where_the_number_of_columns_agrees),
        cmocka_unit_test(wanted_name_in_the_first_row_makes_it_a_header),
        cmocka_unit_test(column_wanted_twice_comes_twice),
        cmocka_unit_test(text_in_a_number_column_is_an_error),
        cmocka_unit_test(format_errors_are_those_of_the_whole_file),
        cmocka_unit_test(error_late_in_a_long_file_has_its_row_and_line),
        cmocka_unit_test(huge_cell_is_refused_early),
        cmocka_unit_test(rare_text_in_numbers_is_an_error_wherever_it_stands),
        cmocka_unit_test(first_line_without_end_is_refused),
        cmocka_unit_test(absent_file_and_folder_are_io_errors),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0 || nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    unlink(path);
    return failed;
}
