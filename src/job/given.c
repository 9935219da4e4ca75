#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/options.h"
#include "job/train.h"

void nd_trained_free(nd_trained *trained)
{
    nd_model_destroy(trained->model);
    nd_metrics_destroy(trained->test);
    nd_metrics_destroy(trained->baseline);
    *trained = (nd_trained){0};
}

/* A folder of its own below that of the checkpoints. */
static nd_status continue_folder(nd_config *config, const char *what, size_t number)
{
    const char *folder = nd_opt_text(&config->set, "checkpoint");
    nd_text path = {0};
    if (folder[0] == '\0') {
        return ND_OK;
    }
    ND_TRY(nd_file_make_folder(config->ctx, folder));
    nd_text_printf(&path, "%s/%s-%zu", folder, what, number);
    nd_status status = path.failed
                           ? nd_fail_memory(config->ctx)
                           : nd_optset_set(&config->set, "checkpoint", path.data, ND_FROM_CALL);
    nd_text_free(&path);
    return status;
}

nd_status nd_config_for(nd_ctx *ctx, const nd_config *config, const char *what, size_t number,
                        nd_config **copy)
{
    nd_status status = nd_config_copy(config, copy);
    if (status != ND_OK) {
        return nd_fail_memory(ctx);
    }
    (*copy)->ctx = (*copy)->set.ctx = ctx;
    status = continue_folder(*copy, what, number);
    if (status != ND_OK) {
        nd_config_destroy(*copy);
        *copy = NULL;
    }
    return status;
}
