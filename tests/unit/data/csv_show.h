/* A table as one line of text, for comparing. */
#ifndef ND_TEST_CSV_SHOW_H
#define ND_TEST_CSV_SHOW_H

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "data/table.h"

static inline void show_cell(nd_text *out, const nd_column *column, size_t row)
{
    if (column->dtype == ND_DT_WORD) {
        uint32_t word = nd_column_word(column, row);
        size_t n = 1;
        const char *text = word == ND_DICT_NONE ? "~" : nd_dict_word(column->dict, word, &n);
        nd_text_add(out, text, n);
        return;
    }
    char number[ND_NUM_TEXT];
    double value = nd_column_number(column, row, 0);
    nd_num_print(number, value);
    nd_text_puts(out, isnan(value) ? "~" : number);
}

/* "name#1,2,~ name$a,b,~": '#' before numbers, '$' before words, '~' for a missing
 * cell, '!' in front of a table with a header, and the count of missing cells
 * behind a column that has some. */
static inline void show_table(nd_text *out, const nd_table *table)
{
    nd_text_puts(out, table->header ? "!" : "");
    for (size_t c = 0; c < table->columns; c++) {
        const nd_column *column = &table->column[c];
        nd_text_printf(out, "%s%s%c", c ? " " : "", column->name,
                       column->dtype == ND_DT_WORD ? '$' : '#');
        for (size_t r = 0; r < table->rows; r++) {
            nd_text_puts(out, r ? "," : "");
            show_cell(out, column, r);
        }
        if (column->missing) {
            nd_text_printf(out, "(%zu)", column->missing);
        }
    }
}

#endif
