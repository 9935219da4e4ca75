/* Checkpoints of the main job: interrupted after any event and resumed, a training ends
 * with the same model file; what is not the same run is refused by name. */
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
#include "job/saver.h"
#include "nadir.h"

enum { ROWS = 120, INPUTS = 3, PATH = 64 };

static char folder[] = "/tmp/nadir-resume-XXXXXX";
static char saved[PATH], whole_path[PATH], part_path[PATH];
static nd_ctx *ctx;
static nd_real x[ROWS * INPUTS], class[ROWS];

static void forget(void)
{
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
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    forget();
    unlink(whole_path);
    unlink(part_path);
    nd_ctx_destroy(ctx);
    return rmdir(folder);
}

/* Stops at the n-th event that can stop a training, of those that count. */
typedef struct stopper {
    long left;
    bool refit; /* only steps of the second fit count */
} stopper;

static int stop_at(void *user, const nd_event *event)
{
    stopper *s = user;
    bool refit = event->text != NULL && strcmp(event->text, "refit") == 0;
    if ((event->kind != ND_EVENT_STEP && event->kind != ND_EVENT_EPOCH) || s->refit != refit) {
        return 0;
    }
    return --s->left == 0;
}

typedef const char *const *options;

/* Train with 12 epochs and pairs of options; the model, if there is one, goes to path. */
static nd_status train(options pair, stopper *s, const char *path)
{
    nd_config *config;
    nd_table *table;
    nd_model *model;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "epochs", "12"), ND_OK);
    assert_int_equal(nd_config_set(config, "hidden", "7"), ND_OK);
    for (; pair != NULL && *pair != NULL; pair += 2) {
        assert_int_equal(nd_config_set(config, pair[0], pair[1]), ND_OK);
    }
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, class, 1, &table), ND_OK);
    nd_status status = nd_train(ctx, config, table, s != NULL ? stop_at : NULL, s, &model);
    if (model != NULL) {
        assert_int_equal(nd_model_save(model, path, 1), ND_OK);
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return status;
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

static void an_interrupted_run_ends_with_the_same_model_file(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force", "true", NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", NULL};
    assert_int_equal(train(NULL, NULL, whole_path), ND_OK);
    for (long n = 1; n <= 12; n++) {
        stopper s = {.left = n};
        forget();
        assert_int_equal(train(begin, &s, part_path), ND_ERR_INTERRUPTED);
        assert_int_equal(train(again, NULL, part_path), ND_OK);
        assert_same_files();
    }
}

static void see_warning(void *user, int level, const char *text)
{
    if (level == 1 && strstr(text, "kernels for sse9") != NULL) {
        ++*(int *)user;
    }
}

/* The checkpoints as a processor with other instructions would have left them. */
static void pretend_other_instructions(void)
{
    nd_checkpoint *c;
    assert_int_equal(nd_checkpoint_load(ctx, saved, &c), ND_OK);
    nd_checkpoint_facts facts = c->facts;
    facts.isa = "sse9";
    char *path = nd_checkpoint_path(saved, c->file);
    assert_int_equal(nd_checkpoint_write(ctx, path, &facts, &c->state), ND_OK);
    nd_free(path);
    nd_checkpoint_destroy(c);
}

static void resuming_with_other_instructions_is_told(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force", "true", NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", NULL};
    int warnings = 0;
    for (int other = 0; other <= 1; other++) {
        stopper s = {.left = 3};
        forget();
        assert_int_equal(train(begin, &s, part_path), ND_ERR_INTERRUPTED);
        if (other) {
            pretend_other_instructions();
        }
        nd_ctx_set_log(ctx, see_warning, &warnings);
        assert_int_equal(train(again, NULL, part_path), ND_OK);
        nd_ctx_set_log(ctx, NULL, NULL);
        assert_int_equal(warnings, other);
    }
}

/* A number of a block of the checkpoint, and what no run can have there. */
typedef struct oddity {
    const char *block;
    size_t at;
    double value;
} oddity;

static void set_number(const nd_state *state, const oddity *odd)
{
    const nd_state_block *block = nd_state_find(state, odd->block);
    assert_non_null(block);
    assert_true(odd->at < block->count);
    if (block->type == ND_STATE_I64) {
        ((int64_t *)block->data)[odd->at] = (int64_t)odd->value;
    } else if (block->type == ND_STATE_F64) {
        ((double *)block->data)[odd->at] = odd->value;
    } else {
        ((nd_real *)block->data)[odd->at] = (nd_real)odd->value;
    }
}

