#include "data/idx.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/gzip.h"

enum { IDX_U8 = 0x08, IDX_MAX_DIMS = 3 };

typedef struct idx {
    unsigned dims;
    size_t size[IDX_MAX_DIMS];
    const unsigned char *data; /* borrowed */
    size_t bytes;
} idx;

static const char *type_name(unsigned char type)
{
    switch (type) {
    case IDX_U8:
        return "u8";
    case 0x09:
        return "i8";
    case 0x0B:
        return "i16";
    case 0x0C:
        return "i32";
    case 0x0D:
        return "f32";
    case 0x0E:
        return "f64";
    default:
        return NULL;
    }
}

bool nd_idx_detect(const char *bytes, size_t size)
{
    return size >= 4 && bytes[0] == 0 && bytes[1] == 0 && type_name((unsigned char)bytes[2]) &&
           bytes[3] >= 1 && bytes[3] <= 8;
}

static nd_status parse_header(nd_ctx *ctx, const char *path, const char *bytes, size_t size,
                              idx *out)
{
    if (!nd_idx_detect(bytes, size)) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: not an IDX file", path);
    }
    const unsigned char *u = (const unsigned char *)bytes;
    if (u[2] != IDX_U8) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: elements of type %s; only u8 is read", path,
                       type_name(u[2]));
    }
    out->dims = u[3];
    if (out->dims > IDX_MAX_DIMS) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: %u dimensions; at most %d are read", path,
                       out->dims, IDX_MAX_DIMS);
    }
    size_t header = 4 + 4 * (size_t)out->dims;
    if (size < header) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: cut short inside the header", path);
    }
    out->bytes = 1;
    for (unsigned i = 0; i < out->dims; i++) {
        const unsigned char *s = u + 4 + 4 * (size_t)i;
        out->size[i] = (size_t)s[0] << 24 | (size_t)s[1] << 16 | (size_t)s[2] << 8 | s[3];
        if (__builtin_mul_overflow(out->bytes, out->size[i], &out->bytes)) {
            return nd_fail(ctx, ND_ERR_FORMAT, "%s: impossible sizes in the header", path);
        }
    }
    if (size - header != out->bytes) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: the header announces %zu bytes, but %zu follow",
                       path, out->bytes, size - header);
    }
    out->data = u + header;
    return ND_OK;
}

static nd_status check_shapes(nd_ctx *ctx, const char *path, const idx *images, const idx *labels)
{
    if (images->dims < 2) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: one dimension; images have two or three", path);
    }
    if (images->bytes == 0) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: no images", path);
    }
    if (!labels->data) {
        return ND_OK;
    }
    if (labels->dims != 1) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: labels with %u dimensions instead of one", path,
                       labels->dims);
    }
    if (labels->size[0] != images->size[0]) {
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: %zu labels for %zu images", path, labels->size[0],
                       images->size[0]);
    }
    return ND_OK;
}

static nd_status add_images(nd_table *table, const idx *images)
{
    assert(images->size[0] > 0); /* check_shapes() saw to it */
    nd_column column = {.name = nd_strdup("image"),
                        .dtype = ND_DT_U8,
                        .data = images->data,
                        .width = images->bytes / images->size[0]};
    column.stride = column.width;
    column.image_rows = images->dims == 3 ? images->size[1] : 1;
    column.image_cols = column.width / column.image_rows;
    return nd_table_add(table, &column);
}

static nd_status add_labels(nd_table *table, const idx *labels)
{
    double *value = nd_alloc(table->rows, sizeof *value);
    if (!value) {
        return nd_fail_memory(table->ctx);
    }
    ND_TRY(nd_table_own(table, value));
    for (size_t i = 0; i < table->rows; i++) {
        value[i] = labels->data[i];
    }
    nd_column column = {
        .name = nd_strdup("label"), .dtype = ND_DT_F64, .data = value, .stride = 1, .width = 1};
    return nd_table_add(table, &column);
}

/* Table over images->data, which the table must come to own. */
static nd_status build(nd_ctx *ctx, const char *path, const idx *images, const idx *labels,
                       nd_table **table)
{
    nd_table *made = NULL;
    ND_TRY(nd_table_create(ctx, path, &made));
    made->rows = images->size[0];
    made->header = true;
    nd_status status = add_images(made, images);
    if (status == ND_OK && labels->data) {
        made->targets = 1;
        status = add_labels(made, labels);
    }
    if (status != ND_OK) {
        nd_table_destroy(made);
        return status;
    }
    *table = made;
    return ND_OK;
}

/* Path of each part, for messages. */
typedef struct paths {
    const char *images, *labels;
} paths;

