/* Models made by hand for the tests of src/model and src/report. */
#ifndef ND_TEST_MODEL_FIXTURE_H
#define ND_TEST_MODEL_FIXTURE_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/model.h"

#define assert_ok(ctx, call)                                \
    do {                                                    \
        if ((call) != ND_OK) {                              \
            fail_msg("%s: %s", #call, nd_ctx_message(ctx)); \
        }                                                   \
    } while (0)

/* malloc that cannot fail, to be given to free. */
static inline void *room_for(size_t bytes)
{
    void *room = malloc(bytes > 0 ? bytes : 1);
    if (room == NULL) {
        abort();
    }
    return room;
}

static inline nd_dict *words_of(const char *const *word, size_t count)
{
    nd_dict *dict = nd_dict_create();
    assert_non_null(dict);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(nd_dict_add(dict, word[i], strlen(word[i])), i);
    }
    return dict;
}

/* The word column as numbers of words, and two labels. */
static inline void add_labels(nd_prep *prep)
{
    static const char *const word[] = {"no", "yes"};
    prep->features = 10;
    prep->column[4].kind = ND_PREP_INDEX;
    prep->column[4].features = 1;
    prep->column[4].other = true;
    prep->column[5].first = 5;
    for (size_t i = 0; i < prep->targets; i++) {
        prep->target[i].center = 0;
        prep->target[i].scale = 1;
        prep->target[i].classes = words_of(word, 2);
        prep->target[i].mean = 0.3 + 0.1 * (double)i;
    }
}

/* Columns of every kind but one, in all 1 + 2 + 1 + 3 + 5 = 12 features; for labels with the
 * kind that is left, in 10. */
static inline nd_prep *make_prep(nd_ctx *ctx, nd_task task)
{
    static const char *const color[] = {"red", "\"gr\\een\"\n", "bl\xc3\xbc"};
    static const char *const class[] = {"no", "yes", "maybe"};
    nd_prep *prep = nd_alloc(1, sizeof *prep);
    assert_non_null(prep);
    *prep = (nd_prep){.ctx = ctx, .task = task, .columns = 6, .features = 12, .header = true};
    prep->column = nd_alloc(6, sizeof *prep->column);
    prep->column[0] = (nd_prep_column){.name = nd_strdup("length"),
                                       .kind = ND_PREP_NUMBER,
                                       .first = 0,
                                       .features = 1,
                                       .center = 1.0 / 3,
                                       .scale = 0.1,
                                       .low = -DBL_MAX,
                                       .high = DBL_MAX,
                                       .fill = 5e-324};
    prep->column[1] = (nd_prep_column){.name = nd_strdup("a \"quoted\", name"),
                                       .kind = ND_PREP_NUMBER,
                                       .first = 1,
                                       .features = 2,
                                       .center = -1e300,
                                       .scale = 1e-300,
                                       .low = -INFINITY,
                                       .high = INFINITY,
                                       .fill = -0.0,
                                       .missing_feature = true};
    prep->column[2] = (nd_prep_column){.name = nd_strdup("id"),
                                       .kind = ND_PREP_DROPPED,
                                       .first = 3,
                                       .reason = nd_strdup("identifier")};
    prep->column[3] = (nd_prep_column){.name = nd_strdup("rank"),
                                       .kind = ND_PREP_NUMBER,
                                       .first = 3,
                                       .features = 1,
                                       .scaling = ND_SCALING_QUANTILE,
                                       .center = 0,
                                       .scale = 1,
                                       .low = -10,
                                       .high = 10,
                                       .knot_count = 3,
                                       .knots = nd_alloc(3, sizeof(double))};
    prep->column[3].knots[0] = -0.1;
    prep->column[3].knots[1] = 0.1;
    prep->column[3].knots[2] = 0.30000000000000004;
    prep->column[4] = (nd_prep_column){.name = nd_strdup("color"),
                                       .kind = ND_PREP_ONE_HOT,
                                       .first = 4,
                                       .features = 3,
                                       .words = words_of(color, 3)};
    prep->column[5] = (nd_prep_column){.name = nd_strdup("town"),
                                       .kind = ND_PREP_HASHED,
                                       .first = 7,
                                       .features = 5,
                                       .buckets = 4,
                                       .missing_feature = true};
    prep->targets = nd_task_has_classes(task) ? 1 : 2;
    prep->target = nd_alloc(prep->targets, sizeof *prep->target);
    for (size_t i = 0; i < prep->targets; i++) {
        prep->target[i] = (nd_prep_target){.name = nd_strdup(i > 0 ? "weight" : "answer"),
                                           .position = 6 + i,
                                           .center = 10 * (double)i + 0.1,
                                           .scale = 2};
    }
    if (task == ND_TASK_MULTILABEL) {
        add_labels(prep);
    }
    if (nd_task_has_classes(task)) {
        size_t classes = task == ND_TASK_BINARY ? 2 : 3;
        prep->classes = words_of(class, classes);
        prep->class_count = nd_alloc(classes, sizeof(double));
        for (size_t i = 0; i < classes; i++) {
            prep->class_count[i] = (double)(10 + i);
        }
    }
    return prep;
}

