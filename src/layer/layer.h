/* A layer class: a const struct of functions, one row in layers.def. A class
 * knows shapes and arithmetic; the plan (src/net) owns all memory. */
#ifndef ND_LAYER_LAYER_H
#define ND_LAYER_LAYER_H

#include "base/option.h"
#include "base/rng.h"
#include "kern/kern.h"

enum { ND_LAYER_INPUTS = 8, ND_LAYER_PARAMS = 8, ND_LAYER_BUFFERS = 4 };

typedef enum nd_init {
    ND_INIT_ZEROS,
    ND_INIT_ONES,
    ND_INIT_HE_NORMAL,
    ND_INIT_HE_UNIFORM, /* He et al. 2015, eq. 10 */
    ND_INIT_GLOROT_NORMAL,
    ND_INIT_GLOROT_UNIFORM, /* Glorot & Bengio 2010, eq. 12, 16 */
    ND_INIT_LECUN_NORMAL,
    ND_INIT_LECUN_UNIFORM, /* LeCun et al. 1998, section 4.6 */
    ND_INIT_AUTO,          /* by the activation that follows */
    ND_INIT_CONSTANT,      /* the spec's value */
    ND_INIT_NORMAL,        /* mean 0, deviation value */
    ND_INIT_UNIFORM,       /* within -value .. value */
    ND_INIT_ORTHOGONAL,    /* Saxe, McClelland & Ganguli 2014 */
    ND_INIT_IDENTITY,      /* Le, Jaitly & Hinton 2015 */
    ND_INIT_SPARSE,        /* Martens 2010, section 5 */
    ND_INIT_LSUV,          /* Mishkin & Matas 2016: orthogonal, then scaled on a batch */
    ND_INIT_BLOCK          /* the spec's value in one block of columns, 0 in the others */
} nd_init;

/* A trained tensor (goes into the parameter block) or a running one (does not). */
typedef struct nd_tensor_spec {
    const char *name; /* "weight", "bias" */
    size_t rows, cols;
    nd_init init;
    size_t fan_in, fan_out;
    bool decay;
    double value;  /* of CONSTANT, NORMAL, UNIFORM */
    double gain;   /* factor on ORTHOGONAL, IDENTITY, SPARSE; 0: by the activation behind */
    size_t blocks; /* columns are so many blocks side by side, each ORTHOGONAL or IDENTITY on
                    * its own; 0: one */
    size_t block;  /* that of BLOCK */
} nd_tensor_spec;

/* What a layer turns out to need, filled by shape(). */
typedef struct nd_layer_shape {
    const nd_optset *attr;      /* in: attributes of this layer */
    size_t inputs;              /* in: number of inputs */
    size_t in[ND_LAYER_INPUTS]; /* in: width of each */
    size_t out;                 /* out: width of the result */
    size_t params, buffers;
    nd_tensor_spec param[ND_LAYER_PARAMS], buffer[ND_LAYER_BUFFERS];
    size_t work_per_row, work; /* reals kept from forward to backward */
    bool back_needs_x, back_needs_y;
    nd_act act;   /* out: what nd_layer_act_forward applies */
    double slope; /* of an activation that has one */
    size_t time;  /* steps of the sequence that the result is, [time][out / time]; 0: not known */
    size_t times; /* how often a row goes through the parameters; 0: once */
} nd_layer_shape;

/* One call of forward or backward. */
typedef struct nd_layer_io {
    const nd_layer_shape *shape;
    nd_pool *pool;
    size_t rows;
    bool training;                     /* false as well where the layer is frozen */
    bool frozen;                       /* grad need not be written: nothing reads it */
    bool sparse_x;                     /* of a class with takes_act: x[0] is mostly .. */
    nd_real base_x;                    /* .. this value */
    nd_rng rng;                        /* stream of this layer, step of this batch */
    const nd_real *x[ND_LAYER_INPUTS]; /* [rows][in[i]] */
    nd_real *y;                        /* [rows][out] */
    nd_act act;                        /* of a class with takes_act: activation to apply to */
    nd_real slope;                     /* y as well; in backward y holds its result */
    bool gy_of_z;                      /* gy has come through act already */
    nd_act x_act;                      /* of a class with takes_act: activation that made x[0], */
    nd_real x_slope;                   /* through which backward brings gx[0] */
    nd_real *gy;                       /* [rows][out], backward only; may be destroyed */
    nd_real *gx[ND_LAYER_INPUTS];      /* [rows][in[i]], NULL where not wanted; overwritten */
    nd_real *param[ND_LAYER_PARAMS];
    nd_real *grad[ND_LAYER_PARAMS]; /* overwritten */
    nd_real *buffer[ND_LAYER_BUFFERS];
    uint64_t collect; /* not 0: buffers become a mean over batches 1 .. collect */
    nd_real *work;
} nd_layer_io;

