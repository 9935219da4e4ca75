/* The nd_optimizer of nadir.h: a rule applied to flat blocks. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/fpenv.h"
#include "base/mem.h"
#include "base/text.h"
#include "optim/optim.h"

/* Smallest normal number of the engine: below it, numbers are read as zero. */
#ifdef ND_REAL_DOUBLE
static const double smallest = DBL_MIN;
#else
static const double smallest = (double)FLT_MIN;
#endif

struct nd_optimizer {
    nd_ctx *ctx;
    const nd_optim_class *class;
    nd_optset common, attr;
    nd_optim_io io; /* of the whole block; a step copies it */
    nd_real *grad;  /* io.grad, to complete and clip it */
    nd_optim_regular regular;
    double sign;     /* -1 to ascend */
    double memo[2];  /* io.memo */
    nd_real **block; /* [states + scratch] */
    size_t states;
    bool ahead;       /* parameters are where look_ahead put them */
    nd_optim_cut cut; /* what holds where in the block */
    nd_real *square;  /* scratch of the penalty on orthogonality */
    nd_real *average; /* NULL: none is kept */
};

/* "key=value, ..." goes piece by piece to the set that knows the key. */
static nd_status parse_attributes(nd_optimizer *o, const char *attributes)
{
    for (const char *piece = attributes; piece;) {
        const char *comma = strchr(piece, ',');
        size_t n = comma ? (size_t)(comma - piece) : strlen(piece);
        char *text = nd_strndup(piece, n);
        if (!text) {
            return nd_fail_memory(o->ctx);
        }
        char key[32] = "";
        size_t skip = strspn(text, " \t\n\r");
        size_t length = strcspn(text + skip, "= \t\n\r");
        memcpy(key, text + skip, length < sizeof key ? length : 0);
        bool common = nd_optset_find(&o->common, key) >= 0;
        nd_status status = nd_optset_parse(common ? &o->common : &o->attr, text, ND_FROM_CALL);
        nd_free(text);
        ND_TRY(status);
        piece = comma ? comma + 1 : NULL;
    }
    return ND_OK;
}

static nd_status read_settings(nd_optimizer *o)
{
    o->io.base.lr = nd_opt_auto(&o->common, "lr") ? o->class->lr : nd_opt_real(&o->common, "lr");
    o->sign = nd_opt_bool(&o->common, "maximize") ? -1 : 1;
    o->io.base.grad_scale = o->sign;
    for (size_t i = 0; i < o->class->option_count; i++) {
        o->io.setting[i] = nd_opt_real(&o->attr, o->class->options[i].name);
    }
    ND_TRY(nd_optim_regular_read(o->ctx, o->class, &o->common, &o->regular));
    o->io.base.clip = o->regular.clip == ND_CLIP_VALUE ? o->regular.clip_at : 0;
    return ND_OK;
}

void nd_optimizer_respan(nd_optimizer *optimizer, const nd_span *span, size_t spans, uint64_t since)
{
    nd_optim_cut_again(&optimizer->regular, span, spans, optimizer->io.size, since,
                       &optimizer->cut);
}

/* What a line search leaves no sense to. */
static nd_status check_search(const nd_optimizer *o)
{
    const char *rule = o->class->name;
    if (!o->class->search) {
        return ND_OK;
    }
    if (o->cut.bounded) {
        return nd_fail(o->ctx, ND_ERR_OPTION,
                       "max_norm: %s goes by the losses along its direction, which the bound would "
                       "move its weights away from; l2 keeps them small as well",
                       rule);
    }
    for (size_t i = 0; i < o->cut.stretches; i++) {
        if (o->cut.stretch[i].l1 > 0) {
            return nd_fail(
                o->ctx, ND_ERR_OPTION,
                "l1: the line search of %s needs a smooth function, and this penalty has "
                "a kink where a weight is 0; take l2 or another optimizer",
                rule);
        }
        if (o->cut.stretch[i].lr != 1 && o->cut.stretch[i].lr != 0) {
            return nd_fail(o->ctx, ND_ERR_OPTION, "lr of a layer: %s takes one step for all layers",
                           rule);
        }
    }
    return ND_OK;
}

