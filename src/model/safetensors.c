#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data is little-endian; this reader copies it as it lies"
#endif

/* The header that nd_st_write makes begins with this and eight digits: the CRC-32
 * of the header as it would be with eight zeros in their place. */
static const char head[] = "{\"__metadata__\":{\"crc32\":\"";
static const char zeros[] = "00000000";
enum { HEAD = sizeof head - 1, CRC_DIGITS = 8, LENGTH = 8 };

static const nd_st_dtype dtypes[] = {
    {"F32", 4}, {"F64", 8}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4},  {"I16", 2},
    {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1},
};

const nd_st_dtype *nd_st_dtype_find(nd_json_slice name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (nd_json_is(name, dtypes[i].name)) {
            return &dtypes[i];
        }
    }
    return NULL;
}

const nd_st_dtype *nd_st_dtype_real(void)
{
    return &dtypes[sizeof(nd_real) == sizeof(float) ? 0 : 1];
}

static nd_status bad(nd_ctx *ctx, const char *path, const char *what)
{
    return nd_fail(ctx, ND_ERR_FORMAT, "%s: not a usable safetensors file: %s", path, what);
}

static int compare_slices(nd_json_slice a, nd_json_slice b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int order = n > 0 ? memcmp(a.text, b.text, n) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_name(const void *a, const void *b)
{
    return compare_slices(((const nd_st_tensor *)a)->name, ((const nd_st_tensor *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const nd_st_tensor *x = a, *y = b;
    int order = (x->begin > y->begin) - (x->begin < y->begin);
    return order != 0 ? order : (x->end > y->end) - (x->end < y->end);
}

static void read_shape(nd_json *json, nd_st_tensor *tensor)
{
    nd_json_array(json);
    while (nd_json_item(json)) {
        if (tensor->rank == ND_ST_RANK_MAX) {
            nd_json_fail(json, "tensor with too many dimensions");
            return;
        }
        nd_json_size(json, &tensor->shape[tensor->rank++]);
    }
}

static void read_offsets(nd_json *json, nd_st_tensor *tensor)
{
    size_t *offset[2] = {&tensor->begin, &tensor->end}, n = 0;
    nd_json_array(json);
    while (nd_json_item(json)) {
        if (n == 2) {
            nd_json_fail(json, "data_offsets are not two numbers");
            return;
        }
        nd_json_size(json, offset[n++]);
    }
    if (n != 2) {
        nd_json_fail(json, "data_offsets are not two numbers");
    }
}

/* Shape x dtype in bytes; false if the product overflows. */
static bool tensor_bytes(const nd_st_tensor *tensor, size_t *bytes)
{
    *bytes = tensor->dtype->size;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (__builtin_mul_overflow(*bytes, tensor->shape[i], bytes)) {
            return false;
        }
    }
    return true;
}

static bool read_tensor(nd_json *json, size_t data_size, nd_st_tensor *tensor)
{
    static const char *const names[] = {"dtype", "shape", "data_offsets", NULL};
    unsigned seen = 0;
    size_t field, bytes;
    nd_json_slice key, dtype = {"", 0};
    nd_json_object(json);
    while (nd_json_key(json, &key) && nd_json_field(json, key, names, &seen, &field)) {
        if (field == 0) {
            nd_json_string(json, &dtype);
        } else if (field == 1) {
            read_shape(json, tensor);
        } else {
            read_offsets(json, tensor);
        }
    }
    if (json->error != NULL) {
        return false;
    }
    tensor->dtype = nd_st_dtype_find(dtype);
    if (seen != 7 || tensor->dtype == NULL) {
        return nd_json_fail(json, seen != 7 ? "tensor without dtype, shape or data_offsets"
                                            : "tensor of an unknown dtype");
    }
    if (tensor->begin > tensor->end || tensor->end > data_size) {
        return nd_json_fail(json, "tensor outside the file");
    }
    if (!tensor_bytes(tensor, &bytes) || bytes != tensor->end - tensor->begin) {
        return nd_json_fail(json, "shape of a tensor does not fit its range");
    }
    return true;
}

static bool read_metadata(nd_json *json, nd_st *st)
{
    nd_json_slice key;
    if (st->metas > 0) {
        return nd_json_fail(json, "a key appears twice");
    }
    nd_json_object(json);
    while (nd_json_key(json, &key)) {
        if (st->metas == ND_ST_META_MAX) {
            return nd_json_fail(json, "too many metadata entries");
        }
        for (size_t i = 0; i < st->metas; i++) {
            if (compare_slices(key, st->meta_key[i]) == 0) {
                return nd_json_fail(json, "a key appears twice");
            }
        }
        st->meta_key[st->metas] = key;
        nd_json_string(json, &st->meta_value[st->metas++]);
    }
    return json->error == NULL;
}

/* Tensors in the header, so that the list is allocated once and no larger. */
static bool count_tensors(nd_st *st, nd_json *json)
{
    nd_json_slice key;
    nd_json_begin(json, st->header, st->header_size);
    nd_json_object(json);
    while (nd_json_key(json, &key) && nd_json_skip(json)) {
        st->tensors += !nd_json_is(key, "__metadata__");
        if (memchr(key.text, '\\', key.size) != NULL) {
            nd_json_fail(json, "escape in the name of a tensor");
        }
    }
    return nd_json_end(json);
}

static bool read_header(nd_st *st, nd_json *json)
{
    nd_json_slice key;
    size_t n = 0;
    nd_json_begin(json, st->header, st->header_size);
    nd_json_object(json);
    while (nd_json_key(json, &key)) {
        if (nd_json_is(key, "__metadata__")) {
            read_metadata(json, st);
        } else {
            st->tensor[n].name = key;
            read_tensor(json, st->data_size, &st->tensor[n++]);
        }
    }
    return nd_json_end(json);
}

/* Ranges follow each other from the first byte of the data to the last. */
static const char *check_cover(nd_st *st)
{
    size_t end = 0;
    qsort(st->tensor, st->tensors, sizeof *st->tensor, by_place);
    for (size_t i = 0; i < st->tensors; i++) {
        if (st->tensor[i].begin != end) {
            return st->tensor[i].begin < end ? "tensors overlap" : "bytes between tensors";
        }
        end = st->tensor[i].end;
    }
    return end == st->data_size ? NULL : "bytes after the last tensor";
}

static const char *check_names(nd_st *st)
{
    qsort(st->tensor, st->tensors, sizeof *st->tensor, by_name);
    for (size_t i = 1; i < st->tensors; i++) {
        if (by_name(&st->tensor[i - 1], &st->tensor[i]) == 0) {
            return "a key appears twice";
        }
    }
    return NULL;
}

static const char *find_header(const char *bytes, size_t size, nd_st *st)
{
    uint64_t length = 0;
    if (size < LENGTH) {
        return "shorter than 8 bytes";
    }
    for (int i = LENGTH - 1; i >= 0; i--) {
        length = length << 8 | (unsigned char)bytes[i];
    }
    if (length > ND_ST_HEADER_MAX || length > size - LENGTH) {
        return "the header's length is larger than the file (is the file cut?)";
    }
    if (length % 8 != 0) {
        return "the header's length is not a multiple of 8";
    }
    st->header = bytes + LENGTH;
    st->header_size = (size_t)length;
    st->data = st->header + length;
    st->data_size = size - LENGTH - (size_t)length;
    return NULL;
}

nd_status nd_st_open(nd_ctx *ctx, const char *path, const char *bytes, size_t size, nd_st *st)
{
    nd_json json;
    *st = (nd_st){.path = path};
    const char *error = find_header(bytes, size, st);
    if (error != NULL) {
        return bad(ctx, path, error);
    }
    if (!count_tensors(st, &json)) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: not a usable safetensors file: byte %zu: %s", path,
                       LENGTH + (size_t)(json.at - json.start), json.error);
    }
    st->tensor = nd_alloc(st->tensors, sizeof *st->tensor);
    if (st->tensor == NULL) {
        return nd_fail_memory(ctx);
    }
    if (!read_header(st, &json)) {
        error = json.error;
    } else if ((error = check_cover(st)) == NULL) {
        error = check_names(st);
    }
    if (error != NULL) {
        nd_st_close(st);
        return bad(ctx, path, error);
    }
    return ND_OK;
}

void nd_st_close(nd_st *st)
{
    nd_free(st->tensor);
    st->tensor = NULL;
    st->tensors = 0;
}

static nd_st_tensor *find_slice(const nd_st *st, nd_json_slice name)
{
    nd_st_tensor key = {.name = name};
    return bsearch(&key, st->tensor, st->tensors, sizeof key, by_name);
}

const nd_st_tensor *nd_st_find(const nd_st *st, const char *name)
{
    return find_slice(st, (nd_json_slice){name, strlen(name)});
}

bool nd_st_has_meta(const nd_st *st, const char *key)
{
    size_t i = 0;
    while (i < st->metas && !nd_json_is(st->meta_key[i], key)) {
        i++;
    }
    return i < st->metas;
}

nd_status nd_st_meta(nd_ctx *ctx, const nd_st *st, const char *key, char **text)
{
    *text = NULL;
    for (size_t i = 0; i < st->metas; i++) {
        if (nd_json_is(st->meta_key[i], key)) {
            nd_json json;
            nd_json_begin(&json, "", 0);
            *text = nd_json_copy(&json, st->meta_value[i], NULL);
            if (*text != NULL) {
                return ND_OK;
            }
            if (json.error == nd_json_no_memory) {
                return nd_fail_memory(ctx);
            }
            return nd_fail(ctx, ND_ERR_FORMAT, "%s: metadata \"%s\": %s", st->path, key,
                           json.error);
        }
    }
    return nd_fail(ctx, ND_ERR_FORMAT, "%s: no metadata \"%s\"; not a model of nadir?", st->path,
                   key);
}

static void crc_text(uint32_t crc, char text[CRC_DIGITS + 1])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = CRC_DIGITS - 1; i >= 0; i--) {
        text[i] = hex[crc & 15];
        crc >>= 4;
    }
    text[CRC_DIGITS] = '\0';
}

