/* Settings that contradict each other, each with what is said about it; and calls of the
 * library without what they need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "nadir.h"

typedef struct setting {
    nd_status status;
    const char *text; /* part of the message, or of what is logged where it is only a note */
    const char *given[14];
} setting;

static nd_ctx *ctx;
static char logged[1 << 14];
static char path[] = "/tmp/nadir-rows-XXXXXX";

static void note(void *user, int level, const char *text)
{
    (void)user, (void)level;
    strncat(logged, text, sizeof logged - strlen(logged) - 2);
    strcat(logged, "\n");
}

static int start(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL || nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    nd_ctx_set_log(ctx, note, NULL);
    fputs("a,b,kind,y\n", file);
    for (int r = 0; r < 40; r++) {
        fprintf(file, "%d,%d,%c,%d\n", r * 7 % 13, r * 5 % 17, 'k' + r % 3, r * 7 % 13 > 6);
    }
    return fclose(file);
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return unlink(path);
}

static nd_status train(const char *const *given)
{
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    logged[0] = '\0';
    nd_status status = nd_config_create(ctx, ND_VERB_TRAIN, &config);
    assert_int_equal(status, ND_OK);
    status = nd_config_set(config, "epochs", "1");
    for (; status == ND_OK && *given != NULL; given += 2) {
        status = nd_config_set(config, given[0], given[1]);
    }
    if (status == ND_OK) {
        status = nd_table_read(ctx, config, path, &table);
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, NULL, NULL, &model);
        assert_int_equal(model != NULL, status == ND_OK);
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
}

static const setting settings[] = {
    {ND_ERR_OPTION,
     "pieces: activation relu has none; maxout has",
     {"activation", "relu", "pieces", "3"}},
    {ND_ERR_OPTION, "dropout has no hidden layer to act on", {"hidden", "none", "dropout", "0.1"}},
    {ND_ERR_OPTION, "hidden_noise has no hidden layer", {"hidden", "none", "hidden_noise", "0.1"}},
    {ND_ERR_OPTION, "norm has no hidden layer", {"hidden", "none", "norm", "batch"}},
    {ND_ERR_OPTION, "init_scale", {"init", "he_normal", "init_scale", "0.1"}},
    {ND_ERR_OPTION, "init_gain", {"init", "he_normal", "init_gain", "2"}},
    {ND_OK, "init", {"init", "zeros", "hidden", "3"}},
    {ND_OK, "all rows in one batch", {"optimizer", "rprop", "hidden", "3", "batch_size", "8"}},
    {ND_OK, "dropout", {"optimizer", "lbfgs", "hidden", "3", "batch_size", "0", "dropout", "0.2"}},
    {ND_OK,
     "noise",
     {"optimizer", "lbfgs", "hidden", "3", "batch_size", "0", "input_noise", "0.2"}},
    {ND_ERR_OPTION,
     "hidden: ",
     {"hidden",
      "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"}},
    {ND_ERR_OPTION, "swa", {"hidden", "3", "swa", "1", "patience", "3"}},
    {ND_ERR_OPTION, "swa", {"hidden", "3", "swa", "1", "stop_gl", "3"}},
    {ND_ERR_OPTION, "swa", {"hidden", "3", "swa", "1", "stop_pq", "3"}},
    {ND_ERR_OPTION,
     "swa_lr",
     {"hidden", "3", "swa", "1", "swa_lr", "0.1", "optimizer", "rprop", "batch_size", "0"}},
    {ND_OK,
     "there is nothing to decouple",
     {"hidden", "3", "decoupled_decay", "yes", "weight_decay", "0"}},
    {ND_OK, "restore_best", {"hidden", "3", "restore_best", "yes", "valid", "0"}},
    {ND_ERR_OPTION,
     "ensemble_by",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "optimizer", "rprop",
      "batch_size", "0"}},
    {ND_ERR_OPTION,
     "schedule_options",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "schedule", "cosine_restarts",
      "schedule_options", "period=2"}},
    {ND_ERR_OPTION,
     "snapshots are taken where",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "schedule", "linear"}},
    {ND_ERR_OPTION,
     "each cycle of snapshots",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "warmup", "1"}},
    {ND_ERR_OPTION,
     "each cycle needs one",
     {"hidden", "3", "ensemble", "3", "ensemble_by", "snapshots"}},
    {ND_ERR_OPTION,
     "swa: it holds the learning rate",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "epochs", "4", "swa", "2"}},
    {ND_ERR_OPTION,
     "stop_gl: snapshots need every cycle",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "epochs", "4", "stop_gl", "2"}},
    {ND_ERR_OPTION,
     "stop_pq: snapshots need every cycle",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "epochs", "4", "stop_pq", "2"}},
    {ND_ERR_OPTION,
     "target_loss: snapshots need every cycle",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "snapshots", "epochs", "4", "target_loss",
      "1"}},
    {ND_OK,
     "valid: members by folds",
     {"hidden", "3", "ensemble", "2", "ensemble_by", "folds", "valid", "0.3"}},
    {ND_OK, "min_delta: nothing stops by it", {"hidden", "3", "min_delta", "0.1"}},
    {ND_OK, "freeze: what is frozen begins at random", {"hidden", "3", "freeze", "dense1"}},
    {ND_OK,
     "unfreeze_at: the last epoch is 1",
     {"hidden", "3", "freeze", "dense1", "unfreeze_at", "2"}},
    {ND_OK,
     "lr_layers: no layer has a rate above 0",
     {"hidden", "3", "lr_layers", "dense1=0,dense2=0"}},
    {ND_OK,
     "clip_norm: rprop goes by the signs",
     {"hidden", "3", "optimizer", "rprop", "clip_norm", "1"}},
    {ND_OK,
     "clip_adaptive: rprop goes by the signs",
     {"hidden", "3", "optimizer", "rprop", "clip_adaptive", "1"}},
    {ND_OK,
     "swa: only the weights after epoch 4",
     {"hidden", "3", "epochs", "5", "swa", "3", "swa_every", "2"}},
    {ND_OK, "layer_decay: there is one dense layer", {"hidden", "none", "layer_decay", "0.5"}},
    {ND_ERR_DATA, "given twice", {"target", "y,y"}},
    {ND_ERR_DATA, "takes one target", {"target", "a,y", "task", "binary"}},
};

