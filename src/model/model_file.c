#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/model.h"
#include "model/model_json.h"
#include "model/safetensors.h"

static const char format_name[] = "nadir", format_version[] = "1";

/* Memory beside that in proportion to the file; and rows planned for at load, which
 * predicting raises as needed. */
enum { SLACK = 512 * 1024, LOAD_ROWS = 64 };

/* Bytes that one row of a network with recurrent layers may take: few weights can make many
 * steps, which the size of a file does not tell. */
enum { STEPS_MOST = 256 << 20 };

/* Bytes of a tensor's name. */
enum { NAME_ROOM = 128 };

/* What a member of an ensemble takes beside its blocks, by layer; bytes of the file that a
 * tensor takes at least beside its values; and how much more than the file the members may
 * take: layers without tensors cost memory that no part of the file pays for. */
enum { NET_COST = 2048, LAYER_COST = 2048, TENSOR_TEXT = 100, MEMBERS_TIMES = 16 };
enum { MEMBERS_SLACK = 4 << 20 };

static nd_budget budget_of(size_t file_size)
{
    return file_size > SIZE_MAX - SLACK ? SIZE_MAX : file_size + SLACK;
}

static bool members_fit(size_t members, size_t layers, size_t file_size)
{
    size_t cost = members * (NET_COST + layers * LAYER_COST);
    return members == 1 || file_size > (SIZE_MAX - MEMBERS_SLACK) / MEMBERS_TIMES ||
           cost <= file_size * MEMBERS_TIMES + MEMBERS_SLACK;
}

/* ---- Saving */

typedef struct pieces {
    nd_st_piece *piece;
    char (*name)[NAME_ROOM]; /* of the members of an ensemble; NULL for one network */
    size_t count;
    size_t bytes;
} pieces;

static void free_pieces(pieces *all)
{
    nd_free(all->piece);
    nd_free(all->name);
}

/* "layers.0.weight", of an ensemble "members.3.layers.0.weight". */
static void tensor_name(char name[NAME_ROOM], size_t members, size_t member, const char *span)
{
    if (members > 1) {
        snprintf(name, NAME_ROOM, "members.%zu.%s", member, span);
    } else {
        snprintf(name, NAME_ROOM, "%s", span);
    }
}

/* Add the tensors of a member's block; message and status on a value that is not finite. */
static nd_status add_block(const nd_model *model, size_t member, const nd_span *span, size_t spans,
                           const nd_real *block, pieces *all)
{
    for (size_t i = 0; i < spans; i++) {
        const nd_real *data = block + span[i].offset;
        size_t n = span[i].rows * span[i].cols;
        char *name = all->name[all->count];
        tensor_name(name, nd_model_members(model), member, span[i].name);
        for (size_t k = 0; k < n; k++) {
            if (!isfinite(data[k])) {
                return nd_fail(model->ctx, ND_ERR_DATA, "the model is not saved: %s[%zu] is %g",
                               name, k, (double)data[k]);
            }
        }
        all->piece[all->count++] = (nd_st_piece){
            .name = name,
            .dtype = nd_st_dtype_real(),
            .rows = span[i].rows,
            .cols = span[i].cols,
            .data = data,
        };
        all->bytes += n * sizeof *data;
    }
    return ND_OK;
}

static nd_status collect(const nd_model *model, pieces *all)
{
    size_t params, buffers, members = nd_model_members(model);
    const nd_span *param = nd_net_spans(model->net, &params);
    const nd_span *buffer = nd_net_buffer_spans(model->net, &buffers);
    size_t tensors = members * (params + buffers);
    *all = (pieces){.piece = nd_alloc(tensors, sizeof *all->piece),
                    .name = nd_alloc(tensors, sizeof *all->name)};
    if (all->piece == NULL || all->name == NULL) {
        return nd_fail_memory(model->ctx);
    }
    for (size_t k = 0; k < members; k++) {
        nd_net *net = nd_model_member(model, k);
        ND_TRY(add_block(model, k, param, params, nd_net_parameters(net), all));
        ND_TRY(add_block(model, k, buffer, buffers, nd_net_buffers(net), all));
    }
    return ND_OK;
}