static uint32_t crc_of(const void *data, size_t size)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, size);
}

static void header_crc(const char *header, size_t size, char text[CRC_DIGITS + 1])
{
    unsigned long crc = crc32_z(crc32_z(0, NULL, 0), (const Bytef *)header, HEAD);
    crc = crc32_z(crc, (const Bytef *)zeros, CRC_DIGITS);
    crc = crc32_z(crc, (const Bytef *)header + HEAD + CRC_DIGITS, size - HEAD - CRC_DIGITS);
    crc_text((uint32_t)crc, text);
}

static bool verify_header(const nd_st *st)
{
    char crc[CRC_DIGITS + 1];
    if (st->header_size < HEAD + CRC_DIGITS || memcmp(st->header, head, HEAD) != 0) {
        return false;
    }
    header_crc(st->header, st->header_size, crc);
    return memcmp(st->header + HEAD, crc, CRC_DIGITS) == 0;
}

static bool verify_tensors(nd_st *st, nd_json *json)
{
    nd_json_slice name, value;
    char crc[CRC_DIGITS + 1];
    nd_json_object(json);
    while (nd_json_key(json, &name) && nd_json_string(json, &value)) {
        nd_st_tensor *tensor = find_slice(st, name);
        if (tensor == NULL || tensor->verified) {
            return nd_json_fail(json, "checksum of an unknown tensor");
        }
        crc_text(crc_of(st->data + tensor->begin, tensor->end - tensor->begin), crc);
        tensor->verified = nd_json_is(value, crc);
        if (!tensor->verified) {
            return nd_json_fail(json, "a tensor differs from its checksum");
        }
    }
    return nd_json_end(json);
}

