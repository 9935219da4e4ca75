#include "job/verdict.h"

#include <math.h>

#include "base/ctx.h"
#include "doctor/layers.h"
#include "job/build.h"
#include "train/signals.h"

/* What a figure must gain over the trivial model's to be more than chance. */
static const double gain = 0.02;

/* True if no figure that matters is better: for classes the probabilities and the hits, each
 * class counting the same, so that a rare class that is found counts. */
static bool is_poor(const nd_metrics *test, const nd_metrics *trivial)
{
    if (test->classes > 0) {
        return test->log_loss >= (1 - gain) * trivial->log_loss &&
               test->balanced_accuracy <= trivial->balanced_accuracy + gain;
    }
    return test->labels > 0 ? test->log_loss >= (1 - gain) * trivial->log_loss
                            : test->rmse >= (1 - gain) * trivial->rmse;
}

static nd_status look_at_layers(const nd_verdict *v, nd_text *why)
{
    nd_source *source;
    nd_signals *signals = NULL;
    nd_net *net = v->model->net;
    ND_TRY(nd_rows_source(v->model->prep, v->train, &source));
    nd_status status = nd_signals_create(net, source, &signals);
    if (status == ND_OK) {
        size_t count;
        nd_signals_before(signals);
        nd_signals_after(signals);
        const nd_layer_signal *signal = nd_signals_take(signals, &count);
        nd_doctor_layers(signal, count, why);
    }
    nd_signals_destroy(signals);
    nd_source_destroy(source);
    return status;
}

/* Where no layer stands out: learned by heart, or nothing to be seen. */
static void look_at_losses(const nd_verdict *v, nd_text *why)
{
    double train = v->fit->train_loss, test = v->test->loss;
    if (train < test / 2) {
        nd_text_printf(why,
                       "the training rows are learned by heart (loss %.3g, test rows %.3g): try "
                       "more rows, dropout, weight_decay, or fewer units",
                       train, test);
    } else {
        nd_text_printf(why,
                       "the training loss came to %.4g: try another learning rate (nadir lr-find), "
                       "more epochs, or look at the data (nadir check)",
                       train);
    }
}

nd_status nd_verdict_tell(const nd_verdict *verdict)
{
    nd_ctx *ctx = verdict->model->ctx;
    const nd_metrics *trivial = verdict->baseline;
    nd_text why = {0};
    int level = 1;
    if (!trivial || verdict->fit->interrupted || !is_poor(verdict->test, trivial)) {
        return ND_OK;
    }
    nd_status status = verdict->train ? look_at_layers(verdict, &why) : ND_OK;
    if (status == ND_OK && why.size == 0) {
        look_at_losses(verdict, &why);
        level = 2;
    }
    if (status == ND_OK && why.failed) {
        status = nd_fail_memory(ctx);
    }
    if (status == ND_OK) {
        bool words = verdict->test->classes > 0 || verdict->test->labels > 0;
        const char *usual = words ? "majority" : "mean";
        nd_log(ctx, level, "no better than the %s on the test rows: %s",
               trivial->trivial ? trivial->trivial : usual, why.data);
    }
    nd_text_free(&why);
    return status;
}
