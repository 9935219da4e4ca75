/* Ensembles and cross-validation as jobs: the same bits at any number of threads and after
 * an interruption, members that are what single trainings give, settings without sense. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/checkpoint.h"
#include "model/model.h"

enum { ROWS = 160, INPUTS = 3, PATH = 64, MEMBERS = 3 };

static char folder[] = "/tmp/nadir-ensemble-XXXXXX";
static char saved[PATH], whole_path[PATH], part_path[PATH];
static nd_ctx *ctx;
static nd_real x[ROWS * INPUTS], class[ROWS], value[ROWS];

static void forget(const char *what, size_t count)
{
    for (size_t k = 1; k <= count; k++) {
        char member[PATH + 16];
        snprintf(member, sizeof member, "%s/%s-%zu", saved, what, k);
        for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
            char *path = nd_checkpoint_path(member, file);
            unlink(path);
            nd_free(path);
        }
        rmdir(member);
    }
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(saved, file);
        unlink(path);
        nd_free(path);
    }
    rmdir(saved);
}

static int start(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    snprintf(saved, sizeof saved, "%s/saved", folder);
    snprintf(whole_path, sizeof whole_path, "%s/whole", folder);
    snprintf(part_path, sizeof part_path, "%s/part", folder);
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        x[i] = (nd_real)sin((double)(i * 7 + 1));
    }
    for (size_t r = 0; r < ROWS; r++) {
        class[r] = x[r * INPUTS] > (nd_real)0.3;
        value[r] = x[r * INPUTS] * x[r * INPUTS + 1] + 3;
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(whole_path);
    unlink(part_path);
    nd_ctx_destroy(ctx);
    return rmdir(folder);
}

typedef const char *const *options;

static nd_config *settings(unsigned verb, options pair)
{
    nd_config *config;
    assert_int_equal(nd_config_create(ctx, verb, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "epochs", "12"), ND_OK);
    assert_int_equal(nd_config_set(config, "hidden", "7"), ND_OK);
    for (; *pair != NULL; pair += 2) {
        assert_int_equal(nd_config_set(config, pair[0], pair[1]), ND_OK);
    }
    return config;
}

/* Stops at the n-th of all events. */
static int stop_at(void *user, const nd_event *event)
{
    (void)event;
    return --*(long *)user == 0;
}

static nd_status train(options pair, long *left, nd_model **model)
{
    nd_table *table;
    nd_config *config = settings(ND_VERB_TRAIN, pair);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, class, 1, &table), ND_OK);
    nd_status status = nd_train(ctx, config, table, left ? stop_at : NULL, left, model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
}

static void train_to(options pair, const char *path)
{
    nd_model *model;
    nd_status status = train(pair, NULL, &model);
    if (status != ND_OK) {
        fail_msg("status %d: %s", (int)status, nd_ctx_message(ctx));
    }
    assert_int_equal(nd_model_save(model, path, 1), ND_OK);
    nd_model_destroy(model);
}

static void assert_same_files(void)
{
    nd_bytes a, b;
    assert_int_equal(nd_file_read(ctx, whole_path, &a), ND_OK);
    assert_int_equal(nd_file_read(ctx, part_path, &b), ND_OK);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    nd_bytes_free(&a);
    nd_bytes_free(&b);
}

static const char *const ways[] = {"seeds", "folds", "snapshots"};

static void threads_do_not_change_an_ensemble(void **state)
{
    (void)state;
    for (size_t w = 0; w < 3; w++) {
        const char *const pair[] = {"ensemble", "3", "ensemble_by", ways[w], NULL};
        assert_int_equal(nd_ctx_set_threads(ctx, 1), ND_OK);
        train_to(pair, whole_path);
        for (int threads = 2; threads <= 8; threads += 3) {
            assert_int_equal(nd_ctx_set_threads(ctx, threads), ND_OK);
            train_to(pair, part_path);
            assert_same_files();
        }
    }
    assert_int_equal(nd_ctx_set_threads(ctx, 2), ND_OK);
}

