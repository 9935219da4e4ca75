/* Training from a row cache beside training in memory: the same preparation, the same
 * parts, a bounded memory, and a file that is only used for what it was made from. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/model_json.h"

/* The thread sanitizer is twenty times as slow. */
#ifdef __SANITIZE_THREAD__
enum { ROWS = 1000 };
#else
enum { ROWS = 3000 };
#endif
enum { MOST_OPTIONS = 16 };

static char folder[] = "/tmp/nadir-test-cached-XXXXXX";
static char csv[64], cache[64];

/* Log lines of the latest training. */
static char notes[4096];

static void note(void *user, int level, const char *text)
{
    (void)user;
    (void)level;
    size_t n = strlen(notes);
    snprintf(notes + n, sizeof notes - n, "%s\n", text);
}

/* A small generator of our own, so that the file is the same everywhere. */
static unsigned next(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* An id, numbers with gaps, categories, text that hardly repeats; three classes. */
static void write_rows(const char *path, size_t rows, unsigned seed)
{
    static const char *const city[] = {"Oslo", "Rome", "\"Paris, Texas\"", "Lima", ""};
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("id,a,b,city,c,word,d,y\n", file);
    for (size_t r = 0; r < rows; r++) {
        int a = (int)(next(&seed) % 2001) - 1000, b = (int)(next(&seed) % 2001) - 1000;
        unsigned place = next(&seed) % 5, d = next(&seed) % 100000;
        fprintf(file, "%zu,%.3f,", r + 1, a / 100.0);
        fprintf(file, next(&seed) % 9 ? "%d," : ",", b);
        fprintf(file, "%s,%u,w%u,%.5f,", city[place], next(&seed) % 4, next(&seed) % 200,
                exp(d / 1e4));
        fprintf(file, "%s\n", a + b > 300 ? "high" : a + b < -300 ? "low" : "middle");
        if (r % 500 == 7) {
            fputc('\n', file);
        }
    }
    assert_int_equal(fclose(file), 0);
}

static int start(void **state)
{
    (void)state;
    bool made = mkdtemp(folder);
    snprintf(csv, sizeof csv, "%s/rows.csv", folder);
    snprintf(cache, sizeof cache, "%s/rows.cache", folder);
    write_rows(csv, ROWS, 1);
    return !made;
}

static int stop(void **state)
{
    (void)state;
    unlink(csv);
    unlink(cache);
    return rmdir(folder);
}

/* What a training left; prep is JSON. */
typedef struct outcome {
    nd_status status;
    char message[512];
    char *prep;
    double accuracy, log_loss, baseline, train_loss;
    uint64_t cut_after; /* epochs, after which the cache is cut; 0: never */
    nd_real weight[64];
} outcome;

static void outcome_free(outcome *o)
{
    nd_free(o->prep);
}

static int listen(void *user, const nd_event *event)
{
    outcome *o = user;
    if (event->kind == ND_EVENT_TEST) {
        o->accuracy = nd_metrics_get(event->metrics, "accuracy");
        o->log_loss = nd_metrics_get(event->metrics, "log_loss");
        o->baseline = nd_metrics_get(event->baseline, "log_loss");
    } else if (event->kind == ND_EVENT_EPOCH) {
        o->train_loss = event->train_loss;
        if (o->cut_after != 0 && --o->cut_after == 0) {
            assert_int_equal(truncate(cache, 8192), 0);
        }
    }
    return 0;
}

/* options: pairs of key and value, NULL at the end. */
static outcome train_and_cut(const char *path, int threads, const char *const *options,
                             uint64_t cut_after)
{
    static const char *const usual[] = {"epochs", "8", "hidden", "8", "memory", "256M", NULL};
    outcome o = {.accuracy = NAN, .cut_after = cut_after};
    nd_ctx *ctx;
    nd_config *config;
    nd_model *model = NULL;
    notes[0] = '\0';
    assert_int_equal(nd_ctx_create(&ctx, threads), ND_OK);
    nd_ctx_set_log(ctx, note, NULL);
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    for (const char *const *pair = usual; *pair; pair += 2) {
        assert_int_equal(nd_config_set(config, pair[0], pair[1]), ND_OK);
    }
    for (const char *const *pair = options; *pair; pair += 2) {
        assert_int_equal(nd_config_set(config, pair[0], pair[1]), ND_OK);
    }
    o.status = nd_train_file(ctx, config, path, listen, &o, &model);
    snprintf(o.message, sizeof o.message, "%s", nd_ctx_message(ctx));
    if (model) {
        nd_text text = {0};
        nd_prep_put_json(model->prep, &text);
        o.prep = text.data;
        memcpy(o.weight, nd_net_parameters(model->net), sizeof o.weight);
    }
    nd_model_destroy(model);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return o;
}

static outcome train(const char *path, int threads, const char *const *options)
{
    return train_and_cut(path, threads, options, 0);
}

/* The same training in memory and from a new cache. */
static void compare(const char *path, const char *const *options)
{
    const char *memory[MOST_OPTIONS] = {"cache", "none"}, *cached[MOST_OPTIONS] = {"cache", cache};
    for (size_t i = 0; options[i]; i++) {
        memory[i + 2] = cached[i + 2] = options[i];
    }
    unlink(cache);
    outcome a = train(path, 2, memory), b = train(path, 2, cached);
    assert_int_equal(a.status, ND_OK);
    assert_int_equal(b.status, ND_OK);
    assert_string_equal(a.prep, b.prep);
    assert_true(a.baseline == b.baseline || (isnan(a.baseline) && isnan(b.baseline)));
    assert_true(isnan(a.accuracy) || fabs(a.accuracy - b.accuracy) < 0.05);
    assert_true(a.train_loss > 0 && fabs(a.train_loss / b.train_loss - 1) < 0.15);
    outcome_free(&a);
    outcome_free(&b);
}

static void the_preparation_is_that_of_rows_in_memory(void **state)
{
    (void)state;
    static const char *const scaling[] = {"standard", "minmax", "quantile", "none"};
    for (size_t i = 0; i < 4; i++) {
        compare(csv, (const char *const[]){"scaling", scaling[i], "max_one_hot", "50", NULL});
    }
    compare(csv, (const char *const[]){"target", "d,a", "ignore", "y", "test", "0", NULL});
    compare(csv, (const char *const[]){"target", "d", "valid", "0", "epochs", "3", NULL});
}

static void packed_files_and_files_for_validation_work_alike(void **state)
{
    (void)state;
    char command[256], packed[80], other[80];
    snprintf(packed, sizeof packed, "%s/packed.csv.gz", folder);
    snprintf(other, sizeof other, "%s/other.csv", folder);
    snprintf(command, sizeof command, "gzip -c %s > %s", csv, packed);
    assert_int_equal(system(command), 0);
    write_rows(other, 700, 99);
    compare(packed, (const char *const[]){NULL});
    compare(csv, (const char *const[]){"valid", other, NULL});
    compare(packed, (const char *const[]){"test", other, "refit", "yes", NULL});
    unlink(packed);
    unlink(other);
}

static void a_cache_that_is_cut_while_it_is_read_ends_the_training(void **state)
{
    (void)state;
    const char *const options[] = {"cache", cache, "epochs", "50", NULL};
    for (int threads = 1; threads <= 2; threads++) {
        unlink(cache);
        outcome o = train_and_cut(csv, threads, options, 2);
        assert_int_equal(o.status, ND_ERR_IO);
        assert_non_null(strstr(o.message, cache));
        assert_non_null(strstr(o.message, "cut short"));
        assert_null(o.prep);
    }
    /* It is made anew, and trains. */
    outcome o = train(csv, 2, options);
    assert_int_equal(o.status, ND_OK);
    outcome_free(&o);
    unlink(cache);
}

static void the_same_cache_gives_the_same_bits_at_any_number_of_threads(void **state)
{
    (void)state;
    const char *const options[] = {"cache", cache, "batch_size", "512", NULL};
    static const int threads[] = {1, 2, 3, 8};
    outcome first = {0};
    unlink(cache);
    for (size_t i = 0; i < 4; i++) {
        outcome o = train(csv, threads[i], options);
        assert_int_equal(o.status, ND_OK);
        assert_non_null(strstr(notes, i == 0 ? "made row cache" : "reading row cache"));
        if (i == 0) {
            first = o;
            continue;
        }
        assert_memory_equal(o.weight, first.weight, sizeof o.weight);
        assert_true(o.log_loss == first.log_loss);
        outcome_free(&o);
    }
    outcome_free(&first);
}

static void a_cache_of_other_settings_or_data_is_made_anew(void **state)
{
    (void)state;
    char changed[80];
    const char *const plain[] = {"cache", cache, NULL};
    const char *const seeded[] = {"cache", cache, "seed", "2", NULL};
    const char *const longer[] = {"cache", cache, "epochs", "2", "lr", "0.01", NULL};
    snprintf(changed, sizeof changed, "%s/changed.csv", folder);
    unlink(cache);
    write_rows(changed, ROWS, 1);
    outcome o = train(changed, 2, plain);
    outcome_free(&o);
    o = train(changed, 2, longer);
    assert_non_null(strstr(notes, "reading row cache"));
    outcome_free(&o);
    o = train(changed, 2, seeded);
    assert_non_null(strstr(notes, "was made from other settings: it is made anew"));
    outcome_free(&o);
    write_rows(changed, ROWS, 2);
    o = train(changed, 2, seeded);
    assert_int_equal(o.status, ND_OK);
    assert_non_null(strstr(notes, "was made from other data: it is made anew"));
    outcome_free(&o);
    unlink(changed);
}

/* The class as a number, and test rows of a class that no training row has. */
static void data_that_lies_is_told_before_a_cache_is_made(void **state)
{
    (void)state;
    char leaking[80], other[80];
    snprintf(leaking, sizeof leaking, "%s/leaking.csv", folder);
    snprintf(other, sizeof other, "%s/unseen.csv", folder);
    FILE *file = fopen(leaking, "w"), *test = fopen(other, "w");
    assert_true(file && test);
    fputs("a,code,y\n", file);
    fputs("a,code,y\n1,1,yes\n2,0,maybe\n3.5,1,yes\n", test);
    unsigned seed = 5;
    for (size_t r = 0; r < 400; r++) {
        unsigned yes = next(&seed) % 2;
        fprintf(file, "%u,%u,%s\n", next(&seed) % 1000 + 500 * yes, yes, yes ? "yes" : "no");
    }
    assert_int_equal(fclose(file) + fclose(test), 0);
    unlink(cache);
    outcome o = train(leaking, 2, (const char *const[]){"cache", cache, NULL});
    assert_int_equal(o.status, ND_ERR_DATA);
    assert_non_null(strstr(o.message, "leak"));
    assert_int_not_equal(access(cache, F_OK), 0);
    o = train(leaking, 2,
              (const char *const[]){"cache", cache, "ignore", "code", "test", other, NULL});
    assert_int_equal(o.status, ND_ERR_DATA);
    assert_non_null(strstr(o.message, "1 of 3 test rows have a class"));
    o = train(leaking, 2,
              (const char *const[]){"cache", cache, "ignore", "code", "test", other, "allow",
                                    "unseen_class", NULL});
    assert_int_equal(o.status, ND_OK);
    assert_non_null(strstr(notes, "1 of 3 test rows are left out"));
    outcome_free(&o);
    unlink(cache);
    unlink(leaking);
    unlink(other);
}

static void a_damaged_cache_is_made_anew(void **state)
{
    (void)state;
    const char *const options[] = {"cache", cache, NULL};
    outcome good = train(csv, 2, options);
    struct stat info;
    assert_int_equal(stat(cache, &info), 0);
    const long places[] = {20, 200, info.st_size / 2, info.st_size - 1};
    for (size_t i = 0; i < 4; i++) {
        FILE *file = fopen(cache, "r+b");
        assert_non_null(file);
        fseek(file, places[i], SEEK_SET);
        int byte = fgetc(file);
        fseek(file, places[i], SEEK_SET);
        fputc(byte ^ 4, file);
        fclose(file);
        outcome o = train(csv, 2, options);
        assert_int_equal(o.status, ND_OK);
        assert_non_null(strstr(notes, "it is made anew"));
        assert_true(o.log_loss == good.log_loss);
        outcome_free(&o);
    }
    outcome_free(&good);
}

static void a_file_of_another_kind_is_left_alone(void **state)
{
    (void)state;
    const char *const itself[] = {"cache", csv, "force", "true", NULL};
    struct stat before, after;
    assert_int_equal(stat(csv, &before), 0);
    outcome o = train(csv, 2, itself);
    assert_int_equal(o.status, ND_ERR_EXISTS);
    assert_non_null(strstr(o.message, "is no row cache"));
    assert_int_equal(stat(csv, &after), 0);
    assert_true(before.st_size == after.st_size && before.st_ino == after.st_ino);
}

static void auto_makes_a_cache_only_for_rows_beyond_the_memory(void **state)
{
    (void)state;
    char beside[80];
    const char *const options[] = {"cache", "auto", "memory", "64M", "epochs", "1", NULL};
    snprintf(beside, sizeof beside, "%s.cache", csv);
    outcome o = train(csv, 2, options);
    assert_int_equal(o.status, ND_OK);
    assert_int_not_equal(access(beside, F_OK), 0);
    outcome_free(&o);
    write_rows(csv, 600000, 1);
    o = train(csv, 2, options);
    assert_int_equal(o.status, ND_OK);
    assert_int_equal(access(beside, F_OK), 0);
    assert_null(strstr(notes, "are held here"));
    outcome_free(&o);
    o = train(csv, 2, (const char *const[]){"cache", "none", "memory", "64M", "epochs", "1", NULL});
    assert_int_equal(o.status, ND_OK);
    assert_non_null(strstr(notes, "are held here, which may take more than 64M"));
    outcome_free(&o);
    write_rows(csv, ROWS, 1);
    unlink(beside);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][6] = {
        {"memory", "12", "is not a size of 64M or more"},
        {"memory", "x", "is not a size"},
        {"memory", "63M", "is not a size"},
        {"memory", "-1G", "is not a size"},
        {"memory", "9999999999T", "is not a size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        outcome o = train(csv, 1, (const char *const[]){cases[i][0], cases[i][1], NULL});
        assert_int_equal(o.status, ND_ERR_OPTION);
        assert_non_null(strstr(o.message, cases[i][2]));
    }
    outcome o = train("-", 1, (const char *const[]){"cache", cache, NULL});
    assert_int_equal(o.status, ND_ERR_OPTION);
    assert_non_null(strstr(o.message, "cannot be read twice"));
}

static void write_model(const char *path)
{
    nd_ctx *ctx;
    nd_config *config;
    nd_model *model;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "epochs", "1"), ND_OK);
    assert_int_equal(nd_train_file(ctx, config, csv, NULL, NULL, &model), ND_OK);
    assert_int_equal(nd_model_save(model, path, true), ND_OK);
    nd_model_destroy(model);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
}