/* Whole files with sound checksums, whose numbers make no sense. */
static void numbers_that_no_run_can_have_are_refused(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force", "true", NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", NULL};
    static const oddity odd[] = {{"place", 0, 0},  {"place", 0, 1e6},     {"place", 1, -1},
                                 {"place", 2, -1}, {"place", 3, -1},      {"place", 3, 1e6},
                                 {"place", 4, -1}, {"place", 5, -1},      {"sums", 7, NAN},
                                 {"sums", 8, 0},   {"sums", 8, 2},        {"sums", 10, 0},
                                 {"sums", 10, 2},  {"sums", 7, INFINITY}, {"parameters", 0, NAN}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        stopper s = {.left = 3};
        nd_checkpoint *c;
        forget();
        assert_int_equal(train(begin, &s, part_path), ND_ERR_INTERRUPTED);
        assert_int_equal(nd_checkpoint_load(ctx, saved, &c), ND_OK);
        set_number(&c->state, &odd[i]);
        char *path = nd_checkpoint_path(saved, c->file);
        assert_int_equal(nd_checkpoint_write(ctx, path, &c->facts, &c->state), ND_OK);
        nd_free(path);
        nd_checkpoint_destroy(c);
        assert_int_equal(train(again, NULL, part_path), ND_ERR_FORMAT);
        assert_non_null(strstr(nd_ctx_message(ctx), "no run can have"));
    }
}

/* Interrupted again and again, a little further each time, and at other threads. */
static void a_run_may_be_interrupted_many_times(void **state)
{
    (void)state;
    const char *const again[] = {"checkpoint", saved, "resume", "true", "every", "3steps", NULL};
    nd_status status = ND_ERR_INTERRUPTED;
    int parts = 0;
    assert_int_equal(train(NULL, NULL, whole_path), ND_OK);
    forget();
    while (status == ND_ERR_INTERRUPTED) {
        stopper s = {.left = 2};
        assert_int_equal(nd_ctx_set_threads(ctx, 1 + parts % 3), ND_OK);
        status = train(again, &s, part_path);
        parts++;
    }
    assert_int_equal(status, ND_OK);
    assert_true(parts >= 6);
    assert_same_files();
}

/* Checkpoints after every step, of which the last few are of the second fit. */
static void a_run_can_be_resumed_in_its_second_fit(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force",  "true", "every", "1step",
                                 "batch_size", "1",   "epochs", "40",   NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", "every", "1h",
                                 "batch_size", "1",   "epochs", "40",   NULL};
    const char *const plain[] = {"batch_size", "1", "epochs", "40", NULL};
    nd_checkpoint *c;
    forget();
    assert_int_equal(train(plain, NULL, whole_path), ND_OK);
    assert_int_equal(train(begin, NULL, part_path), ND_OK);
    assert_same_files();
    assert_int_equal(nd_checkpoint_load(ctx, saved, &c), ND_OK);
    assert_int_equal(*(const int64_t *)nd_state_find(&c->state, "job")->data, 2);
    nd_checkpoint_destroy(c);
    unlink(part_path);
    assert_int_equal(train(again, NULL, part_path), ND_OK);
    assert_same_files();
}

static void checkpoints_of_another_run_are_not_overwritten(void **state)
{
    (void)state;
    const char *const again[] = {"checkpoint", saved, NULL};
    const char *const alone[] = {"resume", "true", NULL};
    stopper s = {.left = 2};
    forget();
    assert_int_equal(train(again, &s, part_path), ND_ERR_INTERRUPTED);
    assert_int_equal(train(again, NULL, part_path), ND_ERR_EXISTS);
    assert_int_equal(train(alone, NULL, part_path), ND_ERR_OPTION);
}

static void what_changed_is_named(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force", "true", NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", NULL};
    const char *const rate[] = {"checkpoint", saved, "resume", "true", "lr", "0.02", NULL};
    const char *const running[] = {"checkpoint", saved, "resume",        "true",     "threads", "3",
                                   "every",      "2m",  "on_divergence", "rollback", NULL};
    stopper s = {.left = 2};
    forget();
    assert_int_equal(train(begin, &s, part_path), ND_ERR_INTERRUPTED);
    assert_int_equal(train(rate, NULL, part_path), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "lr was \"auto\" and is \"0.02\" now"));
    x[5] += 1;
    assert_int_equal(train(again, NULL, part_path), ND_ERR_DATA);
    x[5] -= 1;
    assert_int_equal(train(running, NULL, part_path), ND_OK);
}

