/* Trainings that start from another model's layers. */
#include "job/transfer.h"

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

#include "base/ctx.h"
#include "base/mem.h"
#include "job/saver.h"

enum { ROWS = 90, PATH = 64, LOG = 4096 };

static char folder[] = "/tmp/nadir-transfer-XXXXXX";
static char source[PATH], whole_path[PATH], part_path[PATH], saved[PATH], csv[PATH];
static char log_text[LOG];
static nd_ctx *ctx;

static void note(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    strncat(log_text, text, LOG - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

/* Three inputs; the class goes by the sum of two, with names from first on. */
static void write_rows(const char *header, char first, int classes, int shift)
{
    FILE *file = fopen(csv, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", header);
    for (int r = 0; r < ROWS; r++) {
        double a = sin(r * 7 + 1 + shift), b = sin(r * 3 + 2), c = 10 + 4 * cos(r * 5);
        int class = (int)floor((a + b + 2) / 4.001 * classes);
        fprintf(file, "%.3f,%.3f,%.3f,%c\n", a, b, c, first + class);
    }
    assert_int_equal(fclose(file), 0);
}

typedef const char *const *options;

static int stop_at(void *user, const nd_event *event)
{
    long *left = user;
    bool counts = event->kind == ND_EVENT_STEP || event->kind == ND_EVENT_EPOCH;
    return counts && --*left == 0;
}

static nd_status train(options pair, long *left, nd_model **model)
{
    nd_config *config;
    nd_table *table;
    log_text[0] = '\0';
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "test", "0"), ND_OK);
    for (; *pair != NULL; pair += 2) {
        assert_int_equal(nd_config_set(config, pair[0], pair[1]), ND_OK);
    }
    assert_int_equal(nd_table_read(ctx, config, csv, &table), ND_OK);
    nd_status status = nd_train(ctx, config, table, left != NULL ? stop_at : NULL, left, model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
}

static nd_model *train_well(options pair)
{
    nd_model *model;
    nd_status status = train(pair, NULL, &model);
    if (status != ND_OK) {
        fail_msg("%s", nd_ctx_message(ctx));
    }
    return model;
}

static void refuse(options pair, nd_status status, const char *message)
{
    nd_model *model;
    assert_int_equal(train(pair, NULL, &model), status);
    assert_null(model);
    assert_string_equal(nd_ctx_message(ctx), message);
}

static void says(const char *line)
{
    if (strstr(log_text, line) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", line, log_text);
    }
}

static int start(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || nd_ctx_create(&ctx, 2) != ND_OK) {
        return 1;
    }
    snprintf(source, sizeof source, "source");
    snprintf(whole_path, sizeof whole_path, "whole");
    snprintf(part_path, sizeof part_path, "part");
    snprintf(saved, sizeof saved, "saved");
    snprintf(csv, sizeof csv, "rows.csv");
    nd_ctx_set_log(ctx, note, NULL);
    write_rows("a,b,c,class", 'p', 3, 0);
    const char *const plain[] = {"hidden", "7,5", "epochs", "12", NULL};
    nd_model *model = train_well(plain);
    nd_status status = nd_model_save(model, source, 1);
    nd_model_destroy(model);
    return status != ND_OK;
}

static void forget(void)
{
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(saved, file);
        unlink(path);
        nd_free(path);
    }
    rmdir(saved);
}

static int stop(void **state)
{
    (void)state;
    forget();
    unlink(source);
    unlink(whole_path);
    unlink(part_path);
    unlink(csv);
    unlink("other.safetensors");
    nd_ctx_destroy(ctx);
    return chdir("/") != 0 || rmdir(folder) != 0;
}

static const nd_real *weights(nd_model *model, size_t span, size_t *count)
{
    size_t spans;
    const nd_span *list = nd_net_spans(model->net, &spans);
    assert_true(span < spans);
    *count = list[span].rows * list[span].cols;
    return nd_net_parameters(model->net) + list[span].offset;
}

