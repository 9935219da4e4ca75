/* Weights to start from: the layers of a model file, or the groups of tensors of any other
 * safetensors file, such as one that PyTorch wrote. */
#ifndef ND_MODEL_WEIGHTS_H
#define ND_MODEL_WEIGHTS_H

#include "model/model.h"
#include "model/safetensors.h"

/* Longest name of a group; most tensors of one that are read. */
enum { ND_WEIGHTS_NAME = 128, ND_WEIGHTS_TENSORS = 7 };

/* What one layer was trained to. */
typedef struct nd_weights_group {
    char name[ND_WEIGHTS_NAME];                     /* "dense1", "fc1", "layers.0" */
    const nd_desc_layer *layer;                     /* of a model of nadir, else NULL */
    size_t index;                                   /* ... its number there */
    const nd_st_tensor *tensor[ND_WEIGHTS_TENSORS]; /* of any other file */
    size_t tensors;
} nd_weights_group;

typedef struct nd_weights {
    nd_ctx *ctx;
    char *path;
    nd_model *model; /* NULL: a file that nadir did not write */
    nd_bytes bytes;
    nd_st st;
    nd_weights_group *group; /* layers with parameters or running statistics, in order */
    size_t groups;
    size_t unread; /* tensors of other names than PyTorch's for the layers that nadir has */
    uint64_t mark; /* hash of the file's bytes */
} nd_weights;

/* Read and check a file; nothing in it is trusted. Of a file that nadir did not write,
 * tensors are read whose names end in .weight, .bias, .running_mean or .running_var.
 * ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_MEMORY; *weights is then NULL. */
nd_status nd_weights_open(nd_ctx *ctx, const char *path, nd_weights **weights);

/* The same from memory, which must outlive it. verify as in nd_model_parse. */
nd_status nd_weights_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                           bool verify, nd_weights **weights);
void nd_weights_destroy(nd_weights *weights);

/* Put the groups of another file in the order of its header, or of their names with
 * numbers by value: 2 before 10, fc2 before fc10. PyTorch's files are in the order of
 * bytes, which is neither that of the layers nor that of numbers. */
void nd_weights_sort(nd_weights *weights, bool by_name);

/* Group by its name[n], NULL if there is none. */
const nd_weights_group *nd_weights_find(const nd_weights *weights, const char *name, size_t n);

/* Room for "784 x 128". */
enum { ND_WEIGHTS_SHAPE = 64 };

/* Inputs and outputs of a group as text. */
const char *nd_weights_shape(const nd_weights_group *group, char out[ND_WEIGHTS_SHAPE]);

/* Whether all of a group is what a layer needs: a dense layer takes weight [out][in] and
 * bias [out] as PyTorch keeps them, batchnorm weight, bias, running_mean and running_var,
 * layernorm and rmsnorm weight and bias, prelu weight. Layers of a model must be of the
 * same type. */
bool nd_weights_fit(const nd_weights_group *group, const nd_desc_layer *layer);

/* Copy a group that fits into layer i of a net. ND_ERR_FORMAT: an element that is not
 * finite (before anything is copied of that tensor), or of a type other than F32, F64,
 * F16, BF16. ND_ERR_IO: the file was cut since it was opened. */
nd_status nd_weights_copy(const nd_weights *weights, const nd_weights_group *group, nd_net *net,
                          size_t i);

#endif