/* The first member has the seed of the run, so it is what one training gives. */
static void the_first_member_is_the_network_of_a_plain_training(void **state)
{
    (void)state;
    static const char *const several[] = {"ensemble", "3", "seed", "5", NULL};
    static const char *const one[] = {"seed", "5", NULL};
    nd_model *ensemble, *plain;
    assert_int_equal(train(several, NULL, &ensemble), ND_OK);
    assert_int_equal(train(one, NULL, &plain), ND_OK);
    assert_int_equal(nd_model_members(ensemble), MEMBERS);
    assert_int_equal(nd_model_members(plain), 1);
    size_t bytes = nd_net_size(plain->net) * sizeof(nd_real);
    assert_memory_equal(nd_net_parameters(plain->net), nd_net_parameters(ensemble->net), bytes);
    assert_memory_not_equal(nd_net_parameters(plain->net),
                            nd_net_parameters(nd_model_member(ensemble, 1)), bytes);
    nd_model_destroy(ensemble);
    nd_model_destroy(plain);
}

/* The last snapshot is where a plain training under the same restarts ends; the others are
 * elsewhere. Without validation rows, so that the plain one keeps its last weights. */
static void snapshots_are_taken_along_the_way(void **state)
{
    (void)state;
    static const char *const pair[] = {"ensemble", "4", "ensemble_by", "snapshots",
                                       "valid",    "0", NULL};
    static const char *const plain[] = {
        "schedule", "cosine_restarts", "schedule_options", "period=3, growth=1", "valid", "0",
        NULL};
    nd_model *model, *end;
    assert_int_equal(train(pair, NULL, &model), ND_OK);
    assert_int_equal(nd_model_members(model), 4);
    size_t bytes = nd_net_size(model->net) * sizeof(nd_real);
    for (size_t k = 1; k < 4; k++) {
        assert_memory_not_equal(nd_net_parameters(nd_model_member(model, k - 1)),
                                nd_net_parameters(nd_model_member(model, k)), bytes);
    }
    assert_int_equal(train(plain, NULL, &end), ND_OK);
    assert_memory_equal(nd_net_parameters(end->net), nd_net_parameters(nd_model_member(model, 3)),
                        bytes);
    nd_model_destroy(end);
    nd_model_destroy(model);
}

/* Interrupted at each event in turn and resumed, an ensemble ends with the same file. */
static void an_interrupted_ensemble_ends_with_the_same_file(void **state)
{
    (void)state;
    for (size_t w = 0; w < 3; w++) {
        const char *const pair[] = {"ensemble", "3", "ensemble_by", ways[w], NULL};
        const char *const begin[] = {"ensemble", "3",     "ensemble_by", ways[w], "checkpoint",
                                     saved,      "every", "2steps",      NULL};
        const char *const again[] = {"ensemble", "3",      "ensemble_by", ways[w], "checkpoint",
                                     saved,      "resume", "true",        NULL};
        train_to(pair, whole_path);
        int interrupted = 0;
        for (long n = 1; n <= 7; n++) {
            nd_model *model;
            long left = n;
            nd_status status = train(begin, &left, &model);
            assert_true(status == ND_OK || status == ND_ERR_INTERRUPTED);
            interrupted += status == ND_ERR_INTERRUPTED;
            nd_model_destroy(model);
            train_to(again, part_path);
            assert_same_files();
            forget("member", MEMBERS);
        }
        assert_true(interrupted > 0);
    }
}

static void settings_without_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *const pair[9];
        const char *message;
    } bad[] = {
        {{"ensemble", "1", NULL}, "one network is no ensemble"},
        {{"ensemble_by", "folds", NULL}, "needs the number of members"},
        {{"ensemble", "300", "ensemble_by", "folds", NULL}, "folds"},
        {{"ensemble", "3", "ensemble_by", "folds", "refit", "yes", NULL}, "refit"},
        {{"ensemble", "13", "ensemble_by", "snapshots", NULL}, "13 snapshots in 12 epochs"},
        {{"ensemble", "3", "ensemble_by", "snapshots", "schedule", "step", NULL}, "step does not"},
        {{"ensemble", "3", "ensemble_by", "snapshots", "warmup", "1", NULL}, "warmup"},
        {{"ensemble", "3", "ensemble_by", "snapshots", "optimizer", "rprop", NULL}, "rprop"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nd_model *model;
        nd_status status = train(bad[i].pair, NULL, &model);
        if ((status != ND_ERR_OPTION && status != ND_ERR_DATA) || model != NULL ||
            strstr(nd_ctx_message(ctx), bad[i].message) == NULL) {
            fail_msg("case %zu: status %d: %s", i, (int)status, nd_ctx_message(ctx));
        }
    }
}

