/* Small texts, each with the table or the message that it must give. */
#include "data/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "csv_show.h"

typedef struct csv_case {
    const char *name, *text;
    const char *want; /* show_table's line, or the message */
    nd_status status;
    nd_csv_params params;
    size_t size; /* of text, if it holds NUL bytes */
} csv_case;

static const char *const column_a[] = {"a"};
static const char *const column_2[] = {"2"};
static const char *const column_typo[] = {"aeg"};

#define FORMAT ND_ERR_FORMAT
#define DATA ND_ERR_DATA

static const csv_case cases[] = {
    {"header_and_numbers", "a,b\n1,2\n3,4\n", "!a#1,3 b#2,4", 0, {0}, 0},
    {"no_header", "1,2\n3,4\n", "1#1,3 2#2,4", 0, {0}, 0},
    {"header_forced", "1,2\n3,4\n", "!1#3 2#4", 0, {.header = ND_HEADER_YES}, 0},
    {"header_denied", "a,b\nc,d\n", "1$a,c 2$b,d", 0, {.header = ND_HEADER_NO}, 0},
    {"decimal_comma", "a;b\n1,5;-2\n,5;3e2\n", "!a#1.5,0.5 b#-2,300", 0, {.decimal = ','}, 0},
    {"decimal_comma_finds_no_columns_by_commas",
     "a\tb\n1,5\t2,5\n3,5\t4,5\n",
     "!a#1.5,3.5 b#2.5,4.5",
     0,
     {.decimal = ','},
     0},
    {"a_point_is_no_decimal_comma",
     "a;b\n1.5;2\n1.000,5;3\n",
     "!a$1.5,1.000,5 b#2,3",
     0,
     {.decimal = ','},
     0},
    {"missing_words_in_quotes",
     "a;b\nn, a;2\n4;k.A.\n",
     "!a#~,4(1) b#2,~(1)",
     0,
     {.missing = "\"n, a\", k.A."},
     0},
    {"text_with_header",
     "name,town\nann,rome\nbob,rome\n",
     "!name$ann,bob town$rome,rome",
     0,
     {0},
     0},
    {"text_without_header", "x,red\ny,blue\nx,red\n", "1$x,y,x 2$red,blue,red", 0, {0}, 0},
    {"text_column_without_header",
     "5.1,setosa\n4.9,setosa\n6,virginica\n",
     "1#5.1,4.9,6 2$setosa,setosa,virginica",
     0,
     {0},
     0},
    {"missing_final_newline", "a,b\n1,2\n3,4", "!a#1,3 b#2,4", 0, {0}, 0},
    {"crlf", "a,b\r\n1,2\r\n3,x\r\n", "!a#1,3 b$2,x", 0, {0}, 0},
    {"crlf_without_last_feed", "a,b\r\n1,2\r", "!a#1 b#2", 0, {0}, 0},
    {"byte_order_mark",
     "\xEF\xBB\xBF"
     "a,b\n1,2\n",
     "!a#1 b#2",
     0,
     {0},
     0},
    {"quoted_cells", "\"a\",\"b\"\n\"1\",\"x, y\"\n", "!a#1 b$x, y", 0, {0}, 0},
    {"quoted_newline", "a,b\n1,\"x\ny\"\n2,z\n", "!a#1,2 b$x\ny,z", 0, {0}, 0},
    {"doubled_quotes", "a,b\n1,\"say \"\"hi\"\"\"\n", "!a#1 b$say \"hi\"", 0, {0}, 0},
    {"quote_inside_unquoted", "a,b\n1,5\" disk\n", "!a#1 b$5\" disk", 0, {0}, 0},
    {"blanks_before_quote", "a,b\n1, \"x, y\" \n", "!a#1 b$x, y", 0, {0}, 0},
    {"single_quotes", "'a','b'\n1,'x, y'\n2,'it''s'\n", "!a#1,2 b$x, y,it's", 0, {0}, 0},
    {"apostrophes", "a,b\n1,'tis\n2,o'clock\n", "!a#1,2 b$'tis,o'clock", 0, {0}, 0},
    {"no_quoting", "a,b\n1,\"x\n", "!a#1 b$\"x", 0, {.quote = '\x01'}, 0},
    {"quoted_blanks_kept", "a,b\n1,\" x \"\n", "!a#1 b$ x ", 0, {0}, 0},
    {"blanks_removed", "a , b\n 1 ,\tx \n", "!a#1 b$x", 0, {0}, 0},
    {"blanks_inside_kept", "a,b\n1,new york\n", "!a#1 b$new york", 0, {0}, 0},
    {"semicolon", "a;b\n1;2\n3;4\n", "!a#1,3 b#2,4", 0, {0}, 0},
    {"semicolon_with_commas", "a;b\n1;x, y\n3;z\n", "!a#1,3 b$x, y,z", 0, {0}, 0},
    {"tab", "a\tb\n1\tx y\n\t4\n", "!a#1,~(1) b$x y,4", 0, {0}, 0},
    {"pipe", "a|b\n1|2\n", "!a#1 b#2", 0, {0}, 0},
    {"delimiter_given", "a:b\n1:2,5\n", "!a#1 b$2,5", 0, {.delimiter = ':'}, 0},
    {"runs_of_blanks", "  1   2\t3\n4 5  6  \n", "1#1,4 2#2,5 3#3,6", 0, {0}, 0},
    {"runs_and_quotes",
     "18.0  8 \t\"chevy nova\"\n15.0  7 \t\"amc rebel\"\n",
     "1#18,15 2#8,7 3$chevy nova,amc rebel",
     0,
     {0},
     0},
    {"runs_with_crlf", "1 2 \r\n3 4\r\n", "1#1,3 2#2,4", 0, {0}, 0},
    {"comma_and_blank", "1, x\n2, y\n3, x\n", "1#1,2,3 2$x,y,x", 0, {0}, 0},
    {"single_column", "a\n1\n2\n", "!a#1,2", 0, {0}, 0},
    {"single_column_blank_line", "a\n1\n\n2\n", "!a#1,~,2(1)", 0, {0}, 0},
    {"single_column_of_words", "name\nann\n\nbob\n", "!name$ann,~,bob(1)", 0, {0}, 0},
    {"blank_lines_skipped", "\na,b\n\n1,2\n  \n3,4\n\n", "!a#1,3 b#2,4", 0, {0}, 0},
    {"one_row", "5\n", "1#5", 0, {0}, 0},
    {"one_row_with_header", "a,b\n1,x\n", "!a#1 b$x", 0, {0}, 0},
    {"missing_words",
     "a,b\n1,x\n?,NA\nNaN,\n,null\nnone,n/a\n",
     "!a#1,~,~,~,~(4) b$x,~,~,~,~(4)",
     0,
     {0},
     0},
    {"missing_words_given",
     "a,b\n1,x\n-999,NA\n2,gone\n",
     "!a#1,~,2(1) b$x,NA,~(1)",
     0,
     {.missing = "-999, gone"},
     0},
    {"missing_number_by_text",
     "a,b\n1,x\n99,y\n99.0,z\n",
     "!a#1,~,99(1) b$x,y,z",
     0,
     {.missing = "99"},
     0},
    {"quoted_empty_is_missing", "a,b\n1,\"\"\n2,x\n", "!a#1,2 b$~,x(1)", 0, {0}, 0},
    {"all_missing", "a,b\n1,\n2,?\n", "!a#1,2 b#~,~(2)", 0, {0}, 0},
    {"numbers_as_written",
     "a\n007\n+5\n1e5\n-2.50\n.5\n3504.\n1E-3\n-0\n",
     "!a#7,5,100000,-2.5,0.5,3504,0.001,-0",
     0,
     {0},
     0},
    {"long_numbers",
     "a\n0.1234567890123456789\n9007199254740993\n1e23\n1.7976931348623157e308\n"
     "2.2250738585072014e-308\n0.30000000000000004\n123456789012345678901234567890\n",
     "!a#0.12345678901234568,9007199254740992,1e+23,1.7976931348623157e+308,2.2250738585072014e-308,"
     "0.30000000000000004,1.2345678901234568e+29",
     0,
     {0},
     0},
    {"hexadecimal_is_text", "a,b\n1,0x10\n2,0x20\n", "!a#1,2 b$0x10,0x20", 0, {0}, 0},
    {"thousands_are_text", "a,b\n1,\"1,000\"\n2,\"2,500\"\n", "!a#1,2 b$1,000,2,500", 0, {0}, 0},
    {"dates_are_text",
     "a,b\n1,2020-01-02\n2,2020-01-03\n",
     "!a#1,2 b$2020-01-02,2020-01-03",
     0,
     {0},
     0},
    {"half_an_exponent_is_text",
     "a,b\n1,1e\n2,1e+\n3,-\n4,.\n",
     "!a#1,2,3,4 b$1e,1e+,-,.",
     0,
     {0},
     0},
    {"mixed_column_is_text", "a,b\n1,1\n2,x\n3,3\n", "!a#1,2,3 b$1,x,3", 0, {0}, 0},
    {"inf_among_words", "a,b\n1,inf\n2,low\n", "!a#1,2 b$inf,low", 0, {0}, 0},
    {"category_demanded",
     "a,b\n1,1\n2,02\n",
     "!a$1,2 b#1,2",
     0,
     {.category = column_a, .category_count = 1},
     0},
    {"category_by_number",
     "a,b\n1,1\n2,02\n",
     "!a#1,2 b$1,02",
     0,
     {.category = column_2, .category_count = 1},
     0},
    {"trailing_delimiters",
     "a,b,\n1,2,\n3,4,\n",
     "1$a,1,3 2$b,2,4 3#~,~,~(3)",
     0,
     {.header = ND_HEADER_NO},
     0},
    {"index_column_without_name", ",b\n0,2\n1,3\n", "!1#0,1 b#2,3", 0, {0}, 0},
    {"utf8", "größe,b\n1,é\n2,日本\n", "!größe#1,2 b$é,日本", 0, {0}, 0},
    {"quoted_names", "\"a,b\",\"c\"\"d\"\n1,2\n", "!a,b#1 c\"d#2", 0, {0}, 0},
    {"numbers_demanded_but_missing",
     "a,b\nNA,1\n",
     "!a#~(1) b#1",
     0,
     {.number = column_a, .number_count = 1},
     0},

    {"empty_file", "", "t.csv: the file is empty", FORMAT, {0}, 0},
    {"only_blank_lines", "\n\n", "t.csv: the file is empty", FORMAT, {0}, 0},
    {"only_byte_order_mark", "\xEF\xBB\xBF", "t.csv: the file is empty", FORMAT, {0}, 0},
    {"header_only", "a,b\n", "t.csv: there is a header, but no rows", FORMAT, {0}, 0},
    {"utf16",
     "\xFF\xFE"
     "a",
     "t.csv: the file is UTF-16; save it as UTF-8",
     FORMAT,
     {0},
     0},
    {"duplicate_header",
     "a,b,a\n1,2,3\n",
     "t.csv: columns 1 and 3 are both called \"a\"",
     FORMAT,
     {0},
     0},
    {"ragged_short",
     "a,b\n1,2\n3\n",
     "t.csv: row 2 (line 3) has 1 cell, but the header has 2",
     FORMAT,
     {0},
     0},
    {"ragged_long",
     "1,2\n3,4\n5,6,7\n",
     "t.csv: row 3 (line 3) has 3 cells, but the first row has 2",
     FORMAT,
     {0},
     0},
    {"ragged_after_quoted_newline",
     "a,b\n1,\"x\n\ny\"\n3\n",
     "t.csv: row 2 (line 5) has 1 cell, but the header has 2",
     FORMAT,
     {0},
     0},
    {"trailing_delimiter_in_rows",
     "a,b\n1,2,\n",
     "t.csv: row 1 (line 2) has 3 cells, but the header has 2",
     FORMAT,
     {.delimiter = ','},
     0},
    {"quote_never_closed",
     "a,b\n1,x\n2,\"y\n3,z\n",
     "t.csv: row 2 (line 3), column \"b\": the quote (\") is never closed",
     FORMAT,
     {0},
     0},
    {"quote_never_closed_in_header",
     "a,\"b\n1,2\n",
     "t.csv: line 1 (the header), column 2: the quote (\") is never closed",
     FORMAT,
     {.header = ND_HEADER_YES},
     0},
    {"text_after_quote",
     "a,b\n1,\"x\" y\n",
     "t.csv: row 1 (line 2), column \"b\": text after the closing quote (inside quotes, a quote is "
     "written twice)",
     FORMAT,
     {0},
     0},
    {"nul_byte",
     "a,b\n1,x\0y\n",
     "t.csv: row 1 (line 2), column \"b\": NUL byte; not a text file?",
     FORMAT,
     {0},
     10},
    {"nul_byte_in_number",
     "a,b\n1,2\n3\0,4\n",
     "t.csv: row 2 (line 3), column \"a\": NUL byte; not a text file?",
     FORMAT,
     {0},
     13},
    {"nul_byte_in_quotes",
     "a,b\n1,\"x\0y\"\n",
     "t.csv: row 1 (line 2), column \"b\": NUL byte; not a text file?",
     FORMAT,
     {0},
     12},
    {"latin1",
     "a,b\n1,caf\xE9\n",
     "t.csv: row 1 (line 2), column \"b\": invalid UTF-8 near byte 0xE9; save the file as UTF-8",
     FORMAT,
     {0},
     0},
    {"latin1_in_header",
     "caf\xE9,b\n1,2\n",
     "t.csv: line 1 (the header), column 1: invalid UTF-8 near byte 0xE9; save the file as UTF-8",
     FORMAT,
     {0},
     0},
    {"carriage_returns_only",
     "a,b\r1,2\r3,4\r",
     "t.csv: row 1 (line 1), column 2: carriage return inside a cell; lines must end with LF or CR "
     "LF",
     FORMAT,
     {.header = ND_HEADER_NO},
     0},
    {"cell_too_long",
     "a,b\n1,abcdefghi\n",
     "t.csv: row 1 (line 2), column \"b\": the cell is longer than 8 bytes; a quote that is never "
     "closed?",
     FORMAT,
     {.max_field = 8},
     0},
    {"text_in_number_column",
     "age,b\n1,1\n2,1\n3,1\n4,1\n5,1\n6,1\n7,1\n8,1\n9,1\n10,1\n11,1\n12,1\n13,1\n14,1\n15,1\n"
     "16,1\nabc,1\n18,1\n19,1\n20,1\n",
     "t.csv: row 17 (line 18), column \"age\": \"abc\" is not a number (95.0% of the column is); "
     "write --category age to read it as text, or --missing abc",
     DATA,
     {0},
     0},
    {"text_in_demanded_number",
     "a,b\n1,1\nx,2\n",
     "t.csv: row 2 (line 3), column \"a\": \"x\" is not a number",
     DATA,
     {.number = column_a, .number_count = 1},
     0},
    {"overflow",
     "a,b\n1,2\n1e400,3\n",
     "t.csv: row 2 (line 3), column \"a\": \"1e400\" is beyond the range of numbers",
     DATA,
     {0},
     0},
    {"infinite",
     "a,b\n1,2\n3,-inf\n",
     "t.csv: row 2 (line 3), column \"b\": \"-inf\" is not a finite number; use --missing -inf to "
     "leave it out",
     DATA,
     {0},
     0},
    {"infinite_without_header",
     "1,2\n3,inf\n",
     "t.csv: row 2 (line 2), column 2: \"inf\" is not a finite number; use --missing inf to leave "
     "it out",
     DATA,
     {0},
     0},
    {"unknown_column_demanded",
     "age,b\n1,2\n",
     "t.csv: there is no column \"aeg\"; did you mean \"age\"?",
     DATA,
     {.number = column_typo, .number_count = 1},
     0},
    {"long_value_is_shortened",
     "a,b\n1,1\nabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij,2\n",
     "t.csv: row 2 (line 3), column \"a\": \"abcdefghijabcdefghijabcdefghijabcdefghij...\" is not a "
     "number",
     DATA,
     {.number = column_a, .number_count = 1},
     0},
    {"long_value_is_cut_between_characters",
     "a,b\n1,1\nabcdefghijabcdefghijabcdefghijabcdefghi\xc3\xa4\xc3\xa4,2\n",
     "t.csv: row 2 (line 3), column \"a\": \"abcdefghijabcdefghijabcdefghijabcdefghi...\" is not a "
     "number",
     DATA,
     {.number = column_a, .number_count = 1},
     0},
    {"a_list_of_missing_words_may_have_gaps",
     "a,b\nx,1\ny,\n",
     "!a$~,y(1) b#1,~(1)",
     0,
     {.missing = ",x,,"},
     0},
    {"short_rows_at_the_head_are_told_by_the_first_row",
     "a,b\nx\n1,2\n",
     "t.csv: row 1 (line 2) has 1 cell, but the header has 2",
     FORMAT,
     {0},
     0},
    {"short_rows_of_text_are_told_too",
     "a,b\nx\ny,z\n",
     "t.csv: row 1 (line 2) has 1 cell, but the header has 2",
     FORMAT,
     {0},
     0},
    {"delimiter_and_quote_equal",
     "a\n1\n",
     "delimiter and quote must be two different ASCII characters",
     ND_ERR_OPTION,
     {.delimiter = '"', .quote = '"'},
     0},
};

enum { CASES = sizeof cases / sizeof cases[0] };

static nd_ctx *ctx;

static void check(void **state)
{
    const csv_case *c = *state;
    /* an exact block, so that a sanitizer sees the first byte read too far */
    size_t size = c->size ? c->size : strlen(c->text);
    char *text = nd_alloc(size, 1);
    memcpy(text, c->text, size);
    nd_table *table = NULL;
    nd_status status = nd_csv_parse(ctx, "t.csv", text, size, &c->params, &table);
    nd_free(text);
    nd_text shown = {0};
    if (status == ND_OK) {
        show_table(&shown, table);
    } else {
        assert_null(table);
        nd_text_puts(&shown, nd_ctx_message(ctx));
    }
    assert_string_equal(shown.data, c->want);
    assert_int_equal(status, c->status);
    nd_text_free(&shown);
    nd_table_destroy(table);
}

int main(void)
{
    if (nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    struct CMUnitTest tests[CASES];
    for (size_t i = 0; i < CASES; i++) {
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = check,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    }
    int failed = cmocka_run_group_tests_name("csv cases", tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    return failed;
}
