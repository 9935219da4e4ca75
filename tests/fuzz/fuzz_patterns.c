/* FANN's and PROBEN1's text: the first byte says whether outputs stay numbers. */
#include <stdlib.h>

#include "base/ctx.h"
#include "data/patterns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nd_ctx *ctx;
    if (size == 0 || (!ctx && nd_ctx_create(&ctx, 1) != ND_OK)) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    nd_table *table = NULL;
    bool found = nd_patterns_detect(text, size - 1);
    nd_status status = nd_patterns_parse(ctx, "fuzz", text, size - 1, data[0] & 1, &table);
    double sum = found;
    for (size_t c = 0; status == ND_OK && c < table->columns; c++) {
        const nd_column *column = &table->column[c];
        for (size_t r = 0; r < table->rows; r++) {
            sum += column->dtype == ND_DT_WORD
                       ? (double)(nd_dict_word(column->dict, nd_column_word(column, r), NULL)[0])
                       : nd_column_number(column, r, 0);
        }
    }
    nd_table_destroy(table);
    return sum < -1e300 ? 1 : 0;
}