nd_status nd_st_verify(nd_ctx *ctx, nd_st *st)
{
    char *sums;
    nd_json json;
    if (!verify_header(st)) {
        return nd_fail(ctx, ND_ERR_FORMAT,
                       "%s: the header differs from its checksum: the file is damaged, or nadir "
                       "did not write it",
                       st->path);
    }
    ND_TRY(nd_st_meta(ctx, st, "checksums", &sums));
    nd_json_begin(&json, sums, strlen(sums));
    verify_tensors(st, &json);
    nd_free(sums);
    for (size_t i = 0; i < st->tensors && json.error == NULL; i++) {
        if (!st->tensor[i].verified) {
            nd_json_fail(&json, "a tensor has no checksum");
        }
    }
    if (json.error != NULL) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: the file is damaged: %s", st->path, json.error);
    }
    return ND_OK;
}

static size_t piece_bytes(const nd_st_piece *piece)
{
    return piece->rows * piece->cols * piece->dtype->size;
}

static void put_checksums(nd_text *out, const nd_st_piece *piece, size_t pieces)
{
    char crc[CRC_DIGITS + 1];
    nd_text_puts(out, "{");
    for (size_t i = 0; i < pieces; i++) {
        crc_text(crc_of(piece[i].data, piece_bytes(&piece[i])), crc);
        nd_text_printf(out, "%s\"%s\":\"%s\"", i > 0 ? "," : "", piece[i].name, crc);
    }
    nd_text_puts(out, "}");
}

