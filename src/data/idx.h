/* IDX, the format of MNIST: one file of images, one of labels, each maybe .gz. */
#ifndef ND_DATA_IDX_H
#define ND_DATA_IDX_H

#include "data/table.h"

/* True if the bytes (after gunzip) begin like an IDX file. */
bool nd_idx_detect(const char *bytes, size_t size);

/* Read images of type u8 [count][rows][cols] (or [count][n]) and labels of type
 * u8 [count] into a table of two columns: "image" (ND_DT_U8, width rows*cols) and
 * "label" (ND_DT_F64). labels NULL: the path of images with "images" replaced by
 * "labels" and "idx3" by "idx1" if that file exists, else no label column.
 * ND_ERR_IO, ND_ERR_FORMAT (sizes that do not fit the file, other types). */
nd_status nd_idx_read(nd_ctx *ctx, const char *images, const char *labels, nd_table **table);

/* The same from memory; labels may be NULL with size 0. */
nd_status nd_idx_parse(nd_ctx *ctx, const char *path, const char *images, size_t images_size,
                       const char *labels, size_t labels_size, nd_table **table);

#endif
