/* Series, images, ensembles and transfer without enough memory. */
#include "unit/job/starved_jobs.h"

static void series_and_images_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"series",
         train,
         1,
         "series.csv",
         {TINY, "target", "v", "window", "4", "horizon", "2", "recurrent", "gru", "relative",
          "yes"}},
        {"both ways",
         train,
         3,
         "series.csv",
         {TINY, "target", "v", "window", "3", "recurrent", "lstm", "bidirectional", "yes"}},
        {"images",
         train,
         1,
         "t-images-idx3-ubyte",
         {TINY, "augment", "shift=1, rotate=5", "mixup", "0.2"}},
        {"columns of pixels",
         train,
         2,
         "pixels.csv",
         {TINY, "target", "y", "image", "2x2", "augment", "shift=1"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

static void ensembles_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"seeds", train, 4, "rows.csv", {TINY, "target", "y", "ensemble", "2"}},
        {"folds",
         train,
         5,
         "rows.csv",
         {TINY, "target", "y", "ensemble", "2", "ensemble_by", "folds"}},
        {"snapshots",
         train,
         1,
         "rows.csv",
         {"epochs", "2", "hidden", "3", "target", "v", "ensemble", "2", "ensemble_by",
          "snapshots"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

static void transfers_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"all",
         train,
         2,
         "rows.csv",
         {"epochs", "1", "target", "y", "from", "model", "freeze", "body", "unfreeze_at", "1"}},
        {"some",
         train,
         3,
         "rows.csv",
         {TINY, "target", "y", "from", "model", "take", "dense1", "layer_decay", "0.5"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_and_images_end_well_or_say_why),
        cmocka_unit_test(ensembles_end_well_or_say_why),
        cmocka_unit_test(transfers_end_well_or_say_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