static nd_status make_states(nd_optimizer *o)
{
    const nd_optim_class *class = o->class;
    o->states = class->state_count ? class->state_count(o->io.setting) : class->states;
    size_t blocks = o->states + class->scratch;
    o->block = nd_alloc(blocks ? blocks : 1, sizeof *o->block);
    if (!o->block) {
        return nd_fail_memory(o->ctx);
    }
    for (size_t i = 0; i < blocks; i++) {
        o->block[i] = nd_alloc_aligned(o->io.size, sizeof(nd_real));
        if (!o->block[i]) {
            return nd_fail_memory(o->ctx);
        }
    }
    for (size_t i = 0; i < blocks && i < ND_OPTIM_STATES; i++) {
        o->io.state[i] = o->block[i];
    }
    size_t square = o->cut.square, average = o->regular.ema > 0 ? o->io.size : 0;
    o->square = square ? nd_alloc_aligned(square, sizeof(nd_real)) : NULL;
    o->average = average ? nd_alloc_aligned(average, sizeof(nd_real)) : NULL;
    return (o->square || !square) && (o->average || !average) ? ND_OK : nd_fail_memory(o->ctx);
}

static nd_status fail_rule(nd_ctx *ctx, const char *rule)
{
    size_t count;
    const nd_optim_class *const *table = nd_optim_table(&count);
    nd_text names = {0};
    for (size_t i = 0; i < count; i++) {
        nd_text_printf(&names, "%s%s", i ? ", " : "", table[i]->name);
    }
    nd_status status = nd_fail(ctx, ND_ERR_OPTION, "unknown optimizer '%s'; there are %s", rule,
                               names.data ? names.data : "none");
    nd_text_free(&names);
    return status;
}

static nd_status prepare(nd_optimizer *o, const char *attributes, const nd_span *span, size_t spans)
{
    size_t count;
    const nd_option *common = nd_optim_common_options(&count);
    ND_TRY(nd_optset_init(o->ctx, common, count, "attribute of the optimizer", &o->common));
    ND_TRY(nd_optset_init(o->ctx, o->class->options, o->class->option_count,
                          "attribute of the optimizer", &o->attr));
    ND_TRY(parse_attributes(o, attributes));
    ND_TRY(read_settings(o));
    ND_TRY(nd_optim_cut_make(o->ctx, &o->regular, span, spans, o->io.size, &o->cut));
    ND_TRY(check_search(o));
    return make_states(o);
}

nd_status nd_optimizer_on_block(nd_ctx *ctx, const char *rule, const char *attributes, size_t size,
                                nd_real *param, nd_real *grad, const nd_span *span, size_t spans,
                                nd_optimizer **optimizer)
{
    if (!optimizer) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "optimizer: no place for the result");
    }
    *optimizer = NULL;
    if (!ctx || !rule || (size && (!param || !grad)) || (spans && !span)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "optimizer: a null pointer was passed");
    }
    const nd_optim_class *class = nd_optim_find(rule);
    if (!class) {
        return fail_rule(ctx, rule);
    }
    nd_optimizer *o = nd_alloc(1, sizeof *o);
    if (!o) {
        return nd_fail_memory(ctx);
    }
    o->ctx = ctx;
    o->class = class;
    o->io = (nd_optim_io){.pool = ctx->pool, .size = size, .param = param, .grad = grad};
    o->grad = grad;
    nd_status status = prepare(o, attributes, span, spans);
    if (status != ND_OK) {
        nd_optimizer_destroy(o);
        return status;
    }
    *optimizer = o;
    return ND_OK;
}

void nd_optimizer_destroy(nd_optimizer *optimizer)
{
    if (!optimizer) {
        return;
    }
    size_t blocks = optimizer->block ? optimizer->states + optimizer->class->scratch : 0;
    for (size_t i = 0; i < blocks; i++) {
        nd_free(optimizer->block[i]);
    }
    nd_free(optimizer->block);
    nd_optim_cut_free(&optimizer->cut);
    nd_free(optimizer->square);
    nd_free(optimizer->average);
    nd_optset_free(&optimizer->attr);
    nd_optset_free(&optimizer->common);
    nd_free(optimizer);
}

