/* Seconds to read a CSV file, for read_csv.py beside it:
 *     read_csv FILE THREADS whole|COLUMNS (of a stream)
 * prints seconds, rows and the sum of all numbers (so that nothing is skipped and
 * readers can be compared). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "data/csv.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sum_of(const nd_table *table)
{
    double sum = 0;
    for (size_t c = 0; c < table->columns; c++) {
        for (size_t r = 0; r < table->rows; r++) {
            double value = nd_column_number(&table->column[c], r, 0);
            sum += isnan(value) ? 0 : value;
        }
    }
    return sum;
}

static void fail(const nd_ctx *ctx)
{
    fprintf(stderr, "%s\n", nd_ctx_message(ctx));
    exit(2);
}

static void read_whole(nd_ctx *ctx, const char *path)
{
    nd_table *table = NULL;
    double start = now();
    if (nd_csv_read(ctx, path, NULL, &table) != ND_OK) {
        fail(ctx);
    }
    double seconds = now() - start;
    printf("%.6f %zu %.9g\n", seconds, table->rows, sum_of(table));
    nd_table_destroy(table);
}

/* Wants every column, which are named c0, c1, ... by read_csv.py. */
static void read_stream(nd_ctx *ctx, const char *path, size_t columns)
{
    nd_csv_want *want = nd_alloc(columns, sizeof *want);
    char(*name)[24] = nd_alloc(columns, sizeof *name);
    for (size_t c = 0; c < columns; c++) {
        snprintf(name[c], sizeof name[c], "c%zu", c);
        want[c] = (nd_csv_want){.name = name[c], .dtype = ND_DT_F64};
    }
    nd_csv_stream *stream = NULL;
    nd_table *table = NULL;
    size_t rows = 0;
    double sum = 0, summing = 0, start = now();
    nd_status status = nd_csv_open(ctx, path, NULL, want, columns, &stream);
    while (status == ND_OK) {
        status = nd_csv_next(stream, 4096, &table);
        if (status != ND_OK || !table) {
            break;
        }
        double before = now();
        rows += table->rows;
        sum += sum_of(table);
        nd_table_destroy(table);
        summing += now() - before;
    }
    if (status != ND_OK) {
        fail(ctx);
    }
    printf("%.6f %zu %.9g\n", now() - start - summing, rows, sum);
    nd_csv_close(stream);
    nd_free(name);
    nd_free(want);
}

int main(int argc, char **argv)
{
    nd_ctx *ctx = NULL;
    if (argc < 4 || nd_ctx_create(&ctx, atoi(argv[2])) != ND_OK) {
        fprintf(stderr, "usage: read_csv FILE THREADS whole|COLUMNS (of a stream)\n");
        return 2;
    }
    if (strcmp(argv[3], "whole") == 0) {
        read_whole(ctx, argv[1]);
    } else {
        read_stream(ctx, argv[1], (size_t)atoi(argv[3]));
    }
    nd_ctx_destroy(ctx);
    return 0;
}
