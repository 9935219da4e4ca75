/* Other jobs than a training in memory, without enough of it. */
#include "unit/job/starved_jobs.h"

static void cached_and_kept_trainings_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"cache at hand", train_from_file, 7, "rows.csv", {TINY, "target", "y", "cache", "kept"}},
        {"no cache", train_from_file, 1, "rows.csv", {TINY, "target", "y", "cache", "none"}},
        {"checkpoints",
         train,
         3,
         "rows.csv",
         {TINY, "target", "y", "checkpoint", "state", "force", "yes", "on_divergence", "rollback"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

static void a_comparison_of_bits_ends_well_or_says_why(void **state)
{
    (void)state;
    static const job bits = {"bits", verify, 41, "rows.csv", {TINY, "target", "y"}};
    starve_job(&bits);
}

static void cross_validations_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"folds", cv, 2, "rows.csv", {TINY, "target", "y", "folds", "2"}},
        {"groups", cv, 1, "rows.csv", {TINY, "target", "v", "folds", "2", "group", "kind"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

static void verbs_without_training_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"rates", lr_find, 1, "rows.csv", {TINY, "target", "y", "lr_steps", "20"}},
        {"check", check, 1, "rows.csv", {"target", "y"}},
        {"labelled",
         check,
         1,
         "rows.csv",
         {"target", "kind", "missing", "k", "allow", "target_missing"}},
        {"sheet", augment, 1, "t-images-idx3-ubyte", {"augment", "shift=1", "sheet", "2x3"}},
        {"predict", predict, 1, "rows.csv", {"id", "x,y"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_and_kept_trainings_end_well_or_say_why),
        cmocka_unit_test(a_comparison_of_bits_ends_well_or_says_why),
        cmocka_unit_test(cross_validations_end_well_or_say_why),
        cmocka_unit_test(verbs_without_training_end_well_or_say_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
