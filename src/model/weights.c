#include "model/weights.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dict.h"
#include "base/mem.h"

/* ---- Tensors of other programs */

enum { MAX_GROUPS = 4096 };

/* What PyTorch calls the tensors of nadir's layers. */
static const char *const names[][2] = {
    {"weight", "weight"},
    {"bias", "bias"},
    {"scale", "weight"},
    {"offset", "bias"},
    {"slope", "weight"},
    {"running_mean", "running_mean"},
    {"running_var", "running_var"},
};

/* A name stands in a file once, so that a group has room for all that are known. */
_Static_assert(sizeof names / sizeof names[0] <= ND_WEIGHTS_TENSORS, "room for every name");

/* A count of batches that PyTorch keeps beside running statistics; nothing here uses it. */
static const char counter[] = "num_batches_tracked";

static bool is_known(const char *last, size_t n)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i][1]) == n && memcmp(names[i][1], last, n) == 0) {
            return true;
        }
    }
    return strlen(counter) == n && memcmp(counter, last, n) == 0;
}

/* Where the last part of a name begins, and what is before the point. */
static const char *last_part(const nd_st_tensor *tensor, size_t *n, size_t *before)
{
    const char *text = tensor->name.text;
    size_t at = tensor->name.size;
    while (at > 0 && text[at - 1] != '.') {
        at--;
    }
    *n = tensor->name.size - at;
    *before = at > 0 ? at - 1 : 0;
    return text + at;
}

static bool is_called(const nd_st_tensor *tensor, const char *name)
{
    size_t n, before;
    const char *last = last_part(tensor, &n, &before);
    return strlen(name) == n && memcmp(last, name, n) == 0;
}

static nd_status fail_tensor(const nd_weights *w, const nd_st_tensor *tensor, const char *what)
{
    int n = tensor->name.size < 100 ? (int)tensor->name.size : 100;
    return nd_fail(w->ctx, ND_ERR_FORMAT, "%s: tensor %.*s: %s", w->path, n, tensor->name.text,
                   what);
}

static nd_weights_group *group_of(nd_weights *w, const char *name, size_t n)
{
    for (size_t i = 0; i < w->groups; i++) {
        if (strlen(w->group[i].name) == n && memcmp(w->group[i].name, name, n) == 0) {
            return &w->group[i];
        }
    }
    nd_weights_group *made = &w->group[w->groups++];
    memcpy(made->name, name, n);
    return made;
}

static nd_status add_tensor(nd_weights *w, const nd_st_tensor *tensor)
{
    size_t n, before;
    const char *last = last_part(tensor, &n, &before);
    if (!is_known(last, n)) {
        w->unread++;
        return ND_OK;
    }
    if (is_called(tensor, counter)) {
        return ND_OK;
    }
    if (before >= ND_WEIGHTS_NAME) {
        return fail_tensor(w, tensor, "the name is too long");
    }
    nd_weights_group *group = group_of(w, tensor->name.text, before);
    if (w->groups > MAX_GROUPS) {
        return fail_tensor(w, tensor, "the file has too many layers");
    }
    group->tensor[group->tensors++] = tensor;
    return ND_OK;
}

/* The header's order; nd_st sorts by name. */
static int by_header(const void *a, const void *b)
{
    const nd_st_tensor *x = *(const nd_st_tensor *const *)a, *y = *(const nd_st_tensor *const *)b;
    return (x->name.text > y->name.text) - (x->name.text < y->name.text);
}

static nd_status add_tensors(nd_weights *w)
{
    size_t pointer = sizeof(void *);
    const nd_st_tensor **list = nd_alloc(w->st.tensors, pointer);
    w->group = nd_alloc(w->st.tensors, sizeof *w->group);
    nd_status status = list && w->group ? ND_OK : nd_fail_memory(w->ctx);
    for (size_t i = 0; status == ND_OK && i < w->st.tensors; i++) {
        list[i] = &w->st.tensor[i];
    }
    if (status == ND_OK) {
        qsort(list, w->st.tensors, pointer, by_header);
    }
    for (size_t i = 0; status == ND_OK && i < w->st.tensors; i++) {
        status = add_tensor(w, list[i]);
    }
    nd_free(list);
    ND_TRY(status);
    if (w->groups == 0) {
        return nd_fail(w->ctx, ND_ERR_FORMAT, "%s: the file holds no weights", w->path);
    }
    nd_weights_sort(w, true);
    return ND_OK;
}

