/* Snapshot ensembles: the weights at the end of each cycle of a schedule that restarts. */
#ifndef ND_JOB_SNAPSHOTS_H
#define ND_JOB_SNAPSHOTS_H

#include "job/auto.h"
#include "model/model.h"
#include "train/state.h"

typedef struct nd_snapshots {
    size_t count;           /* cycles; 0: none are wanted */
    long cycle;             /* epochs of each */
    size_t params, buffers; /* elements of the blocks of a network */
    nd_real *block;         /* [count][params + buffers] */
} nd_snapshots;

/* Members of an ensemble that the settings ask for in the way by ("seeds", "folds",
 * "snapshots"); 0 if none, or in another way. */
size_t nd_ensemble_by(const nd_config *config, const char *by);

/* If the settings ask for snapshots, change the plan: cycles of equal length under cosine
 * restarts, to the end. ND_ERR_OPTION for settings that leave no sense in it. */
nd_status nd_snapshots_plan(const nd_config *config, nd_setup *plan, nd_snapshots *snapshots);

/* Room for those of a network; filled from the state of a run that goes on, unless that is
 * NULL. ND_ERR_MEMORY, ND_ERR_FORMAT. */
nd_status nd_snapshots_open(nd_snapshots *snapshots, nd_net *net, const nd_state *resumed);
void nd_snapshots_free(nd_snapshots *snapshots);

/* An epoch is over (from 1): take the weights if a cycle is. */
void nd_snapshots_see(nd_snapshots *snapshots, nd_net *net, long epoch);

/* Append what was taken so far to the state of a run, if there is anything. */
void nd_snapshots_list(nd_snapshots *snapshots, nd_state *state);

/* Make members of what was taken in so many epochs; the model's own network, which is the
 * last of them after the last epoch, becomes the first. */
nd_status nd_snapshots_join(const nd_snapshots *snapshots, long epochs, nd_model *model);

#endif
