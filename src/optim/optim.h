/* Update rules over flat blocks. A rule sees a stretch of the parameter block, of
 * the gradient block and of its own state blocks, which have the same layout. */
#ifndef ND_OPTIM_OPTIM_H
#define ND_OPTIM_OPTIM_H

#include "base/option.h"
#include "kern/kern.h"

enum { ND_OPTIM_STATES = 3, ND_OPTIM_SETTINGS = 8 };

typedef struct nd_optim_io {
    nd_pool *pool;
    double setting[ND_OPTIM_SETTINGS]; /* values of the class's options, in their order */
    nd_update base; /* what every rule passes on: rate, penalties, clipping, average */
    uint64_t step;  /* from 1 */
    size_t size;    /* a stretch of the block that shares base */
    nd_real *param;
    const nd_real *grad;
    nd_real *state[ND_OPTIM_STATES]; /* states, then scratch */
    double *memo;                    /* [2], what a rule derives from the step; 0 at first */
} nd_optim_io;

/* One step of a rule that tries several points: it moves param along a line. */
typedef struct nd_optim_search {
    nd_pool *pool;
    const double *setting;
    double lr;
    size_t size, states;
    nd_real *param;
    nd_real **block; /* [states + scratch]; the rule may change the order of states */
    double loss;     /* what is to be made small, at param, and ... */
    nd_real *grad;   /* ... its gradient there: the last block, of the rule's scratch */
    /* Loss and gradient at param as it stands; the loss is INFINITY where either is not
     * finite. */
    nd_status (*evaluate)(struct nd_optim_search *search, double *loss, nd_real *grad);
    void *user; /* for evaluate */
} nd_optim_search;

typedef struct nd_optim_class {
    const char *name;
    const char *help, *formula, *source;
    const nd_option *options; /* beside those that all take */
    size_t option_count;
    double lr;              /* default learning rate */
    size_t states, scratch; /* blocks that a checkpoint holds, and those that it need not */
    bool decoupled;         /* weight_decay shrinks the weight beside the step (AdamW) */
    bool own_rate;          /* finds its steps itself: a schedule would have no effect */
    const char *full_batch; /* why it takes all rows in one batch; NULL if any batch will do */
    /* One of the two: */
    void (*update)(const nd_optim_io *io);
    nd_status (*search)(nd_optim_search *search);
    /* Move param to where the gradient is wanted; NULL: where it is. */
    void (*look_ahead)(const nd_optim_io *io);
    size_t (*state_count)(const double *setting); /* in place of states, where it varies */
} nd_optim_class;

/* 1 - base^n for 0 <= base < 1, to the last bits. A function of n alone, so that a resumed
 * run goes on with the same bits. */
double nd_optim_correction(double base, uint64_t n);

/* gamma after t steps, of a rule with the options momentum and rise, in this order: it rises
 * in stages (Sutskever et al. 2013, eq. 5). */
double nd_optim_risen(const nd_optim_io *io, uint64_t t);

/* beta1, beta2 and eps of the rules of Adam's family. */
enum { ND_OPTIM_MOMENT_OPTIONS = 3 };
extern const nd_option nd_optim_moment_options[ND_OPTIM_MOMENT_OPTIONS];

const nd_optim_class *nd_optim_find(const char *name);
const nd_optim_class *const *nd_optim_table(size_t *count);

/* The option of a class, NULL if it has none of that name. */
const nd_option *nd_optim_option(const nd_optim_class *class, const char *name);

/* lr, maximize, and what penalties, bounds, clipping and averaging go by. */
const nd_option *nd_optim_common_options(size_t *count);

/* ---- Penalties, bounds and clipping (regular.c) */

typedef enum nd_clip {
    ND_CLIP_NONE,
    ND_CLIP_NORM,    /* the norm of the whole gradient */
    ND_CLIP_VALUE,   /* each element, in the update */
    ND_CLIP_LAYER,   /* the norm of each layer's gradient */
    ND_CLIP_ADAPTIVE /* that of each unit, by the norm of its weights */
} nd_clip;

/* What the common options say. */
typedef struct nd_optim_regular {
    nd_regular all; /* where a layer sets nothing itself */
    bool decoupled, decay_all;
    nd_clip clip;
    double clip_at; /* bound of the form of clipping */
    double ema;     /* decay of the average of parameters; 0: none is kept */
} nd_optim_regular;

