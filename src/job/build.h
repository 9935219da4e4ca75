/* The network of a run: from flags, or from a config file's list of layers. */
#ifndef ND_JOB_BUILD_H
#define ND_JOB_BUILD_H

#include "job/auto.h"
#include "net/net.h"

/* Describe the network that maps the features of prep to its logits.
 * ND_ERR_OPTION, ND_ERR_SHAPE: layers of the file that do not fit. */
nd_status nd_build_desc(nd_ctx *ctx, const nd_config *config, const nd_prep *prep,
                        const nd_setup *plan, nd_desc **desc);

/* Logits of a task: one for two classes. */
size_t nd_build_logits(const nd_prep *prep);

#endif
