/* Trainings on rows without enough memory. */
#include "unit/job/starved_jobs.h"

static void trainings_for_classes_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"classes",
         train,
         1,
         "rows.csv",
         {TINY, "target", "y", "weight", "w", "norm", "batch", "dropout", "0.1", "class_weights",
          "balanced", "max_one_hot", "2", "min_count", "1", "refit", "yes"}},
        {"embedding",
         train,
         2,
         "rows.csv",
         {TINY, "target", "y", "max_one_hot", "2", "embedding", "2", "input_dropout", "0.1",
          "input_noise", "0.1", "hidden_noise", "0.1", "scaling", "quantile"}},
        {"focal",
         train,
         2,
         "rows.csv",
         {"epochs", "1", "hidden", "4,4", "target", "kind", "residual", "yes", "activation", "selu",
          "loss", "focal", "stop_pq", "1", "ema", "0.9"}},
        {"labels", train, 1, "labels.csv", {TINY, "target", "p,q", "task", "multilabel"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

static void trainings_for_numbers_end_well_or_say_why(void **state)
{
    (void)state;
    static const job jobs[] = {
        {"values",
         train,
         1,
         "rows.csv",
         {TINY, "target", "x,v", "activation", "maxout", "loss", "huber", "optimizer", "lbfgs",
          "batch_size", "0", "dense_connections", "yes"}},
        {"deviations",
         train,
         1,
         "rows.csv",
         {TINY, "target", "v", "loss", "gaussian", "swa", "1", "patience", "0"}},
        {"inputs", train, 1, "labels.csv", {TINY, "task", "autoencoder", "input_noise", "0.1"}},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        starve_job(&jobs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trainings_for_classes_end_well_or_say_why),
        cmocka_unit_test(trainings_for_numbers_end_well_or_say_why),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