static void what_needs_rows_in_memory_is_refused_before_a_cache_is_made(void **state)
{
    (void)state;
    char model[80];
    snprintf(model, sizeof model, "%s/first.safetensors", folder);
    write_model(model);
    const char *const cases[][3] = {{"ensemble", "3", "need the rows in memory"},
                                    {"from", model, "needs rows in memory"}};
    unlink(cache);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        outcome o =
            train(csv, 1, (const char *const[]){"cache", cache, cases[i][0], cases[i][1], NULL});
        assert_int_equal(o.status, ND_ERR_OPTION);
        assert_non_null(strstr(o.message, cases[i][2]));
        assert_int_not_equal(access(cache, F_OK), 0);
        assert_null(strstr(notes, "row cache"));
    }
    unlink(model);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CHECKED = 0 };
#else
enum { CHECKED = 1 };
#endif

static double peak_bytes(void)
{
    char line[128];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) &&
           sscanf(line, "VmHWM: %lf kB", &kilobytes) != 1) {
    }
    if (status) {
        fclose(status);
    }
    return kilobytes * 1024;
}

/* 100000 rows of 100 numbers: 40 MB of text, 80 MB as columns, 40 MB prepared. */
static void resident_memory_stays_within_the_setting(void **state)
{
    (void)state;
    enum { WIDE_ROWS = 100000, COLUMNS = 100 };
    char wide[80];
    if (!CHECKED) {
        skip();
    }
    snprintf(wide, sizeof wide, "%s/wide.csv", folder);
    FILE *file = fopen(wide, "w");
    assert_non_null(file);
    unsigned seed = 3;
    for (size_t r = 0; r < WIDE_ROWS; r++) {
        unsigned sum = 0;
        for (int c = 0; c < COLUMNS; c++) {
            unsigned cell = next(&seed) % 100;
            char text[4] = {(char)('0' + cell / 10), '.', (char)('0' + cell % 10), ','};
            sum += c % 2 ? cell : 0;
            fwrite(text, 1, sizeof text, file);
        }
        fputs(sum > 2475 ? "1\n" : "0\n", file);
    }
    assert_int_equal(fclose(file), 0);
    unlink(cache);
    for (int again = 0; again < 2; again++) {
        pid_t child = fork();
        if (child == 0) {
            outcome o = train(wide, 2,
                              (const char *const[]){"cache", cache, "memory", "100M", "epochs", "1",
                                                    "batch_size", "512", NULL});
            bool fine = o.status == ND_OK && o.accuracy > 0.6 && peak_bytes() <= 100 * 1048576.0;
            if (!fine) {
                fprintf(stderr, "%s; accuracy %g, peak %g MB\n", o.message, o.accuracy,
                        peak_bytes() / 1e6);
            }
            _exit(!fine);
        }
        int status = 1;
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        assert_int_equal(status, 0);
    }
    unlink(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resident_memory_stays_within_the_setting),
        cmocka_unit_test(the_preparation_is_that_of_rows_in_memory),
        cmocka_unit_test(packed_files_and_files_for_validation_work_alike),
        cmocka_unit_test(a_cache_that_is_cut_while_it_is_read_ends_the_training),
        cmocka_unit_test(the_same_cache_gives_the_same_bits_at_any_number_of_threads),
        cmocka_unit_test(a_cache_of_other_settings_or_data_is_made_anew),
        cmocka_unit_test(data_that_lies_is_told_before_a_cache_is_made),
        cmocka_unit_test(a_damaged_cache_is_made_anew),
        cmocka_unit_test(a_file_of_another_kind_is_left_alone),
        cmocka_unit_test(auto_makes_a_cache_only_for_rows_beyond_the_memory),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(what_needs_rows_in_memory_is_refused_before_a_cache_is_made),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