nd_status nd_optimizer_set_lr(nd_optimizer *optimizer, double lr)
{
    if (!optimizer) {
        return ND_ERR_ARGUMENT;
    }
    if (!isfinite(lr) || lr <= 0) {
        return nd_fail(optimizer->ctx, ND_ERR_ARGUMENT, "learning rate %g is not above 0", lr);
    }
    optimizer->io.base.lr = lr;
    return ND_OK;
}

/* What every rule passes on, for one stretch. */
static void set_base(const nd_optimizer *o, const nd_optim_stretch *of, nd_update *base)
{
    base->l1 = of->l1;
    base->decay = of->decay;
    base->decoupled = of->decoupled;
    base->grad_scale = o->sign * o->cut.part[of->part].scale;
}

/* What a rule sees of one stretch. */
static nd_optim_io stretch_io(const nd_optimizer *o, nd_optim_stretch *of)
{
    nd_optim_io io = o->io;
    set_base(o, of, &io.base);
    io.base.lr *= of->lr;
    if (of->since > 0) {
        io.step -= of->since;
        io.memo = of->memo;
    }
    io.base.average = io.base.average ? io.base.average + of->offset : NULL;
    io.size = of->size;
    io.param += of->offset;
    io.grad += of->offset;
    for (size_t i = 0; i < ND_OPTIM_STATES && io.state[i]; i++) {
        io.state[i] += of->offset;
    }
    return io;
}

static void each_stretch(nd_optimizer *o, void (*pass)(const nd_optim_io *io))
{
    o->io.pool = o->ctx->pool;
    o->io.memo = o->memo;
    /* One stretch is the block: copying what describes it would cost a small net a tenth. */
    if (o->cut.stretches == 1 && o->cut.stretch[0].lr == 1 && o->cut.stretch[0].since == 0) {
        set_base(o, &o->cut.stretch[0], &o->io.base);
        pass(&o->io);
        return;
    }
    for (size_t i = 0; i < o->cut.stretches; i++) {
        if (o->cut.stretch[i].lr != 0) {
            nd_optim_io io = stretch_io(o, &o->cut.stretch[i]);
            pass(&io);
        }
    }
}

double nd_optimizer_share(const nd_optimizer *optimizer, uint64_t t)
{
    return (1 - optimizer->regular.ema) / nd_optim_correction(optimizer->regular.ema, t);
}

/* The average goes with the update, unless a bound is to be kept first. */
static void begin_average(nd_optimizer *o)
{
    if (o->average) {
        o->io.base.share = nd_optimizer_share(o, o->io.step);
        o->io.base.average = o->cut.bounded ? NULL : o->average;
    }
    if (o->average && o->io.step == 1) {
        memcpy(o->average, o->io.param, o->io.size * sizeof *o->average);
    }
}

static void keep_bounds(nd_optimizer *o)
{
    for (size_t i = 0; i < o->cut.matrices; i++) {
        const nd_optim_matrix *m = &o->cut.matrix[i];
        if (m->max_norm > 0) {
            nd_k_bound_columns(o->ctx->pool, m->rows, m->cols, m->max_norm,
                               o->io.param + m->offset);
        }
    }
    if (o->average && o->cut.bounded) {
        nd_k_follow(o->ctx->pool, o->io.size, o->io.base.share, o->io.param, o->average);
    }
}

static void update(nd_optimizer *o)
{
    o->io.step++;
    begin_average(o);
    each_stretch(o, o->class->update);
    o->ahead = false;
    if (o->cut.bounded) {
        keep_bounds(o);
    }
}

static nd_status fail_step(const nd_optimizer *o, const char *why)
{
    return nd_fail(o->ctx, ND_ERR_DIVERGED, "step %llu: %s", (unsigned long long)o->io.step + 1,
                   why);
}

/* The length of a part of the gradient sets its scale; it is finite exactly if all
 * elements are. A scale that no normal number holds would silently make every step 0. */
