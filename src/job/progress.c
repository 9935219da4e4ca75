#include "job/progress.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kern/kern.h"

enum { FIRST = 1, AGAIN = 2, FIRST_WHOLES = 3, FIRST_REALS = 4 };

static bool is_due(void *user, uint64_t steps, double now)
{
    const nd_progress *p = user;
    return nd_saver_due(p->saver, steps, now);
}

static void list_first_fit(nd_progress *p, nd_net *net, nd_state *state)
{
    nd_state_add(state, "first.place", ND_STATE_I64, &p->first.epochs, FIRST_WHOLES);
    nd_state_add(state, "first.sums", ND_STATE_F64, &p->first.train_loss, FIRST_REALS);
    nd_state_add(state, "first.parameters", ND_STATE_REAL, nd_net_parameters(net),
                 nd_net_size(net));
    nd_state_add(state, "first.buffers", ND_STATE_REAL, nd_net_buffers(net),
                 nd_net_buffer_size(net));
}

/* The state of the fit, with what the job adds to it. */
static void save_state(void *user, const nd_state *fit, uint64_t steps, bool last)
{
    nd_progress *p = user;
    nd_state all = *fit;
    nd_state_add(&all, "job", ND_STATE_I64, &p->phase, 1);
    nd_state_add(&all, "curve.train", ND_STATE_F64, p->curve->train, p->curve->count);
    nd_state_add(&all, "curve.valid", ND_STATE_F64, p->curve->valid, p->curve->count);
    if (p->phase == AGAIN) {
        list_first_fit(p, p->net, &all);
    }
    if (p->snapshots != NULL) {
        nd_snapshots_list(p->snapshots, &all);
    }
    nd_saver_save(p->saver, &all, steps, last);
}

static nd_status check_resumed(const nd_progress *p)
{
    const nd_checkpoint_facts *facts = &p->resumed->facts;
    if (strcmp(facts->isa, nd_kern_isa()) != 0) {
        nd_log(p->ctx, 1,
               "the checkpoint was written with kernels for %s, this processor runs those for %s: "
               "the last digits may differ from a run that was not interrupted",
               facts->isa, nd_kern_isa());
    }
    ND_TRY(nd_fingerprint_compare(p->ctx, facts->settings, p->settings.data));
    return strcmp(facts->data, p->data) == 0
               ? ND_OK
               : nd_fail(p->ctx, ND_ERR_DATA,
                         "the checkpoint is of a run on other data: the rows of %s, or of its "
                         "validation or test file, are not the same",
                         p->table->path);
}

static double number_at(const nd_state_block *block, size_t i)
{
    double value;
    memcpy(&value, (const unsigned char *)block->data + i * sizeof value, sizeof value);
    return value;
}

/* The phase, and the losses of the epochs so far. */
static nd_status take_progress(nd_progress *p, bool refit)
{
    const nd_state *saved = &p->resumed->state;
    nd_state phase = {0};
    nd_state_add(&phase, "job", ND_STATE_I64, &p->phase, 1);
    ND_TRY(nd_state_restore(p->ctx, &phase, saved));
    const nd_state_block *train = nd_state_find(saved, "curve.train");
    const nd_state_block *valid = nd_state_find(saved, "curve.valid");
    bool sound = train != NULL && valid != NULL && train->count == valid->count &&
                 nd_state_width(train->type) == sizeof(double) &&
                 nd_state_width(valid->type) == sizeof(double) &&
                 (p->phase == FIRST || (p->phase == AGAIN && refit));
    if (!sound) {
        return nd_fail(p->ctx, ND_ERR_FORMAT, "the checkpoint does not fit the run");
    }
    for (size_t i = 0; i < train->count; i++) {
        nd_curve_add(p->curve, (long)i + 1, number_at(train, i), number_at(valid, i));
    }
    return ND_OK;
}

static nd_status open_saver(nd_progress *p, const nd_optset *set, const char *folder, bool refit)
{
    nd_every every;
    bool resume = nd_opt_bool(set, "resume");
    ND_TRY(nd_every_parse(p->ctx, nd_opt_text(set, "every"), &every));
    ND_TRY(nd_saver_create(p->ctx, folder, &every, resume, nd_opt_bool(set, "force"), &p->resumed,
                           &p->saver));
    p->hook = (nd_fit_saver){is_due, save_state, p};
    if (p->resumed == NULL) {
        if (resume) {
            nd_log(p->ctx, 2, "%s holds no checkpoint yet: beginning", folder);
        }
        return nd_saver_describe(p->saver, p->settings.data, p->data, "");
    }
    ND_TRY(check_resumed(p));
    ND_TRY(take_progress(p, refit));
    return nd_saver_describe(p->saver, p->settings.data, p->data, p->resumed->facts.why);
}

