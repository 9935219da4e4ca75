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

/* Elements that share a weight decay; neighbours are merged. */
typedef struct stretch {
    size_t offset, size;
    bool decay;
} stretch;

struct nd_optimizer {
    nd_ctx *ctx;
    const nd_optim_class *class;
    nd_optset common, attr;
    nd_optim_io io; /* of the whole block; a step copies it */
    double weight_decay, clip_norm;
    stretch *stretch;
    size_t stretches;
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
};

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
    for (size_t i = 0; i < o->class->option_count; i++) {
        o->io.setting[i] = nd_opt_real(&o->attr, o->class->options[i].name);
    }
}

static void add_stretch(nd_optimizer *o, size_t offset, size_t end, bool decay)
{
    stretch *last = o->stretches ? &o->stretch[o->stretches - 1] : NULL;
    if (last && last->decay == decay) {
        last->size = end - last->offset;
    } else if (end > offset) {
        o->stretch[o->stretches++] = (stretch){offset, end - offset, decay};
    }
}

/* Cut the block where the decay changes; a gap goes with the span before it. */
static nd_status cut_block(nd_optimizer *o, const nd_span *span, size_t spans, size_t size)
{
    o->stretch = nd_alloc(spans + 1, sizeof *o->stretch);
    if (!o->stretch) {
        return nd_fail_memory(o->ctx);
    }
    if (o->weight_decay == 0 || spans == 0) {
        add_stretch(o, 0, size, false);
        return ND_OK;
    }
    for (size_t i = 0; i < spans; i++) {
        size_t end = i + 1 < spans ? span[i + 1].offset : size;
        add_stretch(o, i > 0 ? span[i].offset : 0, end, span[i].decay != 0);
    }
    return ND_OK;
}

static nd_status make_states(nd_optimizer *o)
{
    for (size_t i = 0; i < o->class->states; i++) {
        o->io.state[i] = nd_alloc_aligned(o->io.size, sizeof(nd_real));
        if (!o->io.state[i]) {
            return nd_fail_memory(o->ctx);
        }
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
    ND_TRY(cut_block(o, span, spans, o->io.size));
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
    o->io = (nd_optim_io){
        .pool = ctx->pool, .grad_scale = 1, .size = size, .param = param, .grad = grad};
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
    for (size_t i = 0; i < ND_OPTIM_STATES; i++) {
        nd_free(optimizer->io.state[i]);
    }
    nd_free(optimizer->stretch);
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

static void update_stretch(const nd_optimizer *o, const stretch *part)
{
    nd_optim_io io = o->io;
    io.weight_decay = part->decay ? o->weight_decay : 0;
    io.size = part->size;
    io.param += part->offset;
    io.grad += part->offset;
    for (size_t i = 0; i < o->class->states; i++) {
        io.state[i] += part->offset;
    }
    o->class->update(&io);
}

static void update(nd_optimizer *o)
{
    o->io.pool = o->ctx->pool;
    o->io.step++;
    for (size_t i = 0; i < o->stretches; i++) {
        update_stretch(o, &o->stretch[i]);
    }
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
    o->io.grad_scale = o->clip_norm > 0 && norm > o->clip_norm ? o->clip_norm / norm : 1;
    if (o->io.grad_scale < smallest) {
        return fail_step(o, "the gradient is too long to be clipped");
    }
    return ND_OK;
}

nd_status nd_optimizer_step_finite(nd_optimizer *optimizer)
{
    if (optimizer->clip_norm > 0) {
        ND_TRY(set_scale(optimizer));
    }
    update(optimizer);
    return ND_OK;
}

nd_status nd_optimizer_step(nd_optimizer *optimizer)
{
    nd_optimizer *o = optimizer;
    if (!o) {
        return ND_ERR_ARGUMENT;
    }
    if (o->clip_norm == 0 && !nd_k_finite(o->ctx->pool, o->io.size, o->io.grad)) {
        return fail_step(o, "the gradient is not finite");
    }
    nd_fp_state state = nd_fp_enter();
    nd_status status = nd_optimizer_step_finite(o);
    nd_fp_leave(state);
    return status;
}

uint64_t nd_optimizer_steps(const nd_optimizer *optimizer)
{
    return optimizer->io.step;
}

nd_real *nd_optimizer_state(nd_optimizer *optimizer, size_t i)
{
    return i < optimizer->class->states ? optimizer->io.state[i] : NULL;
}

size_t nd_optimizer_states(const nd_optimizer *optimizer)
{
    return optimizer->class->states;
}

double nd_optimizer_lr(const nd_optimizer *optimizer)
{
    return optimizer->io.lr;
}