/* ---- Models of nadir */

static nd_status add_layers(nd_weights *w)
{
    const nd_desc *desc = nd_net_desc(w->model->net);
    w->group = nd_alloc(desc->count, sizeof *w->group);
    if (w->group == NULL) {
        return nd_fail_memory(w->ctx);
    }
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        if (layer->shape.params + layer->shape.buffers > 0) {
            nd_weights_group *group = &w->group[w->groups++];
            snprintf(group->name, sizeof group->name, "%s", layer->name);
            group->layer = layer;
            group->index = i;
        }
    }
    return ND_OK;
}

static bool is_nadir(const nd_st *st)
{
    for (size_t i = 0; i < st->metas; i++) {
        if (nd_json_is(st->meta_key[i], "format")) {
            return nd_json_is(st->meta_value[i], "nadir");
        }
    }
    return false;
}

/* ---- Opening */

static nd_status open_groups(nd_weights *w, const char *bytes, size_t size, bool verify)
{
    ND_TRY(nd_st_open(w->ctx, w->path, bytes, size, &w->st));
    if (!is_nadir(&w->st)) {
        return add_tensors(w);
    }
    ND_TRY(nd_model_parse(w->ctx, w->path, bytes, size, verify, &w->model));
    if (nd_model_members(w->model) > 1) {
        return nd_fail(
            w->ctx, ND_ERR_OPTION,
            "from: %s is an ensemble, whose members have learned different layers; start "
            "from a single network",
            w->path);
    }
    return add_layers(w);
}

nd_status nd_weights_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                           bool verify, nd_weights **weights)
{
    nd_weights *w = nd_alloc(1, sizeof *w);
    *weights = NULL;
    if (w == NULL) {
        return nd_fail_memory(ctx);
    }
    w->ctx = ctx;
    w->path = nd_strdup(path);
    w->mark = nd_hash(bytes, size);
    nd_status status = w->path != NULL ? open_groups(w, bytes, size, verify) : nd_fail_memory(ctx);
    if (status != ND_OK) {
        nd_weights_destroy(w);
        return status;
    }
    *weights = w;
    return ND_OK;
}

nd_status nd_weights_open(nd_ctx *ctx, const char *path, nd_weights **weights)
{
    nd_bytes bytes;
    *weights = NULL;
    ND_TRY(nd_file_read(ctx, path, &bytes));
    nd_status status = nd_weights_parse(ctx, path, bytes.data, bytes.size, true, weights);
    nd_status whole = nd_bytes_whole(ctx, path, &bytes);
    if (status != ND_OK || whole != ND_OK) {
        nd_weights_destroy(*weights);
        *weights = NULL;
        return nd_bytes_end(ctx, path, &bytes, status);
    }
    (*weights)->bytes = bytes;
    return ND_OK;
}

void nd_weights_destroy(nd_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    nd_model_destroy(weights->model);
    nd_st_close(&weights->st);
    nd_bytes_free(&weights->bytes);
    nd_free(weights->group);
    nd_free(weights->path);
    nd_free(weights);
}

/* ---- Order and names */

static size_t digits(const char *text)
{
    size_t n = 0;
    while (isdigit((unsigned char)text[n])) {
        n++;
    }
    return n;
}

/* Texts with runs of digits compared as numbers. */
static int natural(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        size_t n = digits(a), m = digits(b);
        if (n > 0 && m > 0) {
            for (; n > 1 && *a == '0'; a++, n--) {
            }
            for (; m > 1 && *b == '0'; b++, m--) {
            }
            int order = n != m ? (n > m ? 1 : -1) : memcmp(a, b, n);
            if (order != 0) {
                return order;
            }
            a += n;
            b += m;
        } else if (*a != *b) {
            return (unsigned char)*a > (unsigned char)*b ? 1 : -1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

static int by_group_name(const void *a, const void *b)
{
    const char *x = ((const nd_weights_group *)a)->name, *y = ((const nd_weights_group *)b)->name;
    int order = natural(x, y);
    return order != 0 ? order : strcmp(x, y);
}

static int by_group_place(const void *a, const void *b)
{
    const nd_weights_group *x = a, *y = b;
    return by_header(&x->tensor[0], &y->tensor[0]);
}

void nd_weights_sort(nd_weights *weights, bool by_name)
{
    if (weights->model == NULL) {
        qsort(weights->group, weights->groups, sizeof *weights->group,
              by_name ? by_group_name : by_group_place);
    }
}

const nd_weights_group *nd_weights_find(const nd_weights *weights, const char *name, size_t n)
{
    for (size_t i = 0; i < weights->groups; i++) {
        const char *own = weights->group[i].name;
        if (strlen(own) == n && memcmp(own, name, n) == 0) {
            return &weights->group[i];
        }
    }
    return NULL;
}

/* ---- Shapes */

static const nd_st_tensor *tensor_for(const nd_weights_group *group, const nd_tensor_spec *spec)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t t = 0; strcmp(names[i][0], spec->name) == 0 && t < group->tensors; t++) {
            if (is_called(group->tensor[t], names[i][1])) {
                return group->tensor[t];
            }
        }
    }
    return NULL;
}

