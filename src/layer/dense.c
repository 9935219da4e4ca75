/* Fully connected layer; weights are stored [in][out]. */
#include "base/ctx.h"
#include "kern/sparse.h"
#include "layer/layer.h"

static const nd_option options[] = {
    {.name = "units",
     .type = ND_OPT_INT,
     .preset = "1",
     .min = 1,
     .max = 16777216,
     .metavar = "N",
     .help = "number of outputs"},
    {.name = "bias",
     .type = ND_OPT_BOOL,
     .preset = "true",
     .max = 1,
     .help = "add a trained constant to each output"},
    {.name = "init",
     .type = ND_OPT_CHOICE,
     .preset = "auto",
     .choices = "auto|he_normal|he_uniform|glorot_normal|glorot_uniform|lecun_normal|"
                "lecun_uniform|zeros|constant|normal|uniform|orthogonal|identity|sparse|lsuv",
     .metavar = "WORD",
     .help = "initial weights; auto is He before relu and its kin, LeCun before selu, else Glorot",
     .source = "He et al. 2015; Glorot & Bengio 2010; LeCun et al. 1998"},
    {.name = "scale",
     .type = ND_OPT_REAL,
     .preset = "0.01",
     .min = -1000,
     .max = 1000,
     .metavar = "X",
     .help = "value of init=constant, deviation of normal, half the width of uniform"},
    {.name = "gain",
     .type = ND_OPT_REAL,
     .preset = "auto",
     .min = 1e-6,
     .max = 1000,
     .metavar = "X",
     .help = "factor on orthogonal, identity and sparse weights; auto goes by the activation",
     .source = "Saxe, McClelland & Ganguli 2014"},
    {.name = "bias_init",
     .type = ND_OPT_REAL,
     .preset = "0",
     .min = -1000,
     .max = 1000,
     .metavar = "X",
     .help = "initial value of the biases"},
};

/* In the order of the words above. */
static nd_init init_of(const nd_optset *attr)
{
    static const nd_init init[] = {
        ND_INIT_AUTO,           ND_INIT_HE_NORMAL,    ND_INIT_HE_UNIFORM,    ND_INIT_GLOROT_NORMAL,
        ND_INIT_GLOROT_UNIFORM, ND_INIT_LECUN_NORMAL, ND_INIT_LECUN_UNIFORM, ND_INIT_ZEROS,
        ND_INIT_CONSTANT,       ND_INIT_NORMAL,       ND_INIT_UNIFORM,       ND_INIT_ORTHOGONAL,
        ND_INIT_IDENTITY,       ND_INIT_SPARSE,       ND_INIT_LSUV,
    };
    return nd_opt_auto(attr, "init") ? ND_INIT_AUTO : init[nd_opt_choice(attr, "init")];
}

static nd_status dense_shape(nd_ctx *ctx, nd_layer_shape *shape)
{
    (void)ctx;
    size_t in = shape->in[0];
    size_t units = (size_t)nd_opt_int(shape->attr, "units");
    shape->out = units;
    shape->param[0] = (nd_tensor_spec){
        .name = "weight",
        .rows = in,
        .cols = units,
        .init = init_of(shape->attr),
        .fan_in = in,
        .fan_out = units,
        .decay = true,
        .value = nd_opt_real(shape->attr, "scale"),
        .gain = nd_opt_auto(shape->attr, "gain") ? 0 : nd_opt_real(shape->attr, "gain")};
    shape->param[1] = (nd_tensor_spec){.name = "bias",
                                       .rows = 1,
                                       .cols = units,
                                       .init = ND_INIT_CONSTANT,
                                       .value = nd_opt_real(shape->attr, "bias_init")};
    shape->params = nd_opt_bool(shape->attr, "bias") ? 2 : 1;
    shape->back_needs_x = true;
    return ND_OK;
}

static nd_small_dense sparse_of(const nd_layer_io *io)
{
    return (nd_small_dense){.in = io->shape->in[0],
                            .out = io->shape->out,
                            .weight = io->param[0],
                            .bias = io->shape->params > 1 ? io->param[1] : NULL,
                            .act = io->act,
                            .slope = io->slope};
}

/* y = f(x W + b) */
static void dense_forward(const nd_layer_io *io)
{
    const nd_real *bias = io->shape->params > 1 ? io->param[1] : NULL;
    if (io->sparse_x) {
        nd_small_dense d = sparse_of(io);
        nd_sparse_forward(io->pool, &d, io->base_x, io->rows, io->x[0], io->y);
        return;
    }
    nd_gemm_nn_act(io->pool, io->rows, io->shape->out, io->shape->in[0], io->x[0], io->param[0],
                   bias, io->act, io->slope, io->y);
}

static void weight_gradient(const nd_layer_io *io)
{
    size_t in = io->shape->in[0], out = io->shape->out;
    bool bias = io->shape->params > 1;
    if (bias) {
        nd_k_column_sums(io->pool, io->rows, out, io->gy, io->grad[1], false);
    }
    if (io->sparse_x && (bias || io->base_x == 0)) {
        nd_small_dense d = sparse_of(io);
        nd_sparse_gw(io->pool, &d, io->base_x, bias ? io->grad[1] : NULL, io->rows, io->x[0],
                     io->gy, io->grad[0], false);
    } else {
        nd_gemm_tn(io->pool, in, out, io->rows, io->x[0], io->gy, io->grad[0], false);
    }
}

/* gz = gy * f'(z);  gW = x^T gz;  gb = sum over rows of gz;  gx = gz W^T, brought
 * through the activation that made x where that is known. */
static void dense_backward(const nd_layer_io *io)
{
    size_t in = io->shape->in[0], out = io->shape->out;
    if (io->act != ND_ACT_NONE && !io->gy_of_z) {
        nd_k_act_back(io->pool, io->act, io->slope, io->rows * out, io->y, io->gy, io->gy);
    }
    if (!io->frozen) {
        weight_gradient(io);
    }
    if (io->gx[0]) {
        nd_gemm_nt_back(io->pool, io->rows, in, out, io->gy, io->param[0], io->x_act, io->x_slope,
                        io->x[0], io->gx[0]);
    }
}

const nd_layer_class nd_layer_dense = {
    .name = "dense",
    .help = "fully connected layer: every output is a weighted sum of all inputs",
    .formula = "y = x W + b",
    .source = "Goodfellow, Bengio & Courville 2016, section 6.1",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .min_inputs = 1,
    .max_inputs = 1,
    .takes_act = true,
    .shape = dense_shape,
    .forward = dense_forward,
    .backward = dense_backward,
};
