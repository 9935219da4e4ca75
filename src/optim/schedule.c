/* A schedule with its settings, and the rate that it gives. */
#include <math.h>

#include "base/ctx.h"
#include "base/num.h"
#include "optim/optim.h"

static const double pi = 3.14159265358979323846;

double nd_schedule_share(const nd_moment *at)
{
    bool within = at->steps > 0 && at->step < at->steps;
    return within ? (double)at->step / (double)at->steps : (at->steps > 0);
}

double nd_schedule_epoch(const nd_moment *at)
{
    return (double)at->step / (double)(at->per_epoch > 0 ? at->per_epoch : 1);
}

double nd_schedule_half_cosine(double a, double b, double share)
{
    return b + (a - b) * (1 + cos(pi * share)) / 2;
}

static nd_status read_marks(nd_ctx *ctx, const nd_optset *set, const char *key, nd_schedule *s)
{
    s->marks = nd_opt_list_count(set, key);
    if (s->marks > ND_SCHEDULE_MARKS) {
        return nd_fail(ctx, ND_ERR_OPTION, "%s %s: %zu numbers, at most %d are possible", set->what,
                       key, s->marks, ND_SCHEDULE_MARKS);
    }
    for (size_t i = 0; i < s->marks; i++) {
        size_t n;
        const char *text = nd_opt_list_item(set, key, i, &n);
        bool fits = nd_num_parse(text, n, &s->mark[i]) == ND_NUM_OK && isfinite(s->mark[i]);
        if (!fits || s->mark[i] <= (i ? s->mark[i - 1] : 0)) {
            return nd_fail(ctx, ND_ERR_OPTION,
                           "%s %s: '%.*s' is not a number above the one before it", set->what, key,
                           (int)n, text);
        }
    }
    return ND_OK;
}

static nd_status read_settings(nd_ctx *ctx, const nd_optset *set, nd_schedule *s)
{
    for (size_t i = 0; i < s->class->option_count; i++) {
        const nd_option *row = &s->class->options[i];
        if (row->type == ND_OPT_LIST) {
            ND_TRY(read_marks(ctx, set, row->name, s));
        } else {
            s->setting[i] = nd_opt_real(set, row->name);
        }
    }
    return ND_OK;
}

nd_status nd_schedule_make(nd_ctx *ctx, const char *name, const char *attributes,
                           nd_schedule *schedule)
{
    nd_optset set;
    *schedule = (nd_schedule){.class = nd_schedule_find(name)};
    if (!schedule->class) {
        return nd_fail(ctx, ND_ERR_OPTION, "unknown schedule '%s'", name);
    }
    ND_TRY(nd_optset_init(ctx, schedule->class->options, schedule->class->option_count,
                          "attribute of the schedule", &set));
    nd_status status = nd_optset_parse(&set, attributes, ND_FROM_CALL);
    if (status == ND_OK) {
        status = read_settings(ctx, &set, schedule);
    }
    nd_optset_free(&set);
    return status;
}

double nd_schedule_rate(const nd_schedule *schedule, double base, const nd_moment *at)
{
    double rise = 1;
    if (at->step < at->warmup) {
        double share = (double)(at->step + 1) / (double)at->warmup;
        rise = schedule->exponential_warmup ? pow(1e-3, 1 - share) : share;
    }
    return base * rise * (schedule->class ? schedule->class->factor(schedule, at) : 1);
}

/* Order of the settings of a schedule by the loss. */
enum { FACTOR, PATIENCE, THRESHOLD, COOLDOWN, END };

nd_plateau nd_plateau_start(void)
{
    return (nd_plateau){.best = INFINITY, .scale = 1};
}

static void reduce(nd_plateau *p, const double *setting)
{
    double scale = p->scale * setting[FACTOR];
    p->scale = scale > setting[END] ? scale : setting[END];
    p->rest = setting[COOLDOWN];
    p->waited = 0;
}

void nd_plateau_see(nd_plateau *plateau, const nd_schedule *schedule, double loss)
{
    if (!schedule->class || !schedule->class->by_loss) {
        return;
    }
    nd_plateau *p = plateau;
    const double *setting = schedule->setting;
    bool better = loss < p->best - (isinf(p->best) ? 0 : setting[THRESHOLD] * fabs(p->best));
    p->best = better ? loss : p->best;
    p->waited = better ? 0 : p->waited + 1;
    if (p->rest > 0) {
        p->rest--;
        p->waited = 0;
    }
    if (p->waited > setting[PATIENCE]) {
        reduce(p, setting);
    }
}
