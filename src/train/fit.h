/* The training loop. It emits events; observers show, record or judge them. */
#ifndef ND_TRAIN_FIT_H
#define ND_TRAIN_FIT_H

#include "data/augment.h"
#include "data/source.h"
#include "net/net.h"
#include "optim/optim.h"
#include "train/state.h"

/* Who takes the state of a run as it goes. */
typedef struct nd_fit_saver {
    /* True if a state is wanted now; asked after every step, so it must be cheap.
     *   now  seconds of the monotonic clock, up to a tenth behind */
    bool (*due)(void *user, uint64_t steps, double now);
    /* Copy the blocks of state; last: the run stops here, and what was copied is to be
     * safe on return. What goes wrong is the saver's to tell. */
    void (*save)(void *user, const nd_state *state, uint64_t steps, bool last);
    void *user;
} nd_fit_saver;

typedef struct nd_fit_params {
    size_t batch_size;       /* rows per step; 0: all rows in one */
    long epochs;             /* most epochs; the schedule runs over these */
    long stop_after;         /* stop after this epoch although the schedule goes on; 0: epochs */
    long patience;           /* epochs without a better loss before stopping; 0: never */
    double min_delta;        /* smallest fall that counts as better */
    double stop_gl, stop_pq; /* Prechelt's criteria, on the validation loss; 0: never */
    long strip;              /* epochs of a strip of the second; 0: 5 */
    long swa_start;     /* first epoch of a mean of weights, which the net ends with; 0: none */
    long swa_every;     /* epochs from one summand to the next; 0: 1 */
    double swa_lr;      /* rate from swa_start on; 0: with every epoch the one that the schedule
                                has reached there, else as the schedule goes on */
    double target_loss; /* stop when an epoch's training loss is at or under; 0: never */
    double lr;          /* base rate */
    nd_schedule schedule;
    double warmup; /* epochs */
    uint64_t seed;
    bool maximize;         /* the optimizer ascends: the largest loss is the best */
    bool keep_best;        /* return the weights of the best epoch, not of the last */
    nd_observe_fn observe; /* may be NULL */
    void *user;
    const nd_fit_saver *saver; /* may be NULL */
    const nd_state *resume;    /* go on from this state, which a saver got; NULL: begin */
    long rollbacks;            /* times to go back when training diverges; 0: end then */
    nd_augment *augment;       /* images are distorted while training; NULL: they are not */
    double mixup;              /* alpha; 0: rows are not mixed */
    bool signals;              /* measure the layers in the last step of each epoch */
    long unfreeze_at;          /* epoch from which frozen layers learn as well; 0: never */
    bool clipped;              /* for the message when training diverges */
} nd_fit_params;

typedef struct nd_fit_result {
    long epochs, best_epoch; /* epochs run; the one whose weights the net holds */
    uint64_t steps;
    double train_loss;  /* of the last epoch */
    double best_loss;   /* of the best epoch: validation, or training without validation */
    double last_loss;   /* the same of the last epoch */
    double best_metric; /* validation metric of the best epoch, NaN without validation */
    double seconds, rows_per_s;
    long rollbacks;   /* times that training went back to a good state */
    bool interrupted; /* an observer asked to stop */
    const char *why;  /* static text: why it ended */
} nd_fit_result;

/* Train net on train with optimizer; valid may be NULL (then the training loss
 * is what early stopping watches). Everything is allocated before the first step.
 * A run that goes on from a state ends with the same bits as the one that left it.
 * ND_ERR_DIVERGED: loss, gradient or parameter is not finite, and going back did not
 * help; the net then holds the best weights so far, *result says how far it came, and
 * the saver got the last finite state. ND_ERR_MEMORY, ND_ERR_SHAPE, ND_ERR_FORMAT (a
 * state of another run). */
nd_status nd_fit(nd_net *net, nd_optimizer *optimizer, const nd_source *train,
                 const nd_source *valid, const nd_fit_params *params, nd_fit_result *result);

/* Mean loss and metric (accuracy, R2 over all label columns, or reconstruction) of a net on a
 * source, in evaluation mode, in batches through caller scratch x, y of the
 * net's largest batch. The loss goes by the weights of a weighted net, the metric counts
 * each row once. ND_ERR_DATA if all weights are 0. */
nd_status nd_fit_score(nd_net *net, const nd_source *source, nd_real *x, nd_real *y, double *loss,
                       double *metric);

#endif