static bool same_weights(nd_model *a, nd_model *b, size_t span)
{
    size_t n, m;
    const nd_real *x = weights(a, span, &n), *y = weights(b, span, &m);
    return n == m && memcmp(x, y, n * sizeof *x) == 0;
}

static nd_model *load_source(void)
{
    nd_model *model;
    assert_int_equal(nd_model_load(ctx, source, &model), ND_OK);
    return model;
}

static void other_classes_get_a_new_head_on_the_layers_taken(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'x', 2, 1);
    const char *const set[] = {"from", source, "freeze", "body", "epochs", "5", NULL};
    nd_model *model = train_well(set), *from = load_source();
    says("preparation: that of source, for all 3 columns");
    says("from source: dense1, dense2; new: dense3 (another number of outputs)");
    for (size_t span = 0; span < 4; span++) {
        assert_true(same_weights(model, from, span));
    }
    assert_false(same_weights(model, from, 4));
    assert_int_equal(nd_model_outputs(model), 2);
    for (size_t i = 0; i < 3; i++) {
        assert_true(model->prep->column[i].center == from->prep->column[i].center);
        assert_true(model->prep->column[i].scale == from->prep->column[i].scale);
    }
    nd_model_destroy(model);
    nd_model_destroy(from);
    write_rows("a,b,c,class", 'x', 3, 1);
    nd_model_destroy(train_well(set));
    says("from source: dense1, dense2; new: dense3 (other classes or targets)");
}

static void the_same_classes_take_the_head_as_well(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'p', 3, 1);
    const char *const set[] = {"from",   source, "lr_layers", "dense1=0,dense2=0,dense3=0",
                               "epochs", "1",    NULL};
    nd_model *model = train_well(set), *from = load_source();
    says("from source: dense1, dense2, dense3; new: none");
    for (size_t span = 0; span < 6; span++) {
        assert_true(same_weights(model, from, span));
    }
    nd_model_destroy(model);
    nd_model_destroy(from);
}

/* Columns in another order: the features stand where they stood. */
static void columns_are_matched_by_name(void **state)
{
    (void)state;
    write_rows("c,a,b,class", 'x', 2, 1);
    const char *const set[] = {"from", source, "epochs", "1", NULL};
    nd_model *model = train_well(set);
    says("preparation: that of source, for all 3 columns");
    assert_string_equal(model->prep->column[0].name, "a");
    assert_string_equal(model->prep->column[2].name, "c");
    nd_model_destroy(model);
}

static void layers_that_read_other_inputs_stay_new(void **state)
{
    (void)state;
    write_rows("a,b,d,class", 'x', 2, 1);
    const char *const set[] = {"from", source, "epochs", "1", NULL};
    nd_model_destroy(train_well(set));
    says("preparation: that of source for 2 columns; it lacks 1 others, and 1 of its own are not "
         "here");
    says("from source: dense2; new: dense1 (other inputs), dense3 (another number of outputs)");
    const char *const asked[] = {"from", source, "take", "dense1", "epochs", "1", NULL};
    refuse(asked, ND_ERR_SHAPE,
           "layer dense1 (3 x 7) cannot start from dense1 of source (3 x 7): other inputs");
}

static void only_what_is_named_is_taken(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'x', 2, 1);
    const char *const set[] = {"from", source, "take", "dense2", "epochs", "1", NULL};
    nd_model_destroy(train_well(set));
    says("from source: dense2; new: dense1 (not taken), dense3 (not taken)");
    const char *const mapped[] = {"from", source,   "hidden", "7,7,5", "map", "dense2=dense3",
                                  "take", "dense3", "epochs", "1",     NULL};
    nd_model_destroy(train_well(mapped));
    says("from source: dense3 (dense2); new: dense1 (not taken), dense2 (not taken), dense4 (not "
         "taken)");
}