typedef struct nd_layer_class {
    const char *name;
    const char *help;    /* one sentence */
    const char *formula; /* one line */
    const char *source;
    const nd_option *options; /* attributes beside name and from */
    size_t option_count;
    size_t min_inputs, max_inputs;
    nd_act act;       /* not NONE: an element-wise activation the plan may fuse */
    nd_init suits;    /* of an activation: what suits the weights that feed it; ZEROS: Glorot */
    double gain;      /* of an activation: factor on orthogonal weights; 0: 1 */
    bool takes_act;   /* can apply an activation to its own result (io.act) */
    bool in_place;    /* y may be x[0], and gx[0] may be gy */
    bool column_wise; /* output column j stands for input column j: initial weights go by
                       * the activation behind */
    bool needs_batch; /* takes statistics over the batch: one row is not enough */
    bool sequence;    /* reads [time][features], attributes time and features */
    /* ND_ERR_SHAPE or ND_ERR_OPTION with a message. */
    nd_status (*shape)(nd_ctx *ctx, nd_layer_shape *shape);
    void (*forward)(const nd_layer_io *io);
    void (*backward)(const nd_layer_io *io);
} nd_layer_class;

/* The calls of an element-wise activation without parameters. Its shape() is
 * nd_layer_act_shape with what it applies; the derivative is taken from the result, or
 * from the input where nd_act_from_result says no. */
nd_status nd_layer_act_shape(nd_layer_shape *shape, nd_act act, double slope);
void nd_layer_act_forward(const nd_layer_io *io);
void nd_layer_act_backward(const nd_layer_io *io);

/* Layer normalization, and without center RMS normalization, by the attributes eps, scale
 * and offset. */
nd_status nd_layer_row_norm_shape(nd_ctx *ctx, nd_layer_shape *shape);
void nd_layer_row_norm_forward(const nd_layer_io *io, bool center);
void nd_layer_row_norm_backward(const nd_layer_io *io, bool center);

/* ---- Recurrent layers (recurrent.c); a class adds its cell. */

/* One step of the sequence for some rows; arrays of a step are [rows][units], gates and
 * product [rows][gates * units], a gate's columns side by side. */
typedef struct nd_cell_step {
    size_t rows, units;
    nd_act act;                     /* of a cell that has a choice */
    const nd_real *bias;            /* [units], added to the recurrent product; apart only */
    nd_real *gates;                 /* in: the sums; out: the gates' values, kept for backward,
                                     * which leaves the gradients of the sums there */
    nd_real *product;               /* apart only, the recurrent product; likewise */
    const nd_real *before;          /* state before the step */
    nd_real *after;                 /* state after it, the result */
    const nd_real *cell_before;     /* cell_state only */
    nd_real *cell_after, *squashed; /* cell_state only; squashed is kept for backward */
    nd_real *gafter;                /* backward: gradient of after, in */
    nd_real *gcell;                 /* of cell_after; out: of cell_before */
} nd_cell_step;

typedef struct nd_cell {
    size_t gates;
    size_t lifted;   /* gate whose bias starts at the attribute forget_bias; gates: none */
    bool apart;      /* the recurrent product is not simply added to the input's */
    bool cell_state; /* a second state that is no result */
    bool carries;    /* backward leaves in gafter what reaches before past the product */
    bool chooses;    /* has the attribute activation */
    void (*forward)(const nd_cell_step *step);
    void (*backward)(const nd_cell_step *step);
} nd_cell;

nd_status nd_recurrent_shape(nd_ctx *ctx, nd_layer_shape *shape, const nd_cell *cell);
void nd_recurrent_forward(const nd_layer_io *io, const nd_cell *cell);
void nd_recurrent_backward(const nd_layer_io *io, const nd_cell *cell);

/* Class by name ("swish" is silu), NULL if none; and the whole table. */
const nd_layer_class *nd_layer_find(const char *name);
const nd_layer_class *const *nd_layer_table(size_t *count);

#endif
