#include "model/checkpoint.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "model/safetensors.h"

static const char format_name[] = "nadir-checkpoint", format_version[] = "1";

char *nd_checkpoint_path(const char *folder, int file)
{
    nd_text path = {0};
    size_t n = strlen(folder);
    nd_text_printf(&path, "%s%scheckpoint-%d.safetensors", folder,
                   n > 0 && folder[n - 1] == '/' ? "" : "/", file + 1);
    if (path.failed) {
        nd_text_free(&path);
        return NULL;
    }
    return path.data;
}

static const nd_st_dtype *dtype_of(nd_state_type type)
{
    static const nd_json_slice name[] = {
        [ND_STATE_F64] = {"F64", 3}, [ND_STATE_I64] = {"I64", 3}, [ND_STATE_BYTES] = {"U8", 2}};
    return type == ND_STATE_REAL ? nd_st_dtype_real() : nd_st_dtype_find(name[type]);
}

static size_t list_pieces(const nd_state *state, nd_st_piece piece[ND_STATE_BLOCKS])
{
    for (size_t i = 0; i < state->count; i++) {
        const nd_state_block *block = &state->block[i];
        piece[i] = (nd_st_piece){.name = block->name,
                                 .dtype = dtype_of(block->type),
                                 .rows = 1,
                                 .cols = block->count,
                                 .data = block->data};
    }
    return state->count;
}

nd_status nd_checkpoint_write(nd_ctx *ctx, const char *path, const nd_checkpoint_facts *facts,
                              const nd_state *state)
{
    nd_out *out;
    nd_st_piece piece[ND_STATE_BLOCKS];
    size_t pieces = list_pieces(state, piece);
    char sequence[ND_NUM_TEXT];
    nd_num_print_whole(sequence, facts->sequence);
    const nd_st_note note[] = {
        {"format", format_name},       {"format_version", format_version},
        {"nadir", ND_VERSION},         {"sequence", sequence},
        {"settings", facts->settings}, {"data", facts->data},
        {"why", facts->why},           {"isa", facts->isa},
    };
    ND_TRY(nd_out_open(ctx, path, true, &out));
    nd_status status = nd_st_write(ctx, out, note, sizeof note / sizeof note[0], piece, pieces);
    if (status != ND_OK) {
        nd_out_abandon(out);
        return status;
    }
    return nd_out_commit(out);
}

/* True if the note is there with this text. */
static nd_status expect_note(nd_ctx *ctx, const nd_st *st, const char *key, const char *value)
{
    char *text;
    ND_TRY(nd_st_meta(ctx, st, key, &text));
    bool same = strcmp(text, value) == 0;
    nd_status status = same ? ND_OK
                            : nd_fail(ctx, ND_ERR_FORMAT, "%s: %s is \"%.40s\", expected \"%s\"",
                                      st->path, key, text, value);
    nd_free(text);
    return status;
}

static nd_status read_text(nd_ctx *ctx, const nd_st *st, const char *key, const char **value)
{
    char *text;
    ND_TRY(nd_st_meta(ctx, st, key, &text));
    *value = text;
    return ND_OK;
}

static nd_status read_sequence(nd_ctx *ctx, const nd_st *st, uint64_t *sequence)
{
    char *text;
    int64_t value = 0;
    ND_TRY(nd_st_meta(ctx, st, "sequence", &text));
    bool sound = nd_num_parse_int(text, strlen(text), &value) && value > 0;
    nd_free(text);
    *sequence = (uint64_t)value;
    return sound ? ND_OK : nd_fail(ctx, ND_ERR_FORMAT, "%s: sequence is no number", st->path);
}

static nd_status read_facts(nd_ctx *ctx, const nd_st *st, nd_checkpoint_facts *facts)
{
    ND_TRY(expect_note(ctx, st, "format", format_name));
    ND_TRY(expect_note(ctx, st, "format_version", format_version));
    ND_TRY(expect_note(ctx, st, "nadir", ND_VERSION));
    ND_TRY(read_sequence(ctx, st, &facts->sequence));
    ND_TRY(read_text(ctx, st, "settings", &facts->settings));
    ND_TRY(read_text(ctx, st, "data", &facts->data));
    ND_TRY(read_text(ctx, st, "why", &facts->why));
    return read_text(ctx, st, "isa", &facts->isa);
}

static bool type_of(const nd_st_dtype *dtype, nd_state_type *type)
{
    static const nd_state_type types[] = {ND_STATE_REAL, ND_STATE_F64, ND_STATE_I64,
                                          ND_STATE_BYTES};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (dtype_of(types[i]) == dtype) {
            *type = types[i];
            return true;
        }
    }
    return false;
}

static bool read_block(const nd_st_tensor *tensor, nd_checkpoint *c)
{
    nd_state_type type;
    char name[ND_STATE_NAME] = "";
    if (!type_of(tensor->dtype, &type) || tensor->name.size >= sizeof name) {
        return false;
    }
    memcpy(name, tensor->name.text, tensor->name.size);
    nd_state_add(&c->state, name, type, c->data + tensor->begin,
                 (tensor->end - tensor->begin) / tensor->dtype->size);
    return true;
}