nd_status nd_progress_open(nd_progress *progress, const nd_config *config,
                           const nd_progress_rows *rows, nd_curve *curve, bool refit)
{
    const char *folder = nd_opt_text(&config->set, "checkpoint");
    *progress =
        (nd_progress){.ctx = config->ctx, .table = rows->table, .curve = curve, .phase = FIRST};
    if (folder[0] == '\0') {
        return nd_opt_bool(&config->set, "resume")
                   ? nd_fail(config->ctx, ND_ERR_OPTION,
                             "resume: needs the folder of the checkpoints (checkpoint)")
                   : ND_OK;
    }
    nd_fingerprint_settings(config, &progress->settings);
    if (rows->from != 0) {
        nd_text_printf(&progress->settings, "from %016llx\n", (unsigned long long)rows->from);
    }
    if (progress->settings.failed) {
        return nd_fail_memory(config->ctx);
    }
    if (rows->cache != NULL) {
        nd_fingerprint_cache(rows->cache, progress->data);
    } else {
        nd_fingerprint_data(rows->table, rows->parts, progress->data);
    }
    return open_saver(progress, &config->set, folder, refit);
}

void nd_progress_close(nd_progress *progress)
{
    nd_saver_destroy(progress->saver);
    nd_checkpoint_destroy(progress->resumed);
    nd_text_free(&progress->settings);
    nd_free(progress->why);
    *progress = (nd_progress){0};
}

void nd_progress_tell(const nd_progress *progress)
{
    int64_t place[3];
    const nd_state_block *block =
        progress->resumed != NULL ? nd_state_find(&progress->resumed->state, "place") : NULL;
    if (block != NULL && nd_state_size(block) >= sizeof place) {
        memcpy(place, block->data, sizeof place);
        nd_log(progress->ctx, 2, "resumed after step %lld, in epoch %lld%s", (long long)place[2],
               (long long)place[0], progress->phase == AGAIN ? " of the refit" : "");
    }
}

const nd_fit_saver *nd_progress_saver(const nd_progress *progress)
{
    return progress->saver != NULL ? &progress->hook : NULL;
}

const nd_state *nd_progress_resumed(const nd_progress *progress)
{
    return progress->resumed != NULL ? &progress->resumed->state : NULL;
}

void nd_progress_begun(nd_progress *progress)
{
    nd_checkpoint_destroy(progress->resumed);
    progress->resumed = NULL;
}

bool nd_progress_in_refit(const nd_progress *progress)
{
    return progress->resumed != NULL && progress->phase == AGAIN;
}

nd_status nd_progress_take_first(nd_progress *progress, nd_net *net, long epochs,
                                 nd_fit_result *fit)
{
    nd_state state = {0};
    list_first_fit(progress, net, &state);
    ND_TRY(nd_state_restore(progress->ctx, &state, &progress->resumed->state));
    const nd_first_fit *first = &progress->first;
    if (first->best_epoch < 0 || first->best_epoch > first->epochs || first->epochs > epochs) {
        return nd_fail(progress->ctx, ND_ERR_FORMAT,
                       "the checkpoint holds numbers no run can have");
    }
    progress->why = nd_strdup(progress->resumed->facts.why);
    if (progress->why == NULL) {
        return nd_fail_memory(progress->ctx);
    }
    *fit = (nd_fit_result){
        .epochs = (long)first->epochs,
        .best_epoch = (long)first->best_epoch,
        .steps = (uint64_t)first->steps,
        .train_loss = first->train_loss,
        .best_loss = first->best_loss,
        .last_loss = first->last_loss,
        .best_metric = first->best_metric,
        .rows_per_s = NAN,
        .why = progress->why,
    };
    return ND_OK;
}

nd_status nd_progress_begin_refit(nd_progress *progress, nd_net *net, const nd_fit_result *fit)
{
    progress->net = net;
    progress->phase = AGAIN;
    progress->first = (nd_first_fit){
        .epochs = fit->epochs,
        .best_epoch = fit->best_epoch,
        .steps = (int64_t)fit->steps,
        .train_loss = fit->train_loss,
        .best_loss = fit->best_loss,
        .last_loss = fit->last_loss,
        .best_metric = fit->best_metric,
    };
    return progress->saver == NULL ? ND_OK
                                   : nd_saver_describe(progress->saver, progress->settings.data,
                                                       progress->data, fit->why);
}
