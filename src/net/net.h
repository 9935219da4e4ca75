/* A description of layers becomes a plan: one parameter block, one gradient block
 * of the same layout, one workspace; forward, backward. */
#ifndef ND_NET_NET_H
#define ND_NET_NET_H

#include "layer/layer.h"
#include "loss/loss.h"

/* One layer of a description. */
typedef struct nd_desc_layer {
    const nd_layer_class *class;
    char *name; /* unique; "dense1" if none was given */
    nd_optset attr;
    size_t inputs;
    long input[ND_LAYER_INPUTS]; /* earlier layers, -1 is the network's input */
    nd_layer_shape shape;        /* shape.attr points at attr */
    double lr;                   /* factor on the learning rate; 1: none of its own */
    bool frozen;                 /* keeps parameters and running statistics; not saved */
    nd_regular own;              /* penalties and bounds of its own; not saved */
} nd_desc_layer;

struct nd_desc {
    nd_ctx *ctx;
    size_t n_in;
    size_t time;           /* steps of the sequence that the inputs are; 0: not known */
    nd_desc_layer **layer; /* pointers stay valid while the desc grows */
    size_t count, room;
};

/* The attributes name, from, lr and those of nd_regular, which every layer takes. */
const nd_option *nd_desc_common_options(size_t *count);

/* Set the factor on the learning rate of the layer called name[n]. ND_ERR_OPTION. */
nd_status nd_desc_set_lr(nd_desc *desc, const char *name, size_t n, double factor);

/* Layer by its name[n]; NULL if there is none. */
const nd_desc_layer *nd_desc_find(const nd_desc *desc, const char *name, size_t n);

/* Set one of nd_regular, key[k], for the layer called name[n]. ND_ERR_OPTION. */
nd_status nd_desc_set_regular(nd_desc *desc, const char *name, size_t n, const char *key, size_t k,
                              double value);

nd_status nd_desc_copy(const nd_desc *desc, nd_desc **copy);

/* Width of the last layer (n_in if there is none). */
size_t nd_desc_outputs(const nd_desc *desc);

/* The description a net was planned from; owned by the net. */
const nd_desc *nd_net_desc(const nd_net *net);
const nd_loss_class *nd_net_loss_class(const nd_net *net);
const nd_loss *nd_net_loss_in_force(const nd_net *net);
nd_ctx *nd_net_ctx(const nd_net *net);
size_t nd_net_max_rows(const nd_net *net);

/* What a mean over these label rows divides by: the sum of their weights, or their
 * number. */
double nd_net_weight(const nd_net *net, const nd_real *y, size_t rows);

/* The same of the label rows that the net trains on: two labels each after
 * nd_net_set_mixed. */
double nd_net_train_weight(const nd_net *net, const nd_real *y, size_t rows);

/* Numbers of a label row, with its weight if there is one. */
size_t nd_net_label_width(const nd_net *net);

/* Plan again for another largest batch, parameters and buffers kept, noise ended; on
 * failure the net is unchanged. */
nd_status nd_net_replan(nd_net *net, size_t max_rows);

/* Train frozen layers like others (thawed), or freeze them again. Spans change with it:
 * an optimizer made before is told by nd_optimizer_respan. Does not allocate. */
void nd_net_thaw(nd_net *net, bool thawed);

/* Whether a layer has init=lsuv, which nd_net_init_on completes. */
bool nd_net_wants_rows(const nd_net *net);

/* Running tensors (batch statistics), one block with spans, saved with a model. */
size_t nd_net_buffer_size(const nd_net *net);
nd_real *nd_net_buffers(nd_net *net);
const nd_span *nd_net_buffer_spans(const nd_net *net, size_t *count);

/* Whether nd_net_set_noise made training noisy. */
bool nd_net_noisy(const nd_net *net);

/* Step number that keys the random masks of the next nd_net_gradient call;
 * the loop sets it so that resumed runs draw the same masks. */
void nd_net_set_step(nd_net *net, uint64_t step);

/* Logits instead of predictions: pointer into the workspace [rows][n_out], valid
 * until the next call. */
nd_status nd_net_logits(nd_net *net, const nd_real *x, size_t rows, const nd_real **logits);

/* Run rows forward in evaluation mode and show each layer's result as it is made; a layer
 * that applies the activation behind it has the activated one. y is valid during the call
 * of see only. ND_ERR_SHAPE. Does not allocate. */
typedef void (*nd_see_layer_fn)(void *user, size_t layer, const nd_real *y, size_t rows);
nd_status nd_net_watch(nd_net *net, const nd_real *x, size_t rows, nd_see_layer_fn see, void *user);

/* Logits of the latest nd_net_forward, _loss, _gradient or _logits call, same
 * pointer; for a metric beside a loss without a second pass. ND_ERR_ARGUMENT if
 * there was none. */
nd_status nd_net_last_logits(const nd_net *net, const nd_real **logits);

/* nd_net_gradient in the environment of base/fpenv.h, which the caller has entered.
 * *finite tells whether every element of the gradient block is finite, found while
 * what made it is in the caches. */
nd_status nd_net_gradient_finite(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                                 double *loss, bool *finite);

/* Threads out of so many that a training step on a batch of rows can use: as many as the
 * tasks that its largest pass is cut into. A small net has one, where handing work to
 * another thread takes longer than the work. */
int nd_desc_threads(const nd_desc *desc, size_t rows, int threads);

/* Multiply-adds of the dense layers in a training step on a batch of rows. */
double nd_desc_work(const nd_desc *desc, size_t rows);

/* Trained numbers: nd_net_size without the gaps between spans. */
size_t nd_net_parameter_count(const nd_net *net);

/* Multiply-adds per row: forward, and forward + backward. */
double nd_net_flops(const nd_net *net, bool training);

/* Bytes of workspace and blocks. */
size_t nd_net_bytes(const nd_net *net);

#endif