static size_t elements(const nd_st_tensor *tensor)
{
    return (tensor->end - tensor->begin) / tensor->dtype->size;
}

static bool spec_fits(const nd_weights_group *group, const nd_desc_layer *layer,
                      const nd_tensor_spec *spec)
{
    const nd_st_tensor *tensor = tensor_for(group, spec);
    if (tensor == NULL) {
        return false;
    }
    bool matrix = strcmp(layer->class->name, "dense") == 0 && strcmp(spec->name, "weight") == 0;
    return matrix ? tensor->rank == 2 && tensor->shape[0] == spec->cols &&
                        tensor->shape[1] == spec->rows
                  : tensor->rank <= 1 && elements(tensor) == spec->rows * spec->cols;
}

static bool same_specs(const nd_tensor_spec *a, const nd_tensor_spec *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(a[i].name, b[i].name) != 0 || a[i].rows != b[i].rows || a[i].cols != b[i].cols) {
            return false;
        }
    }
    return true;
}

bool nd_weights_fit(const nd_weights_group *group, const nd_desc_layer *layer)
{
    const nd_layer_shape *shape = &layer->shape;
    if (group->layer != NULL) {
        const nd_layer_shape *own = &group->layer->shape;
        return group->layer->class == layer->class && own->params == shape->params &&
               own->buffers == shape->buffers &&
               same_specs(own->param, shape->param, shape->params) &&
               same_specs(own->buffer, shape->buffer, shape->buffers);
    }
    bool fits = group->tensors == shape->params + shape->buffers;
    for (size_t i = 0; i < shape->params; i++) {
        fits = fits && spec_fits(group, layer, &shape->param[i]);
    }
    for (size_t i = 0; i < shape->buffers; i++) {
        fits = fits && spec_fits(group, layer, &shape->buffer[i]);
    }
    return fits;
}

const char *nd_weights_shape(const nd_weights_group *group, char out[ND_WEIGHTS_SHAPE])
{
    size_t in = 0, width = 0;
    if (group->layer != NULL) {
        in = group->layer->shape.in[0];
        width = group->layer->shape.out;
    }
    for (size_t i = 0; i < group->tensors; i++) {
        const nd_st_tensor *tensor = group->tensor[i];
        width = tensor->rank > 0 && width == 0 ? tensor->shape[0] : width;
        in = tensor->rank == 2 ? tensor->shape[1] : in;
    }
    snprintf(out, ND_WEIGHTS_SHAPE, in > 0 ? "%zu x %zu" : "%.0zu%zu", in, width);
    return out;
}

/* ---- Copying */

/* Sign, 5 bits of exponent, 10 of fraction (IEEE 754 binary16). */
static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 31 ? (fraction ? NAN : INFINITY)
                   : exponent > 0 ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return bits >> 15 ? -value : value;
}

/* The upper half of a float. */
static double brain_value(uint16_t bits)
{
    uint32_t whole = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &whole, sizeof value);
    return (double)value;
}

typedef enum encoding { F32, F64, F16, BF16, OTHER } encoding;

static encoding encoding_of(const nd_st_tensor *tensor)
{
    static const char *const word[] = {"F32", "F64", "F16", "BF16"};
    size_t i = 0;
    while (i < OTHER && strcmp(tensor->dtype->name, word[i]) != 0) {
        i++;
    }
    return (encoding)i;
}