/* Read them. ND_ERR_OPTION for two forms of clipping, and for what class gives no
 * meaning to. */
nd_status nd_optim_regular_read(nd_ctx *ctx, const nd_optim_class *class, const nd_optset *common,
                                nd_optim_regular *regular);

/* What holds for a span: its layer's where that is set; 0 where penalties do not apply. */
nd_regular nd_optim_regular_of(const nd_optim_regular *regular, const nd_span *span);

/* A tensor of the block that is looked at as a matrix, a column for each unit. */
typedef struct nd_optim_matrix {
    size_t offset, rows, cols;
    double max_norm, orthogonality; /* 0: none */
    bool clip;                      /* adaptively */
} nd_optim_matrix;

/* Elements that share penalties and a rate; neighbours are merged. */
typedef struct nd_optim_stretch {
    size_t offset, size;
    double l1, decay, decoupled; /* of nd_update */
    double lr;                   /* factor; 0 leaves the elements as they are */
    size_t part;                 /* whose clipping it shares */
    uint64_t since; /* finished steps when they began to learn; the rule counts from there */
    double memo[2]; /* io.memo where since is not 0 */
} nd_optim_stretch;

/* What is clipped together: a layer, or the whole block. */
typedef struct nd_optim_part {
    size_t offset, size;
    double scale;
} nd_optim_part;

/* What holds where in a block. */
typedef struct nd_optim_cut {
    nd_optim_stretch *stretch;
    nd_optim_part *part;
    nd_optim_matrix *matrix; /* those to which penalties, bounds or clipping by units apply */
    size_t stretches, parts, matrices;
    size_t square; /* elements of the scratch that the penalty on orthogonality needs */
    bool bounded;  /* some matrix has a max_norm */
    bool *rested;  /* [spans] whether a span had no rate when it was made */
} nd_optim_cut;

/* No spans: one stretch without penalties, unless on all. ND_ERR_MEMORY; free *cut in
 * either case. */
nd_status nd_optim_cut_make(nd_ctx *ctx, const nd_optim_regular *regular, const nd_span *span,
                            size_t spans, size_t size, nd_optim_cut *cut);
void nd_optim_cut_free(nd_optim_cut *cut);

/* The same for spans whose rates are others now; does not allocate.
 *   since  steps that were finished when those that had no rate at first got one */
void nd_optim_cut_again(const nd_optim_regular *regular, const nd_span *span, size_t spans,
                        size_t size, uint64_t since, nd_optim_cut *cut);

/* Elements of the square matrix that the penalty on orthogonality works in. */
size_t nd_optim_square(const nd_optim_matrix *m);

/* lambda |W W^T - I|^2 of the weights of units as rows, or |W^T W - I|^2 where there are
 * more units than inputs; its gradient times sign is added to grad. 0 without penalty.
 *   w, grad  in, inout  the blocks
 *   square   scratch */
double nd_optim_orthogonality(nd_pool *pool, const nd_optim_matrix *m, const nd_real *w,
                              double sign, nd_real *square, nd_real *grad);

/* Brock et al. 2021, eq. 3. */
void nd_optim_clip_adaptive(nd_pool *pool, const nd_optim_matrix *m, double share, const nd_real *w,
                            nd_real *grad);

/* The nd_optimizer of nadir.h works on any flat block; this makes one without a
 * net (blocks borrowed; spans, which state where decay applies, are read here
 * only). nd_optimizer_create in src/optim cannot know
 * nets, so it stands in src/train and calls this. */
nd_status nd_optimizer_on_block(nd_ctx *ctx, const char *rule, const char *attributes, size_t size,
                                nd_real *param, nd_real *grad, const nd_span *span, size_t spans,
                                nd_optimizer **optimizer);

/* Read the spans of the block again, as many as the optimizer was made with: rates changed.
 *   since  steps that were finished when those that had no rate at first got one: a rule
 *          that counts steps (Adam's corrections) counts for them from there
 * Does not allocate. */
void nd_optimizer_respan(nd_optimizer *optimizer, const nd_span *span, size_t spans,
                         uint64_t since);

/* nd_optimizer_step for a gradient that is known to be finite, in the environment
 * of base/fpenv.h, which the caller has entered. */
nd_status nd_optimizer_step_finite(nd_optimizer *optimizer);