static void frozen_layers_that_start_anew_are_doubted(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'x', 2, 1);
    const char *const apart[] = {"from",   source,   "take", "dense1", "freeze",
                                 "dense2", "epochs", "1",    NULL};
    nd_model_destroy(train_well(apart));
    says(
        "freeze: layer dense2 starts at random (not taken), and learns nothing while it is frozen");
    const char *const met[] = {"from", source, "freeze", "body", "epochs", "1", NULL};
    nd_model_destroy(train_well(met));
    assert_null(strstr(log_text, "starts at random"));
}

static void settings_without_sense_are_refused(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'p', 3, 1);
    const char *const all[] = {"from", source, "freeze", "body,dense3", NULL};
    refuse(all, ND_ERR_OPTION, "freeze: every layer is frozen, nothing would be trained");
    const char *const thaw[] = {"from", source, "unfreeze_at", "3", NULL};
    refuse(thaw, ND_ERR_OPTION, "unfreeze_at: no layer is frozen (freeze)");
    const char *const take[] = {"take", "dense1", NULL};
    refuse(take, ND_ERR_OPTION, "take: there is nothing to take layers from (from)");
    const char *const name[] = {"from", source, "take", "dense7", NULL};
    refuse(name, ND_ERR_OPTION,
           "take: no layer with parameters is named 'dense7'; there are dense1, dense2, dense3");
    const char *const map[] = {"from", source, "map", "dense1", NULL};
    refuse(map, ND_ERR_OPTION,
           "map: 'dense1' is not a layer of source, '=' and a layer of the network");
    const char *const other[] = {"from", source, "map", "fc1=dense1", NULL};
    refuse(other, ND_ERR_OPTION,
           "from: source: map: it has no layer 'fc1'; it holds dense1 (3 x 7), dense2 (7 x 5), "
           "dense3 (5 x 3)");
    const char *const units[] = {"from", source, "dropout", "0.2", NULL};
    refuse(units, ND_ERR_OPTION,
           "dropout: the layers are those of source; give hidden as well to describe the network "
           "anew");
    const char *const shape[] = {"from", source, "hidden", "9", "take", "dense1", NULL};
    refuse(shape, ND_ERR_SHAPE,
           "layer dense1 (3 x 9) cannot start from dense1 of source (3 x 7): another shape");
    const char *const none[] = {"from", source, "hidden", "9,9", NULL};
    refuse(none, ND_ERR_OPTION,
           "from: source: none of its layers can be taken; it holds dense1 (3 x 7), dense2 (7 x "
           "5), dense3 (5 x 3)");
}

static void rates_fall_with_the_distance_from_the_output(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'p', 3, 1);
    const char *const set[] = {"from",       source,   "layer_decay", "0.5", "lr_layers",
                               "dense1=0.4", "epochs", "1",           NULL};
    nd_model *model = train_well(set);
    const nd_desc *desc = nd_net_desc(model->net);
    assert_true(fabs(nd_desc_find(desc, "dense1", 6)->lr - 0.1) < 1e-12);
    assert_true(fabs(nd_desc_find(desc, "dense2", 6)->lr - 0.5) < 1e-12);
    assert_true(fabs(nd_desc_find(desc, "dense3", 6)->lr - 1) < 1e-12);
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

static nd_status train_to(options pair, long *left, const char *path)
{
    nd_model *model;
    nd_status status = train(pair, left, &model);
    if (model != NULL) {
        assert_int_equal(nd_model_save(model, path, 1), ND_OK);
    }
    nd_model_destroy(model);
    return status;
}