/* Element i; the bytes need not be aligned. */
static double element(const char *data, encoding code, size_t i)
{
    float single;
    double value;
    uint16_t bits;
    switch (code) {
    case F32:
        memcpy(&single, data + i * sizeof single, sizeof single);
        return (double)single;
    case F64:
        memcpy(&value, data + i * sizeof value, sizeof value);
        return value;
    default:
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        return code == F16 ? half_value(bits) : brain_value(bits);
    }
}

static nd_status check_tensor(const nd_weights *w, const nd_st_tensor *tensor)
{
    encoding code = encoding_of(tensor);
    const char *data = w->st.data + tensor->begin;
    size_t count = elements(tensor);
    if (code == OTHER) {
        return nd_fail(w->ctx, ND_ERR_FORMAT,
                       "%s: tensor %.*s is of type %s; F32, F64, F16 and "
                       "BF16 are read",
                       w->path, (int)tensor->name.size, tensor->name.text, tensor->dtype->name);
    }
    for (size_t i = 0; i < count; i++) {
        double value = element(data, code, i);
        if (!isfinite((nd_real)value)) {
            return nd_fail(w->ctx, ND_ERR_FORMAT, "%s: tensor %.*s: element %zu is not finite",
                           w->path, (int)tensor->name.size, tensor->name.text, i);
        }
    }
    return ND_OK;
}

/* [cols][rows] of the file into [rows][cols]; a row of one is the same either way. */
static nd_status copy_tensor(const nd_weights *w, const nd_weights_group *group,
                             const nd_tensor_spec *spec, nd_real *to)
{
    const nd_st_tensor *tensor = tensor_for(group, spec);
    ND_TRY(check_tensor(w, tensor));
    encoding code = encoding_of(tensor);
    const char *data = w->st.data + tensor->begin;
    for (size_t j = 0; j < spec->cols; j++) {
        for (size_t i = 0; i < spec->rows; i++) {
            to[i * spec->cols + j] = (nd_real)element(data, code, j * spec->rows + i);
        }
    }
    return ND_OK;
}

/* Where the tensors of layer i begin among spans, which stand in the order of layers. */
static size_t first_span(const nd_span *span, size_t spans, size_t i)
{
    size_t first = 0;
    while (first < spans && span[first].layer != i) {
        first++;
    }
    return first;
}

static nd_status copy_tensors(const nd_weights *w, const nd_weights_group *group,
                              const nd_tensor_spec *spec, size_t count, const nd_span *span,
                              nd_real *block)
{
    for (size_t k = 0; k < count; k++) {
        ND_TRY(copy_tensor(w, group, &spec[k], block + span[k].offset));
    }
    return ND_OK;
}

/* The same tensors of two nets. */
static void copy_spans(const nd_span *span, const nd_real *from, const nd_span *own, nd_real *to,
                       size_t count)
{
    for (size_t k = 0; k < count; k++) {
        memcpy(to + own[k].offset, from + span[k].offset, span[k].rows * span[k].cols * sizeof *to);
    }
}

nd_status nd_weights_copy(const nd_weights *weights, const nd_weights_group *group, nd_net *net,
                          size_t i)
{
    size_t params, buffers;
    const nd_layer_shape *shape = &nd_net_desc(net)->layer[i]->shape;
    const nd_span *param = nd_net_spans(net, &params);
    const nd_span *buffer = nd_net_buffer_spans(net, &buffers);
    param += first_span(param, params, i);
    buffer += first_span(buffer, buffers, i);
    if (group->layer == NULL) {
        ND_TRY(copy_tensors(weights, group, shape->param, shape->params, param,
                            nd_net_parameters(net)));
        ND_TRY(copy_tensors(weights, group, shape->buffer, shape->buffers, buffer,
                            nd_net_buffers(net)));
        return nd_bytes_whole(weights->ctx, weights->path, &weights->bytes);
    }
    nd_net *from = weights->model->net;
    const nd_span *span = nd_net_spans(from, &params);
    copy_spans(span + first_span(span, params, group->index), nd_net_parameters(from), param,
               nd_net_parameters(net), shape->params);
    span = nd_net_buffer_spans(from, &buffers);
    copy_spans(span + first_span(span, buffers, group->index), nd_net_buffers(from), buffer,
               nd_net_buffers(net), shape->buffers);
    return ND_OK;
}
