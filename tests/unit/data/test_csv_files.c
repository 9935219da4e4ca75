/* Published data sets: size, header and column types as their notes give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "data/csv.h"

typedef struct data_set {
    const char *path;
    size_t rows;
    const char *types; /* '#' number, '$' words */
    bool header;
    size_t missing; /* missing cells in all columns */
} data_set;

#define TEN "##########"

static const data_set sets[] = {
    {"iris/iris.csv", 150, "####$", false, 0},
    {"wine/wine.csv", 178, TEN "####", false, 0},
    {"wdbc/wdbc.data", 569, "#$" TEN TEN TEN, false, 0},
    {"abalone/abalone.csv", 4177, "$########", false, 0},
    {"optdigits/optdigits.tra", 3823, TEN TEN TEN TEN TEN TEN "#####", false, 0},
    {"optdigits/optdigits.tes", 1797, TEN TEN TEN TEN TEN TEN "#####", false, 0},
    {"adult/adult-train.csv", 32561, "#$#$#$$$$$###$$", false, 4262},
    {"adult/adult-test.csv", 16281, "#$#$#$$$$$###$$", false, 2203},
    {"auto-mpg/auto-mpg.data", 398, "########$", false, 6},
    {"auto-mpg/mpg.csv", 398, "#######$$", true, 6},
    {"titanic/train.csv", 891, "###$$###$#$$", true, 866},
    {"diabetes/diabetes.tab.txt", 442, "###########", true, 0},
    {"timeseries/airline-passengers.csv", 144, "$#", true, 0},
    {"timeseries/daily-min-temperatures.csv", 3650, "$#", true, 0},
    {"timeseries/monthly-sunspots.csv", 2820, "$#", true, 0},
};

/* Tables with lines before the rows are not CSV; nothing of them may be guessed. */
static const char *const others[] = {"fann/parity8.train", "fann/building.train",
                                     "proben1/cancer/cancer1.dt", "proben1/card/card1.dt"};

enum { SETS = sizeof sets / sizeof sets[0], OTHERS = sizeof others / sizeof others[0] };

static nd_ctx *ctx;

static void find(char path[512], const char *name)
{
    const char *data = getenv("NADIR_DATA");
    snprintf(path, 512, "%s/%s", data ? data : "../shared/data", name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
}

static void reads_as_published(void **state)
{
    const data_set *set = *state;
    char path[512], types[128] = "";
    find(path, set->path);
    nd_table *table = NULL;
    assert_int_equal(nd_csv_read(ctx, path, NULL, &table), ND_OK);
    size_t missing = 0;
    for (size_t c = 0; c < table->columns && c < sizeof types - 1; c++) {
        types[c] = table->column[c].dtype == ND_DT_WORD ? '$' : '#';
        missing += table->column[c].missing;
    }
    assert_int_equal(table->rows, set->rows);
    assert_string_equal(types, set->types);
    assert_int_equal(table->header, set->header);
    assert_int_equal(missing, set->missing);
    nd_table_destroy(table);
}

static void is_refused_as_ragged(void **state)
{
    char path[512];
    find(path, *state);
    nd_table *table = NULL;
    assert_int_equal(nd_csv_read(ctx, path, NULL, &table), ND_ERR_FORMAT);
    assert_null(table);
}

int main(void)
{
    if (nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    struct CMUnitTest tests[SETS + OTHERS];
    for (size_t i = 0; i < SETS; i++) {
        tests[i] = (struct CMUnitTest){.name = sets[i].path,
                                       .test_func = reads_as_published,
                                       .initial_state = (void *)(uintptr_t)&sets[i]};
    }
    for (size_t i = 0; i < OTHERS; i++) {
        tests[SETS + i] = (struct CMUnitTest){.name = others[i],
                                              .test_func = is_refused_as_ragged,
                                              .initial_state = (void *)(uintptr_t)others[i]};
    }
    int failed = cmocka_run_group_tests_name("csv files", tests, NULL, NULL);
    nd_ctx_destroy(ctx);
    return failed;
}