static nd_status check_record(nd_ctx *ctx, const char *path, const char *record)
{
    nd_json json;
    nd_json_begin(&json, record, strlen(record));
    if (record[strspn(record, " \t\r\n")] != '{') {
        nd_json_fail(&json, "expected an object");
    }
    nd_json_skip(&json);
    if (!nd_json_end(&json)) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: training record, byte %zu: %s", path,
                       (size_t)(json.at - json.start), json.error);
    }
    return ND_OK;
}

/* What is written must be what the reader takes: read it back before it counts. */
static nd_status read_back(const nd_model *model, const char *path, const nd_st_note *note,
                           size_t bytes)
{
    nd_budget budget = budget_of(bytes);
    nd_desc *desc = NULL;
    nd_prep *prep = NULL;
    nd_loss loss;
    if (!members_fit(nd_model_members(model), nd_net_desc(model->net)->count, bytes)) {
        return nd_fail(model->ctx, ND_ERR_DATA,
                       "the model is not saved: %zu members of %zu layers need more memory than "
                       "their file could explain",
                       nd_model_members(model), nd_net_desc(model->net)->count);
    }
    nd_status status = nd_desc_read_json(model->ctx, path, note[0].value, &budget, &desc, &loss);
    if (status == ND_OK) {
        status = nd_prep_read_json(model->ctx, path, note[1].value, &budget, &prep);
    }
    if (status == ND_OK) {
        status = check_record(model->ctx, path, note[2].value);
    }
    nd_desc_destroy(desc);
    nd_prep_destroy(prep);
    return status;
}

static nd_status write_file(const nd_model *model, const char *path, bool force,
                            const nd_st_note *note, size_t notes, const pieces *all)
{
    nd_out *out;
    ND_TRY(nd_out_open(model->ctx, path, force, &out));
    nd_status status = nd_st_write(model->ctx, out, note, notes, all->piece, all->count);
    if (status != ND_OK) {
        nd_out_abandon(out);
        return status;
    }
    return nd_out_commit(out);
}

nd_status nd_model_save(const nd_model *model, const char *path, int force)
{
    if (model == NULL || path == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_save: a null pointer was passed");
    }
    pieces all;
    nd_text desc = {0}, prep = {0};
    nd_status status = collect(model, &all);
    nd_desc_put_json(nd_net_desc(model->net), nd_net_loss_in_force(model->net), &desc);
    nd_prep_put_json(model->prep, &prep);
    if (status == ND_OK && (desc.failed || prep.failed)) {
        status = nd_fail_memory(model->ctx);
    }
    if (status == ND_OK) {
        char members[ND_NUM_TEXT];
        snprintf(members, sizeof members, "%zu", nd_model_members(model));
        const nd_st_note note[] = {
            {"description", desc.data},
            {"preparation", prep.data},
            {"record", model->record},
            {"format", format_name},
            {"format_version", format_version},
            {"nadir", ND_VERSION},
            {"members", members},
        };
        size_t notes = sizeof note / sizeof note[0] - (model->mores > 0 ? 0 : 1);
        size_t bytes = desc.size + prep.size + all.bytes + all.count * TENSOR_TEXT;
        status = read_back(model, path, note, bytes);
        if (status == ND_OK) {
            status = write_file(model, path, force != 0, note, notes, &all);
        }
    }
    nd_text_free(&desc);
    nd_text_free(&prep);
    free_pieces(&all);
    return status;
}

/* ---- Loading */

/* What is known of a file before the network is made. */
typedef struct load {
    nd_ctx *ctx;
    const char *path;
    nd_st st;
    size_t size;
    nd_budget budget;
    nd_desc *desc;
    nd_prep *prep;
    char *record;
    nd_loss loss;
    size_t members; /* 1 unless the file holds an ensemble */
} load;

static nd_status fail_format(const load *l, const char *what)
{
    return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: %s", l->path, what);
}

