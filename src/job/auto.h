/* What "auto" means: sizes and rates from the shape of the data. */
#ifndef ND_JOB_AUTO_H
#define ND_JOB_AUTO_H

#include "data/prep.h"
#include "job/options.h"
#include "optim/optim.h"

enum { ND_AUTO_HIDDEN = 32 };

/* Penalties, bounds, clipping, stopping and averages; 0: none. */
typedef struct nd_setup_regular {
    double l1, l2, max_norm, orthogonality;
    double clip_value, clip_layer_norm, clip_adaptive;
    double gl, pq, ema, swa_lr;
    long strip, swa, swa_every;
    bool decoupled, restore_best;
} nd_setup_regular;

/* Every training setting in force: given, or chosen here. */
typedef struct nd_setup {
    size_t hidden[ND_AUTO_HIDDEN], hidden_count;
    const char *activation, *init, *loss, *optimizer;
    char loss_text[128];                     /* with its settings, as nd_net_create takes it */
    double slope;                            /* of the activation; NaN: its own default */
    double init_scale, init_gain, bias_init; /* init_gain NaN: by the activation */
    size_t pieces;                           /* of maxout; 1 for every other activation */
    const char *norm;                        /* type of the normalizing layer, NULL for none */
    const char *norm_options;                /* its attributes */
    const char *dropout_type, *dropout_form; /* layer, and its attribute form or NULL */
    double input_dropout, input_noise, hidden_noise;
    char noise[192]; /* as nd_net_set_noise takes it */
    double dropout, weight_decay, lr, momentum, clip_norm, warmup;
    bool residual, dense_connections, refit;
    const char *recurrent; /* type of the hidden layers, NULL for dense */
    size_t time;           /* steps that the inputs make; 0: not said */
    size_t truncate;
    bool bidirectional;
    size_t batch_size; /* 0: all rows */
    long epochs, patience;
    double min_delta, target_loss;
    nd_schedule schedule;
    bool maximize, decay_all;
    nd_setup_regular regular;
    uint64_t seed;
} nd_setup;

/* The loss of settings for a task, and what it is called with its numbers (loss_text).
 * ND_ERR_OPTION if it does not fit the task or takes no such number. */
nd_status nd_setup_loss(const nd_config *config, const nd_prep *prep, nd_setup *plan);

/*   rows  training rows
 *   valid rows held for validation (0: none)
 * ND_ERR_OPTION for values that contradict each other (a loss that does not fit
 * the task, batch normalization with batches of one, ...). */
nd_status nd_setup_make(const nd_config *config, const nd_prep *prep, size_t rows, size_t valid,
                        nd_setup *plan);

/* The part of it about recurrent layers, once hidden is known; activation as given.
 * ND_ERR_OPTION for what they have no place for. */
nd_status nd_setup_recurrent(const nd_config *config, const nd_prep *prep, nd_setup *plan);

/* Read and check plan->regular (regular.c), with a say in patience and weight_decay where
 * these are auto. ND_ERR_OPTION. */
nd_status nd_setup_regularize(const nd_config *config, size_t valid, nd_setup *plan);

/* Attribute of an activation's layer that the option slope sets, NULL if it has none. */
const char *nd_activation_attribute(const char *activation);

#endif
