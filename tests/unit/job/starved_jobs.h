/* Whole jobs, from a file to what is written, in which allocations fail in turn: they end
 * with ND_ERR_MEMORY, or with the bytes that they give when none fails. */
#ifndef ND_TESTS_STARVED_JOBS_H
#define ND_TESTS_STARVED_JOBS_H

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
#include <jansson.h>

#include "base/dict.h"
#include "base/file.h"
#include "starve.h"

typedef const char *const *options;

static nd_ctx *ctx;
static char folder[] = "/tmp/nadir-starved-XXXXXX";
static const char *data; /* file of the job at hand */
static options given;
static char written[1 << 16]; /* what the job wrote */
static size_t written_size;
static uint64_t expected; /* hash of it when no allocation failed; 0: not yet known */

static inline int take_text(void *user, const char *bytes, size_t size)
{
    (void)user;
    assert_in_range(size, 0, sizeof written - written_size);
    memcpy(written + written_size, bytes, size);
    written_size += size;
    return 0;
}

static const nd_sink sink = {.write = take_text};

/* What a job that ended well has written is what it always writes. */
static inline nd_status finish(nd_status status)
{
    if (status == ND_OK) {
        uint64_t hash = nd_hash(written, written_size);
        assert_true(written_size > 0 && (expected == 0 || hash == expected));
        expected = hash;
    }
    written_size = 0;
    return status;
}

static inline nd_status make_config(unsigned verb, nd_config **config)
{
    nd_status status = nd_config_create(ctx, verb, config);
    for (options o = given; status == ND_OK && *o != NULL; o += 2) {
        status = nd_config_set(*config, o[0], o[1]);
    }
    return status;
}

static inline int listen(void *user, const nd_event *event)
{
    (void)user;
    (void)event;
    return 0;
}

static inline nd_status write_model(nd_model *model)
{
    nd_bytes bytes;
    nd_status status = nd_model_save(model, "saved", 1);
    if (status == ND_OK) {
        status = nd_file_read(ctx, "saved", &bytes);
    }
    if (status == ND_OK) {
        take_text(NULL, bytes.data, bytes.size);
        nd_bytes_free(&bytes);
    }
    return status;
}

static inline nd_status measure(nd_model *model, const nd_table *table)
{
    nd_metrics *metrics = NULL;
    nd_status status = nd_model_evaluate(model, table, &metrics);
    assert_int_equal(metrics != NULL, status == ND_OK);
    if (status == ND_OK) {
        status = nd_metrics_write(metrics, NULL, 1, &sink);
    }
    nd_metrics_destroy(metrics);
    return status;
}

/* Read, train, measure on all rows, save. */
static inline nd_status train(void)
{
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    nd_status status = make_config(ND_VERB_TRAIN, &config);
    if (status == ND_OK) {
        status = nd_table_read(ctx, config, data, &table);
        assert_int_equal(table != NULL, status == ND_OK);
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, listen, NULL, &model);
        assert_int_equal(model != NULL, status == ND_OK);
    }
    if (status == ND_OK) {
        status = measure(model, table);
    }
    if (status == ND_OK) {
        status = write_model(model);
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    return finish(status);
}

static inline nd_status train_from_file(void)
{
    nd_config *config = NULL;
    nd_model *model = NULL;
    nd_status status = make_config(ND_VERB_TRAIN, &config);
    if (status == ND_OK) {
        status = nd_train_file(ctx, config, data, listen, NULL, &model);
        assert_int_equal(model != NULL, status == ND_OK);
    }
    if (status == ND_OK) {
        status = write_model(model);
    }
    nd_model_destroy(model);
    nd_config_destroy(config);
    return finish(status);
}

typedef nd_status (*table_fn)(const nd_config *config, const nd_table *table);

/* A job on a table. */
static inline nd_status on_table(unsigned verb, table_fn job)
{
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_status status = make_config(verb, &config);
    if (status == ND_OK) {
        status = nd_table_read(ctx, config, data, &table);
    }
    if (status == ND_OK) {
        status = job(config, table);
    }
    nd_table_destroy(table);
    nd_config_destroy(config);
    return finish(status);
}

static inline nd_status cross_validate(const nd_config *config, const nd_table *table)
{
    nd_cv *cv = NULL;
    nd_status status = nd_cross_validate(ctx, config, table, listen, NULL, &cv);
    assert_int_equal(cv != NULL, status == ND_OK);
    for (int json = 0; json < 2 && status == ND_OK; json++) {
        status = nd_cv_write(cv, json, &sink);
    }
    if (status == ND_OK) {
        status = nd_cv_write_predictions(cv, &sink);
    }
    nd_cv_destroy(cv);
    return status;
}

static inline nd_status cv(void)
{
    return on_table(ND_VERB_CV, cross_validate);
}

static inline nd_status look_for_rate(const nd_config *config, const nd_table *table)
{
    nd_lr_range range;
    return nd_lr_find(ctx, config, table, &sink, &range);
}

static inline nd_status lr_find(void)
{
    return on_table(ND_VERB_LR_FIND, look_for_rate);
}

static inline nd_status look_at(const nd_config *config, const nd_table *table)
{
    nd_status status = ND_OK;
    for (int json = 0; json < 2 && status == ND_OK; json++) {
        size_t findings;
        status = nd_table_check(table, config, json, &sink, &findings);
        if (status == ND_OK) {
            status = nd_table_describe(table, config, json, &sink);
        }
    }
    return status;
}

static inline nd_status check(void)
{
    return on_table(ND_VERB_CHECK, look_at);
}

