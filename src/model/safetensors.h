/* safetensors: a bounded codec that knows nothing of networks. Every size that a
 * file claims is checked against the file before anything is allocated for it. */
#ifndef ND_MODEL_SAFETENSORS_H
#define ND_MODEL_SAFETENSORS_H

#include <stdint.h>

#include "base/ctx.h"
#include "base/file.h"
#include "model/json.h"

enum {
    ND_ST_HEADER_MAX = 100000000, /* bytes of header, the format's own limit */
    ND_ST_RANK_MAX = 4,
    ND_ST_META_MAX = 64
};

typedef struct nd_st_dtype {
    const char *name;
    size_t size; /* bytes of an element */
} nd_st_dtype;

typedef struct nd_st_tensor {
    nd_json_slice name; /* in the header; holds no escapes */
    const nd_st_dtype *dtype;
    size_t rank, shape[ND_ST_RANK_MAX];
    size_t begin, end; /* bytes from the start of the data */
    bool verified;     /* its checksum was found and fits */
} nd_st_tensor;

/* A checked file; points into the caller's bytes, which must outlive it. */
typedef struct nd_st {
    const char *path; /* for messages */
    const char *header, *data;
    size_t header_size, data_size;
    nd_st_tensor *tensor; /* sorted by name; owned */
    size_t tensors;
    nd_json_slice meta_key[ND_ST_META_MAX], meta_value[ND_ST_META_MAX];
    size_t metas;
} nd_st;

/* Read the header of bytes[size] and check everything in it: length, JSON,
 * duplicate keys, known dtypes, shape x dtype = range, ranges that follow each
 * other from 0 and cover the data to its last byte.
 * ND_ERR_FORMAT, ND_ERR_MEMORY; *st then needs no close. */
nd_status nd_st_open(nd_ctx *ctx, const char *path, const char *bytes, size_t size, nd_st *st);
void nd_st_close(nd_st *st);

/* Compare the checksums that nd_st_write leaves with the bytes: of the header and
 * of each tensor. ND_ERR_FORMAT if one is missing or differs. */
nd_status nd_st_verify(nd_ctx *ctx, nd_st *st);

/* Tensor by name, NULL if there is none. */
const nd_st_tensor *nd_st_find(const nd_st *st, const char *name);

/* True if the metadata has a text of that name. */
bool nd_st_has_meta(const nd_st *st, const char *key);

/* Copy of a metadata text without escapes; ND_ERR_FORMAT if it is missing. */
nd_status nd_st_meta(nd_ctx *ctx, const nd_st *st, const char *key, char **text);

/* One tensor to write, [rows][cols]; name needs no escapes. */
typedef struct nd_st_piece {
    const char *name;
    const nd_st_dtype *dtype;
    size_t rows, cols;
    const void *data;
} nd_st_piece;

typedef struct nd_st_note {
    const char *key, *value;
} nd_st_note;

/* Name and size of the element type "F32" or "F64". */
const nd_st_dtype *nd_st_dtype_find(nd_json_slice name);
const nd_st_dtype *nd_st_dtype_real(void);

/* Write header and tensors, with checksums as extra metadata. */
nd_status nd_st_write(nd_ctx *ctx, nd_out *out, const nd_st_note *note, size_t notes,
                      const nd_st_piece *piece, size_t pieces);

#endif
