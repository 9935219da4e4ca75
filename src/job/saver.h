/* Writes checkpoints from a thread of its own: the training thread copies the state,
 * and goes on while the copy is written. */
#ifndef ND_JOB_SAVER_H
#define ND_JOB_SAVER_H

#include "model/checkpoint.h"

typedef struct nd_saver nd_saver;

/* How often: one of the two is 0. */
typedef struct nd_every {
    double seconds;
    uint64_t steps;
} nd_every;

/* "10s", "2m", "1h", "100steps". ND_ERR_OPTION for anything else. */
nd_status nd_every_parse(nd_ctx *ctx, const char *text, nd_every *every);

/* Take a folder, made if it is not there, for one run: no other one can have it at the
 * same time. What a killed run left half written is removed.
 *   resume      the newest checkpoint of the folder, or NULL
 *   *resumed    out, the checkpoint (nd_checkpoint_destroy); NULL if there is none
 *   fresh       without resume: remove the checkpoints of an earlier run
 * Texts are copied. ND_ERR_EXISTS if there are checkpoints, and neither resume nor
 * fresh; ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_MEMORY. */
nd_status nd_saver_create(nd_ctx *ctx, const char *folder, const nd_every *every, bool resume,
                          bool fresh, nd_checkpoint **resumed, nd_saver **saver);

/* What every checkpoint of the run says beside its state; copied. ND_ERR_MEMORY. */
nd_status nd_saver_describe(nd_saver *saver, const char *settings, const char *data,
                            const char *why);

/* As in nd_fit_saver; a failed write is told as a warning, and the next is tried. */
bool nd_saver_due(nd_saver *saver, uint64_t steps, double now);
void nd_saver_save(nd_saver *saver, const nd_state *state, uint64_t steps, bool last);

/* Wait for a write that is going on, then end the thread; NULL is allowed. */
void nd_saver_destroy(nd_saver *saver);

#endif