static nd_status check_format(load *l)
{
    char *name = NULL, *version = NULL;
    nd_status status = nd_st_meta(l->ctx, &l->st, "format", &name);
    if (status == ND_OK) {
        status = nd_st_meta(l->ctx, &l->st, "format_version", &version);
    }
    if (status == ND_OK && strcmp(name, format_name) != 0) {
        status = fail_format(l, "not a model of nadir");
    }
    if (status == ND_OK && strcmp(version, format_version) != 0) {
        status = nd_fail(l->ctx, ND_ERR_FORMAT,
                         "%s: written in format version %s; this nadir reads version %s", l->path,
                         version, format_version);
    }
    nd_free(name);
    nd_free(version);
    return status;
}

/* The number in the metadata "members": digits without sign or leading zero. */
static bool read_members(const char *text, size_t *members)
{
    size_t digits = strspn(text, "0123456789");
    *members = 0;
    if (digits == 0 || digits > 4 || text[digits] != '\0' || text[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        *members = *members * 10 + (size_t)(text[i] - '0');
    }
    return *members >= 2 && *members <= ND_MEMBERS_MAX;
}

/* How many networks the file says it holds. */
static nd_status count_members(load *l)
{
    char *text;
    l->members = 1;
    if (!nd_st_has_meta(&l->st, "members")) {
        return ND_OK;
    }
    ND_TRY(nd_st_meta(l->ctx, &l->st, "members", &text));
    bool sound = read_members(text, &l->members);
    nd_free(text);
    if (!sound) {
        return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: \"members\" is not a whole number of 2 to %d",
                       l->path, ND_MEMBERS_MAX);
    }
    return members_fit(l->members, l->desc->count, l->size)
               ? ND_OK
               : fail_format(l, "more members than a file of this size can hold");
}

static nd_status read_texts(load *l)
{
    char *text;
    ND_TRY(nd_st_meta(l->ctx, &l->st, "description", &text));
    nd_status status = nd_desc_read_json(l->ctx, l->path, text, &l->budget, &l->desc, &l->loss);
    nd_free(text);
    ND_TRY(status);
    ND_TRY(nd_st_meta(l->ctx, &l->st, "preparation", &text));
    status = nd_prep_read_json(l->ctx, l->path, text, &l->budget, &l->prep);
    nd_free(text);
    ND_TRY(status);
    ND_TRY(nd_st_meta(l->ctx, &l->st, "record", &l->record));
    return check_record(l->ctx, l->path, l->record);
}

/* Element i of a tensor of F32 or F64; the bytes need not be aligned. */
static double element(const load *l, const nd_st_tensor *tensor, size_t i)
{
    const char *at = l->st.data + tensor->begin + i * tensor->dtype->size;
    float single;
    double value;
    if (tensor->dtype->size == sizeof single) {
        memcpy(&single, at, sizeof single);
        return (double)single;
    }
    memcpy(&value, at, sizeof value);
    return value;
}

static nd_status check_values(const load *l, const nd_st_tensor *tensor, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value = element(l, tensor, i);
        if (!isfinite((nd_real)value)) {
            return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: tensor %.*s: element %zu is %g", l->path,
                           (int)tensor->name.size, tensor->name.text, i, value);
        }
    }
    return ND_OK;
}

static nd_status check_tensor(const load *l, size_t member, size_t layer,
                              const nd_tensor_spec *spec)
{
    char span[NAME_ROOM / 2], name[NAME_ROOM];
    snprintf(span, sizeof span, "layers.%zu.%s", layer, spec->name);
    tensor_name(name, l->members, member, span);
    const nd_st_tensor *tensor = nd_st_find(&l->st, name);
    if (tensor == NULL) {
        return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: no tensor %s", l->path, name);
    }
    if (strcmp(tensor->dtype->name, "F32") != 0 && strcmp(tensor->dtype->name, "F64") != 0) {
        return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: tensor %s has dtype %s; F32 or F64 is needed",
                       l->path, name, tensor->dtype->name);
    }
    if (tensor->rank != 2 || tensor->shape[0] != spec->rows || tensor->shape[1] != spec->cols) {
        return nd_fail(l->ctx, ND_ERR_FORMAT, "%s: tensor %s has not the shape [%zu,%zu]", l->path,
                       name, spec->rows, spec->cols);
    }
    return check_values(l, tensor, spec->rows * spec->cols);
}