static void intervals_are_times_or_steps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
        uint64_t steps;
    } good[] = {{"10s", 10, 0},  {"0.5 s", 0.5, 0}, {"2m", 120, 0},      {"3min", 180, 0},
                {"1h", 3600, 0}, {"1step", 0, 1},   {"100steps", 0, 100}};
    static const char *const bad[] = {"",    "10",       "s",     "-1s", "0s",
                                      "10x", "1.5steps", "10sec", "1e3s"};
    nd_every every;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(nd_every_parse(ctx, good[i].text, &every), ND_OK);
        assert_true(every.seconds == good[i].seconds && every.steps == good[i].steps);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(nd_every_parse(ctx, bad[i], &every), ND_ERR_OPTION);
    }
}

static void a_folder_belongs_to_one_run_at_a_time(void **state)
{
    (void)state;
    nd_every every = {.seconds = 10};
    nd_checkpoint *c;
    nd_saver *first, *second;
    forget();
    assert_int_equal(nd_saver_create(ctx, saved, &every, false, false, &c, &first), ND_OK);
    assert_int_equal(nd_saver_create(ctx, saved, &every, true, false, &c, &second), ND_ERR_IO);
    assert_non_null(strstr(nd_ctx_message(ctx), "another training"));
    nd_saver_destroy(first);
    assert_int_equal(nd_saver_create(ctx, saved, &every, true, false, &c, &second), ND_OK);
    nd_saver_destroy(second);
}

static int digits;

static int count_digests(void *user, const char *text, size_t bytes)
{
    (void)user;
    for (size_t i = 0; i < bytes; i++) {
        digits += text[i] == '\n';
    }
    return 0;
}

static void determinism_can_be_verified(void **state)
{
    (void)state;
    nd_table *table;
    nd_sink sink = {count_digests, NULL};
    int same = 0;
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, class, 1, &table), ND_OK);
    assert_int_equal(nd_verify_determinism(ctx, NULL, table, folder, &same, &sink), ND_OK);
    assert_int_equal(same, 1);
    assert_int_equal(digits, 7);
    nd_table_destroy(table);
}

/* In the training thread; a lack of memory in the writer's is a warning. */
static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    const char *const begin[] = {"checkpoint", saved, "force", "true", "every", "1h", NULL};
    const char *const again[] = {"checkpoint", saved, "resume", "true", "every", "1h", NULL};
    stopper s = {.left = 2};
    forget();
    assert_int_equal(train(begin, &s, part_path), ND_ERR_INTERRUPTED);
    nd_config *config;
    nd_table *table;
    nd_model *model;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    nd_config_set(config, "epochs", "12");
    nd_config_set(config, "hidden", "7");
    for (options pair = again; *pair != NULL; pair += 2) {
        nd_config_set(config, pair[0], pair[1]);
    }
    assert_int_equal(nd_table_from_arrays(ctx, x, ROWS, INPUTS, class, 1, &table), ND_OK);
    unsigned long calls = nd_alloc_calls();
    assert_int_equal(nd_train(ctx, config, table, NULL, NULL, &model), ND_OK);
    calls = nd_alloc_calls() - calls;
    nd_model_destroy(model);
    for (unsigned long n = 1; n <= calls; n++) {
        nd_alloc_fail_at(n, n % 2 == 0);
        nd_status status = nd_train(ctx, config, table, NULL, NULL, &model);
        nd_alloc_fail_at(0, false);
        if (status != ND_ERR_MEMORY) {
            fail_msg("allocation %lu of %lu: %s", n, calls, nd_ctx_message(ctx));
        }
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupted_run_ends_with_the_same_model_file),
        cmocka_unit_test(a_run_may_be_interrupted_many_times),
        cmocka_unit_test(numbers_that_no_run_can_have_are_refused),
        cmocka_unit_test(resuming_with_other_instructions_is_told),
        cmocka_unit_test(a_run_can_be_resumed_in_its_second_fit),
        cmocka_unit_test(checkpoints_of_another_run_are_not_overwritten),
        cmocka_unit_test(what_changed_is_named),
        cmocka_unit_test(intervals_are_times_or_steps),
        cmocka_unit_test(a_folder_belongs_to_one_run_at_a_time),
        cmocka_unit_test(determinism_can_be_verified),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
