#include "net/noise.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "net/plan.h"

enum { WEIGHT, GRADIENT, DECAY, LABEL, SETTINGS };

struct nd_noise {
    double setting[SETTINGS];
    nd_real *saved; /* the parameter block without noise; NULL without noise on weights */
    nd_real *label; /* [max_rows][label_width]; NULL without noise on labels */
};

static const nd_option options[SETTINGS] = {
    [WEIGHT] = {.name = "weight",
                .type = ND_OPT_REAL,
                .preset = "0",
                .max = 1000,
                .metavar = "X",
                .help = "deviation of the noise on weights",
                .source = "Graves 2011, section 3"},
    [GRADIENT] = {.name = "gradient",
                  .type = ND_OPT_REAL,
                  .preset = "0",
                  .max = 1e6,
                  .metavar = "ETA",
                  .help = "variance of the noise on the gradient of the first step",
                  .source = "Neelakantan et al. 2015, eq. 1"},
    [DECAY] = {.name = "gradient_decay",
               .type = ND_OPT_REAL,
               .preset = "0.55",
               .max = 10,
               .metavar = "X",
               .help = "how fast the noise on gradients fades",
               .source = "Neelakantan et al. 2015, eq. 1"},
    [LABEL] = {.name = "label",
               .type = ND_OPT_REAL,
               .preset = "0",
               .max = 1000,
               .metavar = "X",
               .help = "chance that a class is swapped, or deviation of the noise on numbers",
               .source = "Xie et al. 2016, algorithm 1; Bishop 1995"},
};

static nd_status read_settings(nd_ctx *ctx, const char *attributes, double *setting)
{
    nd_optset set;
    ND_TRY(nd_optset_init(ctx, options, SETTINGS, "attribute of the noise", &set));
    nd_status status = nd_optset_parse(&set, attributes, ND_FROM_CALL);
    for (size_t i = 0; status == ND_OK && i < SETTINGS; i++) {
        setting[i] = nd_opt_real(&set, options[i].name);
    }
    nd_optset_free(&set);
    return status;
}

/* Classes are swapped with a probability; counts cannot take what may be below 0. */
static nd_status check_label(const nd_net *net, double label)
{
    const nd_loss_class *loss = net->loss.class;
    if (loss->classes && label > 1) {
        return nd_fail(net->ctx, ND_ERR_OPTION,
                       "label noise: %g is no probability; classes are swapped with one", label);
    }
    if (label > 0 && strcmp(loss->link, "exp") == 0) {
        return nd_fail(net->ctx, ND_ERR_OPTION,
                       "label noise: loss %s takes no labels below 0, which noise could make",
                       loss->name);
    }
    return ND_OK;
}

static nd_status make_noise(nd_net *net, const double *setting)
{
    nd_noise *noise = nd_alloc(1, sizeof *noise);
    if (!noise) {
        return nd_fail_memory(net->ctx);
    }
    memcpy(noise->setting, setting, sizeof noise->setting);
    net->noise = noise;
    /* Rows may get weights later. */
    size_t width = net->loss.class->label_width(nd_net_outputs(net)) + 1;
    noise->saved = setting[WEIGHT] > 0 ? nd_alloc_aligned(net->blocks.size, sizeof(nd_real)) : NULL;
    noise->label =
        setting[LABEL] > 0 ? nd_alloc_aligned(net->max_rows, width * sizeof(nd_real)) : NULL;
    bool room = (noise->saved || !(setting[WEIGHT] > 0)) && (noise->label || !(setting[LABEL] > 0));
    return room ? ND_OK : nd_fail_memory(net->ctx);
}

