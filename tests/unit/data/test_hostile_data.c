/* Tables made to hurt: each is refused, or read, within its size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "data/csv.h"
#include "data/idx.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_LIMIT = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
enum { CAN_LIMIT = 0 };
#else
enum { CAN_LIMIT = 1 };
#endif
#else
enum { CAN_LIMIT = 1 };
#endif

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

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        assert_int_equal(fscanf(file, "%lu", &pages), 1);
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

typedef nd_status (*read_fn)(const char *bytes, size_t size);

static nd_status read_idx(const char *bytes, size_t size)
{
    nd_table *table = NULL;
    nd_status status = nd_idx_parse(ctx, "t", bytes, size, NULL, 0, &table);
    nd_table_destroy(table);
    return status;
}

static nd_status read_csv(const char *bytes, size_t size)
{
    const nd_csv_params params = {0};
    nd_table *table = NULL;
    nd_status status = nd_csv_parse(ctx, "t", bytes, size, &params, &table);
    nd_table_destroy(table);
    return status;
}

/* Status of reading in a child that may take twice the file and 1 MB more. */
static int read_within(read_fn read, const char *bytes, size_t size)
{
    if (!CAN_LIMIT) {
        return (int)read(bytes, size);
    }
    pid_t child = fork();
    if (child == 0) {
        size_t room = address_space() + 2 * size + (1 << 20);
        struct rlimit limit = {room, room};
        setrlimit(RLIMIT_AS, &limit);
        _exit((int)read(bytes, size));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void sizes_whose_product_overflows_are_refused(void **state)
{
    (void)state;
    static const char bytes[] = "\0\0\x08\x03\x80\0\0\0\x80\0\0\0\x80\0\0\0pixels";
    assert_int_equal(read_within(read_idx, bytes, sizeof bytes - 1), ND_ERR_FORMAT);
}

static void a_tiny_image_file_that_claims_gigabytes_costs_nothing(void **state)
{
    (void)state;
    static const char images[] = "\0\0\x08\x03\0\x10\0\0\0\0\x10\0\0\0\x10\0";
    static const char labels[] = "\0\0\x08\x01\x7f\xff\xff\xff";
    assert_int_equal(read_within(read_idx, images, sizeof images - 1), ND_ERR_FORMAT);
    assert_int_equal(read_within(read_idx, labels, sizeof labels - 1), ND_ERR_FORMAT);
}

/* One header line of many columns above one row of a single cell: a column costs more
 * than its two bytes, but nothing that grows with rows that are not there. */
static void a_header_of_many_columns_over_a_short_row_is_refused(void **state)
{
    (void)state;
    enum { COLUMNS = 20000 };
    char *text = malloc(COLUMNS * 8 + 16), *at = text;
    for (int c = 0; c < COLUMNS; c++) {
        at += sprintf(at, "c%d,", c);
    }
    at += sprintf(at, "z\n1\n");
    assert_int_equal(read_csv(text, (size_t)(at - text)), ND_ERR_FORMAT);
    free(text);
}

static void a_quote_that_never_closes_is_refused_within_its_size(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    char *text = malloc(SIZE);
    memset(text, 'x', SIZE);
    memcpy(text, "a,b\n1,\"", 7);
    assert_int_equal(read_within(read_csv, text, SIZE), ND_ERR_FORMAT);
    free(text);
}

static void a_cell_beyond_the_limit_is_refused_within_its_size(void **state)
{
    (void)state;
    enum { SIZE = 17 << 20 };
    char *text = malloc(SIZE);
    memset(text, '7', SIZE);
    memcpy(text, "a,b\n1,", 6);
    assert_int_equal(read_within(read_csv, text, SIZE), ND_ERR_FORMAT);
    assert_int_equal(read_csv(text, SIZE), ND_ERR_FORMAT);
    assert_non_null(strstr(nd_ctx_message(ctx), "longer than"));
    free(text);
}

static void path_names_in_cells_stay_text(void **state)
{
    (void)state;
    static const char text[] = "file,y\n/etc/passwd,1\n../../secret,2\n$(rm -rf x),3\n";
    const nd_csv_params params = {0};
    nd_table *table = NULL;
    assert_int_equal(nd_csv_parse(ctx, "t", text, sizeof text - 1, &params, &table), ND_OK);
    assert_int_equal(table->column[0].dtype, ND_DT_WORD);
    assert_string_equal(nd_dict_word(table->column[0].dict, 2, NULL), "$(rm -rf x)");
    nd_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_whose_product_overflows_are_refused),
        cmocka_unit_test(a_tiny_image_file_that_claims_gigabytes_costs_nothing),
        cmocka_unit_test(a_header_of_many_columns_over_a_short_row_is_refused),
        cmocka_unit_test(a_quote_that_never_closes_is_refused_within_its_size),
        cmocka_unit_test(a_cell_beyond_the_limit_is_refused_within_its_size),
        cmocka_unit_test(path_names_in_cells_stay_text),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
