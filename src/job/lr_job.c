/* nd_lr_find: the walk of nd_train up to the first step, then a range test. */
#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "job/augmented.h"
#include "job/build.h"
#include "job/settings.h"
#include "job/transfer.h"
#include "train/lr_range.h"

typedef struct job {
    nd_ctx *ctx;
    const nd_config *config;
    const nd_table *table;
    const nd_sink *curve;
    nd_lr_range *range;
    nd_settings settings;
    nd_prep *prep;
    nd_parts parts;
    nd_setup plan;
    nd_lr_params params;
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer;
    nd_source *source;
    nd_augment *augment;
    nd_lr_point *point;
    nd_transfer transfer;
    size_t count;
} job;

static void job_free(job *j)
{
    nd_settings_free(&j->settings);
    nd_prep_destroy(j->prep);
    nd_parts_free(&j->parts);
    nd_desc_destroy(j->desc);
    nd_optimizer_destroy(j->optimizer);
    nd_net_destroy(j->net);
    nd_source_destroy(j->source);
    nd_augment_destroy(j->augment);
    nd_free(j->point);
    nd_transfer_close(&j->transfer);
}

static nd_status read_params(job *j)
{
    const nd_optset *set = &j->config->set;
    j->params = (nd_lr_params){.lowest = nd_opt_real(set, "lr_min"),
                               .highest = nd_opt_real(set, "lr_max"),
                               .steps = (size_t)nd_opt_int(set, "lr_steps"),
                               .batch_size = j->plan.batch_size,
                               .seed = j->plan.seed};
    if (j->params.lowest >= j->params.highest) {
        return nd_fail(j->ctx, ND_ERR_OPTION, "lr_max: %g is not above lr_min, %g",
                       j->params.highest, j->params.lowest);
    }
    j->point = nd_alloc(j->params.steps, sizeof *j->point);
    return j->point ? ND_OK : nd_fail_memory(j->ctx);
}

static nd_status prepare_rows(job *j)
{
    ND_TRY(nd_settings_from(j->ctx, j->config, &j->settings));
    ND_TRY(nd_transfer_open(j->ctx, j->config, &j->transfer));
    ND_TRY(nd_prep_begin(j->ctx, j->table, &j->settings.prep, &j->prep));
    ND_TRY(nd_parts_make(j->ctx, j->config, j->prep, j->table, &j->parts));
    ND_TRY(nd_parts_fit(j->config, j->table, &j->parts, &j->settings.prep, j->prep));
    ND_TRY(nd_transfer_prepare(&j->transfer, j->prep));
    return nd_transfer_layers(&j->transfer, j->prep, &j->config);
}

static nd_status job_prepare(job *j)
{
    ND_TRY(prepare_rows(j));
    const nd_rows *train = &j->parts.train;
    ND_TRY(nd_setup_make(j->config, j->prep, train->count, j->parts.valid.count, &j->plan));
    ND_TRY(read_params(j));
    ND_TRY(nd_build_augment(j->config, j->prep, &j->augment));
    ND_TRY(nd_read_mixup(j->config, &j->plan, &j->params.mixup));
    j->params.augment = j->augment;
    ND_TRY(nd_build_desc(j->ctx, j->config, j->prep, &j->plan, &j->desc));
    ND_TRY(nd_rows_source(j->prep, train, &j->source));
    ND_TRY(nd_build_net(j->desc, &j->plan, j->prep, j->source, &j->net));
    ND_TRY(nd_transfer_start(&j->transfer, j->config, j->net));
    return nd_build_optimizer(j->config, &j->plan, j->net, &j->optimizer);
}

static nd_status write_curve(job *j)
{
    nd_text text = {0};
    nd_text_puts(&text, "lr,loss,smoothed\n");
    for (size_t i = 0; i < j->count; i++) {
        const double value[] = {j->point[i].lr, j->point[i].loss, j->point[i].smoothed};
        for (size_t k = 0; k < 3; k++) {
            char number[ND_NUM_TEXT];
            nd_num_print_general(number, value[k], 6);
            nd_text_printf(&text, "%s%s", number, k < 2 ? "," : "\n");
        }
    }
    nd_status status = nd_text_flush(j->ctx, &text, j->curve);
    nd_text_free(&text);
    return status;
}

static nd_status job_run(job *j)
{
    ND_TRY(job_prepare(j));
    ND_TRY(nd_lr_range_test(j->net, j->optimizer, j->source, &j->params, j->point, &j->count));
    if (j->curve) {
        ND_TRY(write_curve(j));
    }
    return nd_lr_range_judge(j->ctx, j->point, j->count, &j->params, j->range);
}

nd_status nd_lr_find(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                     const nd_sink *curve, nd_lr_range *range)
{
    nd_config *own = NULL;
    if (ctx == NULL || data == NULL || range == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_lr_find: ctx, data and range must not be NULL");
    }
    job j = {.ctx = ctx, .table = data, .curve = curve, .range = range};
    nd_status status = nd_settings_or_default(ctx, config, ND_VERB_LR_FIND, &own, &j.config);
    if (status == ND_OK) {
        status = job_run(&j);
    }
    job_free(&j);
    nd_config_destroy(own);
    return status;
}
