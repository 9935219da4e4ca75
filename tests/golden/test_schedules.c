/* PyTorch's learning rates (make_schedules.py), step by step, within 1e-12 of the base. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optim/optim.h"

typedef struct golden {
    const char *path;
    nd_schedule schedule;
    double base;
    unsigned steps;
} golden;

static void same(const golden *g, unsigned step, double rate, double expected)
{
    if (!(fabs(rate - expected) <= 1e-12 * g->base)) {
        fail_msg("%s, step %u: %.17g, not %.17g", g->path, step, rate, expected);
    }
}

static void check_steps(const golden *g, FILE *file)
{
    for (unsigned step = 0; step < g->steps; step++) {
        double expected;
        nd_moment at = {.step = step, .steps = g->steps, .per_epoch = 1};
        assert_int_equal(fscanf(file, "%lf", &expected), 1);
        same(g, step, nd_schedule_rate(&g->schedule, g->base, &at), expected);
    }
}

static void check_epochs(const golden *g, FILE *file)
{
    nd_plateau plateau = nd_plateau_start();
    for (unsigned epoch = 0; epoch < g->steps; epoch++) {
        double loss, expected;
        nd_moment at = {.step = epoch, .steps = g->steps, .per_epoch = 1};
        assert_int_equal(fscanf(file, "%lf %lf", &loss, &expected), 2);
        nd_plateau_see(&plateau, &g->schedule, loss);
        same(g, epoch, nd_schedule_rate(&g->schedule, g->base, &at) * plateau.scale, expected);
    }
}

static void check_case(nd_ctx *ctx, const char *path)
{
    char line[256], name[64], attributes[128] = "";
    golden g = {.path = path};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_true(sscanf(line, "schedule %63s %127[^\n]", name, attributes) >= 1);
    assert_int_equal(nd_schedule_make(ctx, name, attributes, &g.schedule), ND_OK);
    assert_int_equal(fscanf(file, " base %lf steps %u", &g.base, &g.steps), 2);
    assert_true(g.steps > 0);
    if (g.schedule.class->by_loss) {
        check_epochs(&g, file);
    } else {
        check_steps(&g, file);
    }
    fclose(file);
}

static void every_schedule_agrees_with_pytorch(void **state)
{
    (void)state;
    const char *source = getenv("NADIR_SOURCE");
    char folder[1024];
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    snprintf(folder, sizeof folder, "%s/tests/golden/schedules", source ? source : ".");
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    unsigned cases = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n > 4 && strcmp(entry->d_name + n - 4, ".txt") == 0) {
            char path[2048];
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            check_case(ctx, path);
            cases++;
        }
    }
    closedir(dir);
    nd_ctx_destroy(ctx);
    assert_true(cases >= 15);
}

/* A class without numbers from elsewhere would pass unseen. */
static void every_schedule_has_a_case(void **state)
{
    (void)state;
    const char *source = getenv("NADIR_SOURCE");
    size_t count;
    const nd_schedule_class *const *table = nd_schedule_table(&count);
    for (size_t i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tests/golden/schedules/%s.txt", source ? source : ".",
                 table[i]->name);
        FILE *file = fopen(path, "r");
        if (!file) {
            fail_msg("there is no %s", path);
        }
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_agrees_with_pytorch),
        cmocka_unit_test(every_schedule_has_a_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
