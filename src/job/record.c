#include "job/record.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "report/metrics_json.h"

void nd_curve_add(nd_curve *curve, long epoch, double train, double valid)
{
    if ((size_t)epoch <= curve->count) {
        curve->count = (size_t)epoch - 1;
    }
    if (!nd_grow((void **)&curve->train, &curve->train_room, curve->count, sizeof(double)) ||
        !nd_grow((void **)&curve->valid, &curve->valid_room, curve->count, sizeof(double))) {
        curve->failed = true;
        return;
    }
    curve->train[curve->count] = train;
    curve->valid[curve->count] = valid;
    curve->count++;
}

void nd_curve_free(nd_curve *curve)
{
    nd_free(curve->train);
    nd_free(curve->valid);
    *curve = (nd_curve){0};
}

/* JSON has no NaN: null instead. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *curve_json(const double *value, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        nd_json_append(&list, number(value[i]));
    }
    return list;
}

bool nd_about_running(const char *key)
{
    static const char *const name[] = {"output",
                                       "history",
                                       "force",
                                       "config",
                                       "json",
                                       "threads",
                                       "quiet",
                                       "verbose",
                                       "print_config",
                                       "every",
                                       "checkpoint",
                                       "resume",
                                       "verify_determinism",
                                       "signals",
                                       "predictions"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        if (strcmp(key, name[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The options as given; those left at "auto" stand resolved under "plan". */
static json_t *settings_json(const nd_config *config)
{
    json_t *object = json_object();
    for (size_t i = 0; i < config->set.count; i++) {
        const char *key = config->set.row[i].name;
        if (nd_opt_given(&config->set, key) && !nd_about_running(key)) {
            nd_json_set(&object, key, nd_json_text(nd_opt_text(&config->set, key)));
        }
    }
    return object;
}

static json_t *hidden_json(const nd_setup *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->hidden_count; i++) {
        nd_json_append(&list, json_integer((json_int_t)plan->hidden[i]));
    }
    return list;
}

static json_t *plan_json(const nd_setup *plan)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:f, s:f, s:f, s:s, s:I, s:I, s:I, s:I, s:b}", "hidden",
                     hidden_json(plan), "activation", plan->activation, "loss", plan->loss,
                     "optimizer", plan->optimizer, "lr", plan->lr, "weight_decay",
                     plan->weight_decay, "dropout", plan->dropout, "schedule",
                     plan->schedule.class->name, "batch_size", (json_int_t)plan->batch_size,
                     "epochs", (json_int_t)plan->epochs, "patience", (json_int_t)plan->patience,
                     "seed", (json_int_t)plan->seed, "refit", plan->refit);
}

static json_t *data_json(const nd_record *r)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "file", nd_json_text(r->table->path), "rows",
                     (json_int_t)r->table->rows, "columns", (json_int_t)r->table->columns,
                     "train_rows", (json_int_t)r->parts->train.count, "valid_rows",
                     (json_int_t)r->parts->valid.count, "test_rows",
                     (json_int_t)r->parts->test.count);
}

/* No times: the same run makes the same bytes. */
static json_t *fit_json(const nd_record *r)
{
    const nd_fit_result *fit = r->fit;
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:o, s:o}", "epochs",
                     (json_int_t)fit->epochs, "best_epoch", (json_int_t)fit->best_epoch, "steps",
                     (json_int_t)fit->steps, "train_loss", number(fit->train_loss), "best_loss",
                     number(fit->best_loss), "best_metric", number(fit->best_metric), "stopped",
                     fit->why, "train_curve", curve_json(r->curve->train, r->curve->count),
                     "valid_curve", curve_json(r->curve->valid, r->curve->count));
}

static json_t *metrics_json(const nd_metrics *metrics)
{
    static const char *const name[] = {"loss",
                                       "accuracy",
                                       "balanced_accuracy",
                                       "log_loss",
                                       "auc",
                                       "f1",
                                       "precision",
                                       "recall",
                                       "rmse",
                                       "mae",
                                       "r2",
                                       "nll",
                                       "coverage",
                                       "micro_f1",
                                       "macro_f1",
                                       "subset_accuracy",
                                       "hamming_loss",
                                       "reconstruction"};
    json_t *object = json_object();
    for (size_t i = 0; metrics != NULL && i < sizeof name / sizeof name[0]; i++) {
        double value = nd_metrics_get(metrics, name[i]);
        if (isfinite(value)) {
            nd_json_set(&object, name[i], json_real(value));
        }
    }
    if (metrics != NULL && metrics->in_percent) {
        nd_json_set(&object, "error_percent", number(metrics->error_percent));
        nd_json_set(&object, "squared_percent", number(metrics->squared_percent));
    }
    return object;
}

nd_status nd_record_write(nd_ctx *ctx, const nd_record *record, char **text)
{
    *text = NULL;
    if (record->curve->failed) {
        return nd_fail_memory(ctx);
    }
    json_t *root =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", nd_version(), "settings",
                  settings_json(record->config), "data", data_json(record), "plan",
                  plan_json(record->plan), "fit", fit_json(record), "test",
                  metrics_json(record->test), "baseline", metrics_json(record->baseline));
    nd_text dump = {0};
    nd_json_dump(&dump, root, JSON_COMPACT);
    if (dump.failed) {
        nd_text_free(&dump);
        return nd_fail_memory(ctx);
    }
    *text = dump.data;
    return ND_OK;
}