static void put_header(nd_text *out, const nd_text *sums, const nd_st_note *note, size_t notes,
                       const nd_st_piece *piece, size_t pieces)
{
    size_t offset = 0;
    nd_text_printf(out, "%s%s\"", head, zeros);
    for (size_t i = 0; i < notes; i++) {
        nd_text_puts(out, ",");
        nd_json_puts(out, note[i].key);
        nd_text_puts(out, ":");
        nd_json_puts(out, note[i].value);
    }
    nd_text_puts(out, ",\"checksums\":");
    nd_json_put(out, sums->data, sums->size);
    nd_text_puts(out, "}");
    for (size_t i = 0; i < pieces; i++) {
        size_t end = offset + piece_bytes(&piece[i]);
        nd_text_printf(out,
                       ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],\"data_offsets\":[%zu,%zu]}",
                       piece[i].name, piece[i].dtype->name, piece[i].rows, piece[i].cols, offset,
                       end);
        offset = end;
    }
    nd_text_puts(out, "}");
    while (out->size % 8 != 0 && !out->failed) {
        nd_text_puts(out, " ");
    }
}

static nd_status check_header(nd_ctx *ctx, const nd_text *header)
{
    if (header->failed) {
        return nd_fail_memory(ctx);
    }
    if (header->size > ND_ST_HEADER_MAX) {
        return nd_fail(ctx, ND_ERR_DATA, "the model's header has %zu bytes, the format takes %d",
                       header->size, (int)ND_ST_HEADER_MAX);
    }
    if (!nd_utf8_valid(header->data, header->size)) {
        return nd_fail(ctx, ND_ERR_DATA, "a text of the model is not UTF-8");
    }
    return ND_OK;
}

static nd_status write_all(nd_out *out, const nd_text *header, const nd_st_piece *piece,
                           size_t pieces)
{
    unsigned char length[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        length[i] = (unsigned char)((uint64_t)header->size >> (8 * i));
    }
    ND_TRY(nd_out_write(out, length, sizeof length));
    ND_TRY(nd_out_write(out, header->data, header->size));
    for (size_t i = 0; i < pieces; i++) {
        ND_TRY(nd_out_write(out, piece[i].data, piece_bytes(&piece[i])));
    }
    return ND_OK;
}

nd_status nd_st_write(nd_ctx *ctx, nd_out *out, const nd_st_note *note, size_t notes,
                      const nd_st_piece *piece, size_t pieces)
{
    nd_text sums = {0}, header = {0};
    char crc[CRC_DIGITS + 1];
    put_checksums(&sums, piece, pieces);
    header.failed = sums.failed;
    if (!sums.failed) {
        put_header(&header, &sums, note, notes, piece, pieces);
    }
    nd_status status = check_header(ctx, &header);
    if (status == ND_OK) {
        header_crc(header.data, header.size, crc);
        memcpy(header.data + HEAD, crc, CRC_DIGITS);
        status = write_all(out, &header, piece, pieces);
    }
    nd_text_free(&header);
    nd_text_free(&sums);
    return status;
}