nd_status nd_net_set_noise(nd_net *net, const char *attributes)
{
    double setting[SETTINGS] = {0};
    if (!net) {
        return ND_ERR_ARGUMENT;
    }
    nd_noise_destroy(net->noise);
    net->noise = NULL;
    if (!attributes || attributes[0] == '\0') {
        return ND_OK;
    }
    ND_TRY(read_settings(net->ctx, attributes, setting));
    ND_TRY(check_label(net, setting[LABEL]));
    if (!(setting[WEIGHT] > 0) && !(setting[GRADIENT] > 0) && !(setting[LABEL] > 0)) {
        return ND_OK;
    }
    nd_status status = make_noise(net, setting);
    if (status != ND_OK) {
        nd_noise_destroy(net->noise);
        net->noise = NULL;
    }
    return status;
}

bool nd_net_noisy(const nd_net *net)
{
    return net->noise != NULL;
}

void nd_noise_destroy(nd_noise *noise)
{
    if (!noise) {
        return;
    }
    nd_free(noise->saved);
    nd_free(noise->label);
    nd_free(noise);
}

/* Another of the classes, each with the same chance; u is uniform in [0, 1). */
static nd_real other_class(nd_real class, size_t classes, double u)
{
    size_t pick = (size_t)(u * (double)(classes - 1));
    return (nd_real)(pick + ((nd_real)pick >= class));
}

static void disturb_row(const nd_net *net, size_t width, size_t first, nd_real *y)
{
    const nd_rng rng = {.seed = net->seed, .stream = ND_STREAM_LABEL_NOISE, .step = net->step};
    double amount = net->noise->setting[LABEL];
    size_t outputs = nd_net_outputs(net), classes = width == 1 && outputs > 1 ? outputs : 2;
    for (size_t j = 0; j < width; j++) {
        size_t element = first + j;
        if (!net->loss.class->classes) {
            y[j] += (nd_real)(amount * nd_rng_normal(&rng, element));
        } else if (nd_rng_uniform(&rng, 2 * element) < amount) {
            y[j] = other_class(y[j], classes, nd_rng_uniform(&rng, 2 * element + 1));
        }
    }
}

const nd_real *nd_noise_labels(nd_net *net, const nd_real *y, size_t rows)
{
    if (!net->noise || !net->noise->label) {
        return y;
    }
    nd_real *label = net->noise->label;
    size_t width = net->loss.class->label_width(nd_net_outputs(net));
    size_t stride = width + net->weighted;
    memcpy(label, y, rows * stride * sizeof *label);
    for (size_t r = 0; r < rows; r++) {
        disturb_row(net, width, r * width, label + r * stride);
    }
    return label;
}

static void add_to_span(const nd_net *net, size_t span, uint32_t stream, double deviation,
                        nd_real *block)
{
    const nd_span *s = &net->blocks.span[span];
    const nd_rng rng = {net->seed, stream + (uint32_t)span, net->step};
    nd_real *x = block + s->offset;
    nd_k_noise(net->ctx->pool, &rng, deviation, false, s->rows * s->cols, x, x);
}

void nd_noise_begin(nd_net *net)
{
    const nd_blocks *b = &net->blocks;
    if (!net->noise || !net->noise->saved) {
        return;
    }
    memcpy(net->noise->saved, b->param, b->size * sizeof *b->param);
    for (size_t i = 0; i < b->spans; i++) {
        if (b->span[i].decay) {
            add_to_span(net, i, ND_STREAM_WEIGHT_NOISE, net->noise->setting[WEIGHT], b->param);
        }
    }
}

void nd_noise_end(nd_net *net)
{
    const nd_blocks *b = &net->blocks;
    const nd_noise *noise = net->noise;
    if (noise && noise->saved) {
        memcpy(b->param, noise->saved, b->size * sizeof *b->param);
    }
    if (!noise || !(noise->setting[GRADIENT] > 0)) {
        return;
    }
    /* sigma_t^2 = eta / (1 + t)^gamma */
    double fade = pow(1 + (double)net->step, noise->setting[DECAY]);
    double deviation = sqrt(noise->setting[GRADIENT] / fade);
    for (size_t i = 0; i < b->spans; i++) {
        add_to_span(net, i, ND_STREAM_GRADIENT_NOISE, deviation, b->grad);
    }
}
