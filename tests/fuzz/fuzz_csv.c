/* CSV from memory. The first byte chooses delimiter, quote, header and mark of
 * thousands, so that every dialect is met; cutting into tiny chunks must not change the outcome. */
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "data/csv_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const nd_table *a, const nd_table *b)
{
    if (a->rows != b->rows || a->columns != b->columns) {
        abort();
    }
    for (size_t c = 0; c < a->columns; c++) {
        const nd_column *p = &a->column[c], *q = &b->column[c];
        size_t element = p->dtype == ND_DT_WORD ? sizeof(uint32_t) : sizeof(double);
        if (p->dtype != q->dtype || p->missing != q->missing || strcmp(p->name, q->name) != 0 ||
            memcmp(p->data, q->data, a->rows * element) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {0, 0, ',', ' ', ';', '\t'};
    static const char quotes[] = {0, '"', '\'', '\x01'};
    static const char thousands[] = {0, ' ', '\'', '_'};
    if (size < 1) {
        return 0;
    }
    nd_csv_params params = {.delimiter = delimiters[data[0] % sizeof delimiters],
                            .quote = quotes[data[0] / 6 % 4],
                            .header = (nd_header)(data[0] / 24 % 3),
                            .thousands = thousands[data[0] / 72],
                            .max_field = 1000};
    static nd_ctx *ctx;
    if (!ctx && nd_ctx_create(&ctx, 1) != ND_OK) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    nd_table *whole = NULL, *cut = NULL;
    char message[ND_MESSAGE_SIZE];
    nd_status a = nd_csv_parse(ctx, "fuzz", text, size - 1, &params, &whole);
    strcpy(message, nd_ctx_message(ctx));
    nd_status b = nd_csv_parse_chunked(ctx, "fuzz", text, size - 1, &params, 1 + data[0] % 7, &cut);
    if (a != b || strcmp(message, nd_ctx_message(ctx)) != 0) {
        abort();
    }
    if (a == ND_OK) {
        compare(whole, cut);
    }
    nd_table_destroy(whole);
    nd_table_destroy(cut);
    return 0;
}
