/* The network of a run: from flags, or from a config file's list of layers. */
#ifndef ND_JOB_BUILD_H
#define ND_JOB_BUILD_H

#include "data/source.h"
#include "job/auto.h"
#include "job/rows.h"
#include "net/net.h"

/* Describe the network that maps the features of prep to its logits.
 * ND_ERR_OPTION, ND_ERR_SHAPE: layers of the file that do not fit. */
nd_status nd_build_desc(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                        const nd_setup *plan, nd_desc **desc);

/* The update rule of the settings for a net. ND_ERR_OPTION. */
nd_status nd_build_optimizer(const nd_config *config, const nd_setup *plan, nd_net *net,
                             nd_optimizer **optimizer);

/* A part's rows through a preparation; NULL for a part without rows. */
nd_status nd_rows_source(const nd_prep *prep, const nd_rows *rows, nd_source **source);

/* Rows that a net is planned for, to train on so many. */
size_t nd_planned_rows(const nd_setup *plan, size_t rows);

/* A new network of a run, for batches of the rows of source: label rows with weights if
 * the source has them, and first weights that go by the data from rows of it.
 * *net may be there on failure as well; destroy it in either case. ND_ERR_DATA and those
 * of nd_net_create. */
nd_status nd_build_net(const nd_desc *desc, const nd_setup *plan, const nd_prep *prep,
                       const nd_source *source, nd_net **net);

/* Logits of a task: one for two classes, two per target for a loss with variances. */
size_t nd_build_logits(const nd_prep *prep, const char *loss);

#endif