/* Before, at and after the epoch from which all layers learn, and in the refit. */
static void an_interrupted_run_ends_with_the_same_bits(void **state)
{
    (void)state;
    static const char *const rule[] = {"adam", "nadam", "momentum"};
    write_rows("a,b,c,class", 'x', 2, 1);
    for (size_t i = 0; i < sizeof rule / sizeof rule[0]; i++) {
        const char *const plain[] = {"from",        source,   "freeze", "body",      "unfreeze_at",
                                     "4",           "epochs", "7",      "optimizer", rule[i],
                                     "layer_decay", "0.5",    NULL};
        const char *const begin[] = {"from",        source,   "freeze",      "body",
                                     "unfreeze_at", "4",      "epochs",      "7",
                                     "optimizer",   rule[i],  "layer_decay", "0.5",
                                     "checkpoint",  saved,    "force",       "true",
                                     "every",       "3steps", NULL};
        const char *const again[] = {"from",        source,  "freeze",      "body",
                                     "unfreeze_at", "4",     "epochs",      "7",
                                     "optimizer",   rule[i], "layer_decay", "0.5",
                                     "checkpoint",  saved,   "resume",      "true",
                                     NULL};
        assert_int_equal(train_to(plain, NULL, whole_path), ND_OK);
        for (long n = 1; n <= 7; n++) {
            long left = n;
            forget();
            assert_int_equal(train_to(begin, &left, part_path), ND_ERR_INTERRUPTED);
            assert_int_equal(train_to(again, NULL, part_path), ND_OK);
            assert_same_files();
        }
    }
}

static void a_checkpoint_of_a_run_from_another_model_is_refused(void **state)
{
    (void)state;
    write_rows("a,b,c,class", 'x', 2, 1);
    const char *const begin[] = {"from", source, "epochs", "4", "checkpoint", saved, NULL};
    const char *const again[] = {
        "from", "other.safetensors", "epochs", "4", "checkpoint", saved, "resume", "true", NULL};
    long left = 2;
    forget();
    assert_int_equal(train_to(begin, &left, part_path), ND_ERR_INTERRUPTED);
    nd_model *model = load_source(), *none;
    nd_net_parameters(model->net)[0] += 1;
    assert_int_equal(nd_model_save(model, "other.safetensors", 1), ND_OK);
    nd_model_destroy(model);
    assert_int_equal(train(again, NULL, &none), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "other settings: from was"));
}

static void numbers_keep_the_units_that_the_head_learned(void **state)
{
    (void)state;
    FILE *file = fopen(csv, "w");
    fprintf(file, "a,b,price\n");
    for (int r = 0; r < ROWS; r++) {
        fprintf(file, "%.3f,%.3f,%.4f\n", sin(r), cos(r * 3), 50 + 20 * sin(r) + sin(r * 11));
    }
    assert_int_equal(fclose(file), 0);
    const char *const plain[] = {"hidden", "4", "epochs", "3", NULL};
    nd_model *first = train_well(plain);
    assert_int_equal(nd_model_save(first, "other.safetensors", 1), ND_OK);
    double center = first->prep->target[0].center, scale = first->prep->target[0].scale;
    nd_model_destroy(first);
    const char *const set[] = {"from", "other.safetensors", "valid", "0.4", "epochs", "1", NULL};
    nd_model *model = train_well(set);
    says("from other.safetensors: dense1, dense2; new: none");
    assert_true(model->prep->target[0].center == center);
    assert_true(model->prep->target[0].scale == scale);
    nd_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_classes_get_a_new_head_on_the_layers_taken),
        cmocka_unit_test(the_same_classes_take_the_head_as_well),
        cmocka_unit_test(columns_are_matched_by_name),
        cmocka_unit_test(layers_that_read_other_inputs_stay_new),
        cmocka_unit_test(only_what_is_named_is_taken),
        cmocka_unit_test(frozen_layers_that_start_anew_are_doubted),
        cmocka_unit_test(settings_without_sense_are_refused),
        cmocka_unit_test(rates_fall_with_the_distance_from_the_output),
        cmocka_unit_test(an_interrupted_run_ends_with_the_same_bits),
        cmocka_unit_test(a_checkpoint_of_a_run_from_another_model_is_refused),
        cmocka_unit_test(numbers_keep_the_units_that_the_head_learned),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