/* The tensors of one member; adds their number to *count. */
static nd_status check_member(const load *l, size_t member, size_t *count)
{
    for (size_t i = 0; i < l->desc->count; i++) {
        const nd_layer_shape *shape = &l->desc->layer[i]->shape;
        for (size_t k = 0; k < shape->params; k++, ++*count) {
            ND_TRY(check_tensor(l, member, i, &shape->param[k]));
        }
        for (size_t k = 0; k < shape->buffers; k++, ++*count) {
            ND_TRY(check_tensor(l, member, i, &shape->buffer[k]));
        }
    }
    return ND_OK;
}

/* Every tensor of the description is in the file with its shape, and no other. */
static nd_status check_tensors(const load *l)
{
    size_t count = 0;
    for (size_t k = 0; k < l->members; k++) {
        ND_TRY(check_member(l, k, &count));
    }
    if (count != l->st.tensors) {
        return fail_format(l, "tensors that no layer of the description has");
    }
    return ND_OK;
}

/* Rows to plan for, so that the workspace stays within the slack where one row
 * does; a row that is larger than the whole budget is refused, or than STEPS_MOST. */
static nd_status choose_rows(const load *l, size_t *rows)
{
    double per_row = (double)l->desc->n_in, most = (double)l->budget;
    for (size_t i = 0; i < l->desc->count; i++) {
        const nd_layer_shape *shape = &l->desc->layer[i]->shape;
        per_row += (double)shape->out + (double)shape->work_per_row;
        most = shape->times > 1 && most < STEPS_MOST ? STEPS_MOST : most;
    }
    per_row *= 2 * (double)sizeof(nd_real) * (double)l->members;
    if (per_row > most) {
        return fail_format(l, "the network needs more memory for one row than a file of this "
                              "size can ask for");
    }
    double fit = (double)SLACK / 2 / per_row;
    *rows = fit < 1 ? 1 : fit > LOAD_ROWS ? LOAD_ROWS : (size_t)fit;
    return ND_OK;
}

static void copy_block(const load *l, size_t member, const nd_span *span, size_t spans,
                       nd_real *block)
{
    for (size_t i = 0; i < spans; i++) {
        char name[NAME_ROOM];
        tensor_name(name, l->members, member, span[i].name);
        const nd_st_tensor *tensor = nd_st_find(&l->st, name);
        nd_real *to = block + span[i].offset;
        size_t n = span[i].rows * span[i].cols;
        if (tensor->dtype->size == sizeof *to) {
            memcpy(to, l->st.data + tensor->begin, n * sizeof *to);
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            to[k] = (nd_real)element(l, tensor, k);
        }
    }
}

static nd_status make_net(const load *l, size_t member, nd_net **net)
{
    size_t rows = 1, spans;
    ND_TRY(choose_rows(l, &rows));
    nd_text loss = {0};
    nd_loss_write(&l->loss, &loss);
    nd_status status = loss.failed ? nd_fail_memory(l->ctx)
                                   : nd_net_create(l->ctx, l->desc, loss.data, rows, 0, net);
    nd_text_free(&loss);
    if (status != ND_OK) {
        return status == ND_ERR_MEMORY ? status : ND_ERR_FORMAT;
    }
    const nd_span *span = nd_net_spans(*net, &spans);
    copy_block(l, member, span, spans, nd_net_parameters(*net));
    span = nd_net_buffer_spans(*net, &spans);
    copy_block(l, member, span, spans, nd_net_buffers(*net));
    return ND_OK;
}

