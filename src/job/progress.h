/* What checkpoints add to a training job: its state beside that of the fit, and the
 * check that a resumed run is the one that was interrupted. */
#ifndef ND_JOB_PROGRESS_H
#define ND_JOB_PROGRESS_H

#include "job/fingerprint.h"
#include "job/record.h"
#include "job/saver.h"
#include "job/snapshots.h"

/* What came out of the first fit, while the second goes on; saved as two blocks. */
typedef struct nd_first_fit {
    int64_t epochs, best_epoch, steps;
    double train_loss, best_loss, last_loss, best_metric;
} nd_first_fit;

typedef struct nd_progress {
    nd_ctx *ctx;
    const nd_table *table;
    nd_curve *curve;         /* the job's; saved and restored */
    nd_net *net;             /* that of the first fit, in the second; borrowed */
    nd_saver *saver;         /* NULL without checkpoints */
    nd_snapshots *snapshots; /* the job's; saved with the rest; set before the first step */
    nd_fit_saver hook;
    nd_checkpoint *resumed; /* to go on from, until its fit has taken it */
    nd_text settings;
    char data[ND_FINGERPRINT_TEXT];
    char *why;     /* the first fit ended, in a run resumed after it */
    int64_t phase; /* 1: first fit, 2: refit */
    nd_first_fit first;
} nd_progress;

/* The rows of a run, to be told from others. */
typedef struct nd_progress_rows {
    const nd_table *table; /* no cells where the rows come from a cache */
    const nd_parts *parts;
    const nd_cache_head *cache; /* NULL without one */
    uint64_t from;              /* mark of the weights that it started from; 0: none */
} nd_progress_rows;

/* Look at the options checkpoint, every, resume and force. Nothing to do without a
 * folder. The rest of the arguments must outlive *progress.
 *   rows   those of the run
 *   refit  the run fits twice
 * ND_ERR_OPTION (a setting that is not the same, named; resume without a folder),
 * ND_ERR_DATA (other rows), ND_ERR_EXISTS, ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_MEMORY.
 * nd_progress_close is due in every case. */
nd_status nd_progress_open(nd_progress *progress, const nd_config *config,
                           const nd_progress_rows *rows, nd_curve *curve, bool refit);
void nd_progress_close(nd_progress *progress);

/* Log where a resumed run stands. */
void nd_progress_tell(const nd_progress *progress);

/* For nd_fit_params: both NULL where there is nothing to save or to go on from. */
const nd_fit_saver *nd_progress_saver(const nd_progress *progress);
const nd_state *nd_progress_resumed(const nd_progress *progress);

/* The state that was resumed from has served. */
void nd_progress_begun(nd_progress *progress);

/* True if the resumed run stands in its second fit; then the results of the first
 * one, into its network and result. ND_ERR_FORMAT, ND_ERR_MEMORY. */
bool nd_progress_in_refit(const nd_progress *progress);
nd_status nd_progress_take_first(nd_progress *progress, nd_net *net, long epochs,
                                 nd_fit_result *fit);

/* From here on checkpoints are those of the second fit. ND_ERR_MEMORY. */
nd_status nd_progress_begin_refit(nd_progress *progress, nd_net *net, const nd_fit_result *fit);

#endif
