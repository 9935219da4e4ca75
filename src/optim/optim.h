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
    double lr;
    double grad_scale;   /* from clipping; 1 if none */
    double weight_decay; /* of these elements; 0 where decay does not apply */
    uint64_t step;       /* from 1 */
    size_t size;         /* a stretch of the block that shares weight_decay */
    nd_real *param;
    const nd_real *grad;
    nd_real *state[ND_OPTIM_STATES];
} nd_optim_io;

typedef struct nd_optim_class {
    const char *name;
    const char *help, *formula, *source;
    const nd_option *options; /* beside lr, weight_decay, clip_norm, which all take */
    size_t option_count;
    double lr; /* default learning rate */
    size_t states;
    void (*update)(const nd_optim_io *io);
} nd_optim_class;

const nd_optim_class *nd_optim_find(const char *name);
const nd_optim_class *const *nd_optim_table(size_t *count);

/* lr, weight_decay and clip_norm. */
const nd_option *nd_optim_common_options(size_t *count);

/* The nd_optimizer of nadir.h works on any flat block; this makes one without a
 * net (blocks borrowed; spans, which state where decay applies, are read here
 * only). nd_optimizer_create in src/optim cannot know
 * nets, so it stands in src/train and calls this. */
nd_status nd_optimizer_on_block(nd_ctx *ctx, const char *rule, const char *attributes, size_t size,
                                nd_real *param, const nd_real *grad, const nd_span *span,
                                size_t spans, nd_optimizer **optimizer);

/* nd_optimizer_step for a gradient that is known to be finite, in the environment
 * of base/fpenv.h, which the caller has entered. */
nd_status nd_optimizer_step_finite(nd_optimizer *optimizer);

/* State for checkpoints: step count and state blocks [count][size]. */
uint64_t nd_optimizer_steps(const nd_optimizer *optimizer);
nd_real *nd_optimizer_state(nd_optimizer *optimizer, size_t i);
size_t nd_optimizer_states(const nd_optimizer *optimizer);
double nd_optimizer_lr(const nd_optimizer *optimizer);

/* ---- Schedules: pure functions of the step */
typedef struct nd_schedule_class {
    const char *name;
    const char *help, *formula, *source;
    /* Factor on the base rate at t = steps done / all steps, 0..1. */
    double (*factor)(double t);
} nd_schedule_class;

const nd_schedule_class *nd_schedule_find(const char *name);
const nd_schedule_class *const *nd_schedule_table(size_t *count);

/* base * warm-up * factor for the step after `step` finished ones: linear warm-up
 * over the first warmup steps. */
double nd_schedule_lr(const nd_schedule_class *schedule, double base, uint64_t step, uint64_t steps,
                      uint64_t warmup);

#endif