/* Loss and gradient at the parameters as they stand, the gradient into the block that the
 * optimizer was made with; *finite 0 if either is not finite. */
typedef nd_status (*nd_evaluate_fn)(void *user, double *loss, bool *finite);

/* True for a rule that needs nd_optimizer_search in place of a step: it tries several
 * points. The gradient block holds the gradient at the parameters, loss is that there.
 * Does not allocate. ND_ERR_DIVERGED, and what evaluate returns; parameters are then
 * where they were. */
bool nd_optimizer_searches(const nd_optimizer *optimizer);
nd_status nd_optimizer_search(nd_optimizer *optimizer, double loss, nd_evaluate_fn evaluate,
                              void *user);

/* Undo nd_optimizer_look_ahead, to the bit: there was no gradient. */
void nd_optimizer_stay(nd_optimizer *optimizer);

const nd_optim_class *nd_optimizer_class(const nd_optimizer *optimizer);

/* State for checkpoints: step count and state blocks [count][size]. The step count and the
 * blocks are all that a resumed run needs. */
uint64_t nd_optimizer_steps(const nd_optimizer *optimizer);
void nd_optimizer_set_steps(nd_optimizer *optimizer, uint64_t steps);
nd_real *nd_optimizer_state(nd_optimizer *optimizer, size_t i);
size_t nd_optimizer_states(const nd_optimizer *optimizer);

/* Average of the parameters, a block of the same layout that belongs to the state; NULL
 * without ema. And the share of the parameters in its step number t. */
nd_real *nd_optimizer_average(nd_optimizer *optimizer);
double nd_optimizer_share(const nd_optimizer *optimizer, uint64_t t);
double nd_optimizer_lr(const nd_optimizer *optimizer);

/* ---- Schedules: pure functions of the step */
enum { ND_SCHEDULE_SETTINGS = 5, ND_SCHEDULE_MARKS = 32 };

typedef struct nd_schedule nd_schedule;

/* A moment of a run: finished steps, of all; steps of an epoch and of the warm-up. */
typedef struct nd_moment {
    uint64_t step, steps, per_epoch, warmup;
} nd_moment;

typedef struct nd_schedule_class {
    const char *name;
    const char *help, *formula, *source;
    const nd_option *options;
    size_t option_count;
    bool rises;   /* begins low by itself: a warm-up before it would contradict */
    bool by_loss; /* also goes by the loss of each epoch: nd_plateau */
    double (*factor)(const nd_schedule *schedule, const nd_moment *at); /* on the base rate */
} nd_schedule_class;

/* A class with its settings; plain data. */
struct nd_schedule {
    const nd_schedule_class *class;       /* NULL is constant */
    double setting[ND_SCHEDULE_SETTINGS]; /* values of the class's options, in their order */
    double mark[ND_SCHEDULE_MARKS];       /* items of its list, rising */
    size_t marks;
    bool exponential_warmup;
};

/* Share of all steps done, 0..1; epochs done, with fractions. */
double nd_schedule_share(const nd_moment *at);
double nd_schedule_epoch(const nd_moment *at);

/* From a to b along half a cosine. */
double nd_schedule_half_cosine(double a, double b, double share);

const nd_schedule_class *nd_schedule_find(const char *name);
const nd_schedule_class *const *nd_schedule_table(size_t *count);

/* "every=10, factor=0.5"; NULL for the defaults. ND_ERR_OPTION. */
nd_status nd_schedule_make(nd_ctx *ctx, const char *name, const char *attributes,
                           nd_schedule *schedule);

/* base * warm-up * factor for the step after at->step finished ones. The warm-up rises
 * over its steps to 1: in a straight line, or exponentially from 1/1000. */
double nd_schedule_rate(const nd_schedule *schedule, double base, const nd_moment *at);

/* What a schedule by the loss has seen: plain data, all that a resumed run needs. */
typedef struct nd_plateau {
    double best, scale;  /* smallest loss; factor on the rate */
    double waited, rest; /* epochs without a better loss; epochs left of the cooldown */
} nd_plateau;

nd_plateau nd_plateau_start(void);

/* Look at the loss of an epoch; does nothing for a schedule that is not by_loss. */
void nd_plateau_see(nd_plateau *plateau, const nd_schedule *schedule, double loss);

#endif
