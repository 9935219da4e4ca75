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

/* Elements that share a weight decay and a rate; neighbours are merged. */
typedef struct stretch {
    size_t offset, size;
    bool decay;
    double lr;      /* factor; 0 leaves the elements as they are */
    uint64_t since; /* finished steps when they began to learn; the rule counts from there */
    double memo[2]; /* io.memo where since is not 0 */
} stretch;

struct nd_optimizer {
    nd_ctx *ctx;
    const nd_optim_class *class;
    nd_optset common, attr;
    nd_optim_io io; /* of the whole block; a step copies it */
    double weight_decay, clip_norm;
    double sign;     /* -1 to ascend */
    double memo[2];  /* io.memo */
    nd_real **block; /* [states + scratch] */
    size_t states;
    bool ahead; /* parameters are where look_ahead put them */
    stretch *stretch;
    size_t stretches;
    bool *rested; /* [spans] whether a span had no rate when the optimizer was made */
};

static const nd_option common_options[] = {
    {.name = "lr",
     .type = ND_OPT_REAL,
     .preset = "auto",
     .min = 1e-12,
     .max = 1e6,
     .metavar = "RATE",
     .help = "learning rate; auto is the rule's usual one"},
    {.name = "weight_decay",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1e6,
     .metavar = "X",
     .help = "L2 penalty on weights, added to the gradient"},
    {.name = "clip_norm",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = 0,
     .max = 1e30,
     .metavar = "X",
     .help = "scale the gradient down to this norm when it is longer; 0 never",
     .source = "Pascanu et al. 2013, algorithm 1"},
    {.name = "maximize",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "ascend: make the loss large"},
    {.name = "decay_all",
     .type = ND_OPT_BOOL,
     .preset = "false",
     .max = 1,
     .help = "weight decay on biases and normalization as well"},
};

const nd_option *nd_optim_option(const nd_optim_class *class, const char *name)
{
    for (size_t i = 0; i < class->option_count; i++) {
        if (strcmp(class->options[i].name, name) == 0) {
            return &class->options[i];
        }
    }
    return NULL;
}

const nd_option *nd_optim_common_options(size_t *count)
{
    *count = sizeof common_options / sizeof common_options[0];
    return common_options;
}

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

static void read_settings(nd_optimizer *o)
{
    o->io.lr = nd_opt_auto(&o->common, "lr") ? o->class->lr : nd_opt_real(&o->common, "lr");
    o->weight_decay = nd_opt_real(&o->common, "weight_decay");
    o->clip_norm = nd_opt_real(&o->common, "clip_norm");
    o->sign = nd_opt_bool(&o->common, "maximize") ? -1 : 1;
    o->io.grad_scale = o->sign;
    for (size_t i = 0; i < o->class->option_count; i++) {
        o->io.setting[i] = nd_opt_real(&o->attr, o->class->options[i].name);
    }
}

static void add_stretch(nd_optimizer *o, size_t offset, size_t end, const stretch *like)
{
    stretch *last = o->stretches ? &o->stretch[o->stretches - 1] : NULL;
    if (last && last->decay == like->decay && last->lr == like->lr && last->since == like->since) {
        last->size = end - last->offset;
    } else if (end > offset) {
        stretch *made = &o->stretch[o->stretches++];
        *made = *like;
        made->offset = offset;
        made->size = end - offset;
    }
}

/* Cut the block where decay or rate changes; a gap goes with the span before it. */
static void cut_stretches(nd_optimizer *o, const nd_span *span, size_t spans, uint64_t since)
{
    bool all = nd_opt_bool(&o->common, "decay_all");
    size_t size = o->io.size;
    o->stretches = 0;
    if (spans == 0) {
        add_stretch(o, 0, size, &(stretch){.decay = all, .lr = 1});
    }
    for (size_t i = 0; i < spans; i++) {
        size_t end = i + 1 < spans ? span[i + 1].offset : size;
        bool late = span[i].lr != 0 && o->rested != NULL && o->rested[i];
        stretch like = {.decay = o->weight_decay > 0 && (span[i].decay || all),
                        .lr = span[i].lr,
                        .since = late ? since : 0};
        add_stretch(o, i > 0 ? span[i].offset : 0, end, &like);
    }
}

static nd_status cut_block(nd_optimizer *o, const nd_span *span, size_t spans)
{
    o->stretch = nd_alloc(spans + 1, sizeof *o->stretch);
    o->rested = nd_alloc(spans, sizeof *o->rested);
    if (!o->stretch || !o->rested) {
        return nd_fail_memory(o->ctx);
    }
    for (size_t i = 0; i < spans; i++) {
        o->rested[i] = span[i].lr == 0;
    }
    cut_stretches(o, span, spans, 0);
    return ND_OK;
}

