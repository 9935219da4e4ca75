/* The promise of equal bits, shown on the user's machine. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sha256.h"
#include "job/settings.h"
#include "job/snapshots.h"
#include "model/checkpoint.h"

static const int threads[] = {1, 2, 3, 5, 8};
enum { RUNS = sizeof threads / sizeof threads[0], EPOCHS = 2 };

/* One verification. */
typedef struct verify {
    nd_ctx *ctx;
    nd_config *config; /* of every run */
    const nd_table *data;
    char *model, *checkpoints; /* paths in the caller's folder */
    char digest[ND_SHA256_TEXT];
} verify;

static char *path_in(const char *folder, const char *name)
{
    nd_text path = {0};
    nd_text_printf(&path, "%s/%s", folder, name);
    if (path.failed) {
        nd_text_free(&path);
        return NULL;
    }
    return path.data;
}

static nd_status digest_file(nd_ctx *ctx, const char *path, char *text)
{
    nd_bytes bytes;
    ND_TRY(nd_file_read(ctx, path, &bytes));
    nd_sha256(bytes.data, bytes.size, text);
    return nd_bytes_end(ctx, path, &bytes, ND_OK);
}

/* Train to the end and take the digest of the model file. */
static nd_status run_whole(verify *v, const nd_config *config)
{
    nd_model *model;
    ND_TRY(nd_train(v->ctx, config, v->data, NULL, NULL, &model));
    nd_status status = nd_model_save(model, v->model, 1);
    nd_model_destroy(model);
    return status == ND_OK ? digest_file(v->ctx, v->model, v->digest) : status;
}

static int stop_early(void *user, const nd_event *event)
{
    (void)user;
    return event->kind == ND_EVENT_STEP || event->kind == ND_EVENT_EPOCH;
}

/* Interrupt a run as early as an observer can, then resume it. */
static nd_status run_in_two(verify *v)
{
    nd_config *config;
    nd_model *model = NULL;
    ND_TRY(nd_config_copy(v->config, &config));
    nd_status status = nd_config_set(config, "checkpoint", v->checkpoints);
    if (status == ND_OK) {
        status = nd_train(v->ctx, config, v->data, stop_early, NULL, &model);
        nd_model_destroy(model);
    }
    if (status == ND_ERR_INTERRUPTED) {
        status = nd_config_set(config, "resume", "true");
    }
    if (status == ND_OK) {
        status = run_whole(v, config);
    }
    nd_config_destroy(config);
    return status;
}

static void show(nd_text *text, const char *what, const char *digest)
{
    nd_text_printf(text, "%-12s %s\n", what, digest);
}

/* What there is to note about the data is said by the first run. */
static nd_status run_all(verify *v, int *same, nd_text *text)
{
    char first[ND_SHA256_TEXT] = "";
    for (size_t i = 0; i <= RUNS; i++) {
        ND_TRY(nd_ctx_set_threads(v->ctx, threads[i < RUNS ? i : 1]));
        ND_TRY(i < RUNS ? run_whole(v, v->config) : run_in_two(v));
        nd_text name = {0};
        nd_text_printf(&name, "%d thread%s", threads[i % RUNS], i == 0 ? "" : "s");
        show(text, i < RUNS && !name.failed ? name.data : "resumed", v->digest);
        nd_text_free(&name);
        if (i == 0) {
            memcpy(first, v->digest, sizeof first);
            nd_ctx_set_log(v->ctx, NULL, NULL);
        }
        *same = *same && strcmp(first, v->digest) == 0;
    }
    nd_text_puts(text, *same ? "the same bits each time\n" : "NOT the same bits\n");
    return ND_OK;
}

/* Short runs without files or checkpoints of their own. */
static nd_status make_config(const nd_config *config, nd_config **copy)
{
    static const char *const fixed[][2] = {
        {"checkpoint", ""}, {"resume", "false"}, {"force", "true"}};
    ND_TRY(nd_config_copy(config, copy));
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        ND_TRY(nd_config_set(*copy, fixed[i][0], fixed[i][1]));
    }
    if (nd_opt_int(&config->set, "swa") > 0) {
        ND_TRY(nd_config_set(*copy, "swa", "1"));
        ND_TRY(nd_config_set(*copy, "swa_every", "1"));
    }
    long snapshots = (long)nd_ensemble_by(config, "snapshots");
    long epochs = snapshots > EPOCHS ? snapshots : EPOCHS;
    char text[ND_NUM_TEXT];
    bool short_enough =
        !nd_opt_auto(&config->set, "epochs") && nd_opt_int(&config->set, "epochs") <= epochs;
    text[nd_num_print_whole(text, (uint64_t)epochs)] = '\0';
    return short_enough ? ND_OK : nd_config_set(*copy, "epochs", text);
}

static void remove_checkpoints(const char *folder)
{
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        char *path = nd_checkpoint_path(folder, file);
        if (path != NULL) {
            unlink(path);
        }
        nd_free(path);
    }
    rmdir(folder);
}

/* The members of an ensemble have folders of their own. */
static void remove_files(const verify *v)
{
    long members = v->config != NULL ? (long)nd_opt_int(&v->config->set, "ensemble") : 0;
    for (long k = 1; v->checkpoints != NULL && k <= members; k++) {
        nd_text path = {0};
        nd_text_printf(&path, "%s/member-%ld", v->checkpoints, k);
        if (!path.failed) {
            remove_checkpoints(path.data);
        }
        nd_text_free(&path);
    }
    if (v->checkpoints != NULL) {
        remove_checkpoints(v->checkpoints);
    }
    if (v->model != NULL) {
        unlink(v->model);
    }
}

static nd_status verify_in(verify *v, const nd_config *config, const char *folder, int *same,
                           nd_text *text)
{
    v->model = path_in(folder, "model.safetensors");
    v->checkpoints = path_in(folder, "checkpoints");
    if (v->model == NULL || v->checkpoints == NULL) {
        return nd_fail_memory(v->ctx);
    }
    ND_TRY(make_config(config, &v->config));
    return run_all(v, same, text);
}

nd_status nd_verify_determinism(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                                const char *folder, int *same, const nd_sink *sink)
{
    if (ctx == NULL || data == NULL || folder == NULL || same == NULL || sink == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_verify_determinism: a null pointer was passed");
    }
    verify v = {.ctx = ctx, .data = data};
    nd_config *own = NULL;
    nd_text text = {0};
    int before = nd_ctx_threads(ctx);
    nd_log_fn log = ctx->log;
    void *log_user = ctx->log_user;
    *same = 1;
    nd_status status = nd_settings_or_default(ctx, config, ND_VERB_TRAIN, &own, &config);
    if (status == ND_OK) {
        status = verify_in(&v, config, folder, same, &text);
        remove_files(&v);
    }
    nd_ctx_set_log(ctx, log, log_user);
    if (status == ND_OK) {
        status = nd_text_flush(ctx, &text, sink);
    }
    nd_status back = nd_ctx_set_threads(ctx, before);
    status = status == ND_OK ? back : status;
    nd_text_free(&text);
    nd_config_destroy(v.config);
    nd_config_destroy(own);
    nd_free(v.model);
    nd_free(v.checkpoints);
    return status;
}