/* A rate without bounds ends one member, and with it the ensemble, by name. */
static void a_member_that_diverges_ends_the_ensemble(void **state)
{
    (void)state;
    static const char *const pair[] = {"ensemble", "3",          "lr",     "1e6", "optimizer",
                                       "sgd",      "activation", "linear", NULL};
    nd_model *model;
    nd_table *table;
    nd_config *config = settings(ND_VERB_TRAIN, pair);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, value, 1, &table), ND_OK);
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_ERR_DIVERGED);
    assert_null(model);
    assert_non_null(strstr(nd_ctx_message(ctx), "member 1: "));
    nd_table_destroy(table);
    nd_config_destroy(config);
}

/* ---- Cross-validation */

static nd_status cross_validate(options pair, const nd_real *target, nd_cv **cv)
{
    nd_table *table;
    nd_config *config = settings(ND_VERB_CV, pair);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, target, 1, &table), ND_OK);
    nd_status status = nd_cross_validate(ctx, config, table, NULL, NULL, cv);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
}

static int add_text(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static void write_cv(const nd_cv *cv, nd_text *text)
{
    nd_sink sink = {add_text, text};
    assert_int_equal(nd_cv_write(cv, 1, &sink), ND_OK);
    assert_int_equal(nd_cv_write(cv, 0, &sink), ND_OK);
    assert_int_equal(nd_cv_write_predictions(cv, &sink), ND_OK);
}

static void threads_do_not_change_a_cross_validation(void **state)
{
    (void)state;
    static const char *const pair[] = {"folds", "4", "repeats", "2", NULL};
    nd_text text[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        nd_cv *cv;
        assert_int_equal(nd_ctx_set_threads(ctx, i == 0 ? 1 : 3), ND_OK);
        assert_int_equal(cross_validate(pair, class, &cv), ND_OK);
        assert_int_equal(nd_cv_count(cv), 8);
        write_cv(cv, &text[i]);
        nd_cv_destroy(cv);
    }
    assert_string_equal(text[0].data, text[1].data);
    nd_text_free(&text[0]);
    nd_text_free(&text[1]);
    assert_int_equal(nd_ctx_set_threads(ctx, 2), ND_OK);
}

/* Mean and deviation, worked from the figures of the folds. */
static void mean_and_deviation_are_those_of_the_folds(void **state)
{
    (void)state;
    static const char *const pair[] = {"folds", "4", NULL};
    static const char *const name[] = {"rmse", "mae", "r2"};
    nd_cv *cv;
    assert_int_equal(cross_validate(pair, value, &cv), ND_OK);
    for (size_t i = 0; i < 3; i++) {
        double f[4], mean = 0, squares = 0, rows = 0;
        for (size_t k = 0; k < 4; k++) {
            f[k] = nd_metrics_get(nd_cv_metrics(cv, k), name[i]);
            rows += nd_metrics_get(nd_cv_metrics(cv, k), "rows");
            mean += f[k] / 4;
        }
        for (size_t k = 0; k < 4; k++) {
            squares += (f[k] - mean) * (f[k] - mean);
        }
        assert_true(rows == ROWS);
        assert_true(fabs(nd_cv_mean(cv, name[i]) - mean) < 1e-12);
        assert_true(fabs(nd_cv_deviation(cv, name[i]) - sqrt(squares / 3)) < 1e-12);
    }
    assert_true(isnan(nd_cv_mean(cv, "accuracy")) && isnan(nd_cv_deviation(cv, "auc")));
    assert_null(nd_cv_metrics(cv, 4));
    nd_cv_destroy(cv);
}

/* Checkpoints of an interrupted one are gone on with, fold by fold. */
static void an_interrupted_cross_validation_goes_on(void **state)
{
    (void)state;
    static const char *const plain[] = {"folds", "3", NULL};
    const char *const begin[] = {"folds", "3", "checkpoint", saved, "every", "2steps", NULL};
    const char *const again[] = {"folds", "3", "checkpoint", saved, "resume", "true", NULL};
    nd_text text[2] = {{0}, {0}};
    nd_cv *cv;
    nd_table *table;
    long left = 1;
    assert_int_equal(cross_validate(plain, class, &cv), ND_OK);
    write_cv(cv, &text[0]);
    nd_cv_destroy(cv);
    nd_config *config = settings(ND_VERB_CV, begin);
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, class, 1, &table), ND_OK);
    assert_int_equal(nd_cross_validate(ctx, config, table, stop_at, &left, &cv),
                     ND_ERR_INTERRUPTED);
    assert_null(cv);
    nd_table_destroy(table);
    nd_config_destroy(config);
    assert_int_equal(cross_validate(again, class, &cv), ND_OK);
    write_cv(cv, &text[1]);
    nd_cv_destroy(cv);
    assert_string_equal(text[0].data, text[1].data);
    nd_text_free(&text[0]);
    nd_text_free(&text[1]);
    forget("fold", 3);
}