static inline nd_status show_sheet(const nd_config *config, const nd_table *table)
{
    return nd_augment_sheet(ctx, config, table, &sink);
}

static inline nd_status augment(void)
{
    return on_table(ND_VERB_AUGMENT, show_sheet);
}

static inline nd_status compare_bits(const nd_config *config, const nd_table *table)
{
    int same = 0;
    nd_status status = nd_verify_determinism(ctx, config, table, ".", &same, &sink);
    assert_true(status != ND_OK || same);
    return status;
}

static inline nd_status verify(void)
{
    return on_table(ND_VERB_TRAIN, compare_bits);
}

/* Load a model, say what it is, and predict a file. */
static inline nd_status predict(void)
{
    nd_config *config = NULL;
    nd_model *model = NULL;
    nd_status status = make_config(ND_VERB_PREDICT, &config);
    if (status == ND_OK) {
        status = nd_model_load(ctx, "model", &model);
        assert_int_equal(model != NULL, status == ND_OK);
    }
    for (int json = 0; json < 2 && status == ND_OK; json++) {
        status = nd_model_describe(model, json, &sink);
    }
    if (status == ND_OK) {
        status = nd_model_predict_file(model, config, data, &sink);
    }
    nd_model_destroy(model);
    nd_config_destroy(config);
    return finish(status);
}

typedef struct job {
    const char *name;
    starved_fn run;
    unsigned long stride; /* one of so many allocations fails */
    const char *data;
    const char *given[24];
} job;

#define TINY "epochs", "1", "hidden", "3"

static inline FILE *make(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

static inline void make_tables(void)
{
    FILE *rows = make("rows.csv"), *labels = make("labels.csv"), *series = make("series.csv");
    FILE *pixels = make("pixels.csv");
    fputs("x,town,kind,w,v,y\n", rows);
    fputs("a,b,p,q\n", labels);
    fputs("v\n", series);
    fputs("p0,p1,p2,p3,y\n", pixels);
    for (int r = 0; r < 40; r++) {
        double a = sin(7 * r + 1), b = cos(3 * r + 2);
        fprintf(rows, "%.3f,t%d,%c,%d,%.3f,%s\n", a, r * 5 % 7, 'k' + r % 3, 1 + r % 2, a + b,
                a + b > 0 ? "yes" : "no");
        fprintf(labels, "%.3f,%.3f,%d,%d\n", a, b, a > 0, b > 0);
        fprintf(series, "%.3f\n", a + 0.1 * r);
        fprintf(pixels, "%d,%d,%d,%d,%s\n", r * 7 % 256, r * 31 % 256, r * r % 256, r,
                r % 2 ? "a" : "b");
    }
    assert_int_equal(fclose(rows) | fclose(labels) | fclose(series) | fclose(pixels), 0);
}

static inline void make_images(void)
{
    enum { IMAGES = 24, PIXELS = 9 };
    static const unsigned char head[] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, 3, 0, 0, 0, 3};
    static const unsigned char label_head[] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    FILE *images = make("t-images-idx3-ubyte"), *labels = make("t-labels-idx1-ubyte");
    fwrite(head, 1, sizeof head, images);
    fwrite(label_head, 1, sizeof label_head, labels);
    for (int i = 0; i < IMAGES; i++) {
        for (int p = 0; p < PIXELS; p++) {
            fputc((i * 31 + p * 17 + i % 2 * 90) % 256, images);
        }
        fputc(i % 2, labels);
    }
    assert_int_equal(fclose(images) | fclose(labels), 0);
}

static inline void *take_memory(size_t size)
{
    return nd_alloc(size, 1);
}

/* jansson's memory fails like nadir's own. */
static inline int start(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || nd_ctx_create(&ctx, 1) != ND_OK) {
        return 1;
    }
    json_set_alloc_funcs(take_memory, nd_free);
    make_tables();
    make_images();
    static const char *const settings[] = {TINY, "target", "y", NULL};
    data = "rows.csv";
    given = settings;
    return train() != ND_OK || rename("saved", "model") != 0;
}

static inline int stop(void **state)
{
    static const char *const files[] = {
        "rows.csv",
        "labels.csv",
        "series.csv",
        "pixels.csv",
        "t-images-idx3-ubyte",
        "t-labels-idx1-ubyte",
        "saved",
        "model",
        "kept",
        "other",
        "state/checkpoint-1.safetensors",
        "state/checkpoint-2.safetensors",
        "checkpoints/checkpoint-1.safetensors",
        "checkpoints/checkpoint-2.safetensors",
        "model.safetensors",
    };
    (void)state;
    nd_ctx_destroy(ctx);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unlink(files[i]);
    }
    rmdir("state");
    rmdir("checkpoints"); /* which a comparison without any memory cannot name any more */
    return chdir("/") | rmdir(folder);
}

/* A sanitizer sees fewer of the failures, each of which takes it many times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
enum { SLOW = 5 };
#else
enum { SLOW = 1 };
#endif

static inline void starve_job(const job *j)
{
    data = j->data;
    given = j->given;
    expected = 0;
    unsigned long tried = 0, ended = 0, calls = starve_count(ctx, j->name, j->run);
    for (unsigned long n = 1; n <= calls; n += j->stride * SLOW, tried++) {
        ended += starve_at(ctx, j->name, j->run, n, tried % 2 == 1);
    }
    /* The others are of memory that was only thrift, such as a smaller block. */
    assert_true(tried > 5 && ended >= tried * 3 / 4);
}

#endif