static void each_is_refused_or_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const setting *s = &settings[i];
        nd_status status = train(s->given);
        const char *said = status == ND_OK ? logged : nd_ctx_message(ctx);
        if (status != s->status || strstr(said, s->text) == NULL) {
            fail_msg("%s %s: status %d: %s", s->given[0], s->given[1], (int)status, said);
        }
    }
}

static int swallow(void *user, const char *text, size_t size)
{
    (void)user, (void)text, (void)size;
    return 0;
}

static void calls_without_what_they_need_are_refused(void **state)
{
    (void)state;
    const nd_sink sink = {swallow, NULL};
    const nd_real x[2] = {0, 0};
    nd_real y[2];
    nd_model *model = NULL;
    nd_table *table = NULL;
    nd_metrics *metrics = NULL;
    nd_cv *cv = NULL;
    int same;
    size_t findings;
    assert_int_equal(nd_train(ctx, NULL, NULL, NULL, NULL, &model), ND_ERR_ARGUMENT);
    assert_int_equal(nd_train_file(ctx, NULL, NULL, NULL, NULL, &model), ND_ERR_ARGUMENT);
    assert_int_equal(nd_train_file(NULL, NULL, path, NULL, NULL, &model), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cross_validate(ctx, NULL, NULL, NULL, NULL, &cv), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cv_write(NULL, 0, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cv_write_predictions(NULL, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_augment_sheet(ctx, NULL, NULL, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_verify_determinism(ctx, NULL, NULL, "/tmp", &same, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_read(ctx, NULL, NULL, &table), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_check(NULL, NULL, 0, &sink, &findings), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_describe(NULL, NULL, 0, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_table_from_arrays(ctx, NULL, 1, 1, NULL, 0, &table), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_evaluate(NULL, NULL, &metrics), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_load(ctx, NULL, &model), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_table_read(NULL, NULL, path, &table), ND_ERR_ARGUMENT);
    assert_int_equal(nd_model_predict(NULL, x, 1, y), ND_ERR_ARGUMENT);
    assert_int_equal(nd_ctx_set_threads(ctx, -1), ND_ERR_ARGUMENT);
    assert_int_equal(nd_ctx_set_threads(NULL, 1), ND_ERR_ARGUMENT);
    assert_true(model == NULL && table == NULL && metrics == NULL && cv == NULL);
}

/* Codes that a model took for categories are not numbers, whatever a file holds. */
static void a_table_for_a_model_has_the_types_of_its_training(void **state)
{
    (void)state;
    nd_config *config;
    nd_table *table, *again;
    nd_model *model;
    char other[] = "/tmp/nadir-rows-XXXXXX";
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "epochs", "1"), ND_OK);
    assert_int_equal(nd_table_read(ctx, config, path, &table), ND_OK);
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_OK);
    assert_int_equal(nd_model_table_read(model, NULL, path, &again), ND_OK);
    assert_int_equal(nd_table_rows(again), 40);
    nd_table_destroy(again);
    FILE *file = fdopen(mkstemp(other), "w");
    assert_non_null(file);
    fputs("a,b,kind\n1,2,7\n1,two,8\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(nd_model_table_read(model, NULL, other, &again), ND_ERR_DATA);
    assert_null(again);
    assert_non_null(strstr(nd_ctx_message(ctx), "column \"b\": \"two\" is not a number"));
    assert_int_equal(unlink(other), 0);
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_or_told),
        cmocka_unit_test(calls_without_what_they_need_are_refused),
        cmocka_unit_test(a_table_for_a_model_has_the_types_of_its_training),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
