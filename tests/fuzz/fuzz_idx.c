/* IDX from memory: two bytes give the size of the images, the rest are labels. */
#include <stdlib.h>

#include "base/ctx.h"
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t left = size - 2;
    size_t images = (size_t)data[0] << 8 | data[1];
    images = images < left ? images : left;
    size_t labels = left - images;
    const char *text = (const char *)data + 2;
    static nd_ctx *ctx;
    nd_table *table = NULL;
    if (!ctx && nd_ctx_create(&ctx, 1) != ND_OK) {
        return 0;
    }
    nd_status status =
        nd_idx_parse(ctx, "fuzz", text, images, labels ? text + images : NULL, labels, &table);
    double sum = 0;
    for (size_t c = 0; status == ND_OK && c < table->columns; c++) {
        for (size_t r = 0; r < table->rows; r++) {
            sum += nd_column_number(&table->column[c], r, table->column[c].width - 1);
        }
    }
    nd_table_destroy(table);
    return sum < 0 ? 1 : 0;
}