/* Numbers alone: column "a" as it is, column "b" halved after taking 1. */
static inline nd_prep *make_number_prep(nd_ctx *ctx, nd_task task)
{
    nd_prep *prep = make_prep(ctx, task);
    for (size_t i = 0; i < prep->columns; i++) {
        nd_free(prep->column[i].name);
        nd_free(prep->column[i].reason);
        nd_free(prep->column[i].knots);
        nd_dict_destroy(prep->column[i].words);
    }
    prep->columns = 2;
    prep->features = 2;
    prep->column[0] = (nd_prep_column){.name = nd_strdup("a"),
                                       .kind = ND_PREP_NUMBER,
                                       .features = 1,
                                       .scaling = ND_SCALING_STANDARD,
                                       .center = 0,
                                       .scale = 1,
                                       .low = -100,
                                       .high = 100,
                                       .fill = 3};
    prep->column[1] = (nd_prep_column){.name = nd_strdup("b"),
                                       .kind = ND_PREP_NUMBER,
                                       .first = 1,
                                       .features = 1,
                                       .scaling = ND_SCALING_STANDARD,
                                       .center = 1,
                                       .scale = 2,
                                       .low = -100,
                                       .high = 100,
                                       .fill = 1};
    for (size_t i = 0; i < prep->targets; i++) {
        prep->target[i].position = 2 + i;
    }
    return prep;
}

/* A small net of the given lines "type attributes", ended by NULL. */
static inline nd_net *make_net(nd_ctx *ctx, size_t n_in, const char *loss, const char *const *line)
{
    nd_desc *desc;
    nd_net *net;
    assert_ok(ctx, nd_desc_create(ctx, n_in, &desc));
    for (size_t i = 0; line[i] != NULL; i++) {
        char type[64];
        size_t n = strcspn(line[i], " ");
        snprintf(type, sizeof type, "%.*s", (int)n, line[i]);
        assert_ok(ctx, nd_desc_add(desc, type, line[i] + n));
    }
    assert_ok(ctx, nd_net_create(ctx, desc, loss, 8, 7, &net));
    nd_desc_destroy(desc);
    return net;
}

static inline const char *loss_of(nd_task task)
{
    return task == ND_TASK_REGRESSION   ? "mse"
           : task == ND_TASK_MULTICLASS ? "cross_entropy"
                                        : "binary_cross_entropy";
}

static inline nd_model *make_model(nd_ctx *ctx, nd_task task)
{
    static const char *const three[] = {"dense units=4",     "batchnorm",     "relu",
                                        "dropout rate=0.25", "dense units=3", NULL};
    static const char *const two[] = {"dense units=2", NULL};
    static const char *const one[] = {"dense units=1", NULL};
    static const char *const embedded[] = {"embedding words=4, dims=2, column=4, lr=0.5",
                                           "dense units=2", NULL};
    static const char *const *const lines[] = {NULL, one, three, two, embedded};
    nd_model *model;
    nd_net *net = make_net(ctx, task == ND_TASK_MULTILABEL ? 10 : 12, loss_of(task), lines[task]);
    char *record = nd_strdup("{\"seed\":1,\"fit\":{\"epochs\":12,\"why\":\"no \\\"better\\\" "
                             "loss\"},\"curve\":[0.5,0.25]}");
    assert_ok(ctx, nd_model_create(ctx, net, make_prep(ctx, task), record, &model));
    return model;
}

/* An ensemble of so many small members, each with its own numbers. */
static inline nd_model *make_ensemble(nd_ctx *ctx, nd_task task, size_t members)
{
    nd_model *model = make_model(ctx, task);
    size_t params = nd_net_size(model->net);
    nd_real *block = room_for(params * sizeof *block);
    for (size_t k = 1; k < members; k++) {
        for (size_t i = 0; i < params; i++) {
            block[i] = nd_net_parameters(model->net)[i] * (nd_real)(1 + k);
        }
        assert_ok(ctx, nd_model_add_member(model, block, nd_net_buffers(model->net)));
    }
    free(block);
    return model;
}

/* A path in a fresh folder, removed with its files by remove_folder. */
static inline void make_folder(char *folder, size_t size)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, size, "%s/nadir-test-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
}

/* Save and read the bytes back; the caller frees them. */
static inline char *model_bytes(const nd_model *model, size_t *size)
{
    char folder[256], path[300];
    nd_bytes bytes;
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    assert_ok(model->ctx, nd_model_save(model, path, 0));
    assert_ok(model->ctx, nd_file_read(model->ctx, path, &bytes));
    char *copy = room_for(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    *size = bytes.size;
    nd_bytes_free(&bytes);
    unlink(path);
    rmdir(folder);
    return copy;
}

#endif