void nd_optimizer_respan(nd_optimizer *optimizer, const nd_span *span, size_t spans, uint64_t since)
{
    cut_stretches(optimizer, span, spans, since);
}

/* What a line search leaves no sense to. */
static nd_status check_search(const nd_optimizer *o)
{
    const char *rule = o->class->name;
    if (!o->class->search) {
        return ND_OK;
    }
    if (o->clip_norm > 0) {
        return nd_fail(o->ctx, ND_ERR_OPTION,
                       "clip_norm: %s compares losses along its direction, a clipped gradient "
                       "would not be theirs; leave it 0",
                       rule);
    }
    for (size_t i = 0; i < o->stretches; i++) {
        if (o->stretch[i].lr != 1 && o->stretch[i].lr != 0) {
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
    return ND_OK;
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
    read_settings(o);
    ND_TRY(cut_block(o, span, spans));
    ND_TRY(check_search(o));
    return make_states(o);
}

nd_status nd_optimizer_on_block(nd_ctx *ctx, const char *rule, const char *attributes, size_t size,
                                nd_real *param, const nd_real *grad, const nd_span *span,
                                size_t spans, nd_optimizer **optimizer)
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
    nd_free(optimizer->stretch);
    nd_free(optimizer->rested);
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
    optimizer->io.lr = lr;
    return ND_OK;
}

/* What a rule sees of one stretch. */
static nd_optim_io stretch_io(const nd_optimizer *o, stretch *part)
{
    nd_optim_io io = o->io;
    io.weight_decay = part->decay ? o->weight_decay : 0;
    io.lr *= part->lr;
    if (part->since > 0) {
        io.step -= part->since;
        io.memo = part->memo;
    }
    io.size = part->size;
    io.param += part->offset;
    io.grad += part->offset;
    for (size_t i = 0; i < ND_OPTIM_STATES && io.state[i]; i++) {
        io.state[i] += part->offset;
    }
    return io;
}

static void each_stretch(nd_optimizer *o, void (*pass)(const nd_optim_io *io))
{
    o->io.pool = o->ctx->pool;
    o->io.memo = o->memo;
    /* One stretch is the block: copying what describes it would cost a small net a tenth. */
    if (o->stretches == 1 && o->stretch[0].lr == 1 && o->stretch[0].since == 0) {
        o->io.weight_decay = o->stretch[0].decay ? o->weight_decay : 0;
        pass(&o->io);
        return;
    }
    for (size_t i = 0; i < o->stretches; i++) {
        if (o->stretch[i].lr != 0) {
            nd_optim_io io = stretch_io(o, &o->stretch[i]);
            pass(&io);
        }
    }
}

static void update(nd_optimizer *o)
{
    o->io.step++;
    each_stretch(o, o->class->update);
    o->ahead = false;
}

static nd_status fail_step(const nd_optimizer *o, const char *why)
{
    return nd_fail(o->ctx, ND_ERR_DIVERGED, "step %llu: %s", (unsigned long long)o->io.step + 1,
                   why);
}

/* The length of the gradient sets its scale; it is finite exactly if all elements
 * are. A scale that no normal number holds would silently make every step 0. */
static nd_status set_scale(nd_optimizer *o)
{
    double norm = sqrt(nd_k_sum_squares(o->ctx->pool, o->io.size, o->io.grad));
    if (!isfinite(norm)) {
        return fail_step(o, "the gradient is not finite");
    }
    double scale = o->clip_norm > 0 && norm > o->clip_norm ? o->clip_norm / norm : 1;
    o->io.grad_scale = o->sign * scale;
    if (scale < smallest) {
        return fail_step(o, "the gradient is too long to be clipped");
    }
    return ND_OK;
}

nd_status nd_optimizer_step_finite(nd_optimizer *optimizer)
{
    nd_status status = optimizer->clip_norm > 0 ? set_scale(optimizer) : ND_OK;
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
    for (size_t i = 0; i < o->stretches; i++) {
        const stretch *part = &o->stretch[i];
        if (part->lr != 0) {
            memcpy(o->io.param + part->offset, saved + part->offset, part->size * sizeof *saved);
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
    if (o->clip_norm == 0 && !nd_k_finite(o->ctx->pool, o->io.size, o->io.grad)) {
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
    for (size_t i = 0; i < o->stretches; i++) {
        const stretch *part = &o->stretch[i];
        if (part->lr == 0) {
            memset(grad + part->offset, 0, part->size * sizeof *grad);
        } else if (part->decay) {
            const nd_real *w = o->io.param + part->offset;
            nd_k_axpy(pool, part->size, (nd_real)o->weight_decay, w, grad + part->offset);
            total += o->weight_decay / 2 * nd_k_sum_squares(pool, part->size, w);
        }
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
                              .lr = o->io.lr,
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
    return optimizer->io.lr;
}