static nd_status read_model(load *l, nd_model **model)
{
    nd_net *net = NULL;
    ND_TRY(check_format(l));
    ND_TRY(read_texts(l));
    if (nd_prep_inputs(l->prep) != l->desc->n_in) {
        return fail_format(l, "the network does not take what the preparation makes");
    }
    ND_TRY(count_members(l));
    ND_TRY(check_tensors(l));
    ND_TRY(make_net(l, 0, &net));
    nd_status status = nd_model_create(l->ctx, net, l->prep, l->record, model);
    l->prep = NULL;
    l->record = NULL;
    for (size_t k = 1; status == ND_OK && k < l->members; k++) {
        status = make_net(l, k, &net);
        status = status == ND_OK ? nd_model_take_member(*model, net) : status;
    }
    if (status != ND_OK) {
        nd_model_destroy(*model);
        *model = NULL;
    }
    return status == ND_ERR_SHAPE ? ND_ERR_FORMAT : status;
}

static bool has_note(const nd_st *st, const char *key, const char *value)
{
    for (size_t i = 0; i < st->metas; i++) {
        if (nd_json_is(st->meta_key[i], key)) {
            return value == NULL || nd_json_is(st->meta_value[i], value);
        }
    }
    return false;
}

/* A file of another program: what it holds is said, since layers can be taken from it. */
static nd_status fail_weights(const load *l)
{
    enum { NAMED = 6 };
    nd_text text = {0};
    for (size_t i = 0; i < l->st.tensors && i < NAMED; i++) {
        const nd_st_tensor *tensor = &l->st.tensor[i];
        int n = tensor->name.size < 60 ? (int)tensor->name.size : 60;
        nd_text_printf(&text, "%s%.*s [", i == 0 ? "" : ", ", n, tensor->name.text);
        for (size_t k = 0; k < tensor->rank; k++) {
            nd_text_printf(&text, "%s%zu", k == 0 ? "" : " x ", tensor->shape[k]);
        }
        nd_text_puts(&text, "]");
    }
    nd_text_puts(&text, l->st.tensors > NAMED ? ", ..." : "");
    nd_status status =
        text.failed ? nd_fail_memory(l->ctx)
                    : nd_fail(l->ctx, ND_ERR_FORMAT,
                              "%s: not a model of nadir, but weights of another program: %zu "
                              "tensors: %s; a training can start from them (from)",
                              l->path, l->st.tensors, text.data);
    nd_text_free(&text);
    return status;
}

static nd_status check_kind(const load *l)
{
    if (has_note(&l->st, "format", "nadir-checkpoint")) {
        return fail_format(l, "not a model, but a checkpoint: the training that wrote it goes on "
                              "from there with resume");
    }
    return has_note(&l->st, "checksums", NULL) || l->st.tensors == 0 ? ND_OK : fail_weights(l);
}

nd_status nd_model_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size, bool verify,
                         nd_model **model)
{
    load l = {.ctx = ctx, .path = path, .size = size, .budget = budget_of(size)};
    *model = NULL;
    ND_TRY(nd_st_open(ctx, path, bytes, size, &l.st));
    nd_status status = check_kind(&l);
    if (status == ND_OK && verify) {
        status = nd_st_verify(ctx, &l.st);
    }
    if (status == ND_OK) {
        status = read_model(&l, model);
    }
    nd_desc_destroy(l.desc);
    nd_prep_destroy(l.prep);
    nd_free(l.record);
    nd_st_close(&l.st);
    return status;
}

nd_status nd_model_load(nd_ctx *ctx, const char *path, nd_model **model)
{
    nd_bytes bytes;
    if (ctx == NULL || path == NULL || model == NULL) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_model_load: a null pointer was passed");
    }
    *model = NULL;
    ND_TRY(nd_file_read(ctx, path, &bytes));
    nd_status status = nd_model_parse(ctx, path, bytes.data, bytes.size, true, model);
    status = nd_bytes_end(ctx, path, &bytes, status);
    if (status != ND_OK) {
        nd_model_destroy(*model);
        *model = NULL;
    }
    return status;
}