static nd_status set_scale(const nd_optimizer *o, nd_optim_part *p)
{
    double norm = sqrt(nd_k_sum_squares(o->ctx->pool, p->size, o->io.grad + p->offset));
    if (!isfinite(norm)) {
        return fail_step(o, "the gradient is not finite");
    }
    p->scale = norm > o->regular.clip_at ? o->regular.clip_at / norm : 1;
    return p->scale < smallest ? fail_step(o, "the gradient is too long to be clipped") : ND_OK;
}

static bool clips_by_norm(const nd_optimizer *o)
{
    return o->regular.clip == ND_CLIP_NORM || o->regular.clip == ND_CLIP_LAYER;
}

/* What is left to do to the gradient before the update. */
static nd_status complete_gradient(nd_optimizer *o)
{
    nd_pool *pool = o->ctx->pool;
    for (size_t i = 0; i < o->cut.matrices; i++) {
        const nd_optim_matrix *m = &o->cut.matrix[i];
        nd_optim_orthogonality(pool, m, o->io.param, o->sign, o->square, o->grad);
        nd_optim_clip_adaptive(pool, m, o->regular.clip_at, o->io.param, o->grad);
    }
    for (size_t i = 0; clips_by_norm(o) && i < o->cut.parts; i++) {
        ND_TRY(set_scale(o, &o->cut.part[i]));
    }
    return ND_OK;
}

nd_status nd_optimizer_step_finite(nd_optimizer *optimizer)
{
    nd_status status = complete_gradient(optimizer);
    if (status != ND_OK) {
        nd_optimizer_stay(optimizer);
        return status;
    }
    update(optimizer);
    return ND_OK;
}

/* A step for which nothing is missing. */
static nd_status check_order(const nd_optimizer *o)
{
    if (o->class->search) {
        return nd_fail(o->ctx, ND_ERR_ARGUMENT,
                       "%s needs losses at other points than this one: nd_net_train finds them",
                       o->class->name);
    }
    if (o->class->look_ahead && !o->ahead) {
        return nd_fail(o->ctx, ND_ERR_ARGUMENT,
                       "%s needs its gradient at another point: call nd_optimizer_look_ahead "
                       "before nd_net_gradient, or nd_net_train",
                       o->class->name);
    }
    return ND_OK;
}

nd_status nd_optimizer_look_ahead(nd_optimizer *optimizer)
{
    nd_optimizer *o = optimizer;
    if (!o) {
        return ND_ERR_ARGUMENT;
    }
    if (o->class->look_ahead && !o->ahead) {
        each_stretch(o, o->class->look_ahead);
        o->ahead = true;
    }
    return ND_OK;
}

/* A rule that looks ahead keeps the true parameters in its last block. */
void nd_optimizer_stay(nd_optimizer *optimizer)
{
    nd_optimizer *o = optimizer;
    if (!o->ahead) {
        return;
    }
    const nd_real *saved = o->block[o->states + o->class->scratch - 1];
    for (size_t i = 0; i < o->cut.stretches; i++) {
        const nd_optim_stretch *of = &o->cut.stretch[i];
        if (of->lr != 0) {
            memcpy(o->io.param + of->offset, saved + of->offset, of->size * sizeof *saved);
        }
    }
    o->ahead = false;
}

nd_status nd_optimizer_step(nd_optimizer *optimizer)
{
    nd_optimizer *o = optimizer;
    if (!o) {
        return ND_ERR_ARGUMENT;
    }
    ND_TRY(check_order(o));
    if (!clips_by_norm(o) && !nd_k_finite(o->ctx->pool, o->io.size, o->io.grad)) {
        nd_optimizer_stay(o);
        return fail_step(o, "the gradient is not finite");
    }
    nd_fp_state state = nd_fp_enter();
    nd_status status = nd_optimizer_step_finite(o);
    nd_fp_leave(state);
    return status;
}

/* What evaluates a search's points. */
typedef struct searcher {
    nd_optimizer *o;
    nd_evaluate_fn evaluate;
    void *user;
} searcher;

/* The loss and gradient that are made small: with the sign of the direction, and with
 * weight decay as the penalty decay/2 |w|^2, which is what it is the gradient of. */