static nd_status read_blocks(nd_ctx *ctx, const nd_st *st, nd_checkpoint *c)
{
    bool sound = st->tensors <= ND_STATE_BLOCKS;
    c->data = sound ? nd_alloc(st->data_size, 1) : NULL;
    if (sound && c->data == NULL) {
        return nd_fail_memory(ctx);
    }
    if (sound && st->data_size > 0) {
        memcpy(c->data, st->data, st->data_size);
    }
    for (size_t i = 0; i < st->tensors && sound; i++) {
        sound = read_block(&st->tensor[i], c);
    }
    return sound ? ND_OK : nd_fail(ctx, ND_ERR_FORMAT, "%s: not the blocks of a run", st->path);
}

nd_status nd_checkpoint_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                              bool verify, nd_checkpoint **checkpoint)
{
    nd_st st;
    *checkpoint = NULL;
    ND_TRY(nd_st_open(ctx, path, bytes, size, &st));
    nd_checkpoint *c = nd_alloc(1, sizeof *c);
    nd_status status = c == NULL ? nd_fail_memory(ctx) : verify ? nd_st_verify(ctx, &st) : ND_OK;
    if (status == ND_OK) {
        status = read_facts(ctx, &st, &c->facts);
    }
    if (status == ND_OK) {
        status = read_blocks(ctx, &st, c);
    }
    nd_st_close(&st);
    if (status != ND_OK) {
        nd_checkpoint_destroy(c);
        return status;
    }
    *checkpoint = c;
    return ND_OK;
}

static void free_text(const char *text)
{
    union {
        const char *in;
        char *out;
    } owned = {.in = text};
    nd_free(owned.out);
}

void nd_checkpoint_destroy(nd_checkpoint *checkpoint)
{
    if (checkpoint == NULL) {
        return;
    }
    free_text(checkpoint->facts.settings);
    free_text(checkpoint->facts.data);
    free_text(checkpoint->facts.why);
    free_text(checkpoint->facts.isa);
    nd_free(checkpoint->data);
    nd_free(checkpoint);
}

/* A file of the folder; ND_OK with NULL if it is not there. */
static nd_status load_file(nd_ctx *ctx, const char *folder, int file, nd_checkpoint **checkpoint)
{
    nd_bytes bytes;
    char *path = nd_checkpoint_path(folder, file);
    nd_status status = path != NULL ? ND_OK : nd_fail_memory(ctx);
    *checkpoint = NULL;
    if (status == ND_OK && nd_file_exists(path)) {
        status = nd_file_read(ctx, path, &bytes);
        if (status == ND_OK) {
            status = nd_checkpoint_parse(ctx, path, bytes.data, bytes.size, true, checkpoint);
            status = nd_bytes_end(ctx, path, &bytes, status);
        }
    }
    if (status != ND_OK) {
        nd_checkpoint_destroy(*checkpoint);
        *checkpoint = NULL;
    }
    if (*checkpoint != NULL) {
        (*checkpoint)->file = file;
    }
    nd_free(path);
    return status;
}

static void keep_newer(nd_checkpoint **best, nd_checkpoint *other)
{
    bool newer =
        other != NULL && (*best == NULL || other->facts.sequence > (*best)->facts.sequence);
    nd_checkpoint *older = newer ? *best : other;
    *best = newer ? other : *best;
    nd_checkpoint_destroy(older);
}

nd_status nd_checkpoint_load(nd_ctx *ctx, const char *folder, nd_checkpoint **checkpoint)
{
    nd_status failed = ND_OK;
    *checkpoint = NULL;
    for (int file = 0; file < ND_CHECKPOINT_FILES; file++) {
        nd_checkpoint *found;
        nd_status status = load_file(ctx, folder, file, &found);
        if (status == ND_ERR_MEMORY) {
            nd_checkpoint_destroy(*checkpoint);
            *checkpoint = NULL;
            return status;
        }
        if (status != ND_OK) {
            failed = status;
            nd_log(ctx, 1, "%s", nd_ctx_message(ctx));
        }
        keep_newer(checkpoint, found);
    }
    if (failed != ND_OK && *checkpoint != NULL) {
        nd_log(ctx, 1, "%s: going on from the other checkpoint, which is whole", folder);
    }
    return *checkpoint != NULL || failed == ND_OK
               ? ND_OK
               : nd_fail(ctx, failed, "%s: no checkpoint there can be used", folder);
}

nd_status nd_checkpoint_exists(nd_ctx *ctx, const char *folder, bool *exists)
{
    *exists = false;
    for (int file = 0; file < ND_CHECKPOINT_FILES && !*exists; file++) {
        char *path = nd_checkpoint_path(folder, file);
        if (path == NULL) {
            return nd_fail_memory(ctx);
        }
        *exists = nd_file_exists(path);
        nd_free(path);
    }
    return ND_OK;
}