static nd_status parse_both(nd_ctx *ctx, paths path, const nd_bytes *image_bytes,
                            const nd_bytes *label_bytes, idx *images, idx *labels)
{
    ND_TRY(parse_header(ctx, path.images, image_bytes->data, image_bytes->size, images));
    if (label_bytes->data) {
        ND_TRY(parse_header(ctx, path.labels, label_bytes->data, label_bytes->size, labels));
    }
    return check_shapes(ctx, images->dims < 2 ? path.images : path.labels, images, labels);
}

static nd_status build_copy(nd_ctx *ctx, const char *path, const idx *images, const idx *labels,
                            nd_table **table)
{
    unsigned char *copy = nd_alloc(images->bytes, 1);
    if (!copy) {
        return nd_fail_memory(ctx);
    }
    memcpy(copy, images->data, images->bytes);
    idx own = *images;
    own.data = copy;
    nd_status status = build(ctx, path, &own, labels, table);
    if (status != ND_OK) {
        nd_free(copy);
        return status;
    }
    status = nd_table_own(*table, copy);
    if (status != ND_OK) {
        nd_table_destroy(*table);
        *table = NULL;
    }
    return status;
}

nd_status nd_idx_parse(nd_ctx *ctx, const char *path, const char *images, size_t images_size,
                       const char *labels, size_t labels_size, nd_table **table)
{
    *table = NULL;
    idx image = {0}, label = {0};
    nd_bytes a = {.data = images, .size = images_size}, b = {.data = labels, .size = labels_size};
    ND_TRY(parse_both(ctx, (paths){path, path}, &a, &b, &image, &label));
    return build_copy(ctx, path, &image, &label, table);
}

/* path with the last "from" of its file name replaced by "to", or false. Both
 * words have the same length. */
static bool replace_last(char *path, const char *from, const char *to)
{
    char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    char *last = NULL;
    for (char *at = strstr(name, from); at; at = strstr(at + 1, from)) {
        last = at;
    }
    if (!last) {
        return false;
    }
    memcpy(last, to, strlen(to));
    return true;
}

/* Usual path of the labels, with or without ".gz"; NULL if there is no such file. */
static nd_status labels_beside(nd_ctx *ctx, const char *images, char **beside)
{
    size_t n = strlen(images);
    char *path = nd_alloc(n + sizeof ".gz", 1);
    *beside = path;
    if (!path) {
        return nd_fail_memory(ctx);
    }
    memcpy(path, images, n + 1);
    if (replace_last(path, "images", "labels")) {
        replace_last(path, "idx3", "idx1");
        if (nd_file_exists(path)) {
            return ND_OK;
        }
        bool packed = n > 3 && strcmp(path + n - 3, ".gz") == 0;
        memcpy(packed ? path + n - 3 : path + n, packed ? "" : ".gz", packed ? 1 : 4);
        if (nd_file_exists(path)) {
            return ND_OK;
        }
    }
    nd_free(path);
    *beside = NULL;
    return ND_OK;
}

/* The images' bytes are handed to the table as they are. */
static nd_status build_from(nd_ctx *ctx, const char *path, nd_bytes *bytes, const idx *images,
                            const idx *labels, nd_table **table)
{
    ND_TRY(build(ctx, path, images, labels, table));
    char *block = (char *)(uintptr_t)bytes->data;
    *bytes = (nd_bytes){0};
    nd_status status = nd_table_own(*table, block);
    if (status != ND_OK) {
        nd_table_destroy(*table);
        *table = NULL;
    }
    return status;
}

nd_status nd_idx_read(nd_ctx *ctx, const char *images, const char *labels, nd_table **table)
{
    *table = NULL;
    nd_bytes image_bytes = {0}, label_bytes = {0};
    idx image = {0}, label = {0};
    char *beside = NULL;
    if (!labels) {
        ND_TRY(labels_beside(ctx, images, &beside));
    }
    const char *label_path = labels ? labels : beside;
    nd_status status = nd_gzip_load(ctx, images, &image_bytes);
    if (status == ND_OK && label_path) {
        status = nd_gzip_load(ctx, label_path, &label_bytes);
    }
    if (status == ND_OK) {
        paths path = {images, label_path ? label_path : images};
        status = parse_both(ctx, path, &image_bytes, &label_bytes, &image, &label);
    }
    if (status == ND_OK) {
        status = build_from(ctx, images, &image_bytes, &image, &label, table);
    }
    nd_bytes_free(&label_bytes);
    nd_bytes_free(&image_bytes);
    nd_free(beside);
    return status;
}