static double complete(const nd_optimizer *o, double loss, nd_real *grad)
{
    nd_pool *pool = o->ctx->pool;
    double total = o->sign * loss;
    memcpy(grad, o->io.grad, o->io.size * sizeof *grad);
    if (o->sign < 0) {
        nd_k_scale(pool, o->io.size, -1, grad);
    }
    for (size_t i = 0; i < o->cut.stretches; i++) {
        const nd_optim_stretch *of = &o->cut.stretch[i];
        if (of->lr == 0) {
            memset(grad + of->offset, 0, of->size * sizeof *grad);
        } else if (of->decay > 0) {
            const nd_real *w = o->io.param + of->offset;
            nd_k_axpy(pool, of->size, (nd_real)of->decay, w, grad + of->offset);
            total += of->decay / 2 * nd_k_sum_squares(pool, of->size, w);
        }
    }
    for (size_t i = 0; i < o->cut.matrices; i++) {
        total += nd_optim_orthogonality(pool, &o->cut.matrix[i], o->io.param, 1, o->square, grad);
    }
    return total;
}

static nd_status evaluate_point(nd_optim_search *search, double *loss, nd_real *grad)
{
    const searcher *s = search->user;
    bool finite = false;
    ND_TRY(s->evaluate(s->user, loss, &finite));
    double total = finite && isfinite(*loss) ? complete(s->o, *loss, grad) : INFINITY;
    *loss = isfinite(total) ? total : INFINITY;
    return ND_OK;
}

bool nd_optimizer_searches(const nd_optimizer *optimizer)
{
    return optimizer->class->search != NULL;
}

nd_status nd_optimizer_search(nd_optimizer *optimizer, double loss, nd_evaluate_fn evaluate,
                              void *user)
{
    nd_optimizer *o = optimizer;
    searcher s = {o, evaluate, user};
    nd_real *grad = o->block[o->states + o->class->scratch - 1];
    nd_optim_search search = {.pool = o->ctx->pool,
                              .setting = o->io.setting,
                              .lr = o->io.base.lr,
                              .size = o->io.size,
                              .states = o->states,
                              .param = o->io.param,
                              .block = o->block,
                              .loss = complete(o, loss, grad),
                              .grad = grad,
                              .evaluate = evaluate_point,
                              .user = &s};
    if (!isfinite(search.loss)) {
        return fail_step(o, "the loss is not finite");
    }
    ND_TRY(o->class->search(&search));
    o->io.step++;
    begin_average(o);
    if (o->average) {
        nd_k_follow(o->ctx->pool, o->io.size, o->io.base.share, o->io.param, o->average);
    }
    return ND_OK;
}

const nd_optim_class *nd_optimizer_class(const nd_optimizer *optimizer)
{
    return optimizer->class;
}

uint64_t nd_optimizer_steps(const nd_optimizer *optimizer)
{
    return optimizer->io.step;
}

void nd_optimizer_set_steps(nd_optimizer *optimizer, uint64_t steps)
{
    optimizer->io.step = steps;
}

nd_real *nd_optimizer_state(nd_optimizer *optimizer, size_t i)
{
    return i < optimizer->states ? optimizer->block[i] : NULL;
}

size_t nd_optimizer_states(const nd_optimizer *optimizer)
{
    return optimizer->states;
}

double nd_optimizer_lr(const nd_optimizer *optimizer)
{
    return optimizer->io.base.lr;
}

nd_real *nd_optimizer_average(nd_optimizer *optimizer)
{
    return optimizer->average;
}

nd_status nd_optimizer_swap_average(nd_optimizer *optimizer)
{
    nd_optimizer *o = optimizer;
    if (!o) {
        return ND_ERR_ARGUMENT;
    }
    if (!o->average || o->io.step == 0 || o->ahead) {
        return nd_fail(o->ctx, ND_ERR_ARGUMENT, "average: %s",
                       !o->average       ? "the optimizer keeps none; its attribute ema does"
                       : o->io.step == 0 ? "no step was made yet"
                                         : "the parameters are ahead, for a gradient");
    }
    for (size_t i = 0; i < o->io.size; i++) {
        nd_real param = o->io.param[i];
        o->io.param[i] = o->average[i];
        o->average[i] = param;
    }
    return ND_OK;
}