static void folds_without_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *const pair[9];
        const char *message;
    } bad[] = {
        {{"folds", "161", NULL}, "160 rows are too few for 161 folds"},
        {{"folds", "150", NULL}, "no class has so many rows"},
        {{"repeats", "2", "time_ordered", "true", NULL}, "one way to be cut"},
        {{"repeats", "2", "fold", "x0", NULL}, "the same each time"},
        {{"group", "x0", "time_ordered", "true", NULL}, "not grouped"},
        {{"group", "x0", "fold", "x1", NULL}, "decides already"},
        {{"folds", "3", "fold", "x1", NULL}, "says how many"},
        {{"stratify", "yes", "time_ordered", "true", NULL}, "order of time"},
        {{"group", "nothing", NULL}, "no column \"nothing\""},
        {{"group", "y", NULL}, "is the target"},
        {{"valid", "other.csv", NULL}, "a share of the rows"},
        {{"ensemble", "2", "ensemble_by", "folds", NULL}, "not dealt"},
        {{"ensemble", "1", NULL}, "one network is no ensemble"},
        {{"cache", "rows.cache", NULL}, "rows in memory"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nd_cv *cv;
        nd_status status = cross_validate(bad[i].pair, class, &cv);
        if ((status != ND_ERR_OPTION && status != ND_ERR_DATA) || cv != NULL ||
            strstr(nd_ctx_message(ctx), bad[i].message) == NULL) {
            fail_msg("case %zu: status %d: %s", i, (int)status, nd_ctx_message(ctx));
        }
    }
    static const char *const numbers[] = {"stratify", "yes", NULL};
    nd_cv *cv;
    assert_int_equal(cross_validate(numbers, value, &cv), ND_ERR_OPTION);
}

static void null_pointers_are_refused(void **state)
{
    (void)state;
    nd_cv *cv;
    nd_sink sink = {add_text, NULL};
    assert_int_equal(nd_cross_validate(ctx, NULL, NULL, NULL, NULL, &cv), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cv_write(NULL, 0, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cv_write_predictions(NULL, &sink), ND_ERR_ARGUMENT);
    assert_int_equal(nd_cv_count(NULL), 0);
    assert_true(isnan(nd_cv_mean(NULL, "auc")) && isnan(nd_cv_deviation(NULL, "auc")));
    nd_cv_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_an_ensemble),
        cmocka_unit_test(the_first_member_is_the_network_of_a_plain_training),
        cmocka_unit_test(snapshots_are_taken_along_the_way),
        cmocka_unit_test(an_interrupted_ensemble_ends_with_the_same_file),
        cmocka_unit_test(settings_without_sense_are_refused),
        cmocka_unit_test(a_member_that_diverges_ends_the_ensemble),
        cmocka_unit_test(threads_do_not_change_a_cross_validation),
        cmocka_unit_test(mean_and_deviation_are_those_of_the_folds),
        cmocka_unit_test(an_interrupted_cross_validation_goes_on),
        cmocka_unit_test(folds_without_sense_are_refused),
        cmocka_unit_test(null_pointers_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
